//! [`Clock`]: what time it is, and waking whoever sleeps.

use std::collections::BTreeMap;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use plugin_api::{Error, ErrorKind, Result};

/// How long the thread stays when nobody sleeps.
const IDLE: Duration = Duration::from_secs(1);

/// Tells the time. Sleeping needs no runtime: one thread wakes all sleepers. It is there only while somebody sleeps.
pub(crate) struct Clock {
    /// None for the time of the system.
    set: Option<Box<dyn Fn() -> Instant + Send + Sync>>,
    state: Mutex<State>,
    /// The first sleeper is another than before.
    changed: Condvar,
}

/// By the time to wake at, and a number that tells sleepers of one time apart.
type Sleepers = BTreeMap<(Instant, u64), Waker>;

#[derive(Default)]
struct State {
    sleepers: Sleepers,
    next: u64,
    is_running: bool,
}

impl Clock {
    /// The clock of the system.
    pub(crate) fn system() -> Self {
        Self {
            set: None,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// A clock that is set by somebody else, who calls [`changed`](Self::changed): nothing wakes anybody before.
    pub(crate) fn set_by(now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self {
            set: Some(Box::new(now)),
            ..Self::system()
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.set.as_ref().map_or_else(Instant::now, |now| now())
    }

    /// Looks at the time, which was set, and wakes whom it is time for.
    pub(super) fn changed(&self) {
        let due = self.state().take_due(self.now());
        wake(due);
    }

    /// Sleeps until this time; never wakes without one. Fails only if no thread can be started.
    pub(super) fn sleep_until(self: &Arc<Self>, at: Option<Instant>) -> Sleep {
        Sleep {
            clock: Arc::clone(self),
            at,
            number: None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters or replaces a sleeper, and starts the thread if it is not there.
    fn enter(self: &Arc<Self>, at: Instant, number: Option<u64>, waker: &Waker) -> Result<u64> {
        let mut state = self.state();
        let number = number.unwrap_or_else(|| {
            state.next += 1;
            state.next
        });
        let replaced = state.sleepers.insert((at, number), waker.clone());
        if !state.is_running && self.set.is_none() {
            let clock = Arc::clone(self);
            let started = thread::Builder::new()
                .name("fsplug-clock".to_owned())
                .spawn(move || clock.wake_sleepers());
            if let Err(error) = started {
                let entered = state.sleepers.remove(&(at, number));
                drop(state);
                drop((replaced, entered));
                return Err(Error::new(
                    ErrorKind::Exhausted,
                    "cannot start the thread that keeps the time",
                )
                .with_source(&error)
                .with_remedy("allow this process more threads"));
            }
            state.is_running = true;
        } else if replaced.is_none() && state.sleepers.keys().next() == Some(&(at, number)) {
            self.changed.notify_all();
        }
        drop(state);
        Ok(number)
    }

    /// The thread.
    fn wake_sleepers(&self) {
        let mut state = self.state();
        loop {
            let now = self.now();
            let due = state.take_due(now);
            if !due.is_empty() {
                drop(state);
                wake(due);
                state = self.state();
                continue;
            }
            let first = state.sleepers.keys().next();
            let span = first.map_or(IDLE, |(at, _)| at.saturating_duration_since(now));
            let (woken, waited) = self
                .changed
                .wait_timeout(state, span)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if state.sleepers.is_empty() && waited.timed_out() {
                state.is_running = false;
                return;
            }
        }
    }
}

impl State {
    fn take_due(&mut self, now: Instant) -> Sleepers {
        let later = self.sleepers.split_off(&(now, u64::MAX));
        mem::replace(&mut self.sleepers, later)
    }
}

fn wake(sleepers: Sleepers) {
    for waker in sleepers.into_values() {
        // A waker that panics keeps nobody else asleep.
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

/// See [`Clock::sleep_until`].
pub(super) struct Sleep {
    clock: Arc<Clock>,
    at: Option<Instant>,
    /// The number under which it was entered last.
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        if at <= self.clock.now() {
            return Poll::Ready(Ok(()));
        }
        match self.clock.enter(at, self.number, context.waker()) {
            Ok(number) => self.number = Some(number),
            Err(error) => return Poll::Ready(Err(error)),
        }
        // A clock may have been set before the sleeper was entered.
        if at <= self.clock.now() {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let (Some(at), Some(number)) = (self.at, self.number) {
            let mut state = self.clock.state();
            let removed = state.sleepers.remove(&(at, number));
            if state.sleepers.is_empty() {
                self.clock.changed.notify_all();
            }
            drop(state);
            drop(removed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures::FutureExt;
    use futures::future::join_all;

    use super::*;
    use crate::blocking::block_on;

    #[test]
    fn sleepers_are_woken_in_time_whatever_executor_they_are_in() {
        let clock = Arc::new(Clock::system());
        let start = Instant::now();
        let spans = [3, 1, 2, 0].map(Duration::from_millis);
        let sleeps = spans.map(|span| clock.sleep_until(Some(start + span)));
        block_on(join_all(sleeps))
            .into_iter()
            .collect::<Result<()>>()
            .unwrap();
        assert!(start.elapsed() >= Duration::from_millis(3));
        assert!(clock.state().sleepers.is_empty());
    }

    #[test]
    fn a_clock_that_is_set_wakes_whom_it_is_time_for_and_forgets_who_went_away() {
        let start = Instant::now();
        let passed = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&passed);
        let clock = Arc::new(Clock::set_by(move || {
            start + Duration::from_secs(seen.load(Ordering::SeqCst))
        }));
        let at = |seconds| Some(start + Duration::from_secs(seconds));
        let mut gone = clock.sleep_until(at(5));
        assert!((&mut gone).now_or_never().is_none());
        drop(gone);
        assert!(clock.state().sleepers.is_empty());
        let mut never = clock.sleep_until(None);
        assert!((&mut never).now_or_never().is_none());
        let sleeper = {
            let sleep = clock.sleep_until(at(10));
            thread::spawn(move || block_on(sleep))
        };
        while clock.state().sleepers.is_empty() {
            thread::yield_now();
        }
        passed.store(10, Ordering::SeqCst);
        clock.changed();
        sleeper.join().unwrap().unwrap();
    }
}
