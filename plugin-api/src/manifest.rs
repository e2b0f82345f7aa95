//! [`Manifest`]: what a plugin says about itself before any of its code runs.

mod json;

use serde::{Deserialize, Serialize};

use crate::{ConfigOption, Schema, ValueType};

pub use json::PluginSpec;

/// The version of the ABI that this build of `plugin-api` speaks.
///
/// A host loads a plugin of the same major version. Minor versions only append: an older plugin
/// answers a newer call with its default, and the other way round.
pub const ABI_VERSION: AbiVersion = AbiVersion { major: 1, minor: 2 };

/// A version of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AbiVersion {
    /// Another number is another ABI.
    pub major: u32,
    /// Grows when something is appended.
    pub minor: u32,
}

impl std::fmt::Display for AbiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What a plugin says about itself.
///
/// It is stored as JSON in the ELF note [`NOTE_SECTION`] of the shared library, so that versions
/// are refused and schemes routed without running anything of the plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format; 1.
    pub format: u32,
    /// The ABI that the plugin was built against.
    pub abi: AbiVersion,
    /// The lowest minor version of a host's ABI that it works with.
    #[serde(default)]
    pub min_host_minor: u32,
    /// The name of the plugin, such as `s3-native`.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// The schemes it serves, in lower case.
    pub schemes: Vec<String>,
    /// The configuration that it understands.
    #[serde(default)]
    pub options: Vec<OptionInfo>,
    /// What the keys begin with that nobody but this plugin reads: one of these that it does not know
    /// is a mistake.
    #[serde(default)]
    pub owned_prefixes: Vec<String>,
    /// What the keys begin with that count for one authority alone, such as `s3.bucket.`, or "".
    #[serde(default)]
    pub scope_prefix: String,
}

/// A [`ConfigOption`] as a manifest carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionInfo {
    /// The canonical key.
    pub key: String,
    /// Other spellings.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The type of the value.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// The value where none is given.
    #[serde(default)]
    pub default: Option<String>,
    /// The legal values in words.
    #[serde(default)]
    pub range: String,
    /// Whether the value must never be shown.
    #[serde(default)]
    pub secret: bool,
    /// Its names for one authority alone, below the manifest's scope prefix.
    #[serde(default)]
    pub scoped: Vec<String>,
    /// Options of one group are overridden together.
    #[serde(default)]
    pub group: String,
    /// Why it is accepted and does nothing, or "".
    #[serde(default)]
    pub no_effect: String,
    /// The version that first knew it.
    #[serde(default)]
    pub since: String,
    /// What it does.
    #[serde(default)]
    pub description: String,
}

impl From<&ConfigOption> for OptionInfo {
    fn from(option: &ConfigOption) -> Self {
        Self {
            key: option.key.to_owned(),
            aliases: option.aliases.iter().map(|&alias| alias.to_owned()).collect(),
            value_type: option.value_type,
            default: option.default.map(str::to_owned),
            range: option.range.to_owned(),
            secret: option.secret,
            scoped: option.scoped.iter().map(|&name| name.to_owned()).collect(),
            group: option.group.to_owned(),
            no_effect: option.no_effect.to_owned(),
            since: option.since.to_owned(),
            description: option.description.to_owned(),
        }
    }
}

impl OptionInfo {
    /// Its key, then its aliases: every name that counts for all authorities, the preferred ones first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.key)
            .chain(&self.aliases)
            .map(String::as_str)
    }
}

impl Manifest {
    /// The schema of its configuration.
    pub fn schema(&self) -> Schema {
        Schema::new(
            self.options.clone(),
            self.owned_prefixes.clone(),
            self.scope_prefix.clone(),
        )
    }
}

/// The section of the ELF note that holds the manifest.
pub const NOTE_SECTION: &str = ".note.fsplug";

/// The owner name inside the ELF note.
pub const NOTE_OWNER: &str = "fsplug";

/// The type number of the ELF note.
pub const NOTE_TYPE: u32 = 1;
