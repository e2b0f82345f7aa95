//! `fsplug plugins`.

mod lock;
mod release;

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
    state: &'static str,
    error: Option<BrokenRecord<'a>>,
}

/// Why a plugin cannot be used.
#[derive(Serialize)]
struct BrokenRecord<'a> {
    kind: &'a str,
    message: &'a str,
    remedy: Option<&'a str>,
}

/// Lists every file that was looked at.
pub(crate) fn run(session: &mut Session, command: &PluginsCommand) -> Result<(), Failure> {
    let reports = match command {
        PluginsCommand::List | PluginsCommand::TryLoad(_) => session.file_systems.plugins(),
        PluginsCommand::Check(arguments) => session.file_systems.check_plugins(arguments.trial),
        PluginsCommand::Lock(arguments) => return lock::run(session, arguments),
        PluginsCommand::Release(arguments) => return release::run(session, arguments),
    };
    if session.output.is_json() {
        for report in &reports {
            session.output.record(&record(report))?;
        }
    } else if reports.is_empty() {
        session
            .console
            .note("no plugin was found; name the directory that holds them with --plugins");
    } else {
        print_table(&mut session.output, &reports)?;
    }
    session.output.flush()?;
    match command {
        PluginsCommand::Check(_) => check(&reports),
        _ => Ok(()),
    }
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
        state: state(report),
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
            record.path,
        ]
    };
    let head = ["NAME", "VERSION", "SCHEMES", "STATE", "PATH"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(reports.iter().map(row)).collect();
    for (index, line) in table::aligned(&rows).iter().enumerate() {
        output.line(line)?;
        let error = index
            .checked_sub(1)
            .and_then(|index| reports[index].error.as_ref());
        if let Some(error) = error {
            output.line(&format!("  {error}"))?;
        }
    }
    Ok(())
}
