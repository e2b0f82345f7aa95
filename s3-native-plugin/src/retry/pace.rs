//! [`Pace`]: during an outage, no more requests than when all was well.
//!
//! A service that is down often answers, or refuses, faster than one that works. Callers that try
//! again as soon as they have failed would then send more than ever, although each of them is sparing
//! with repetitions. So every failure is a debt, which is paid by a success, or by waiting: the debt
//! falls at the rate at which the service last did its work.

use std::time::{Duration, Instant};

/// Failures that make nobody wait.
const FREE: f64 = 100.0;

/// Rates are measured over this: longer than the pauses of callers that work in bursts.
const SLOT: Duration = Duration::from_secs(5);

/// After so long without a request, nobody had anything to ask.
const PAUSE: Duration = Duration::from_secs(5);

/// Shorter measurements say nothing.
const SHORTEST: Duration = Duration::from_millis(100);

/// How much a new measurement of full length counts.
const WEIGHT: f64 = 0.3;

/// Holds requests back while they fail.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Negative once there is more debt than is free.
    credit: f64,
    paid: Option<Instant>,
    /// Requests per second that the service did when it worked; `None` until a second was measured.
    healthy: Option<f64>,
    slot: Slot,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    start: Option<Instant>,
    last: Option<Instant>,
    done: u32,
    failed: u32,
}

impl Pace {
    /// Without any debt.
    pub fn new() -> Self {
        Self {
            credit: FREE,
            paid: None,
            healthy: None,
            slot: Slot::default(),
        }
    }

    /// The service did its work, whatever the answer.
    pub fn succeeded(&mut self, now: Instant) {
        self.roll(now);
        self.slot.done += 1;
        // A service that works again is not to be kept waiting for.
        self.credit = (self.credit.max(self.credit / 2.0) + 1.0).min(FREE);
    }

    /// The service failed, or could not be reached.
    pub fn failed(&mut self, now: Instant) {
        if self.slot.failed == 0 {
            // What it did until now is what it does when it works.
            self.close_slot(now);
        } else {
            self.roll(now);
        }
        self.slot.failed += 1;
        self.pay(now);
        if self.rate(now).is_some() {
            self.credit -= 1.0;
        }
    }

    /// How long a request has to wait before it is sent. A service that never worked has no rate to
    /// go by, and holds nobody back.
    pub fn delay(&mut self, now: Instant) -> Duration {
        self.pay(now);
        match self.rate(now) {
            Some(rate) if self.credit < 0.0 => {
                Duration::try_from_secs_f64(-self.credit / rate).unwrap_or(Duration::MAX)
            }
            _ => Duration::ZERO,
        }
    }

    fn pay(&mut self, now: Instant) {
        let paid = self.paid.unwrap_or(now);
        // Threads take the time before they take the lock.
        self.paid = Some(paid.max(now));
        if let Some(rate) = self.rate(now) {
            let elapsed = now.saturating_duration_since(paid).as_secs_f64();
            self.credit = (self.credit + rate * elapsed).min(FREE);
        }
    }

    fn rate(&self, now: Instant) -> Option<f64> {
        self.healthy.or_else(|| {
            let elapsed = now.saturating_duration_since(self.slot.start?).max(SHORTEST);
            (self.slot.done > 0).then(|| f64::from(self.slot.done) / elapsed.as_secs_f64())
        })
    }

    /// Closes the measurement once it is long enough.
    fn roll(&mut self, now: Instant) {
        let start = *self.slot.start.get_or_insert(now);
        if now.saturating_duration_since(start) >= SLOT {
            self.close_slot(now);
        }
        self.slot.last = Some(now);
    }

    fn close_slot(&mut self, now: Instant) {
        let Slot {
            start: Some(start),
            last,
            done,
            failed,
        } = self.slot
        else {
            self.slot.start = Some(now);
            return;
        };
        self.slot = Slot {
            start: Some(now),
            ..Slot::default()
        };
        // Failures take the time of others.
        if done == 0 || (failed * 4 > done && self.healthy.is_some()) {
            return;
        }
        let last = last.unwrap_or(start);
        let worked_until = if now.saturating_duration_since(last) < PAUSE {
            now
        } else {
            last
        };
        let span = worked_until
            .saturating_duration_since(start)
            .max(SHORTEST)
            .as_secs_f64();
        let measured = f64::from(done) / span;
        let weight = WEIGHT * (span / SLOT.as_secs_f64()).min(1.0);
        self.healthy = Some(match self.healthy {
            Some(known) => known + weight * (measured - known),
            None => measured,
        });
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_failures_and_a_service_that_never_worked_hold_nobody_back() {
        let now = Instant::now();
        let mut never = Pace::new();
        for _ in 0..10_000 {
            never.failed(now);
        }
        assert_eq!(never.delay(now), Duration::ZERO);
        let mut few = Pace::new();
        few.succeeded(now);
        for _ in 0..100 {
            few.failed(now);
        }
        assert_eq!(few.delay(now), Duration::ZERO);
    }

    #[test]
    fn in_an_outage_requests_go_out_at_the_healthy_rate() {
        let start = Instant::now();
        let mut pace = Pace::new();
        for i in 0..1_000 {
            pace.succeeded(start + Duration::from_millis(i * 10));
        }
        let (mut now, mut sent) = (start + Duration::from_secs(10), 0);
        let end = now + Duration::from_mins(1);
        while now < end {
            let delay = pace.delay(now);
            if delay.is_zero() {
                sent += 1;
                pace.failed(now);
            } else {
                now += delay.max(Duration::from_millis(1));
            }
        }
        assert!((5_500..=6_300).contains(&sent), "{sent}");
        for _ in 0..64 {
            pace.failed(now);
        }
        assert!(pace.delay(now) > Duration::from_millis(600));
        for _ in 0..8 {
            pace.succeeded(now);
        }
        assert_eq!(pace.delay(now), Duration::ZERO);
    }
}
