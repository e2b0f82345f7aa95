//! [`run`]: runs cases side by side, each with a deadline.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::future::{Either, select};
use plugin_api::{Error, ErrorKind};

use crate::case::Case;
use crate::failure::Failure;
use crate::known_gaps::KnownGaps;
use crate::report::{Outcome, Record};
use crate::target::Target;

/// How long a case that was told to stop may go on before its thread is given up.
const GRACE: Duration = Duration::from_secs(5);

/// How cases are run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Cases at a time.
    pub jobs: usize,
    /// The time that a case may take.
    pub timeout: Duration,
    /// How often a race is repeated.
    pub rounds: u32,
    /// Cases that are known to fail.
    pub known_gaps: KnownGaps,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            jobs: 4,
            timeout: Duration::from_mins(1),
            rounds: 100,
            known_gaps: KnownGaps::default(),
        }
    }
}

/// Runs cases, up to [`RunOptions::jobs`] at a time, and tells `done` of each as it ends. Blocks until
/// all have ended, and deletes the directory of the run.
///
/// Stops early, without an error, when `done` returns false.
///
/// # Errors
/// The directory of the run cannot be deleted.
pub fn run(
    target: &Arc<Target>,
    cases: Vec<Case>,
    options: &RunOptions,
    mut done: impl FnMut(Record) -> bool,
) -> Result<(), Error> {
    let (next, cases) = (
        AtomicUsize::new(0),
        cases.into_iter().map(Arc::new).collect::<Vec<_>>(),
    );
    let (sender, records) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.clamp(1, cases.len().max(1)) {
            let (sender, next, cases) = (sender.clone(), &next, &cases);
            scope.spawn(move || {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if sender.send(run_case(target, case, options)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for record in &records {
            if !done(record) {
                next.store(usize::MAX / 2, Ordering::Relaxed);
                break;
            }
        }
        drop(records);
    });
    // On a thread of its own: the caller may be inside an executor.
    std::thread::scope(|scope| {
        let cleaning = scope.spawn(|| futures_executor::block_on(target.clean_up()));
        cleaning.join().unwrap_or_else(|panic| {
            let text = panic_text(&*panic);
            Err(Error::new(ErrorKind::PluginPanic, text).with_operation("clean up"))
        })
    })
}

/// Runs one case, or finds that it does not apply. Blocks until it has ended, at the latest a few
/// seconds after its deadline.
pub fn run_case(target: &Arc<Target>, case: &Arc<Case>, options: &RunOptions) -> Record {
    let started = Instant::now();
    let outcome = match case.requirements().unmet(target.fs()) {
        Some(reason) => Outcome::NotApplicable(reason),
        None => judged(
            in_time(target, case, options),
            options.known_gaps.reason(case.name()),
        ),
    };
    Record {
        name: case.name().to_owned(),
        outcome,
        took: started.elapsed(),
    }
}

/// The outcome of a case that ran, in the light of what is known about it.
fn judged(result: Result<(), Failure>, known_gap: Option<&str>) -> Outcome {
    match (result, known_gap) {
        (Ok(()), None) => Outcome::Passed,
        (Ok(()), Some(reason)) if KnownGaps::is_sometimes(reason) => Outcome::Passed,
        (Ok(()), Some(_)) => {
            Outcome::Failed("passes, but is listed as a known gap: remove it from the file".to_owned())
        }
        (Err(failure), None) => Outcome::Failed(failure.to_string()),
        (Err(failure), Some(reason)) => Outcome::KnownGap {
            reason: reason.to_owned(),
            failure: failure.to_string(),
        },
    }
}

/// Runs a case on a thread of its own, which is left alone if the plugin blocks it for good.
fn in_time(target: &Arc<Target>, case: &Arc<Case>, options: &RunOptions) -> Result<(), Failure> {
    let (stop, stopped) = oneshot::channel::<()>();
    let (sender, result) = mpsc::channel();
    let (target, case, rounds) = (Arc::clone(target), Arc::clone(case), options.rounds);
    let started = std::thread::Builder::new()
        .name(case.name().to_owned())
        .spawn(move || drop(sender.send(to_its_end(&target, &case, rounds, stopped))));
    if let Err(error) = started {
        return Err(Failure::without_line(format!(
            "no thread can be started: {error}"
        )));
    }
    if let Ok(result) = result.recv_timeout(options.timeout) {
        return result;
    }
    // Fails if the case has ended by itself at the last moment.
    let _ = stop.send(());
    result.recv_timeout(GRACE).unwrap_or_else(|_| {
        let message = format!(
            "did not end within {:?} and blocks its thread, so that it cannot be cancelled",
            options.timeout
        );
        Err(Failure::without_line(message))
    })
}

fn to_its_end(
    target: &Target,
    case: &Case,
    rounds: u32,
    stopped: oneshot::Receiver<()>,
) -> Result<(), Failure> {
    let context = target.context(case.name(), rounds);
    let run = catch_unwind(AssertUnwindSafe(|| {
        futures_executor::block_on(async {
            match select(Box::pin(case.check(&context)), stopped).await {
                Either::Left((result, _)) => result,
                Either::Right(_) => Err(Failure::without_line("did not end in time, and was cancelled")),
            }
        })
    }));
    let result = run.unwrap_or_else(|panic| Err(Failure::without_line(panic_text(&*panic))));
    let cleaned = catch_unwind(AssertUnwindSafe(|| {
        futures_executor::block_on(context.clean_up())
    }));
    let cleaned = cleaned.unwrap_or_else(|panic| Err(Failure::without_line(panic_text(&*panic))));
    result.and_then(|()| {
        cleaned.map_err(|failure| Failure::without_line(format!("cannot clean up: {failure}")))
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_gap_that_passes_is_a_failure_unless_it_is_one_only_sometimes() {
        let failed = || Err(Failure::without_line("no"));
        assert!(judged(Ok(()), Some("answers nonsense")).is_red());
        assert_eq!(
            judged(Ok(()), Some("sometimes answers nonsense")),
            Outcome::Passed
        );
        for reason in ["answers nonsense", "sometimes answers nonsense"] {
            assert!(matches!(judged(failed(), Some(reason)), Outcome::KnownGap { .. }));
        }
        assert!(judged(failed(), None).is_red());
    }
}
