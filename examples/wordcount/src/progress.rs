//! What the worker reports: lines of JSON, one for each [`Event`].

use std::io::{self, Write};

use plugin_api::{Error, ErrorKind, Result};
use serde::Serialize;

/// One line of the report.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// The input is known and the readers are about to begin.
    Started {
        /// Bytes of all input files.
        total_bytes: u64,
        /// Their number.
        files: usize,
        /// The ranges they are read in.
        splits: u64,
        /// The readers that share them.
        readers: usize,
    },
    /// The job goes on from a checkpoint.
    Restored {
        /// Its number.
        checkpoint: u64,
        /// Bytes that were counted by then.
        bytes: u64,
        /// Complete part files of the checkpoint, published now unless they were before.
        published: usize,
        /// Unfinished part files that are gone on with.
        resumed: usize,
    },
    /// Some time has passed.
    Progress {
        /// Bytes counted, earlier runs included.
        bytes: u64,
        /// Bytes in all.
        total_bytes: u64,
        /// Words counted, earlier runs included.
        words: u64,
    },
    /// A checkpoint is complete.
    Checkpoint {
        /// Its number.
        number: u64,
        /// Bytes that it covers.
        bytes: u64,
        /// Unfinished part files in it.
        in_progress: usize,
        /// Complete part files in it, which are published next.
        pending: usize,
        /// How long the readers stood still for it, in milliseconds.
        millis: u64,
    },
    /// The last line.
    Finished(Summary),
}

/// What the job did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// Input bytes.
    pub(crate) bytes: u64,
    /// Words.
    pub(crate) words: u64,
    /// Distinct words, as the committed part files have them.
    pub(crate) distinct: u64,
    /// Checkpoints that this run completed.
    pub(crate) checkpoints: u64,
    /// Committed part files.
    pub(crate) parts: u64,
    /// Bytes in them.
    pub(crate) output_bytes: u64,
    /// Uploads that killed runs had left behind, aborted now.
    pub(crate) orphans_aborted: u64,
    /// The checkpoint that this run began with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) restored_from: Option<u64>,
    /// Duration of this run.
    pub(crate) seconds: f64,
}

/// Writes events as they come.
pub(crate) struct Reporter<W> {
    target: W,
    /// Only the last event is written.
    quiet: bool,
}

impl<W: Write> Reporter<W> {
    /// Writes to `target` every event, or only the last one.
    pub(crate) fn new(target: W, quiet: bool) -> Self {
        Self { target, quiet }
    }

    /// Writes one line. Fails if nobody reads it: a worker whose supervisor is gone must not go on.
    pub(crate) fn report(&mut self, event: &Event) -> Result<()> {
        if self.quiet && !matches!(event, Event::Finished(_)) {
            return Ok(());
        }
        let cannot = |error: io::Error| {
            Error::new(ErrorKind::Other, "cannot write the progress report")
                .with_source(&error)
                .with_remedy("keep reading the worker's standard output while it runs")
        };
        let mut line = serde_json::to_string(event).map_err(|error| cannot(error.into()))?;
        line.push('\n');
        self.target.write_all(line.as_bytes()).map_err(cannot)?;
        self.target.flush().map_err(cannot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Event {
        Event::Finished(Summary {
            bytes: 10,
            words: 2,
            distinct: 1,
            checkpoints: 1,
            parts: 1,
            output_bytes: 4,
            orphans_aborted: 0,
            restored_from: None,
            seconds: 0.5,
        })
    }

    #[test]
    fn every_event_is_one_line_and_a_quiet_report_is_the_summary_alone() {
        for (quiet, lines) in [(false, 2), (true, 1)] {
            let mut out = Vec::new();
            let mut reporter = Reporter::new(&mut out, quiet);
            let progress = Event::Progress {
                bytes: 1,
                total_bytes: 10,
                words: 0,
            };
            reporter.report(&progress).unwrap();
            reporter.report(&summary()).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text.lines().count(), lines);
            let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
            assert_eq!((&last["event"], &last["words"]), (&"finished".into(), &2.into()));
        }
    }
}
