//! [`Chaos`]: the worker is killed again and again while the server throws faults, and what it left behind
//! is cleaned up each time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, bail, ensure};

use super::clean_up::{CleanUp, Cleaned};
use super::plan::Kill;
use super::watch::Watch;
use crate::server::Server;
use crate::step;
use crate::worker::{Event, Killer, Outcome, Summary, Verdict, Worker};

/// What the server does to the worker's requests. Bits are flipped only where the plugin compares what it
/// read with a checksum: in files that are read as a whole, not in the ranges of the input.
pub(crate) const RULES: &str = "\
    op=CompleteMultipartUpload,chance=10% -> lose-reply; \
    op=CompleteMultipartUpload,chance=10% -> error-in-200:InternalError; \
    op=CreateMultipartUpload,chance=10% -> lose-reply; \
    op=UploadPart,chance=5% -> apply-then-status:500:InternalError; \
    op=GetObject,key~=checkpoints/,chance=2% -> flip:20; \
    op=GetObject,key~=output/part-,chance=2% -> flip:20; \
    op=GetObject,chance=1% -> cut:1000; \
    op=GetObject,chance=1% -> reset-body:1000; \
    op=GetObject,chance=1% -> truncate:1000; \
    op=GetObject,chance=1% -> half-close-body:1000; \
    op=*,chance=0.5% -> half-close; \
    op=*,chance=1% -> reset; \
    op=*,chance=1% -> lose-reply; \
    op=*,chance=1% -> status:503:SlowDown; \
    op=*,chance=1% -> status:500:InternalError; \
    op=*,chance=1% -> apply-then-status:503:ServiceUnavailable; \
    op=*,chance=3% -> delay:20ms";

/// Restarts that nobody asked for, of workers that gave up because of the faults: so many at most,
const FAILURES: usize = 10;
/// and so many more for each kill, which makes the job longer.
const FAILURES_PER_KILL: usize = 2;

/// The faults that the server told of, as they come.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    /// By action without its details.
    faults: BTreeMap<String, u64>,
    /// The requests at which the worker was to be killed.
    kills: Vec<String>,
}

impl Tally {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the server says of a request that was hit, and kills the worker if it is time.
    pub(super) fn fault(&self, text: &str, killer: &Killer) {
        let (action, request) = text.split_once(' ').unwrap_or((text, ""));
        let kind = action.split(':').next().unwrap_or(action);
        match kind {
            "kill" | "apply-then-kill" => {
                let when = if kind == "kill" { "before" } else { "after" };
                self.counts().kills.push(format!("{when} {request}"));
                killer.kill();
            }
            _ => *self.counts().faults.entry(kind.to_owned()).or_default() += 1,
        }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Chaos {
    /// The request at which each kill happened.
    pub(super) kills: Vec<String>,
    /// Workers that gave up by themselves.
    pub(super) failures: usize,
    /// The checkpoint that each run went on from; none if it began anew.
    pub(super) restored: Vec<Option<u64>>,
    /// Faults by kind.
    pub(super) faults: BTreeMap<String, u64>,
    /// What was cleaned up between the runs and at the end.
    pub(super) cleaned: Cleaned,
}

/// Runs the worker until it is done, killed as often as asked for.
pub(super) fn run(
    worker: &Worker,
    server: &mut Server,
    watch: &mut Watch,
    tally: &Tally,
    clean_up: &CleanUp,
    plan: Vec<Kill>,
) -> Result<(Summary, Chaos)> {
    let kills = plan.len();
    let mut due = VecDeque::from(plan);
    let mut chaos = Chaos::default();
    server.add_faults(RULES)?;
    let mut armed: Option<Kill> = None;
    let (mut done, mut has_checkpoint) = (0, false);
    loop {
        let mut arm = |done: u64| -> Result<()> {
            match due.front().copied() {
                Some(kill) if armed.is_none() && done >= kill.from => {
                    server.add_faults(&kill.rule())?;
                    armed = due.pop_front();
                    Ok(())
                }
                _ => Ok(()),
            }
        };
        arm(done)?;
        let mut restored = None;
        let kills_before = tally.counts().kills.len();
        let outcome = worker.run(true, |event| {
            match event {
                Event::Progress { bytes, .. } => done = done.max(*bytes),
                Event::Started => chaos.restored.push(restored),
                Event::Restored { checkpoint, .. } => restored = Some(*checkpoint),
                Event::Checkpoint { .. } => has_checkpoint = true,
                _ => {}
            }
            watch.event(event);
            arm(done)?;
            Ok(Verdict::GoOn)
        })?;
        let at = tally.counts().kills.get(kills_before).cloned();
        match outcome {
            Outcome::Killed => {
                armed = None;
                let at = at.unwrap_or_default();
                step(format_args!(
                    "killed the worker at {}%, {at} ({} of {kills})",
                    watch.percent(),
                    chaos.kills.len() + 1
                ));
                chaos.kills.push(at);
                if has_checkpoint {
                    // An operator whose command fails runs it again: faults prove nothing here.
                    server.clear_faults()?;
                    clean_up.run(&mut chaos.cleaned)?;
                    server.add_faults(RULES)?;
                }
            }
            Outcome::Failed(status) => {
                chaos.failures += 1;
                step(format_args!("the worker gave up ({status}); restarting it"));
                ensure!(
                    chaos.failures <= FAILURES + kills * FAILURES_PER_KILL,
                    "the worker gave up {} times",
                    chaos.failures
                );
                // It was on its way to give up when it should have been killed.
                if at.is_some()
                    && let Some(kill) = armed.take()
                {
                    due.push_front(kill);
                }
            }
            Outcome::Finished(summary) => {
                if chaos.kills.len() < kills {
                    bail!(
                        "the worker was done after {} of {kills} kills; give more text or a lower --rate",
                        chaos.kills.len()
                    );
                }
                server.clear_faults()?;
                clean_up.run(&mut chaos.cleaned)?;
                chaos.faults = std::mem::take(&mut tally.counts().faults);
                return Ok((summary, chaos));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_counted_by_kind_and_kills_kept_with_their_requests() {
        let (tally, killer) = (Tally::default(), Killer::default());
        for fault in [
            "status:503:SlowDown GetObject input/a",
            "status:500:InternalError ListObjectsV2",
            "reset PutObject output/part-0-00001",
            "kill UploadPart output/part-0-00001",
            "apply-then-kill ListObjectsV2",
        ] {
            tally.fault(fault, &killer);
        }
        let counts = tally.counts();
        assert_eq!(
            counts.kills,
            ["before UploadPart output/part-0-00001", "after ListObjectsV2"]
        );
        let faults: Vec<_> = counts
            .faults
            .iter()
            .map(|(kind, &count)| (kind.as_str(), count))
            .collect();
        assert_eq!(faults, [("reset", 1), ("status", 2)]);
    }
}
