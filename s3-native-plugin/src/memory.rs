//! [`MemoryBudget`]: the bytes that all streams of the plugin may buffer together.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use plugin_api::metrics::MEMORY_WAIT;
use tokio::sync::oneshot;

use crate::metrics::Metrics;

/// The bytes that all streams of the plugin may buffer together.
///
/// A reservation is *held* while a stream fills a buffer, and *in flight* once an upload task owns
/// the buffer. Only the second kind is given back without the caller's doing: a task ends by itself,
/// with success, an error or a deadline. This decides who waits:
///
/// * A request waits in the order of arrival until it fits, but only as long as bytes are in flight.
/// * When nothing is in flight, it is granted even if that exceeds the budget.
///
/// So nobody ever waits for another caller to act, and no order of opening, writing and closing any
/// number of streams can deadlock: a waiter waits for tasks only, and each task ends. Nor can a
/// waiter starve: what is granted later queues behind it, so the bytes in flight only fall until its
/// turn comes. The price is that idle streams, of which each holds at most one unfinished buffer,
/// may exceed the budget; what is in flight never adds to that excess. A request that is larger
/// than the whole budget is granted once nothing else is in flight.
pub(crate) struct MemoryBudget {
    total: u64,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// All granted bytes, those in flight included.
    used: u64,
    in_flight: u64,
    /// Not empty only while `in_flight` is positive.
    waiters: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    bytes: u64,
    grant: oneshot::Sender<Reservation>,
}

impl MemoryBudget {
    /// A budget of this many bytes.
    pub(crate) fn new(bytes: u64, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            total: bytes,
            metrics,
            state: Mutex::new(State::default()),
        })
    }

    /// Reserves `bytes`, in the order of arrival. A cancelled call reserves nothing.
    pub(crate) async fn reserve(self: &Arc<Self>, bytes: u64) -> Reservation {
        let granted = {
            let mut state = self.lock();
            if state.waiters.is_empty() && self.grants(&state, bytes) {
                state.used += bytes;
                return self.reservation(bytes);
            }
            let (grant, granted) = oneshot::channel();
            state.waiters.push_back(Waiter { bytes, grant });
            granted
        };
        let since = Instant::now();
        let reservation = granted
            .await
            .expect("a waiter leaves the queue only with its grant");
        self.metrics.took(&MEMORY_WAIT, since, &[]);
        reservation
    }

    /// Reserves `bytes` for what can be done without: at once or not at all, and only as long as half
    /// of the budget stays for those that cannot, since the caller may hold them for long.
    pub(crate) fn reserve_spare(self: &Arc<Self>, bytes: u64) -> Option<Reservation> {
        let mut state = self.lock();
        let spare = state.waiters.is_empty() && state.used.saturating_add(bytes) <= self.total / 2;
        spare.then(|| {
            state.used += bytes;
            self.reservation(bytes)
        })
    }

    fn grants(&self, state: &State, bytes: u64) -> bool {
        state.in_flight == 0 || state.used.saturating_add(bytes) <= self.total
    }

    fn reservation(self: &Arc<Self>, bytes: u64) -> Reservation {
        Reservation {
            budget: Arc::clone(self),
            bytes,
            in_flight: false,
        }
    }

    fn give_back(self: &Arc<Self>, bytes: u64, in_flight: bool) {
        let mut granted = Vec::new();
        {
            let mut state = self.lock();
            state.used -= bytes;
            if in_flight {
                state.in_flight -= bytes;
            }
            while let Some(next) = state.waiters.front() {
                let abandoned = next.grant.is_closed();
                if !abandoned && !self.grants(&state, next.bytes) {
                    break;
                }
                let next = state.waiters.pop_front().expect("the queue has a front");
                if !abandoned {
                    state.used += next.bytes;
                    granted.push(next);
                }
            }
        }
        for waiter in granted {
            // Outside the lock: a waiter that went away meanwhile gives its bytes back right here.
            drop(waiter.grant.send(self.reservation(waiter.bytes)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics under the lock; and if it did, the numbers would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("MemoryBudget")
            .field("total", &self.total)
            .field("used", &state.used)
            .field("in_flight", &state.in_flight)
            .field("waiters", &state.waiters.len())
            .finish_non_exhaustive()
    }
}

/// Bytes of a [`MemoryBudget`], given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<MemoryBudget>,
    bytes: u64,
    in_flight: bool,
}

impl Reservation {
    /// Nothing yet.
    pub(crate) fn empty(budget: &Arc<MemoryBudget>) -> Self {
        budget.reservation(0)
    }

    /// Takes over the bytes of another held reservation.
    pub(crate) fn merge(&mut self, mut other: Self) {
        debug_assert!(!self.in_flight && !other.in_flight);
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// The reserved bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Says that these bytes are given back without any caller's doing: a spawned task that always
    /// ends owns them from here on.
    #[must_use]
    pub(crate) fn in_flight(mut self) -> Self {
        if !self.in_flight {
            self.in_flight = true;
            self.budget.lock().in_flight += self.bytes;
        }
        self
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.give_back(self.bytes, self.in_flight);
        }
    }
}

#[cfg(test)]
mod tests;
