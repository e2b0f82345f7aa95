//! [`ConfigOption`]: one option that a plugin understands.

use crate::{Error, ErrorKind};

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
    /// The names that it has below the schema's scope prefix: with `sse.type` and the prefix `s3.bucket.`
    /// the key `s3.bucket.my.bucket.sse.type` sets it for `my.bucket` alone. Empty if it counts for all alike.
    pub scoped: &'static [&'static str],
    /// Options of one group are overridden together: if a scope sets one of them, it inherits none of the
    /// others. "" for no group.
    pub group: &'static str,
    /// Why it is accepted and does nothing here; "" if it does something.
    pub no_effect: &'static str,
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
            scoped: &[],
            group: "",
            no_effect: "",
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

    /// With the names that it has for one bucket or other authority alone.
    #[must_use]
    pub const fn scoped(self, scoped: &'static [&'static str]) -> Self {
        Self { scoped, ..self }
    }

    /// With the options that a scope overrides together.
    #[must_use]
    pub const fn group(self, group: &'static str) -> Self {
        Self { group, ..self }
    }

    /// A key that is accepted because people have it, and why it does nothing here.
    #[must_use]
    pub const fn no_effect(self, no_effect: &'static str) -> Self {
        Self { no_effect, ..self }
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
