//! [`Console`]: standard error, shared between messages, log events and progress bars.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::time::SystemTime;

use indicatif::{MultiProgress, ProgressDrawTarget};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::timestamp;

/// Standard error. Lines come above the progress bars and do not disturb them.
#[derive(Clone)]
pub(crate) struct Console {
    bars: MultiProgress,
    quiet: bool,
    verbose: u8,
}

impl Console {
    /// `verbose` counts how often more was asked for.
    pub(crate) fn new(quiet: bool, verbose: u8) -> Self {
        Self {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            quiet,
            verbose,
        }
    }

    /// The place for progress bars, drawn from now on if `wanted` and if there is a terminal.
    pub(crate) fn progress_bars(&self, wanted: bool) -> Option<MultiProgress> {
        if !wanted || self.quiet || !io::stderr().is_terminal() {
            return None;
        }
        self.bars.set_draw_target(ProgressDrawTarget::stderr());
        Some(self.bars.clone())
    }

    /// Whether the causes of errors are wanted.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    /// Prints a line. A standard error that cannot be written to is nobody's problem.
    pub(crate) fn line(&self, text: &str) {
        self.bars.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "{text}");
        });
    }

    /// Prints what is worth knowing and is no error.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.line(&format!("fsplug: {text}"));
        }
    }

    /// Sends log events, those of the plugins included, to standard error: warnings if they are
    /// wanted, and whatever more was asked for.
    pub(crate) fn install_log(&self, warnings: bool) {
        let level = match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::ERROR,
            (false, 0) if !warnings => LevelFilter::ERROR,
            (false, 0) => LevelFilter::WARN,
            (false, 1) => LevelFilter::INFO,
            (false, 2) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        };
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        // Only one subscriber can be installed, and this process has no other.
        let _ = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_timer(Clock {
                shown: self.verbose > 0,
            })
            .with_target(self.verbose > 0)
            .with_ansi(io::stderr().is_terminal() && !no_color)
            .with_writer(self.clone())
            .try_init();
    }
}

/// The time at the beginning of a log line, for those who want to hear more than warnings.
struct Clock {
    shown: bool,
}

impl FormatTime for Clock {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        if self.shown {
            line.write_str(&timestamp::with_millis(SystemTime::now()))
        } else {
            line.write_str("fsplug:")
        }
    }
}

/// One log event on its way to standard error; the subscriber writes each in a single call.
pub(crate) struct EventWriter(MultiProgress);

impl Write for EventWriter {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().lock().write_all(event))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Console {
    type Writer = EventWriter;

    fn make_writer(&self) -> EventWriter {
        EventWriter(self.bars.clone())
    }
}
