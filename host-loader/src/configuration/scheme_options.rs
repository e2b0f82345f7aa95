//! The host's options that are set for each scheme: `fs.<scheme>.limit.total` and the like.

mod review;

use std::time::Duration;

use plugin_api::{Config, ConfigOption, Error, OptionInfo, Result, Schema, ValueType};

use super::Configuration;
use super::host_options::HOST_OPTIONS;

pub(crate) use review::review_schemes;

/// What stands in the keys of [`HOST_OPTIONS`] for any scheme.
const SCHEME: &str = "<scheme>";

/// What stands there for the name of a plugin, at the end of a key.
const FACTORY: &str = "<factory>";

/// What follows `fs.<scheme>.` in keys that belong to hosts, also where a plugin owns that prefix.
const OF_A_SCHEME: &[&str] = &["limit", "priority", "plugin"];

/// An option of the host with a value for each scheme. Its key has `<scheme>` where a scheme stands, in lower case.
///
/// ```
/// use host_loader::configuration::LIMIT_INPUT;
/// use host_loader::plugin_api::Config;
///
/// let config = Config::from_pairs([("fs.s3.limit.input", "20")]);
/// assert_eq!(LIMIT_INPUT.limit(&config, "s3")?, Some(20));
/// assert_eq!(LIMIT_INPUT.limit(&config, "gs")?, None);
/// # Ok::<(), host_loader::plugin_api::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SchemeOption(ConfigOption);

/// The most streams that are open at a time.
pub const LIMIT_TOTAL: SchemeOption = limit(
    "fs.<scheme>.limit.total",
    "Most streams of one file system that are open at a time, of both kinds together.",
);

/// The most input streams that are open at a time.
pub const LIMIT_INPUT: SchemeOption = limit(
    "fs.<scheme>.limit.input",
    "Most input streams of one file system that are open at a time.",
);

/// The most output streams that are open at a time.
pub const LIMIT_OUTPUT: SchemeOption = limit(
    "fs.<scheme>.limit.output",
    "Most output streams of one file system that are open at a time, recoverable ones included.",
);

/// How long opening a stream waits for one of the limits.
pub const LIMIT_TIMEOUT: SchemeOption = time(
    "fs.<scheme>.limit.timeout",
    "How long opening a stream may wait for its turn where a limit is reached.",
);

/// When a stream that nobody uses gives way to one that waits.
pub const LIMIT_STREAM_TIMEOUT: SchemeOption = time(
    "fs.<scheme>.limit.stream-timeout",
    "How long a stream may make no progress while others wait for their turn, before it is closed for them.",
);

/// Which of several plugins serves a scheme.
pub const PLUGIN: SchemeOption = SchemeOption(
    ConfigOption::new("fs.<scheme>.plugin", ValueType::Text)
        .range("the name of a plugin that serves the scheme")
        .describe("Which plugin serves the scheme if there are several, whatever their priorities."),
);

/// The priority of one plugin for a scheme.
pub const PRIORITY: SchemeOption = SchemeOption(
    ConfigOption::new("fs.<scheme>.priority.<factory>", ValueType::Integer)
        .range("a whole number")
        .describe(
            "Priority of one plugin for the scheme: of several the one with the highest serves it. <factory> is the \
             name of a plugin, or the class of the Flink factory that it takes the place of. Unset: what the \
             plugin's plugin.toml says, or else 0.",
        ),
);

/// Every option that is set for each scheme.
const SCHEME_OPTIONS: &[SchemeOption] = &[
    LIMIT_TOTAL,
    LIMIT_INPUT,
    LIMIT_OUTPUT,
    LIMIT_TIMEOUT,
    LIMIT_STREAM_TIMEOUT,
    PLUGIN,
    PRIORITY,
];

const fn limit(key: &'static str, description: &'static str) -> SchemeOption {
    SchemeOption(
        ConfigOption::new(key, ValueType::Integer)
            .default("-1")
            .range("a number of streams; 0 or -1 for no limit")
            .describe(description),
    )
}

const fn time(key: &'static str, description: &'static str) -> SchemeOption {
    SchemeOption(
        ConfigOption::new(key, ValueType::Duration)
            .default("0")
            .range("milliseconds, or a time span such as 30 s; 0 for no end")
            .describe(description),
    )
}

impl SchemeOption {
    /// The option as it is listed, with `<scheme>` in its key.
    pub const fn option(&self) -> ConfigOption {
        self.0
    }

    /// The key for one scheme, which is in lower case.
    pub fn key(&self, scheme: &str) -> String {
        self.0.key.replace(SCHEME, scheme)
    }

    /// The key for one scheme and the name of a plugin or factory.
    pub(crate) fn key_of_factory(&self, scheme: &str, factory: &str) -> String {
        self.key(scheme).replace(FACTORY, factory)
    }

    /// Its text for a scheme, or else the default. A blank value is none.
    pub fn text<'a>(&self, config: &'a Config, scheme: &str) -> Option<&'a str> {
        let value = config.get(&self.key(scheme)).map(str::trim);
        value.filter(|value| !value.is_empty()).or(self.0.default)
    }

    /// A number of streams for a scheme; `None` for no limit, which 0 and -1 mean.
    ///
    /// # Errors
    /// [`InvalidConfig`](plugin_api::ErrorKind::InvalidConfig) for less than -1, and for what is no whole number.
    pub fn limit(&self, config: &Config, scheme: &str) -> Result<Option<u64>> {
        let Some(number) = self.read(config, scheme, Config::integer)? else {
            return Ok(None);
        };
        match u64::try_from(number) {
            Ok(number) => Ok((number > 0).then_some(number)),
            Err(_) if number == -1 => Ok(None),
            Err(_) => Err(self.invalid(scheme, &number.to_string(), "it must not be less than -1")),
        }
    }

    /// A time span for a scheme; `None` for no end, which 0 means.
    ///
    /// # Errors
    /// [`InvalidConfig`](plugin_api::ErrorKind::InvalidConfig) for what is no time span.
    pub fn time(&self, config: &Config, scheme: &str) -> Result<Option<Duration>> {
        let time = self.read(config, scheme, Config::duration)?;
        Ok(time.filter(|time| !time.is_zero()))
    }

    /// Of an option with `<factory>` in its key everything that is set for a scheme: what stands for the factory, and the
    /// number.
    ///
    /// # Errors
    /// [`InvalidConfig`](plugin_api::ErrorKind::InvalidConfig) for what is no whole number.
    pub fn by_factory<'a>(&self, config: &'a Config, scheme: &str) -> Result<Vec<(&'a str, i64)>> {
        let prefix = self.key(scheme).replace(FACTORY, "");
        let set = config.iter().filter_map(|(key, value)| {
            let factory = key.strip_prefix(prefix.as_str())?;
            let value = value.trim();
            (!factory.is_empty() && !value.is_empty()).then_some((key, factory, value))
        });
        set.map(|(key, factory, value)| match value.parse() {
            Ok(number) => Ok((factory, number)),
            Err(_) => Err(self.about(key, &self.0.invalid(value, "it must be a whole number"))),
        })
        .collect()
    }

    /// An [`InvalidConfig`](plugin_api::ErrorKind::InvalidConfig) that names the key for this scheme, the value, what is
    /// wrong and what is legal.
    pub fn invalid(&self, scheme: &str, value: &str, why: &str) -> Error {
        self.about(&self.key(scheme), &self.0.invalid(value, why))
    }

    fn read<T>(
        &self,
        config: &Config,
        scheme: &str,
        read: impl FnOnce(&Config, &ConfigOption) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let key = self.key(scheme);
        let own = Config::from_pairs(config.get(&key).map(|value| (self.0.key, value)));
        read(&own, &self.0).map_err(|error| self.about(&key, &error))
    }

    /// The same error with the key that stands in the configuration.
    fn about(&self, key: &str, error: &Error) -> Error {
        let exact = |text: &str| text.replacen(self.0.key, key, 1);
        Error::new(error.kind(), exact(error.message())).with_remedy(exact(error.remedy()))
    }

    /// What follows `fs.<scheme>.` in its key.
    fn name(&self) -> &'static str {
        let start = "fs.".len() + SCHEME.len() + ".".len();
        &self.0.key[start..]
    }

    /// Whether this is how one of its keys goes on behind `fs.<scheme>.`.
    fn is_named(&self, name: &str) -> bool {
        match self.name().strip_suffix(FACTORY) {
            Some(start) => name.len() > start.len() && name.starts_with(start),
            None => name == self.name(),
        }
    }
}

/// The schema of the host's options with one for each key that the configuration sets for a scheme, or for this
/// scheme.
pub(crate) fn host_schema_with(configuration: &Configuration, scheme: Option<&str>) -> Schema {
    let mut options: Vec<OptionInfo> = HOST_OPTIONS.iter().map(OptionInfo::from).collect();
    for (key, ..) in configuration.set_values() {
        let Some((of, name)) = split(key) else { continue };
        let known = SCHEME_OPTIONS.iter().find(|option| option.is_named(name));
        if let Some(option) = known.filter(|_| scheme.is_none_or(|scheme| scheme == of)) {
            options.push(OptionInfo {
                key: key.to_owned(),
                ..OptionInfo::from(&option.0)
            });
        }
    }
    Schema::new(options, Vec::new(), String::new())
}

/// Whether a key is one about a scheme that belongs to hosts.
pub(super) fn is_of_scheme(key: &str) -> bool {
    split(key).is_some()
}

/// The key that a variable sets for one scheme, by `FSPLUG_FS_<SCHEME>` and the end of a variable for each option. A
/// scheme with other characters than letters and digits has no variable.
pub(super) fn key_of_variable(name: &str, variable: &dyn Fn(&str) -> String) -> Option<String> {
    SCHEME_OPTIONS.iter().find_map(|option| {
        let (start, end) = option.0.key.split_once(SCHEME)?;
        let end = variable(end);
        let end = &end[variable("").len()..];
        let scheme = name.strip_prefix(&variable(start))?.strip_suffix(end)?;
        let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_pattern = option.0.key.ends_with(FACTORY);
        (is_scheme && !is_pattern).then(|| option.key(&scheme.to_ascii_lowercase()))
    })
}

/// Whether a key of [`HOST_OPTIONS`] stands for one of each scheme.
pub(super) fn is_pattern(key: &str) -> bool {
    key.contains(SCHEME)
}

/// The scheme of a key that belongs to hosts, and what follows.
fn split(key: &str) -> Option<(&str, &str)> {
    let (scheme, name) = key.strip_prefix("fs.")?.split_once('.')?;
    let is_ours = OF_A_SCHEME.contains(&name.split('.').next()?);
    (!scheme.is_empty() && is_ours).then_some((scheme, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Origin;
    use plugin_api::ErrorKind;

    #[test]
    fn limits_and_times_are_read_for_one_scheme_and_zero_means_none() {
        let config = Config::from_pairs([
            ("fs.s3.limit.total", " 7 "),
            ("fs.s3.limit.input", "0"),
            ("fs.s3.limit.output", "-1"),
            ("fs.s3.limit.timeout", "1500"),
            ("fs.s3.limit.stream-timeout", "2 s"),
            ("fs.gs.limit.total", ""),
            ("fs.gs.limit.timeout", "0"),
        ]);
        for (option, s3) in [(LIMIT_TOTAL, Some(7)), (LIMIT_INPUT, None), (LIMIT_OUTPUT, None)] {
            assert_eq!(option.limit(&config, "s3").unwrap(), s3);
            assert_eq!(option.limit(&config, "gs").unwrap(), None);
        }
        let times = |scheme| [LIMIT_TIMEOUT, LIMIT_STREAM_TIMEOUT].map(|o| o.time(&config, scheme).unwrap());
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(times("s3"), [millis(1500), millis(2000)]);
        assert_eq!(times("gs"), [None, None]);
    }

    #[test]
    fn a_value_that_cannot_be_read_names_the_key_of_its_scheme() {
        let config = Config::from_pairs([
            ("fs.s3.limit.total", "-2"),
            ("fs.s3.limit.input", "many"),
            ("fs.s3.limit.timeout", "5 parsecs"),
            ("fs.s3.priority.x", "high"),
        ]);
        let errors = [
            (LIMIT_TOTAL.limit(&config, "s3").unwrap_err(), "fs.s3.limit.total"),
            (LIMIT_INPUT.limit(&config, "s3").unwrap_err(), "fs.s3.limit.input"),
            (
                LIMIT_TIMEOUT.time(&config, "s3").unwrap_err(),
                "fs.s3.limit.timeout",
            ),
            (
                PRIORITY.by_factory(&config, "s3").unwrap_err(),
                "fs.s3.priority.x",
            ),
        ];
        for (error, key) in errors {
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.message().starts_with(&format!("'{key}' is '")), "{error}");
            assert!(error.remedy().starts_with(&format!("set '{key}' to ")), "{error}");
        }
    }

    #[test]
    fn priorities_are_those_of_the_scheme_by_the_name_of_the_factory() {
        let config = Config::from_pairs([
            ("fs.s3.priority.org.x.Factory", "5"),
            ("fs.s3.priority.s3-native", "-3"),
            ("fs.s3.priority.blank", " "),
            ("fs.s3.priority.", "1"),
            ("fs.s3a.priority.other", "1"),
        ]);
        let expected = vec![("org.x.Factory", 5), ("s3-native", -3)];
        assert_eq!(PRIORITY.by_factory(&config, "s3").unwrap(), expected);
    }

    #[test]
    fn the_schema_of_a_configuration_has_the_keys_that_it_sets() {
        let config = Config::from_pairs([
            ("fs.s3.limit.total", "1"),
            ("fs.s3.priority.a.B", "1"),
            ("fs.gs.plugin", "x"),
            ("fs.s3.limit.totl", "1"),
        ]);
        let mut configuration = Configuration::default();
        configuration.extend(&config, &Origin::Program);
        let added = |scheme| -> Vec<String> {
            let schema = host_schema_with(&configuration, scheme);
            let options = schema.options().iter().skip(HOST_OPTIONS.len());
            options.map(|option| option.key.clone()).collect()
        };
        assert_eq!(
            added(None),
            ["fs.gs.plugin", "fs.s3.limit.total", "fs.s3.priority.a.B"]
        );
        assert_eq!(added(Some("gs")), ["fs.gs.plugin"]);
    }
}
