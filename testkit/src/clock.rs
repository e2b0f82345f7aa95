//! The server's idea of the time.

use std::io;
use std::time::{Duration, SystemTime};

use s3s::dto::{Timestamp, TimestampFormat};

/// A clock that may be wrong by a constant.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    /// Seconds ahead of the system; negative if behind.
    offset: i64,
}

/// The most that a clock can be wrong, in seconds: dates have to stay within four-digit years after 1970.
const MAX_OFFSET: u64 = 50 * 365 * 86_400;

impl Clock {
    pub(crate) fn off_by(offset: i64) -> io::Result<Self> {
        if offset.unsigned_abs() > MAX_OFFSET {
            let message =
                format!("a clock that is {offset} s off cannot be served; the most is {MAX_OFFSET} s");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(Self { offset })
    }

    pub(crate) fn now(self) -> SystemTime {
        let by = Duration::from_secs(self.offset.unsigned_abs());
        let now = SystemTime::now();
        if self.offset < 0 { now - by } else { now + by }
    }
}

/// As an XML document has it, such as `2026-01-31T12:00:00.000Z`.
pub(crate) fn iso8601(time: SystemTime) -> String {
    format(time, TimestampFormat::DateTime)
}

/// As a `Date` header has it.
pub(crate) fn http_date(time: SystemTime) -> String {
    format(time, TimestampFormat::HttpDate)
}

fn format(time: SystemTime, format: TimestampFormat) -> String {
    let mut text = Vec::new();
    Timestamp::from(time)
        .format(format, &mut text)
        .expect("a buffer takes all, and clocks are limited to years that can be written");
    String::from_utf8_lossy(&text).into_owned()
}

/// Reads the date of a signature, such as `20260131T120000Z`.
pub(crate) fn signature_date(text: &str) -> Option<Timestamp> {
    let digits = |range| text.get(range);
    let (year, month, day) = (digits(0..4)?, digits(4..6)?, digits(6..8)?);
    let (hour, minute, second) = (digits(9..11)?, digits(11..13)?, digits(13..15)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    Timestamp::parse(TimestampFormat::DateTime, &text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_a_signature_is_read_and_nonsense_is_not() {
        let epoch = SystemTime::UNIX_EPOCH + Duration::from_secs(86_399);
        assert_eq!(signature_date("19700101T235959Z"), Some(Timestamp::from(epoch)));
        for nonsense in [
            "",
            "19700101",
            "1970-01-01T23:59:59Z",
            "19701301T000000Z",
            "日本語日本語",
        ] {
            assert_eq!(signature_date(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_clock_goes_wrong_in_both_directions() {
        let now = SystemTime::now();
        assert!(Clock::off_by(60).unwrap().now() >= now + Duration::from_mins(1));
        assert!(Clock::off_by(-60).unwrap().now() < now);
        assert!(Clock::off_by(i64::MAX).is_err());
        assert!(Clock::off_by(i64::MIN).is_err());
    }
}
