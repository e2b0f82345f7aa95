//! [`Session`]: what every verb works with.

use std::sync::Arc;
use std::time::Duration;

use host_loader::FileSystems;
use host_loader::plugin_api::{Error, FileSystem, Location};

use crate::cli::{Cli, Command, CpArguments};
use crate::console::Console;
use crate::exit_status::ExitStatus;
use crate::failure::{self, ErrorLine, Failure};
use crate::output::Output;
use crate::remedy;
use crate::stats::Stats;

/// How long background work, such as giving up an upload, may take at the end.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(10);

/// The file systems, the two outputs, and the first failure so far.
pub(crate) struct Session {
    /// The registry of file systems.
    pub(crate) file_systems: FileSystems,
    /// Standard output.
    pub(crate) output: Output,
    /// Standard error.
    pub(crate) console: Console,
    /// Whether standard output carries the content of a file.
    content_on_stdout: bool,
    /// Whether to tell at the end what was asked of stores.
    tells_stats: bool,
    status: ExitStatus,
}

impl Session {
    /// Sets up logging and the registry. A failure comes with the console to print it on.
    pub(crate) fn start(cli: &Cli) -> Result<Self, (Failure, Console)> {
        let console = Console::new(cli.quiet, cli.verbose);
        // What is wrong with a plugin or with the configuration is in the answer itself.
        let tells_what_is_wrong = matches!(
            cli.command,
            Command::Plugins { .. } | Command::Config { .. } | Command::Doctor(_)
        );
        console.install_log(!tells_what_is_wrong);
        let output = match Output::stdout(cli.json) {
            Ok(output) => output,
            Err(error) => return Err((Failure::of_stdout(error), console)),
        };
        let mut builder = cli.configure(FileSystems::builder());
        for directory in &cli.plugins {
            builder = builder.plugin_dir_from_command_line(directory);
        }
        let content_on_stdout = match &cli.command {
            Command::Cat(_) => true,
            Command::Cp(CpArguments { target, .. }) => target == "-",
            _ => false,
        };
        match builder.build() {
            Ok(file_systems) => Ok(Self {
                content_on_stdout,
                tells_stats: cli.stats,
                ..Self::new(file_systems, output, console)
            }),
            Err(error) => Err((error.into(), console)),
        }
    }

    /// A session in which nothing has failed yet.
    pub(crate) fn new(file_systems: FileSystems, output: Output, console: Console) -> Self {
        Self {
            file_systems,
            output,
            console,
            content_on_stdout: false,
            tells_stats: false,
            status: ExitStatus::Success,
        }
    }

    /// The location that a path of the command line stands for.
    pub(crate) fn resolve(&self, path: &str) -> Result<Location, Error> {
        match self.file_systems.resolve(path) {
            Err(error) if !error.message().contains(path) => Err(error.with_path(path)),
            resolved => resolved,
        }
    }

    /// The file system of a path of the command line, and its location.
    pub(crate) async fn open(&self, path: &str) -> Result<(Arc<dyn FileSystem>, Location), Error> {
        let location = self.resolve(path)?;
        let file_system = self.file_systems.get(&location).await;
        Ok((file_system.map_err(|error| error.with_path(path))?, location))
    }

    /// Whether two locations lie in the same store: one scheme, or two of one plugin, and one
    /// authority.
    pub(crate) fn are_in_one_store(&self, a: &Location, b: &Location) -> bool {
        let one_plugin = || {
            let plugin = |location: &Location| {
                let selection = self.file_systems.selection(location);
                selection.chosen().map(|chosen| chosen.origin.clone())
            };
            plugin(a).is_some_and(|origin| Some(origin) == plugin(b))
        };
        a.authority() == b.authority() && (a.scheme() == b.scheme() || one_plugin())
    }

    /// Tells a failure and keeps its status, if it is the first; the command goes on.
    ///
    /// # Errors
    /// [`Failure::StdoutClosed`], with which nothing can go on.
    pub(crate) fn report(&mut self, failure: Failure) -> Result<(), Failure> {
        let (error, status) = match failure {
            Failure::StdoutClosed => return Err(Failure::StdoutClosed),
            Failure::Error { error, status } => (remedy::complete(error), status),
        };
        if self.status == ExitStatus::Success {
            self.status = status;
        }
        let line = ErrorLine::new(&error, status);
        match (
            self.output.is_json(),
            self.content_on_stdout || self.output.has_failed(),
        ) {
            (false, _) => failure::print(&error, &self.console, self.console.is_verbose()),
            (true, true) => self.console.line(&line.to_json()),
            (true, false) => self.output.record(&line)?,
        }
        Ok(())
    }

    /// Reports the failure of one of several paths, so that the next one can have its turn.
    pub(crate) fn go_on(&mut self, result: Result<(), Failure>) -> Result<(), Failure> {
        result.or_else(|failure| self.report(failure))
    }

    /// Tells the failure, ends the plugins' background work, and says what the process ends with.
    pub(crate) fn finish(mut self, result: Result<(), Failure>) -> ExitStatus {
        let told = self.go_on(result);
        if told.is_ok() && !self.output.has_failed() {
            // A failure here is told on standard error, the only one left.
            let flushed = self.output.flush();
            let _ = self.go_on(flushed);
        }
        let ended = futures_executor::block_on(self.file_systems.shutdown(SHUTDOWN_DEADLINE));
        if let Err(error) = ended {
            self.console
                .note(&format!("background work was cut off: {error}"));
        }
        if self.tells_stats {
            // The last requests are those of the shutdown.
            let stats = Stats::of(&self.file_systems.metrics());
            let lines = if self.output.is_json() {
                vec![stats.to_json()]
            } else {
                stats.to_lines()
            };
            for line in lines {
                self.console.line(&line);
            }
        }
        self.status
    }
}
