//! [`Watch`]: follows the worker's report, shows it and decides when to kill.

use crate::report::{Progress, grouped, percent};
use crate::worker::{Event, Verdict};

/// Follows the runs of a worker until the job is done.
pub(super) struct Watch {
    total: u64,
    kill_at: Option<u64>,
    progress: Progress,
    bytes: u64,
    words: u64,
    /// Complete checkpoints, over all runs.
    checkpoints: u64,
    /// Whether it was said that the kill waits for a checkpoint.
    waiting: bool,
    killed_at: Option<u64>,
    restart: Option<Restart>,
}

/// A kill, and what the worker made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Restart {
    /// Percent done at the kill.
    pub(super) killed_at: u64,
    /// The checkpoint that the worker went on from.
    pub(super) checkpoint: u64,
    /// Percent done in that checkpoint.
    pub(super) restored_at: u64,
}

impl Watch {
    /// Watches a job of `total` bytes, of which a worker is killed when `kill_at` percent are done.
    pub(super) fn new(total: u64, kill_at: Option<u64>) -> Self {
        Self {
            total,
            kill_at,
            progress: Progress::new("counted", total),
            bytes: 0,
            words: 0,
            checkpoints: 0,
            waiting: false,
            killed_at: None,
            restart: None,
        }
    }

    /// Takes one event of the worker.
    pub(super) fn event(&mut self, event: &Event) -> Verdict {
        match event {
            Event::Progress { bytes, words } => {
                (self.bytes, self.words) = (*bytes, *words);
                self.show();
            }
            Event::Checkpoint {
                number,
                in_progress,
                pending,
                millis,
            } => {
                self.checkpoints += 1;
                self.progress.note(&format!(
                    "checkpoint {number} complete in {millis} ms; part files: {in_progress} in progress, \
                     {pending} to commit"
                ));
            }
            Event::Restored {
                checkpoint,
                bytes,
                published,
                resumed,
            } => {
                self.restart = Some(Restart {
                    killed_at: self.killed_at.unwrap_or(0),
                    checkpoint: *checkpoint,
                    restored_at: percent(*bytes, self.total),
                });
                self.bytes = *bytes;
                self.progress.note(&format!(
                    "restored from checkpoint {checkpoint}; part files: {published} committed, {resumed} resumed"
                ));
            }
            Event::Started | Event::Finished(_) | Event::Other => {}
        }
        self.verdict()
    }

    fn show(&mut self) {
        let message = format!("{} words", grouped(self.words));
        self.progress.set(self.bytes, message);
    }

    fn verdict(&mut self) -> Verdict {
        let due = self.kill_at.is_some_and(|kill_at| self.percent() >= kill_at);
        if !due || self.killed_at.is_some() {
            return Verdict::GoOn;
        }
        if self.checkpoints == 0 {
            if !self.waiting {
                self.waiting = true;
                self.progress
                    .note("the kill waits for the first complete checkpoint");
            }
            return Verdict::GoOn;
        }
        self.killed_at = Some(self.percent());
        Verdict::Kill
    }

    /// How much is done.
    pub(super) fn percent(&self) -> u64 {
        percent(self.bytes, self.total)
    }

    /// Whether the worker was killed.
    pub(super) fn was_killed(&self) -> bool {
        self.killed_at.is_some()
    }

    /// Whether the worker was killed and restored, if it had to be.
    pub(super) fn is_satisfied(&self) -> bool {
        self.kill_at.is_none() || self.restart.is_some()
    }

    /// The number of checkpoints over all runs, and the kill.
    pub(super) fn into_result(self) -> (u64, Option<Restart>) {
        (self.checkpoints, self.restart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(bytes: u64) -> Event {
        Event::Progress { bytes, words: 0 }
    }

    const CHECKPOINT: Event = Event::Checkpoint {
        number: 1,
        in_progress: 0,
        pending: 0,
        millis: 0,
    };

    #[test]
    fn the_kill_waits_for_the_first_checkpoint_and_happens_once() {
        let mut watch = Watch::new(200, Some(50));
        assert_eq!(watch.event(&progress(150)), Verdict::GoOn);
        assert_eq!(watch.event(&CHECKPOINT), Verdict::Kill);
        assert!(watch.was_killed() && !watch.is_satisfied());
        let restored = Event::Restored {
            checkpoint: 1,
            bytes: 100,
            published: 0,
            resumed: 0,
        };
        assert_eq!(watch.event(&restored), Verdict::GoOn);
        assert_eq!(watch.event(&progress(200)), Verdict::GoOn);
        assert!(watch.is_satisfied());
        let restart = Restart {
            killed_at: 75,
            checkpoint: 1,
            restored_at: 50,
        };
        assert_eq!(watch.into_result(), (1, Some(restart)));
    }

    #[test]
    fn the_kill_waits_for_its_percentage() {
        let mut watch = Watch::new(200, Some(50));
        assert_eq!(watch.event(&CHECKPOINT), Verdict::GoOn);
        assert_eq!(watch.event(&progress(99)), Verdict::GoOn);
        assert_eq!(watch.event(&progress(100)), Verdict::Kill);
    }

    #[test]
    fn without_a_kill_nothing_is_killed() {
        let mut watch = Watch::new(200, None);
        assert_eq!(watch.event(&CHECKPOINT), Verdict::GoOn);
        assert_eq!(watch.event(&progress(200)), Verdict::GoOn);
        assert!(watch.is_satisfied());
    }
}
