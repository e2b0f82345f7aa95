//! [`ConfigOption`], the schema of a plugin's configuration, and [`Config`], the values.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::{Error, ErrorKind, Result};

/// The type of an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ValueType {
    /// Any text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A number of bytes: bare, or with a unit such as `5 mb` (1024-based, as Flink's `MemorySize`).
    Bytes,
    /// A time span: bare milliseconds, or with a unit such as `30 s`, `2 min` (Flink's `Duration`).
    Duration,
    /// Texts separated by commas.
    List,
    /// `key:value` pairs separated by commas, or one dotted sub-key for each.
    Map,
}

impl ValueType {
    /// The name in manifests and generated documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bool => "bool",
            Self::Integer => "integer",
            Self::Bytes => "bytes",
            Self::Duration => "duration",
            Self::List => "list",
            Self::Map => "map",
        }
    }
}

/// One option that a plugin understands: the single source of its documentation, its error texts
/// and its reading.
///
/// ```
/// use plugin_api::{Config, ConfigOption, ValueType};
///
/// const PART_SIZE: ConfigOption = ConfigOption::new("s3.upload.min.part.size", ValueType::Bytes)
///     .default("5242880")
///     .range("5 MiB to 5 GiB")
///     .describe("Smallest part of a multipart upload.");
///
/// let config = Config::from_pairs([("s3.upload.min.part.size", "8 mb")]);
/// assert_eq!(config.bytes(&PART_SIZE)?, Some(8 << 20));
/// assert_eq!(Config::default().bytes(&PART_SIZE)?, Some(5 << 20));
/// # Ok::<(), plugin_api::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigOption {
    /// The canonical key.
    pub key: &'static str,
    /// Other spellings, in order of preference; the canonical key wins over all of them.
    pub aliases: &'static [&'static str],
    /// The type of the value.
    pub value_type: ValueType,
    /// The value where none is given, in the spelling of a file; `None` if there is none.
    pub default: Option<&'static str>,
    /// The legal values in words, or "".
    pub range: &'static str,
    /// Whether the value must never be shown.
    pub secret: bool,
    /// The version of the plugin that first knew it, or "".
    pub since: &'static str,
    /// What it does, in one or two sentences.
    pub description: &'static str,
}

impl ConfigOption {
    /// An option without default.
    pub const fn new(key: &'static str, value_type: ValueType) -> Self {
        Self {
            key,
            aliases: &[],
            value_type,
            default: None,
            range: "",
            secret: false,
            since: "",
            description: "",
        }
    }

    /// With a default, in the spelling of a file.
    #[must_use]
    pub const fn default(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    /// With other spellings.
    #[must_use]
    pub const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// With the legal values in words.
    #[must_use]
    pub const fn range(self, range: &'static str) -> Self {
        Self { range, ..self }
    }

    /// A value that must never be shown.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// With the version that first knew it.
    #[must_use]
    pub const fn since(self, since: &'static str) -> Self {
        Self { since, ..self }
    }

    /// With what it does.
    #[must_use]
    pub const fn describe(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    /// An [`ErrorKind::InvalidConfig`] that names the key, the value unless it is a secret, what is
    /// wrong and what is legal.
    pub fn invalid(&self, value: &str, why: &str) -> Error {
        let shown = if self.secret { "<redacted>" } else { value };
        let remedy = if self.range.is_empty() {
            format!(
                "set '{}' to a value of type {}",
                self.key,
                self.value_type.as_str()
            )
        } else {
            format!("set '{}' to {}", self.key, self.range)
        };
        Error::new(
            ErrorKind::InvalidConfig,
            format!("'{}' is '{shown}': {why}", self.key),
        )
        .with_remedy(remedy)
    }
}

/// Configuration values by key.
///
/// `Debug` prints keys only, since any value may be a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Config(BTreeMap<String, String>);

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Config {
    /// A configuration of these pairs; the last value of a key counts.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }

    /// Sets a value.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.insert(key.into(), value.into());
    }

    /// The value of exactly this key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Every pair, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Adds the pairs of `over`, which win.
    pub fn extend(&mut self, over: &Self) {
        self.0
            .extend(over.0.iter().map(|(key, value)| (key.clone(), value.clone())));
    }

    /// The text of an option: by its key, else by the first alias that is set, else the default.
    /// Surrounding white space is not part of a value, and a blank value is none.
    pub fn text<'a>(&'a self, option: &ConfigOption) -> Option<&'a str> {
        std::iter::once(option.key)
            .chain(option.aliases.iter().copied())
            .find_map(|key| self.get(key).map(str::trim).filter(|value| !value.is_empty()))
            .or(option.default)
    }

    /// The truth value of an option.
    pub fn bool(&self, option: &ConfigOption) -> Result<Option<bool>> {
        self.parse(option, |text| match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("it must be true or false"),
        })
    }

    /// The whole number of an option.
    pub fn integer(&self, option: &ConfigOption) -> Result<Option<i64>> {
        self.parse(option, |text| {
            text.parse().map_err(|_| "it must be a whole number")
        })
    }

    /// The number of bytes of an option.
    pub fn bytes(&self, option: &ConfigOption) -> Result<Option<u64>> {
        self.parse(option, parse_bytes)
    }

    /// The time span of an option.
    pub fn duration(&self, option: &ConfigOption) -> Result<Option<Duration>> {
        self.parse(option, parse_duration)
    }

    /// The elements of a list option, without blank ones.
    pub fn list(&self, option: &ConfigOption) -> Vec<String> {
        let text = self.text(option).unwrap_or_default();
        text.split([',', ';'])
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn parse<'a, T>(
        &'a self,
        option: &ConfigOption,
        parse: impl FnOnce(&'a str) -> Result<T, &'static str>,
    ) -> Result<Option<T>> {
        let Some(text) = self.text(option) else {
            return Ok(None);
        };
        parse(text).map(Some).map_err(|why| option.invalid(text, why))
    }
}

/// Splits `12 mb` into number and unit in lower case.
fn number_and_unit(text: &str) -> Option<(u64, String)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number = text[..digits].parse().ok()?;
    Some((number, text[digits..].trim().to_ascii_lowercase()))
}

fn parse_bytes(text: &str) -> Result<u64, &'static str> {
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

fn parse_duration(text: &str) -> Result<Duration, &'static str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: ConfigOption =
        ConfigOption::new("s3.size", ValueType::Bytes).aliases(&["fs.s3a.size", "old.size"]);
    const WAIT: ConfigOption = ConfigOption::new("s3.wait", ValueType::Duration).default("60 s");

    #[test]
    fn the_canonical_key_wins_over_aliases_and_blank_values_do_not_count() {
        let mut config = Config::from_pairs([("old.size", "1"), ("fs.s3a.size", "2")]);
        assert_eq!(config.bytes(&SIZE).unwrap(), Some(2));
        config.set("s3.size", "  ");
        assert_eq!(config.bytes(&SIZE).unwrap(), Some(2));
        config.set("s3.size", "3");
        assert_eq!(config.bytes(&SIZE).unwrap(), Some(3));
    }

    #[test]
    fn flinks_spellings_of_sizes_and_time_spans_are_read() {
        for (text, bytes) in [
            ("5242880", 5 << 20),
            ("5mb", 5 << 20),
            ("5 MB", 5 << 20),
            ("2 gibibytes", 2 << 30),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for (text, millis) in [
            ("100", 100),
            ("100 ms", 100),
            ("30 s", 30_000),
            ("2 min", 120_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(
            Config::default().duration(&WAIT).unwrap(),
            Some(Duration::from_mins(1))
        );
    }

    #[test]
    fn what_cannot_be_read_names_the_key_and_the_value() {
        for text in ["x", "5 parsecs", "-1", "99999999999 tb", "1.5mb"] {
            let error = Config::from_pairs([("s3.size", text)]).bytes(&SIZE).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(
                error.to_string().contains("'s3.size'") && error.to_string().contains(text),
                "{error}"
            );
        }
    }

    #[test]
    fn secrets_are_neither_in_debug_nor_in_errors() {
        const SECRET: ConfigOption = ConfigOption::new("s3.secret-key", ValueType::Text).secret();
        let config = Config::from_pairs([("s3.secret-key", "canary")]);
        assert!(!format!("{config:?}").contains("canary"));
        assert!(
            !SECRET
                .invalid("canary", "too short")
                .to_string()
                .contains("canary")
        );
    }
}
