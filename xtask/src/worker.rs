//! [`Worker`]: the `WordCount` process, watched through its report.

use std::fmt::Display;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::server::KillOnDrop;

/// How to start the worker.
#[derive(Debug)]
pub(crate) struct Worker {
    program: PathBuf,
    arguments: Vec<String>,
}

/// A line of the worker's report, as far as it is of interest here.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// It goes on from a checkpoint.
    Restored {
        checkpoint: u64,
        bytes: u64,
        published: usize,
        resumed: usize,
    },
    /// Bytes and words counted so far, earlier runs included.
    Progress { bytes: u64, words: u64 },
    /// A checkpoint is complete.
    Checkpoint {
        number: u64,
        in_progress: usize,
        pending: usize,
        millis: u64,
    },
    /// The job is done.
    Finished(Summary),
    /// Anything else.
    #[serde(other)]
    Other,
}

/// What the worker says that it did.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Summary {
    pub(crate) bytes: u64,
    pub(crate) words: u64,
    pub(crate) distinct: u64,
    pub(crate) parts: u64,
    pub(crate) orphans_aborted: u64,
}

/// How a run of the worker ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// By itself.
    Finished(Summary),
    /// By SIGKILL.
    Killed,
}

/// Whether the worker may go on after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may.
    GoOn,
    /// Kill it.
    Kill,
}

impl Worker {
    /// A worker with these arguments. The configuration goes to every run.
    pub(crate) fn new(program: &Path, plugins: &Path, config: &[(&str, String)]) -> Self {
        let mut arguments = vec![
            "--progress".to_owned(),
            "--plugins".to_owned(),
            plugins.display().to_string(),
        ];
        for (key, value) in config {
            arguments.extend(["-D".to_owned(), format!("{key}={value}")]);
        }
        Self {
            program: program.to_path_buf(),
            arguments,
        }
    }

    /// Adds an option.
    pub(crate) fn option(&mut self, name: &str, value: impl Display) {
        self.arguments.extend([name.to_owned(), format!("{value}")]);
    }

    /// Runs the worker and shows each event to `watch`, until it ends or `watch` has it killed.
    pub(crate) fn run(&self, restore: bool, mut watch: impl FnMut(&Event) -> Verdict) -> Result<Outcome> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        if restore {
            command.arg("--restore");
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let mut process = KillOnDrop(child);
        let stdout = process
            .0
            .stdout
            .take()
            .context("the worker has no standard output")?;
        let mut summary = None;
        for line in BufReader::new(stdout).lines() {
            let line = line.context("cannot read what the worker says")?;
            let event: Event = serde_json::from_str(&line)
                .with_context(|| format!("the worker said what is no event: {line}"))?;
            let verdict = watch(&event);
            if let Event::Finished(done) = event {
                summary = Some(done);
            } else if verdict == Verdict::Kill {
                process.0.kill().context("cannot kill the worker")?;
                process.0.wait().context("cannot wait for the worker")?;
                return Ok(Outcome::Killed);
            }
        }
        let status = process.0.wait().context("cannot wait for the worker")?;
        match summary {
            Some(summary) if status.success() => Ok(Outcome::Finished(summary)),
            _ => bail!("the worker failed: {status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_report_are_understood_and_unknown_ones_passed_over() {
        let parse = |line| serde_json::from_str::<Event>(line).unwrap();
        let line = r#"{"event":"checkpoint","number":3,"bytes":9,"in_progress":4,"pending":2,"millis":12}"#;
        assert!(matches!(
            parse(line),
            Event::Checkpoint {
                number: 3,
                pending: 2,
                ..
            }
        ));
        assert!(matches!(parse(r#"{"event":"started","files":1}"#), Event::Other));
    }

    #[test]
    fn a_worker_that_says_nothing_has_failed() {
        let worker = Worker::new(Path::new("/bin/true"), Path::new("plugins"), &[]);
        let error = worker.run(false, |_| Verdict::GoOn).unwrap_err();
        assert!(error.to_string().contains("the worker failed"), "{error}");
    }
}
