//! `fsplug plugins`.

mod lock;
mod release;
mod show;
mod which;

use host_loader::PluginReport;
use host_loader::plugin_api::{Error, ErrorKind};
use serde::Serialize;

use crate::cli::PluginsCommand;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;
use crate::table;

/// The JSON form of a plugin. Every member is always there; what is not known is `null`.
#[derive(Serialize)]
struct PluginRecord<'a> {
    name: &'a str,
    version: Option<&'a str>,
    schemes: &'a [String],
    abi: Option<String>,
    path: String,
    /// Who or what names the place where it was found.
    found_by: &'a str,
    /// `broken`, `shadowed`, `loaded` or `ready`.
    state: &'static str,
    /// The plugin of the same name that is used in its place.
    shadowed_by: Option<&'a str>,
    error: Option<BrokenRecord<'a>>,
}

/// Why a plugin cannot be used.
#[derive(Serialize)]
struct BrokenRecord<'a> {
    kind: &'a str,
    message: &'a str,
    remedy: Option<&'a str>,
}

/// Looks at the plugins, or at one of them, or at which serves a path.
pub(crate) fn run(session: &mut Session, command: &PluginsCommand) -> Result<(), Failure> {
    match command {
        PluginsCommand::List | PluginsCommand::TryLoad(_) => list(session, &session.file_systems.plugins()),
        PluginsCommand::Check(arguments) => {
            let reports = session.file_systems.check_plugins(arguments.trial);
            list(session, &reports)?;
            check(&reports)
        }
        PluginsCommand::Show { name } => show::run(session, name),
        PluginsCommand::Which { uri } => which::run(session, uri),
        PluginsCommand::Lock(arguments) => lock::run(session, arguments),
        PluginsCommand::Release(arguments) => release::run(session, arguments),
    }
}

/// Lists every file that was looked at.
fn list(session: &mut Session, reports: &[PluginReport]) -> Result<(), Failure> {
    if session.output.is_json() {
        for report in reports {
            session.output.record(&record(report))?;
        }
    } else if reports.is_empty() {
        session
            .console
            .note("no plugin was found; name the directory that holds them with --plugins");
    } else {
        print_table(&mut session.output, reports)?;
    }
    session.output.flush()
}

fn check(reports: &[PluginReport]) -> Result<(), Failure> {
    let broken = reports.iter().filter(|report| report.error.is_some()).count();
    if broken == 0 {
        return Ok(());
    }
    let message = format!("{broken} of {} plugins cannot be used", reports.len());
    Err(Error::new(ErrorKind::PluginLoad, message)
        .with_operation("check plugins")
        .with_remedy("follow the remedies in the list above")
        .into())
}

fn record(report: &PluginReport) -> PluginRecord<'_> {
    let manifest = report.manifest.as_ref();
    PluginRecord {
        name: &report.name,
        version: manifest.map(|manifest| manifest.version.as_str()),
        schemes: manifest.map_or(&[], |manifest| &manifest.schemes),
        abi: manifest.map(|manifest| manifest.abi.to_string()),
        path: report.path.display().to_string(),
        found_by: report.named_by,
        state: state(report),
        shadowed_by: report.shadowed_by.as_deref(),
        error: report.error.as_ref().map(|error| BrokenRecord {
            kind: error.kind().as_str(),
            message: error.message(),
            remedy: (!error.remedy().is_empty()).then_some(error.remedy()),
        }),
    }
}

fn state(report: &PluginReport) -> &'static str {
    match (&report.error, report.loaded) {
        (Some(_), _) => "broken",
        _ if report.shadowed_by.is_some() => "shadowed",
        (None, true) => "loaded",
        (None, false) => "ready",
    }
}

fn print_table(output: &mut Output, reports: &[PluginReport]) -> Result<(), Failure> {
    let row = |report: &PluginReport| {
        let record = record(report);
        let schemes = match record.schemes {
            [] => "-".to_owned(),
            schemes => schemes.join(","),
        };
        let version = record.version.unwrap_or("-").to_owned();
        [
            record.name.to_owned(),
            version,
            schemes,
            record.state.to_owned(),
            record.found_by.to_owned(),
            record.path,
        ]
    };
    let head = ["NAME", "VERSION", "SCHEMES", "STATE", "FOUND BY", "PATH"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(reports.iter().map(row)).collect();
    for (index, line) in table::aligned(&rows).iter().enumerate() {
        output.line(line)?;
        let error = index
            .checked_sub(1)
            .and_then(|index| reports[index].error.as_ref());
        if let Some(error) = error {
            output.line(&format!("  {error}"))?;
        }
        let report = index.checked_sub(1).map(|index| &reports[index]);
        if let Some(by) = report.and_then(|report| report.shadowed_by.as_ref()) {
            output.line(&format!(
                "  not used: {by} has the same name and was found earlier"
            ))?;
        }
    }
    Ok(())
}
