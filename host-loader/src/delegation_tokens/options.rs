//! The configuration of delegation tokens that belongs to the host.

use std::time::Duration;

use plugin_api::{Config, ConfigOption, Result, ValueType};

/// What the keys of one service begin with, in front of its name and a dot.
const PROVIDER_PREFIX: &str = "security.delegation.token.provider.";

/// The longest time span between two attempts.
const LONGEST: Duration = Duration::from_hours(24);

const ENABLED: ConfigOption = ConfigOption::new("security.delegation.tokens.enabled", ValueType::Bool)
    .default("true")
    .describe("Whether delegation tokens are obtained, and taken into use where they arrive.");

const TIME_RATIO: ConfigOption =
    ConfigOption::new("security.delegation.tokens.renewal.time-ratio", ValueType::Text)
        .default("0.75")
        .range("a number above 0 and up to 1")
        .describe("The part of the validity of tokens after which new ones are obtained.");

const INITIAL_BACKOFF: ConfigOption = ConfigOption::new(
    "security.delegation.tokens.renewal.retry.initial.backoff",
    ValueType::Duration,
)
.default("10 s")
.range("1 ms to 24 h")
.describe("The wait after the first failure to obtain tokens; it doubles with every further one.");

const MAX_BACKOFF: ConfigOption = ConfigOption::new(
    "security.delegation.tokens.renewal.retry.max.backoff",
    ValueType::Duration,
)
.default("10 min")
.range("the initial backoff to 24 h")
.describe("The longest wait after a failure to obtain tokens.");

/// What Flink had before the two above.
const OLD_BACKOFF: ConfigOption = ConfigOption::new(
    "security.delegation.tokens.renewal.retry.backoff",
    ValueType::Duration,
)
.range("1 ms to 24 h")
.describe("The old name of the initial backoff.");

const COOLDOWN: ConfigOption = ConfigOption::new(
    "security.delegation.tokens.reobtain.cooldown",
    ValueType::Duration,
)
.default("10 s")
.range("0 to 24 h")
.describe("How long after an attempt the next one on demand begins at the earliest.");

/// Every key of the host that is about delegation tokens.
#[cfg(test)]
const ALL: &[ConfigOption] = &[
    ENABLED,
    TIME_RATIO,
    INITIAL_BACKOFF,
    MAX_BACKOFF,
    OLD_BACKOFF,
    COOLDOWN,
];

/// When tokens are obtained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Policy {
    /// Above 0 and up to 1.
    pub(super) ratio: f64,
    /// Above zero.
    pub(super) initial_backoff: Duration,
    /// Not below the initial one.
    pub(super) max_backoff: Duration,
    pub(super) cooldown: Duration,
}

impl Policy {
    /// # Errors
    /// [`InvalidConfig`](plugin_api::ErrorKind::InvalidConfig) names the key and the legal values.
    pub(super) fn read(config: &Config) -> Result<Self> {
        let text = config.text(&TIME_RATIO).unwrap_or_default();
        let ratio = match text.parse::<f64>() {
            Ok(ratio) if ratio > 0.0 && ratio <= 1.0 => ratio,
            _ => return Err(TIME_RATIO.invalid(text, "it is not a part of the validity")),
        };
        let initial = if config.get(INITIAL_BACKOFF.key).is_none() && config.text(&OLD_BACKOFF).is_some() {
            tracing::warn!(
                "'{}' is the old name of '{}' and is used for it",
                OLD_BACKOFF.key,
                INITIAL_BACKOFF.key
            );
            &OLD_BACKOFF
        } else {
            &INITIAL_BACKOFF
        };
        let initial_backoff = between(config, initial, Duration::from_millis(1))?;
        let max_backoff = if config.get(MAX_BACKOFF.key).is_some() {
            between(config, &MAX_BACKOFF, initial_backoff)?
        } else {
            // Whoever sets a long initial one alone means no shorter one.
            between(config, &MAX_BACKOFF, Duration::ZERO)?.max(initial_backoff)
        };
        Ok(Self {
            ratio,
            initial_backoff,
            max_backoff,
            cooldown: between(config, &COOLDOWN, Duration::ZERO)?,
        })
    }
}

/// A time span that is no shorter than `least`.
fn between(config: &Config, option: &ConfigOption, least: Duration) -> Result<Duration> {
    let span = config.duration(option)?.unwrap_or_default();
    let text = || config.text(option).unwrap_or_default();
    if span < least {
        return Err(option.invalid(text(), "it is too short"));
    }
    if span > LONGEST {
        return Err(option.invalid(text(), "it is too long"));
    }
    Ok(span)
}

/// Whether there are delegation tokens at all.
pub(crate) fn are_enabled(config: &Config) -> Result<bool> {
    Ok(config.bool(&ENABLED)?.unwrap_or(true))
}

/// Whether the tokens of one service are switched on, which they are unless a key says `false`.
pub(super) fn is_service_enabled(config: &Config, service: &str) -> bool {
    let value = config.get(&format!("{PROVIDER_PREFIX}{service}.enabled"));
    !value.is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
}

/// The service that a key is of, and what it sets there.
pub(super) fn service_of(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix(PROVIDER_PREFIX)?
        .split_once('.')
        .filter(|(service, _)| !service.is_empty())
}

#[cfg(test)]
mod tests {
    use plugin_api::ErrorKind;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Policy> {
        Policy::read(&Config::from_pairs(pairs.iter().copied()))
    }

    #[test]
    fn without_keys_the_documented_defaults_count() {
        let policy = Policy {
            ratio: 0.75,
            initial_backoff: Duration::from_secs(10),
            max_backoff: Duration::from_mins(10),
            cooldown: Duration::from_secs(10),
        };
        assert_eq!(read(&[]).unwrap(), policy);
        assert!(are_enabled(&Config::default()).unwrap());
        let page = include_str!("../../../docs/src/delegation-tokens.md");
        for option in ALL {
            let default = option.default.unwrap_or("–");
            let row = format!("| `{}` | {default} | {} |", option.key, option.range);
            assert!(page.contains(&row), "the page has no row {row}");
        }
    }

    #[test]
    fn the_old_backoff_is_the_initial_one_and_raises_the_longest() {
        let old = read(&[(OLD_BACKOFF.key, "1 h")]).unwrap();
        assert_eq!(
            (old.initial_backoff, old.max_backoff),
            (Duration::from_hours(1), Duration::from_hours(1))
        );
        let both = read(&[(OLD_BACKOFF.key, "1 h"), (INITIAL_BACKOFF.key, "2 s")]).unwrap();
        assert_eq!(both.initial_backoff, Duration::from_secs(2));
    }

    #[test]
    fn values_out_of_their_range_name_the_key_and_what_is_legal() {
        for (key, value) in [
            (TIME_RATIO.key, "0"),
            (TIME_RATIO.key, "1.01"),
            (TIME_RATIO.key, "NaN"),
            (TIME_RATIO.key, "most"),
            (INITIAL_BACKOFF.key, "0"),
            (INITIAL_BACKOFF.key, "25 h"),
            (OLD_BACKOFF.key, "0"),
            (MAX_BACKOFF.key, "9 s"),
            (COOLDOWN.key, "2 d"),
        ] {
            let error = read(&[(key, value)]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            let text = error.to_string();
            assert!(text.contains(key) && text.contains(value), "{text}");
        }
        assert!(are_enabled(&Config::from_pairs([(ENABLED.key, "yes")])).is_err());
    }

    #[test]
    fn keys_name_the_service_they_are_of() {
        assert_eq!(
            service_of("security.delegation.token.provider.s3-native.sts.endpoint"),
            Some(("s3-native", "sts.endpoint"))
        );
        for key in [
            "security.delegation.token.provider.",
            "security.delegation.token.provider..x",
            "s3.region",
        ] {
            assert_eq!(service_of(key), None, "{key}");
        }
    }
}
