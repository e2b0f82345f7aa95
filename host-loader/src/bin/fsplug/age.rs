//! Spans of time as people write them.

use std::time::Duration;

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a number and its unit, such as `7d`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let parsed = UNITS.iter().find_map(|&(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds)
    });
    parsed
        .map(Duration::from_secs)
        .ok_or_else(|| "write a number and one of the units s, m, h, d and w, such as 36h".to_owned())
}

/// The span in its largest whole unit, rounded down, such as `7d`.
pub(crate) fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    // Weeks are harder to compare than days.
    let unit = UNITS[1..].iter().find(|&&(_, unit)| seconds >= unit);
    let &(unit, length) = unit.unwrap_or(&UNITS[4]);
    format!("{}{unit}", seconds / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        for (text, seconds) in [
            ("0s", 0),
            ("90m", 5_400),
            ("36h", 129_600),
            ("7d", 604_800),
            ("1w", 604_800),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "7",
            "d",
            "-1d",
            "1.5h",
            "7 d",
            "7D",
            "99999999999999999999s",
            "99999999999999999d",
        ] {
            assert!(parse(text).unwrap_err().contains("36h"), "{text}");
        }
    }

    #[test]
    fn a_span_is_shown_in_its_largest_unit() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (86_399, "23h"),
            (864_000, "10d"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), text);
        }
    }
}
