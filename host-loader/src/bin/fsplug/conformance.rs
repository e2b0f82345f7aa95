//! `fsplug conformance`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use conformance_tests::{
    Case, Connect, KnownGaps, Outcome, PluginInfo, Record, RunOptions, Summary, Target, cases,
};
use host_loader::plugin_api::{Capabilities, Config, Error, ErrorKind, Location};
use host_loader::{FileSystems, FileSystemsBuilder};
use serde::Serialize;

use crate::cli::{Cli, ConformanceArguments};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;

/// How long background work may take at the end.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(10);

/// What `--list` says of a case as JSON.
#[derive(Serialize)]
struct CaseLine<'a> {
    case: &'a str,
    description: &'a str,
    needs: Vec<&'a str>,
    without: Vec<&'a str>,
    needs_entropy_key: bool,
}

#[derive(Serialize)]
struct SummaryLine<'a> {
    summary: &'a Summary,
}

/// Runs or lists the cases.
pub(crate) async fn run(
    session: &mut Session,
    cli: &Cli,
    arguments: &ConformanceArguments,
) -> Result<(), Failure> {
    let known_gaps = match &arguments.known_gaps {
        Some(path) => read_known_gaps(path)?,
        None => KnownGaps::default(),
    };
    let all = cases();
    known_gaps.check(&all)?;
    let number = all.len();
    let chosen: Vec<Case> = all
        .into_iter()
        .filter(|case| is_chosen(case.name(), &arguments.filter))
        .collect();
    if chosen.is_empty() {
        return Err(
            Error::new(ErrorKind::InvalidInput, "no case has a name with that text")
                .with_remedy("look at the names with --list")
                .into(),
        );
    }
    let (false, Some(uri)) = (arguments.list, &arguments.uri) else {
        return list(&mut session.output, &chosen);
    };
    let root = session.resolve(uri)?;
    let mut plugins = Plugins {
        config: Config::default(),
        directories: cli.plugins.clone(),
        library: arguments.plugin.clone(),
    };
    let file_systems = match &plugins.library {
        Some(_) => plugins.find(cli.configure(FileSystems::builder()))?,
        None => session.file_systems.clone(),
    };
    plugins.config = file_systems.configuration().config();
    let target = Target::new(&root, connect(&file_systems, plugins, &root)).await;
    let target = Arc::new(target.map_err(|error| error.with_path(uri))?);
    let plugin = plugin_info(&file_systems, &root)?;
    let mut summary = Summary::new(plugin, target.directory().to_string(), target.fs().capabilities());
    summary.filtered_out = number - chosen.len();
    let options = RunOptions {
        jobs: usize::from(arguments.jobs),
        timeout: Duration::from_secs(arguments.timeout),
        rounds: arguments.rounds,
        known_gaps,
    };
    let result = run_cases(session, &target, chosen, &options, &mut summary);
    let ended = file_systems.shutdown(SHUTDOWN_DEADLINE).await;
    result?;
    Ok(ended?)
}

fn read_known_gaps(path: &Path) -> Result<KnownGaps, Error> {
    let text = fs::read_to_string(path).map_err(Error::from);
    text.and_then(|text| KnownGaps::parse(&text))
        .map_err(|error| error.with_operation("read").with_path(path.display()))
}

fn is_chosen(name: &str, filters: &[String]) -> bool {
    filters.is_empty() || filters.iter().any(|text| name.contains(text))
}

/// Where the plugins are, and their configuration.
#[derive(Clone)]
struct Plugins {
    config: Config,
    directories: Vec<PathBuf>,
    /// The only plugin, if there is one.
    library: Option<PathBuf>,
}

impl Plugins {
    fn find(&self, builder: FileSystemsBuilder) -> Result<FileSystems, Error> {
        let builder = match &self.library {
            Some(library) => builder.search_environment(false).plugin_file(library),
            None => self
                .directories
                .iter()
                .fold(builder, FileSystemsBuilder::plugin_dir_from_command_line),
        };
        builder.build()
    }
}

/// The first instance is of `first`, each other of a registry of its own, as another process would
/// have it.
fn connect(first: &FileSystems, plugins: Plugins, root: &Location) -> Connect {
    let first = Mutex::new(Some(first.clone()));
    let root = root.clone();
    Arc::new(move || {
        let first = first.lock().ok().and_then(|mut first| first.take());
        let (plugins, root) = (plugins.clone(), root.clone());
        Box::pin(async move {
            let again = || plugins.find(FileSystems::builder().config(plugins.config.clone()));
            let file_systems = first.map_or_else(again, Ok)?;
            file_systems.get(&root).await
        })
    })
}

/// Which plugin serves the location.
fn plugin_info(file_systems: &FileSystems, root: &Location) -> Result<PluginInfo, Error> {
    let serving = file_systems.plugins().into_iter().find_map(|report| {
        let manifest = report.manifest.filter(|_| report.loaded)?;
        let serves = manifest.schemes.iter().any(|scheme| scheme == root.scheme());
        serves.then_some((report.path, manifest))
    });
    match serving {
        Some((path, manifest)) => {
            PluginInfo::of_library(manifest.name, manifest.version, &path).map_err(|error| {
                Error::from(error)
                    .with_operation("read")
                    .with_path(path.display())
            })
        }
        None => Ok(PluginInfo::linked("local", env!("CARGO_PKG_VERSION"))),
    }
}

fn list(output: &mut Output, cases: &[Case]) -> Result<(), Failure> {
    for case in cases {
        let requirements = case.requirements();
        if output.is_json() {
            let names = |flags: Capabilities| flags.iter_names().map(|(name, _)| name).collect();
            output.record(&CaseLine {
                case: case.name(),
                description: case.description(),
                needs: names(requirements.has),
                without: names(requirements.lacks),
                needs_entropy_key: requirements.entropy_key,
            })?;
        } else {
            output.line(&format!("{}: {}", case.name(), case.description()))?;
        }
    }
    output.flush()
}

fn run_cases(
    session: &mut Session,
    target: &Arc<Target>,
    cases: Vec<Case>,
    options: &RunOptions,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let output = &mut session.output;
    if !output.is_json() {
        let plugin = &summary.plugin;
        let number = cases.len();
        output.line(&format!(
            "running {number} cases of {} {} on {}",
            plugin.name, plugin.version, summary.uri
        ))?;
        output.flush()?;
    }
    let started = Instant::now();
    let mut told = Ok(());
    let ended = conformance_tests::run(target, cases, options, |record| {
        summary.add(&record);
        told = tell(output, &record);
        told.is_ok()
    });
    told?;
    summary.millis = started.elapsed().as_millis() as u64;
    if output.is_json() {
        output.record(&SummaryLine { summary })?;
    } else {
        print_summary(output, summary)?;
    }
    output.flush()?;
    ended?;
    if summary.is_green() {
        return Ok(());
    }
    let run = summary.passed + summary.failed + summary.known_gaps;
    Err(Error::new(
        ErrorKind::Other,
        format!("{} of {run} cases failed", summary.failed),
    )
    .with_operation("conformance run")
    .with_path(&summary.uri)
    .with_remedy("correct the plugin, or state what the server is known not to do with --known-gaps")
    .into())
}

fn tell(output: &mut Output, record: &Record) -> Result<(), Failure> {
    if output.is_json() {
        output.record(record)?;
    } else {
        let outcome = match &record.outcome {
            Outcome::Passed => "ok".to_owned(),
            Outcome::Failed(_) => "FAILED".to_owned(),
            Outcome::KnownGap { reason, .. } => format!("known gap ({reason})"),
            Outcome::NotApplicable(reason) => format!("not applicable ({reason})"),
        };
        output.line(&format!("case {} ... {outcome}", record.name))?;
    }
    output.flush()
}

fn print_summary(output: &mut Output, summary: &Summary) -> Result<(), Failure> {
    if !summary.failures.is_empty() {
        output.line("\nfailures:")?;
        for (name, failure) in &summary.failures {
            output.line(&format!("  {name}: {failure}"))?;
        }
    }
    if !summary.gaps.is_empty() {
        output.line("\nknown gaps:")?;
        for (name, reason) in &summary.gaps {
            output.line(&format!("  {name}: {reason}"))?;
        }
    }
    if !summary.gated_off.is_empty() {
        output.line("\nnot applicable:")?;
        for (reason, names) in &summary.gated_off {
            output.line(&format!("  {reason}: {}", names.join(", ")))?;
        }
    }
    let plugin = &summary.plugin;
    output.line(&format!("\nplugin: {} {}", plugin.name, plugin.version))?;
    if let (Some(path), Some(sha256)) = (&plugin.path, &plugin.sha256) {
        output.line(&format!("library: {path}\nsha256: {sha256}"))?;
    }
    output.line(&format!("capabilities: {}", summary.capabilities.join(" ")))?;
    let word = if summary.is_green() { "ok" } else { "FAILED" };
    output.line(&format!(
        "\nresult: {word}. {} passed; {} failed; {} known gaps; {} not applicable; {} filtered out; in {:.1} s",
        summary.passed,
        summary.failed,
        summary.known_gaps,
        summary.not_applicable,
        summary.filtered_out,
        Duration::from_millis(summary.millis).as_secs_f64()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_chosen_by_any_of_the_texts() {
        let filters = ["rename::".to_owned(), "large".to_owned()];
        assert!(is_chosen("rename::a_file_moves", &filters));
        assert!(is_chosen("open_read::a_large_file", &filters));
        assert!(!is_chosen("status::missing", &filters));
        assert!(is_chosen("status::missing", &[]));
    }
}
