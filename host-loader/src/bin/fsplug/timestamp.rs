//! Points in time as text, in UTC (RFC 3339).

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// `2026-01-31T23:59:59.123Z`.
pub(crate) fn with_millis(time: SystemTime) -> String {
    let (seconds, millis) = since_epoch(time);
    format!("{}.{millis:03}Z", date_and_time(seconds))
}

/// `2026-01-31T23:59:59Z`.
pub(crate) fn with_seconds(time: SystemTime) -> String {
    format!("{}Z", date_and_time(since_epoch(time).0))
}

/// Whole seconds since 1970 and the milliseconds that come on top; earlier times are negative seconds.
fn since_epoch(time: SystemTime) -> (i64, u32) {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (
            i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            after.subsec_millis(),
        ),
        Err(error) => {
            let before = error.duration();
            let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            match before.subsec_millis() {
                0 => (-seconds, 0),
                millis => (-seconds - 1, 1_000 - millis),
            }
        }
    }
}

fn date_and_time(seconds: i64) -> String {
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// The Gregorian date of a day counted from 1970-01-01.
///
/// Years are taken to begin in March, so that the leap day is the last day of one; then the lengths
/// of the months follow the pattern 31 30 31 30 31, five of which are 153 days.
fn date(day: i64) -> (i64, i64, i64) {
    const DAYS_FROM_MARCH_0_TO_1970: i64 = 719_468;
    const CENTURIES_4: i64 = 146_097;
    let day = day.saturating_add(DAYS_FROM_MARCH_0_TO_1970);
    let cycle = day.div_euclid(CENTURIES_4);
    let of_cycle = day.rem_euclid(CENTURIES_4);
    let leap_days = of_cycle / 1_460 - of_cycle / 36_524 + of_cycle / 146_096;
    let year_of_cycle = (of_cycle - leap_days) / 365;
    let of_year = of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month_from_march + 2) / 5;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = cycle * 400 + year_of_cycle + i64::from(month <= 2);
    (year, month, of_month + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn known_moments() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(with_millis(UNIX_EPOCH + Duration::from_millis(millis)), text);
        }
        let before = UNIX_EPOCH - Duration::from_millis(1);
        assert_eq!(with_millis(before), "1969-12-31T23:59:59.999Z");
        assert_eq!(with_seconds(before), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn each_day_of_eight_centuries_follows_the_one_before() {
        let mut last = date(-146_097);
        for day in -146_096..=146_097 {
            let (year, month, of_month) = date(day);
            let next_day = (last.0, last.1, last.2 + 1) == (year, month, of_month) && of_month <= 31;
            let next_month = of_month == 1 && last.2 >= 28 && (last.0, last.1 + 1) == (year, month);
            let next_year = (month, of_month) == (1, 1) && (last.0 + 1, 12, 31) == (year, last.1, last.2);
            assert!(
                next_day || next_month || next_year,
                "{last:?} {year}-{month}-{of_month}"
            );
            last = (year, month, of_month);
        }
    }
}
