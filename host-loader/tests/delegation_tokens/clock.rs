//! A clock that stands still until it is set.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use host_loader::DelegationTokenManager;

/// Starts at the time of the system, which the tokens of real providers are measured by.
#[derive(Clone)]
pub(crate) struct ManualClock(Arc<Mutex<SystemTime>>);

impl ManualClock {
    pub(crate) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        // Whole milliseconds, as the boundary has them.
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(since.as_millis()).unwrap());
        Self(Arc::new(Mutex::new(now)))
    }

    pub(crate) fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }

    /// The manager, governed by this clock.
    pub(crate) fn govern(&self, manager: DelegationTokenManager) -> DelegationTokenManager {
        let clock = self.clone();
        manager.with_clock(move || clock.now())
    }

    /// Lets time pass for the manager.
    pub(crate) fn pass(&self, span: Duration, manager: &DelegationTokenManager) {
        *self.0.lock().unwrap() += span;
        manager.clock_changed();
    }
}
