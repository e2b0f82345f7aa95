//! [`Schedule`]: when tokens are obtained next. It reads no clock and waits for nothing.

use std::time::{Duration, SystemTime};

use super::options::Policy;

/// What a wait after a failure is not capped below: ever shorter ones would never end.
const LEAST_CAP: Duration = Duration::from_secs(1);

/// One attempt to obtain tokens from all providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cycle(u64);

/// When tokens are obtained next, from what has happened so far.
#[derive(Debug)]
pub(super) struct Schedule {
    policy: Policy,
    /// When the tokens are due to be renewed, or the last failure to be retried.
    renew_at: Option<SystemTime>,
    /// When somebody who asked for new tokens is to get them.
    wanted_at: Option<SystemTime>,
    /// When the last cycle began.
    begun_at: Option<SystemTime>,
    /// How long to wait after the next failure, before jitter.
    backoff: Duration,
    running: Option<Cycle>,
    cycles: u64,
    is_stopped: bool,
}

impl Schedule {
    /// Nothing is due before [`start`](Self::start).
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            policy,
            renew_at: None,
            wanted_at: None,
            begun_at: None,
            backoff: policy.initial_backoff,
            running: None,
            cycles: 0,
            is_stopped: false,
        }
    }

    /// The first cycle is due at once.
    pub(super) fn start(&mut self, now: SystemTime) {
        self.renew_at = Some(now);
    }

    /// Somebody wants new tokens: those of the running cycle, else of the next one, which comes earlier for it
    /// and never later.
    pub(super) fn request(&mut self, now: SystemTime) {
        if self.running.is_some() || self.is_stopped {
            return;
        }
        let earliest = self
            .begun_at
            .and_then(|begun| begun.checked_add(self.policy.cooldown))
            .map_or(now, |cooled| cooled.max(now));
        self.wanted_at = Some(self.wanted_at.map_or(earliest, |wanted| wanted.min(earliest)));
    }

    /// When the next cycle is to begin; none while one is running.
    pub(super) fn due(&self) -> Option<SystemTime> {
        if self.running.is_some() || self.is_stopped {
            return None;
        }
        [self.renew_at, self.wanted_at].into_iter().flatten().min()
    }

    /// Begins the cycle that is due.
    pub(super) fn begin(&mut self, now: SystemTime) -> Option<Cycle> {
        self.due().filter(|due| *due <= now)?;
        self.cycles += 1;
        self.begun_at = Some(now);
        // Whoever asked before a cycle began is served by it.
        self.wanted_at = None;
        self.running = Some(Cycle(self.cycles));
        self.running
    }

    /// Whether what this cycle obtained may be handed out.
    pub(super) fn is_current(&self, cycle: Cycle) -> bool {
        self.running == Some(cycle)
    }

    /// A cycle obtained everything; the first token ends at `valid_until`.
    pub(super) fn succeeded(&mut self, cycle: Cycle, now: SystemTime, valid_until: Option<SystemTime>) {
        if !self.end(cycle) {
            return;
        }
        self.backoff = self.policy.initial_backoff;
        // Tokens that end after all time that can be counted do not end.
        self.renew_at = valid_until.and_then(|end| {
            let remaining = end.duration_since(now).unwrap_or_default();
            now.checked_add(remaining.mul_f64(self.policy.ratio))
        });
    }

    /// A cycle did not obtain everything; of the tokens in use the first one ends at `valid_until`. `random` is
    /// from 0 up to 1.
    pub(super) fn failed(
        &mut self,
        cycle: Cycle,
        now: SystemTime,
        valid_until: Option<SystemTime>,
        random: f64,
    ) {
        if !self.end(cycle) {
            return;
        }
        let remaining = valid_until.and_then(|end| end.duration_since(now).ok());
        let cap = match remaining.filter(|remaining| !remaining.is_zero()) {
            Some(remaining) => self.policy.max_backoff.min((remaining / 3).max(LEAST_CAP)),
            // There is nothing to be saved any more, and no reason to hurry.
            None => self.policy.max_backoff,
        };
        let delay = self.backoff.min(cap).mul_f64(0.5 + random).min(cap);
        self.backoff = self.backoff.saturating_mul(2).min(self.policy.max_backoff);
        let retry_at = now + delay;
        // A failure on demand does not put off the renewal that was due before the retry.
        let earlier = self.renew_at.filter(|renew| *renew > now && *renew < retry_at);
        self.renew_at = Some(earlier.unwrap_or(retry_at));
    }

    /// Nothing is due any more, and the running cycle is none.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
        self.running = None;
        self.wanted_at = None;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    fn end(&mut self, cycle: Cycle) -> bool {
        let is_current = self.is_current(cycle);
        if is_current {
            self.running = None;
        }
        is_current
    }
}

#[cfg(test)]
mod tests;
