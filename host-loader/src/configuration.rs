//! [`Configuration`]: the values that plugins receive, and where each of them comes from.
//!
//! There are three sources; a later one wins over an earlier one:
//!
//! 1. a configuration file: Flink's `config.yaml` with nested keys, flat ones or both, or the older
//!    `flink-conf.yaml`;
//! 2. the environment: `FLINK_PROPERTIES`, `FSPLUG_PROPERTIES`, then one variable for each key, such as
//!    `FSPLUG_S3_REGION`;
//! 3. the command line, or the embedding program.
//!
//! A blank value is none, wherever it stands: it hides nothing.

mod environment;
mod explanation;
mod file;
mod finding;
mod flink_yaml;
mod host_options;
mod nearest;
mod property_lines;
mod redaction;
mod review;
mod scheme_options;
mod sources;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::PathBuf;

use plugin_api::Config;
use zeroize::Zeroizing;

pub use explanation::{ExplainedOption, Explanation};
pub use finding::{Finding, FindingKind};
pub use host_options::{
    ALLOWED_FALLBACK_FILE_SYSTEMS, DEFAULT_SCHEME, FALLBACK_PLUGIN, HOST, HOST_OPTIONS, REQUIRE_LOCKED,
    REQUIRE_SIGNED, STRICT_CONFIG, TRIAL_LOAD, host_schema,
};
pub use scheme_options::{
    LIMIT_INPUT, LIMIT_OUTPUT, LIMIT_STREAM_TIMEOUT, LIMIT_TIMEOUT, LIMIT_TOTAL, PLUGIN, PRIORITY,
    SchemeOption,
};

pub(crate) use explanation::explain;
pub(crate) use nearest::nearest;
pub(crate) use review::{first_unknown, review};
pub(crate) use scheme_options::{host_schema_with, review_schemes};
pub(crate) use sources::Sources;

/// Where a value comes from. Lines of one file or variable are in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Origin {
    /// A line of a configuration file; lines count from 1.
    File {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// A line of an environment variable that holds several; lines count from 1.
    Properties {
        /// The name of the variable.
        variable: &'static str,
        /// The line.
        line: usize,
    },
    /// An environment variable for this key alone.
    Variable(String),
    /// `-D` on the command line.
    CommandLine,
    /// The program that embeds this library.
    Program,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Properties { variable, line } => write!(f, "{variable}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::CommandLine => f.write_str("-D"),
            Self::Program => f.write_str("the program"),
        }
    }
}

/// A value and where it comes from. The value may be a secret, and so it has no `Debug` and is overwritten when it
/// is dropped.
#[derive(Clone)]
struct Value {
    text: Zeroizing<String>,
    origin: Origin,
}

/// The merged values of all sources, each with its origin.
///
/// `Debug` prints keys and origins only, since any value may be a secret.
#[derive(Clone, Default)]
pub struct Configuration {
    values: BTreeMap<String, Value>,
    findings: Vec<Finding>,
}

impl Configuration {
    /// Sets a value, unless it is blank and there is one already. A switch that makes the host stricter, such as
    /// [`REQUIRE_LOCKED`], is not taken back.
    pub fn set(&mut self, key: impl Into<String>, text: impl Into<String>, origin: Origin) {
        let value = Value {
            text: Zeroizing::new(text.into()),
            origin,
        };
        match self.values.entry(key.into()) {
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
            Entry::Occupied(entry) if host_options::is_final(entry.key(), &entry.get().text) => {}
            Entry::Occupied(mut entry) if !value.text.trim().is_empty() => {
                entry.insert(value);
            }
            Entry::Occupied(_) => {}
        }
    }

    /// Sets every pair of `config`, with one origin.
    pub fn extend(&mut self, config: &Config, origin: &Origin) {
        for (key, value) in config.iter() {
            self.set(key, value, origin.clone());
        }
    }

    /// What plugins receive.
    pub fn config(&self) -> Config {
        Config::from_pairs(
            self.values
                .iter()
                .map(|(key, value)| (key.clone(), value.text.as_str())),
        )
    }

    /// Where the value of a key comes from.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.values.get(key).map(|value| &value.origin)
    }

    /// What was noticed while the sources were read, such as a key that stands twice in a file.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Every key that is set to something, with its value and origin.
    fn set_values(&self) -> impl Iterator<Item = (&str, &str, &Origin)> {
        self.values
            .iter()
            .map(|(key, value)| (key.as_str(), value.text.trim(), &value.origin))
            .filter(|(_, text, _)| !text.is_empty())
    }
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins = self.values.iter().map(|(key, value)| (key, &value.origin));
        f.debug_map().entries(origins).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_value_wins_unless_it_is_blank() {
        let mut configuration = Configuration::default();
        let line = |line| Origin::File {
            path: "c.yaml".into(),
            line,
        };
        configuration.set("a", "", line(1));
        configuration.set("a", "1", line(2));
        configuration.set("a", "2", Origin::Variable("FSPLUG_A".to_owned()));
        configuration.set("a", " ", Origin::CommandLine);
        assert_eq!(configuration.config().get("a"), Some("2"));
        assert_eq!(configuration.origin("a").unwrap().to_string(), "FSPLUG_A");
        assert_eq!(line(2).to_string(), "c.yaml:2");
    }

    #[test]
    fn what_makes_the_host_stricter_is_not_taken_back() {
        let key = REQUIRE_LOCKED.key;
        for first in ["true", "TRUE", "nonsense"] {
            let mut configuration = Configuration::default();
            configuration.set(key, "false", Origin::Program);
            configuration.set(key, first, Origin::Program);
            configuration.set(key, "false", Origin::CommandLine);
            assert_eq!(configuration.config().get(key), Some(first));
            assert_eq!(configuration.origin(key), Some(&Origin::Program));
        }
    }

    #[test]
    fn values_are_not_in_debug() {
        let mut configuration = Configuration::default();
        configuration.set("s3.secret-key", "canary", Origin::CommandLine);
        assert_eq!(format!("{configuration:?}"), r#"{"s3.secret-key": CommandLine}"#);
    }
}
