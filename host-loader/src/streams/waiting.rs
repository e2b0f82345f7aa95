//! Waiting for a credit of a [`Pool`], and ending the streams that keep it from everybody without using it.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::future::poll_fn;
use futures::task::AtomicWaker;
use plugin_api::{Error, ErrorKind, Location, Result, Retry, abi};

use super::pool::{Credit, Direction, Pool};

/// How soon to look again for streams that are to end and are in the middle of a call.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

const WAITING: u8 = 0;
const SERVED: u8 = 1;
const REFUSED: u8 = 2;

/// A place in the queue.
pub(super) struct Turn {
    pub(super) direction: Direction,
    /// Changed under the lock of the pool.
    answer: AtomicU8,
    waker: AtomicWaker,
}

impl Turn {
    pub(super) fn new(direction: Direction) -> Self {
        Self {
            direction,
            answer: AtomicU8::new(WAITING),
            waker: AtomicWaker::new(),
        }
    }

    /// A credit has been counted for it.
    pub(super) fn serve(&self) {
        self.answer.store(SERVED, Ordering::Release);
    }

    pub(super) fn is_served(&self) -> bool {
        self.answer.load(Ordering::Acquire) == SERVED
    }

    /// There will be none.
    pub(super) fn refuse(&self) {
        self.answer.store(REFUSED, Ordering::Release);
        self.wake();
    }

    pub(super) fn wake(&self) {
        self.waker.wake();
    }
}

/// Leaves the queue when it is dropped, and passes on a credit that it was given.
struct Waiting<'a> {
    pool: &'a Arc<Pool>,
    turn: Arc<Turn>,
    since: Instant,
    is_over: bool,
}

impl Waiting<'_> {
    /// The credit, if it was given one.
    fn end(mut self) -> Option<Credit> {
        self.is_over = true;
        self.pool.leave(&self.turn)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if abi::check_fork().is_err() {
            return;
        }
        if !self.is_over {
            drop(self.pool.leave(&self.turn));
        }
        let waited = self.pool.clock.now().saturating_duration_since(self.since);
        self.pool.counters.waited(waited);
    }
}

pub(super) async fn wait(pool: &Arc<Pool>, turn: Arc<Turn>, path: &Location) -> Result<Credit> {
    let since = pool.clock.now();
    let direction = turn.direction;
    let waiting = Waiting {
        pool,
        turn,
        since,
        is_over: false,
    };
    let deadline = pool.limits.timeout.and_then(|timeout| since.checked_add(timeout));
    loop {
        let look_again = end_stalled(pool, direction);
        let until = deadline.into_iter().chain(look_again).min();
        let error = match answer_until(pool, &waiting.turn, until).await {
            Err(error) => error,
            Ok(SERVED | REFUSED) => closed(path),
            Ok(_) if deadline.is_some_and(|deadline| deadline <= pool.clock.now()) => {
                timed_out(pool, direction, path)
            }
            Ok(_) => continue,
        };
        // Whoever is served at the last moment is served.
        return waiting.end().ok_or_else(|| {
            pool.counters.refused();
            error
        });
    }
}

/// The answer, or that there is none by then.
async fn answer_until(pool: &Pool, turn: &Turn, until: Option<Instant>) -> Result<u8> {
    let mut sleep = pin!(pool.clock.sleep_until(until));
    poll_fn(|context| {
        turn.waker.register(context.waker());
        let answer = turn.answer.load(Ordering::Acquire);
        if answer != WAITING {
            return Poll::Ready(Ok(answer));
        }
        sleep.as_mut().poll(context).map_ok(|()| WAITING)
    })
    .await
}

/// Ends streams that have moved nothing for too long. When to do so again, if ever.
fn end_stalled(pool: &Pool, direction: Direction) -> Option<Instant> {
    let (stalled, mut next) = pool.stalled(direction)?;
    for stream in stalled {
        if !stream.reclaim() {
            next = next.min(pool.clock.now() + LOOK_AGAIN);
        }
    }
    Some(next)
}

pub(super) fn closed(path: &Location) -> Error {
    Error::new(ErrorKind::Closed, "the file system has been closed")
        .with_operation("open")
        .with_path(path)
        .with_remedy("get a new file system from the host")
}

fn timed_out(pool: &Pool, direction: Direction, path: &Location) -> Error {
    let limits = &pool.limits;
    let taken = pool.taken();
    let scheme = pool.root.scheme();
    let (name, own) = match direction {
        Direction::In => ("input", limits.input),
        Direction::Out => ("output", limits.output),
    };
    let waited = limits.timeout.unwrap_or_default();
    let message = format!(
        "no stream of {} became free within {waited:?}: {} input and {} output streams are open, limits are {}",
        root_of(&pool.root),
        taken.input,
        taken.output,
        [
            ("total", limits.total),
            ("input", limits.input),
            ("output", limits.output)
        ]
        .into_iter()
        .filter_map(|(name, limit)| Some(format!("{name} {}", limit?)))
        .collect::<Vec<_>>()
        .join(", ")
    );
    let keys: Vec<String> = [("total", limits.total), (name, own)]
        .into_iter()
        .filter(|(_, limit)| limit.is_some())
        .map(|(name, _)| format!("'fs.{scheme}.limit.{name}'"))
        .collect();
    let idle = match limits.stream_timeout {
        Some(_) => String::new(),
        None => format!(", or set 'fs.{scheme}.limit.stream-timeout' so that idle ones are closed"),
    };
    Error::new(ErrorKind::Timeout, message)
        .with_path(path)
        .with_retry(Retry::Yes)
        .with_remedy(format!(
            "close streams sooner, raise {} or 'fs.{scheme}.limit.timeout'{idle}",
            keys.join(", ")
        ))
}

/// What the next call on a stream says that was ended for having moved nothing.
pub(super) fn reclaimed(pool: &Pool, path: &Location) -> Error {
    let scheme = pool.root.scheme();
    let patience = pool.limits.stream_timeout.unwrap_or_default();
    Error::new(
        ErrorKind::Timeout,
        format!(
            "the stream was closed since it had moved nothing for {patience:?} while others waited to be opened"
        ),
    )
    .with_path(path)
    .with_remedy(format!(
        "close streams that are not in use, or raise 'fs.{scheme}.limit.stream-timeout'"
    ))
}

/// `scheme://authority`.
fn root_of(root: &Location) -> &str {
    root.as_str().trim_end_matches('/')
}
