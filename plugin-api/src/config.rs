//! The schema of a plugin's configuration, and [`Config`], the values.

mod option;
mod schema;
mod spelling;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::Result;
use spelling::{parse_bytes, parse_duration, parse_map};

pub use option::{ConfigOption, ValueType};
pub use schema::{Effective, Schema, Scoped};

/// Configuration values by key.
///
/// Any value may be a secret: `Debug` prints keys only, and a value is overwritten in memory when it is replaced,
/// removed or dropped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Config(BTreeMap<String, Zeroizing<String>>);

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
                .map(|(key, value)| (key.into(), Zeroizing::new(value.into())))
                .collect(),
        )
    }

    /// Sets a value.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.insert(key.into(), Zeroizing::new(value.into()));
    }

    /// The value of exactly this key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| value.as_str())
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

    /// The pairs of a map option: one dotted sub-key for each, such as `key.department: finance`, or
    /// all in one value, `department:finance,project:x`. Of a pair that stands in both the sub-key counts.
    pub fn map(&self, option: &ConfigOption) -> Result<BTreeMap<String, String>> {
        let mut map = self.parse(option, parse_map)?.unwrap_or_default();
        let names = option.aliases.iter().rev().copied();
        for name in names.chain([option.key]) {
            map.extend(
                self.below(name)
                    .map(|(key, value)| (key.to_owned(), value.trim().to_owned())),
            );
        }
        Ok(map)
    }

    /// Removes a value.
    pub fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// The pairs whose key is `name.` and a sub-key, by sub-key.
    fn below<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.range(format!("{name}.")..).map_while(move |(key, value)| {
            let sub_key = key.strip_prefix(name)?.strip_prefix('.')?;
            Some((sub_key, value.as_str()))
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

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
    fn a_map_is_read_from_one_value_and_from_sub_keys() {
        const CONTEXT: ConfigOption = ConfigOption::new("s3.context", ValueType::Map);
        let config = Config::from_pairs([
            ("s3.context", "a:1, b:x:y"),
            ("s3.context.a", " 2 "),
            ("s3.context.c.d", "3"),
            ("s3.contexts.e", "4"),
        ]);
        let pairs = [("a", "2"), ("b", "x:y"), ("c.d", "3")];
        let expected = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(config.map(&CONTEXT).unwrap(), expected.into());
        assert!(Config::from_pairs([("s3.context", "a")]).map(&CONTEXT).is_err());
        assert!(Config::default().map(&CONTEXT).unwrap().is_empty());
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
