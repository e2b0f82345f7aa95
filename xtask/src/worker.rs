//! [`Worker`]: the `WordCount` process, watched through its report.

use std::fmt::Display;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::server::KillOnDrop;

/// How to start the worker.
#[derive(Debug)]
pub(crate) struct Worker {
    program: PathBuf,
    arguments: Vec<String>,
    killer: Killer,
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
    /// It knows what to do, and begins.
    Started,
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
    /// With an error, which it has told on standard error.
    Failed(ExitStatus),
}

/// Kills whichever worker is running, from any thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Killer(Arc<Mutex<Option<KillOnDrop>>>);

impl Killer {
    fn process(&self) -> MutexGuard<'_, Option<KillOnDrop>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends SIGKILL; nothing happens if no worker is running.
    pub(crate) fn kill(&self) {
        if let Some(process) = &mut *self.process() {
            // It fails only if the worker has ended by itself.
            drop(process.0.kill());
        }
    }
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
    /// A worker with these arguments. The configuration goes to every run; `killer` can kill each.
    pub(crate) fn new(program: &Path, plugins: &Path, config: &[(&str, String)], killer: Killer) -> Self {
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
            killer,
        }
    }

    /// Adds an option.
    pub(crate) fn option(&mut self, name: &str, value: impl Display) {
        self.arguments.extend([name.to_owned(), format!("{value}")]);
    }

    /// Runs the worker and shows each event to `watch`, until it ends or `watch` has it killed.
    pub(crate) fn run(
        &self,
        restore: bool,
        mut watch: impl FnMut(&Event) -> Result<Verdict>,
    ) -> Result<Outcome> {
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
        let stdout = process.0.stdout.take();
        let stdout = stdout.context("the worker has no standard output")?;
        // Ends the worker when this returns early.
        let running = Running(&self.killer);
        *self.killer.process() = Some(process);
        let mut summary = None;
        for line in BufReader::new(stdout).lines() {
            let line = line.context("cannot read what the worker says")?;
            // A worker that is killed may have been writing a line.
            let event: Event = match serde_json::from_str(&line) {
                Ok(event) => event,
                Err(_) if !line.ends_with('}') => break,
                Err(error) => {
                    return Err(error).with_context(|| format!("the worker said what is no event: {line}"));
                }
            };
            let verdict = watch(&event)?;
            if let Event::Finished(done) = event {
                summary = Some(done);
            } else if verdict == Verdict::Kill {
                self.killer.kill();
            }
        }
        let status = running.wait()?;
        match summary {
            _ if status.signal() == Some(SIGKILL) => Ok(Outcome::Killed),
            Some(summary) if status.success() => Ok(Outcome::Finished(summary)),
            _ => Ok(Outcome::Failed(status)),
        }
    }
}

const SIGKILL: i32 = 9;

/// Takes the worker's process away from its killer, and so ends it, at the end of a run.
struct Running<'a>(&'a Killer);

impl Running<'_> {
    fn wait(&self) -> Result<ExitStatus> {
        let process = self.0.process().take();
        let mut process = process.context("the worker runs twice")?;
        process.0.wait().context("cannot wait for the worker")
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        drop(self.0.process().take());
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
        assert!(matches!(
            parse(r#"{"event":"started","files":1}"#),
            Event::Started
        ));
        assert!(matches!(parse(r#"{"event":"sung","times":1}"#), Event::Other));
    }

    #[test]
    fn a_worker_that_says_nothing_has_failed() {
        let worker = Worker::new(
            Path::new("/bin/true"),
            Path::new("plugins"),
            &[],
            Killer::default(),
        );
        let outcome = worker.run(false, |_| Ok(Verdict::GoOn)).unwrap();
        assert!(
            matches!(outcome, Outcome::Failed(status) if status.success()),
            "{outcome:?}"
        );
    }

    #[test]
    fn a_worker_is_killed_on_demand_and_not_taken_for_a_failed_one() {
        let worker = Worker {
            program: "/bin/sh".into(),
            arguments: vec![
                "-c".to_owned(),
                r#"echo '{"event":"started"}'; exec tail -f /dev/null"#.to_owned(),
            ],
            killer: Killer::default(),
        };
        let outcome = worker.run(false, |_| Ok(Verdict::Kill)).unwrap();
        assert!(matches!(outcome, Outcome::Killed), "{outcome:?}");
        let killer = worker.killer.clone();
        let outcome = worker.run(false, |_| {
            let killer = killer.clone();
            std::thread::spawn(move || killer.kill());
            Ok(Verdict::GoOn)
        });
        assert!(matches!(outcome.unwrap(), Outcome::Killed));
    }
}
