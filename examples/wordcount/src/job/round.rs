//! One round: every reader on its own thread, until a checkpoint is due or nothing is left.

use std::convert::Infallible;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use futures_executor::block_on;
use plugin_api::Result;

use super::{Completion, Job, Trigger};
use crate::progress::Event;
use crate::reader::Reader;

/// How often progress is reported.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// Tells the readers when to stand still.
struct Round {
    trigger: Trigger,
    begun: Instant,
    chunks: AtomicU64,
    failed: AtomicBool,
}

impl Round {
    fn is_over(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
            || match self.trigger {
                Trigger::Interval(interval) => self.begun.elapsed() >= interval,
                Trigger::Chunks(chunks) => self.chunks.load(Ordering::Relaxed) >= chunks,
            }
    }

    /// Ends the round early for everybody if this is a failure.
    fn watch<T>(&self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }
}

/// Runs the readers, and meanwhile completes the checkpoint before; the first error, once all stand
/// still.
pub(super) fn run(
    job: &Job,
    readers: &mut [Reader],
    completion: Completion,
    report: &mut dyn FnMut(&Event) -> Result<()>,
) -> Result<()> {
    let round = &Round {
        trigger: job.trigger,
        begun: Instant::now(),
        chunks: AtomicU64::new(0),
        failed: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        // Nothing is sent: the channel closes when the last thread is done with its end.
        let (running, all_ended) = mpsc::channel::<Infallible>();
        let mut threads = Vec::with_capacity(readers.len() + 1);
        for reader in readers {
            let running = running.clone();
            threads.push(scope.spawn(move || {
                let result = round.watch(read(job, reader, round));
                drop(running);
                result
            }));
        }
        threads.push(scope.spawn(move || {
            let result = round.watch(block_on(completion.run(job)));
            drop(running);
            result
        }));
        let mut result = Ok(());
        while let Err(RecvTimeoutError::Timeout) = all_ended.recv_timeout(REPORT_EVERY) {
            if result.is_ok() {
                result = round.watch(report(&job.progress()));
            }
        }
        for thread in threads {
            let ended = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            result = result.and(ended);
        }
        result
    })
}

fn read(job: &Job, reader: &mut Reader, round: &Round) -> Result<()> {
    while !round.is_over() {
        job.throttle.admit(reader.next_bytes(&job.source));
        if !block_on(reader.step(job))? {
            break;
        }
        round.chunks.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
