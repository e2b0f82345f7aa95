//! Whether a peer that sends something sends next to nothing.

use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};
use std::time::Duration;

use tokio::time::Instant;

use crate::retry::SLOWEST;

/// How fast a reply comes while somebody waits for it.
///
/// A peer is stalled if it sent less than half of the slowest speed that is served, over the whole of
/// the timeout. The half is for peers that send in bursts: whichever stretch is measured, one that
/// sends fast enough on the whole has sent that much.
#[derive(Debug)]
pub(super) struct Speed {
    timeout: Duration,
    waited: Duration,
    bytes: u64,
}

impl Speed {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// So many bytes came after so long a wait: whether that is too little on the whole.
    pub(super) fn is_stalled(&mut self, waited: Duration, bytes: usize) -> bool {
        self.waited += waited;
        self.bytes += bytes as u64;
        if self.waited < self.timeout {
            return false;
        }
        let least = u128::from(SLOWEST / 2) * self.waited.as_millis() / 1_000;
        let stalled = u128::from(self.bytes) < least;
        *self = Self::new(self.timeout);
        stalled
    }
}

/// Wakes a task and keeps the time, so that a wait ends when the bytes came and not when the task got
/// around to look at them.
#[derive(Debug)]
pub(super) struct Alarm {
    task: Waker,
    rang: OnceLock<Instant>,
}

impl Alarm {
    pub(super) fn new(task: &Waker) -> Arc<Self> {
        Arc::new(Self {
            task: task.clone(),
            rang: OnceLock::new(),
        })
    }

    /// How long after `since` it rang, or how long it has been if it did not.
    pub(super) fn rang_after(&self, since: Instant) -> Duration {
        let rang = self.rang.get().copied().unwrap_or_else(Instant::now);
        rang.saturating_duration_since(since)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.get_or_init(Instant::now);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Bursts of any size, as long as 16 KiB/s come on the whole and at least two bursts in each
        /// timeout.
        #[test]
        fn a_slow_but_legal_peer_is_never_stalled(
            pauses in prop::collection::vec(1_u64..=500, 1..200),
            timeout in 1_000_u64..60_000,
        ) {
            let mut speed = Speed::new(Duration::from_millis(timeout));
            for pause in pauses {
                let pause = Duration::from_millis(pause * timeout / 1_000);
                let bytes = (SLOWEST * pause.as_millis() as u64).div_ceil(1_000) as usize;
                prop_assert!(!speed.is_stalled(pause, bytes));
            }
        }

        #[test]
        fn a_peer_that_drips_is_stalled_within_two_timeouts(pause in 1_u64..=1_000, timeout in 1_000_u64..60_000) {
            let mut speed = Speed::new(Duration::from_millis(timeout));
            let pause = Duration::from_millis(pause * timeout / 1_000);
            let mut waited = Duration::ZERO;
            while !speed.is_stalled(pause, 1) {
                waited += pause;
                prop_assert!(waited <= 2 * Duration::from_millis(timeout));
            }
        }
    }
}
