//! How long to wait before a repetition.

use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::table::Action;

/// Exponential delays with full jitter: anything between nothing and a bound that doubles with each
/// attempt, so that callers that failed together do not come back together.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The bound before the first repetition.
    pub base: Duration,
    /// The same for a service that asks for fewer requests.
    pub throttle_base: Duration,
    /// The bound does not grow beyond.
    pub max: Duration,
}

impl Backoff {
    /// The delay after this attempt, counted from 1. `random` is in `0.0..1.0`.
    ///
    /// What the service asked for with `Retry-After` is the least, and not limited by the bound; a
    /// little is added, so that not everybody comes back in the same moment.
    pub fn delay(
        &self,
        action: Action,
        attempt: u32,
        retry_after: Option<Duration>,
        random: f64,
    ) -> Duration {
        let base = match action {
            Action::Retry => self.base,
            Action::Wait => self.throttle_base,
            Action::Fail | Action::RefreshCredentials | Action::ChangeRegion | Action::CorrectClock => {
                Duration::ZERO
            }
        };
        let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let jittered = base.saturating_mul(doubled).min(self.max).mul_f64(random);
        match retry_after {
            Some(least) => jittered.max(least.saturating_add(least.min(self.max).mul_f64(random / 8.0))),
            None => jittered,
        }
    }
}

/// Longer requests of a service are not believed; nobody waits that long.
const LONGEST: Duration = Duration::from_hours(24);

/// The value of a `Retry-After` header: seconds, or a date.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        let delay = Duration::try_from_secs_f64(seconds).ok()?;
        return Some(delay.min(LONGEST));
    }
    let date = DateTime::from_str(value, Format::HttpDate).ok()?;
    let until = SystemTime::try_from(date).ok()?;
    Some(until.duration_since(now).unwrap_or_default().min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        base: Duration::from_millis(100),
        throttle_base: Duration::from_secs(1),
        max: Duration::from_secs(20),
    };

    #[test]
    fn the_bound_doubles_up_to_the_maximum_and_the_jitter_is_full() {
        let bound = |action, attempt| BACKOFF.delay(action, attempt, None, 1.0).as_millis();
        assert_eq!([1, 2, 3].map(|n| bound(Action::Retry, n)), [100, 200, 400]);
        assert_eq!(
            [1, 5, 6, 40, u32::MAX].map(|n| bound(Action::Wait, n)),
            [1000, 16_000, 20_000, 20_000, 20_000]
        );
        assert_eq!(BACKOFF.delay(Action::Wait, 3, None, 0.0), Duration::ZERO);
        assert_eq!(BACKOFF.delay(Action::ChangeRegion, 1, None, 0.9), Duration::ZERO);
    }

    #[test]
    fn the_service_is_never_asked_before_it_wants_to_be() {
        for random in [0.0, 0.5, 0.999] {
            let asked = Duration::from_secs(90);
            let delay = BACKOFF.delay(Action::Retry, 1, Some(asked), random);
            assert!(delay >= asked && delay < asked.mul_f64(1.2), "{delay:?}");
        }
        let delay = BACKOFF.delay(Action::Wait, 2, Some(Duration::ZERO), 0.5);
        assert_eq!(delay, Duration::from_secs(1));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_nonsense_is_ignored() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let read = |value| retry_after(value, now);
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read(" 0 "), Some(Duration::ZERO));
        assert_eq!(
            read("Sun, 06 Nov 1994 08:49:47 GMT"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("99999999999"), Some(LONGEST));
        for nonsense in ["", "soon", "-5", "NaN", "1e400"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
