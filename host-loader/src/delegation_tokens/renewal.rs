//! [`Renewal`]: the thread that obtains tokens when they are due, and hands them out.

use std::any::Any;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{AbortHandle, AbortRegistration, Abortable, join_all};
use plugin_api::{DelegationToken, DelegationTokenReceiver, Error, ErrorKind, Result};

use super::DelegationTokens;
use super::listeners::Listeners;
use super::schedule::{Cycle, Schedule};
use super::services::{Service, Services};
use crate::blocking::block_on;

/// How long the thread sleeps at most: a clock that was set, or a machine that slept, is noticed then.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Tells the time.
pub(super) type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// What the thread shares with the manager.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) listeners: Mutex<Listeners>,
    state: Mutex<State>,
    /// Something has happened that the thread may have to act on.
    changed: Condvar,
    /// Whether the file systems were shut down.
    shut_down: Arc<AtomicBool>,
}

/// What changes.
pub(super) struct State {
    pub(super) schedule: Schedule,
    /// Whoever waits for the running cycle, or without one for the next.
    pub(super) waiting: Vec<oneshot::Sender<Result<()>>>,
    /// Ends the running cycle.
    abort: Option<AbortHandle>,
}

impl Shared {
    pub(super) fn new(clock: Clock, schedule: Schedule, shut_down: Arc<AtomicBool>) -> Self {
        let state = State {
            schedule,
            waiting: Vec::new(),
            abort: None,
        };
        Self {
            clock,
            listeners: Mutex::default(),
            state: Mutex::new(state),
            changed: Condvar::new(),
            shut_down,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Makes the thread look again.
    pub(super) fn wake(&self) {
        // The lock keeps the thread from missing it between looking and sleeping.
        let _state = self.state();
        self.changed.notify_all();
    }

    /// Ends everything that is under way and is due. Idempotent.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.schedule.stop();
        if let Some(abort) = state.abort.take() {
            abort.abort();
        }
        for waiting in state.waiting.drain(..) {
            let _ = waiting.send(Err(closed()));
        }
        self.changed.notify_all();
    }

    /// Sleeps until a cycle is due and begins it. None after a stop.
    fn next_cycle(&self) -> Option<(Cycle, AbortRegistration)> {
        let mut state = self.state();
        loop {
            if state.schedule.is_stopped() {
                return None;
            }
            let now = (self.clock)();
            if let Some(cycle) = state.schedule.begin(now) {
                let (abort, registration) = AbortHandle::new_pair();
                state.abort = Some(abort);
                return Some((cycle, registration));
            }
            let sleep = state
                .schedule
                .due()
                .and_then(|due| due.duration_since(now).ok())
                .map_or(LONGEST_SLEEP, |left| left.min(LONGEST_SLEEP));
            let woken = self.changed.wait_timeout(state, sleep);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The thread's own part: dropped at its end, and the providers with it.
pub(super) struct Renewal {
    pub(super) services: Services,
    pub(super) shared: Arc<Shared>,
    /// The tokens in use.
    pub(super) current: DelegationTokens,
}

impl Renewal {
    /// Obtains tokens until it is stopped.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        while let Some((cycle, stop)) = shared.next_cycle() {
            if shared.shut_down.load(Ordering::Acquire) {
                tracing::warn!("the file systems were shut down; delegation tokens are no longer renewed");
                return;
            }
            // Cancelled by a stop.
            if let Ok(attempt) = block_on(Abortable::new(self.obtain_all(cycle), stop)) {
                self.ended(cycle, attempt);
            }
        }
    }

    /// Obtains a token from every provider, all at once, and gives the plugins of this process what there is.
    async fn obtain_all(&mut self, cycle: Cycle) -> Attempt {
        tracing::debug!("obtaining delegation tokens");
        let obtained = join_all(self.services.0.iter().map(|service| self.obtain(service))).await;
        let mut attempt = Attempt {
            result: Ok(()),
            has_new: false,
        };
        for (service, result) in self.services.0.iter().zip(obtained) {
            // A manager that was stopped meanwhile hands out nothing any more.
            if !self.shared.state().schedule.is_current(cycle) {
                break;
            }
            let used = match result {
                Ok(token) => {
                    let used = receive(&*service.receiver, &token)
                        .await
                        .map_err(|error| error.with_path(format!("'{}'", service.name)));
                    self.current.insert(service.name.clone(), token);
                    attempt.has_new = true;
                    used
                }
                Err(error) => Err(error),
            };
            attempt.result = attempt.result.and(used);
        }
        attempt
    }

    async fn obtain(&self, service: &Service) -> Result<DelegationToken> {
        let named = |error: Error| {
            error
                .with_operation("obtain token")
                .with_path(format!("'{}'", service.name))
        };
        let token = guarded(service.provider.obtain()).await.map_err(named)?;
        let now = (self.shared.clock)();
        if token.valid_until.is_some_and(|end| end <= now) {
            return Err(named(
                Error::new(ErrorKind::Unavailable, "the token had ended when it arrived")
                    .with_remedy("set the clock of this machine, or ask for longer tokens"),
            ));
        }
        Ok(token)
    }

    /// Sets the time of the next cycle, tells the listeners, and answers whoever waits for this one.
    fn ended(&mut self, cycle: Cycle, attempt: Attempt) {
        let Attempt { result, has_new } = attempt;
        let now = (self.shared.clock)();
        // What one service failed to renew may still be good; what has ended is no use to anybody.
        self.current
            .retain(|_, token| token.valid_until.is_none_or(|end| end > now));
        let first_end = self.current.values().filter_map(|token| token.valid_until).min();
        let mut listeners = lock(&self.shared.listeners);
        let waiting = {
            let mut state = self.shared.state();
            if !state.schedule.is_current(cycle) {
                return;
            }
            state.abort = None;
            match &result {
                Ok(()) => state.schedule.succeeded(cycle, now, first_end),
                Err(_) => state.schedule.failed(cycle, now, first_end, random()),
            }
            log(&result, state.schedule.due(), now);
            mem::take(&mut state.waiting)
        };
        if has_new {
            listeners.tell_all(self.current.clone());
        }
        drop(listeners);
        for waiting in waiting {
            let _ = waiting.send(result.clone());
        }
    }
}

/// What an attempt came to.
struct Attempt {
    /// The first error, if anything failed.
    result: Result<()>,
    /// Whether some tokens are new all the same.
    has_new: bool,
}

fn log(result: &Result<()>, due: Option<SystemTime>, now: SystemTime) {
    let wait = due.map(|due| due.duration_since(now).unwrap_or_default());
    match (result, wait) {
        (Ok(()), Some(wait)) => tracing::debug!("delegation tokens obtained; the next ones in {wait:.0?}"),
        (Ok(()), None) => tracing::debug!("delegation tokens obtained that do not end"),
        (Err(error), _) => tracing::warn!(
            "delegation tokens could not be renewed, and will be tried again in {:.0?}: {error}",
            wait.unwrap_or_default()
        ),
    }
}

impl Drop for Renewal {
    /// Nobody waits for a thread that has ended, however it ended.
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// Hands a token to the plugin that uses it.
pub(super) async fn receive(receiver: &dyn DelegationTokenReceiver, token: &DelegationToken) -> Result<()> {
    guarded(receiver.receive(token))
        .await
        .map_err(|error| error.with_operation("receive token"))
}

/// A panic of a plugin that is linked into the host is an error too.
async fn guarded<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(call)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text");
    Error::new(ErrorKind::PluginPanic, format!("the plugin panicked: {text}"))
        .with_remedy("report it to the author of the plugin")
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the manager of delegation tokens was stopped")
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number from 0 up to 1: enough to keep processes that fail together from trying again together.
fn random() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}
