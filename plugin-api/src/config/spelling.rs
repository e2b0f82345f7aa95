//! How Flink spells sizes, time spans and maps.

use std::collections::BTreeMap;
use std::time::Duration;

/// Splits `12 mb` into number and unit in lower case.
fn number_and_unit(text: &str) -> Option<(u64, String)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number = text[..digits].parse().ok()?;
    Some((number, text[digits..].trim().to_ascii_lowercase()))
}

pub(super) fn parse_bytes(text: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "it must be a number of bytes, bare or with a unit of b, kb, mb, gb or tb";
    let (number, unit) = number_and_unit(text).ok_or(WRONG)?;
    let factor: u64 = match unit.as_str() {
        "" | "b" | "bytes" => 1,
        "k" | "kb" | "kib" | "kibibytes" => 1 << 10,
        "m" | "mb" | "mib" | "mebibytes" => 1 << 20,
        "g" | "gb" | "gib" | "gibibytes" => 1 << 30,
        "t" | "tb" | "tib" | "tebibytes" => 1 << 40,
        _ => return Err(WRONG),
    };
    number.checked_mul(factor).ok_or("it is too large")
}

pub(super) fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const WRONG: &str =
        "it must be a time span: bare milliseconds, or with a unit of ns, us, ms, s, min, h or d";
    let (number, unit) = number_and_unit(text).ok_or(WRONG)?;
    let seconds = |each: u64| {
        number
            .checked_mul(each)
            .map(Duration::from_secs)
            .ok_or("it is too large")
    };
    match unit.as_str() {
        "ns" | "nano" | "nanosecond" | "nanoseconds" => Ok(Duration::from_nanos(number)),
        "us" | "µs" | "micro" | "microsecond" | "microseconds" => Ok(Duration::from_micros(number)),
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => Ok(Duration::from_millis(number)),
        "s" | "sec" | "secs" | "second" | "seconds" => Ok(Duration::from_secs(number)),
        "min" | "m" | "minute" | "minutes" => seconds(60),
        "h" | "hour" | "hours" => seconds(3_600),
        "d" | "day" | "days" => seconds(86_400),
        _ => Err(WRONG),
    }
}

/// `k:v,k2:v2`; what stands behind the first colon of a pair is its value.
pub(super) fn parse_map(text: &str) -> Result<BTreeMap<String, String>, &'static str> {
    let mut map = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair
            .split_once(':')
            .filter(|(key, _)| !key.trim().is_empty())
            .ok_or("it must be pairs such as key:value,key2:value2")?;
        map.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(map)
}
