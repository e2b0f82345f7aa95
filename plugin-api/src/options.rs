//! Options of the file system's operations, which grow by key.
//!
//! The named fields of an options struct are those that every plugin knows. Whatever comes later
//! travels as an [`ExtensionOption`]: an old plugin ignores one that it does not know, unless the
//! caller marked it as critical, in which case the plugin refuses with
//! [`ErrorKind::Unsupported`] instead of doing less than was asked.

use std::collections::BTreeMap;

use crate::{Error, ErrorKind, FileStatus};

/// The value of an [`ExtensionOption`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionValue {
    /// A number.
    Number(i64),
    /// A text; also for anything that has one.
    Text(String),
}

impl From<i64> for OptionValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for OptionValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// An option that is not (or was not always) part of the interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionOption {
    /// Its value.
    pub value: OptionValue,
    /// Whether a plugin that does not know the key must refuse the call.
    pub critical: bool,
}

/// Options by key, each with its `critical` mark.
///
/// ```
/// use plugin_api::{ErrorKind, Extensions};
///
/// let mut options = Extensions::default();
/// options.set("s3.storage-class", "GLACIER_IR", true);
/// options.set("hint.sequential", 1, false);
/// // A plugin states what it knows; an unknown critical key is refused by name.
/// let error = options.refuse_unknown(&["hint.sequential"]).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Unsupported);
/// assert!(error.to_string().contains("s3.storage-class"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions(BTreeMap<String, ExtensionOption>);

impl Extensions {
    /// Sets an option; the last value of a key counts.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<OptionValue>, critical: bool) {
        self.0.insert(
            key.into(),
            ExtensionOption {
                value: value.into(),
                critical,
            },
        );
    }

    /// The option with this key.
    pub fn get(&self, key: &str) -> Option<&ExtensionOption> {
        self.0.get(key)
    }

    /// The text of the option with this key.
    pub fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.value {
            OptionValue::Text(text) => Some(text),
            OptionValue::Number(_) => None,
        }
    }

    /// The number of the option with this key.
    pub fn number(&self, key: &str) -> Option<i64> {
        match &self.get(key)?.value {
            OptionValue::Number(number) => Some(*number),
            OptionValue::Text(_) => None,
        }
    }

    /// Every option, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ExtensionOption)> {
        self.0.iter().map(|(key, option)| (key.as_str(), option))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fails with [`ErrorKind::Unsupported`] on the first critical option whose key is not in
    /// `known`. Every operation that takes options calls this first.
    pub fn refuse_unknown(&self, known: &[&str]) -> Result<(), Error> {
        match self
            .iter()
            .find(|(key, option)| option.critical && !known.contains(key))
        {
            None => Ok(()),
            Some((key, _)) => Err(Error::new(
                ErrorKind::Unsupported,
                format!("the option '{key}' is required by the caller and not known here"),
            )
            .with_remedy("use a newer plugin, or do without the option")),
        }
    }
}

/// How [`FileSystem::open`](crate::FileSystem::open) opens a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// Bytes that one read may hold in memory; 0 for the plugin's own choice.
    pub buffer_size: u64,
    /// Open only this version: fail with [`ErrorKind::Changed`] if the file's entity tag differs.
    /// "" for whatever is there.
    pub if_match: String,
    /// What the caller already knows of the file, which may save a request. Its location, length
    /// and entity tag are trusted.
    pub status: Option<FileStatus>,
    /// Options by key.
    pub extensions: Extensions,
}

/// Whether [`FileSystem::create`](crate::FileSystem::create) may replace a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteMode {
    /// Fail with [`ErrorKind::AlreadyExists`] if the file exists.
    #[default]
    NoOverwrite,
    /// Replace the file.
    Overwrite,
}

/// How [`FileSystem::create`](crate::FileSystem::create) makes a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateOptions {
    /// Whether an existing file may be replaced.
    pub mode: WriteMode,
    /// Replace the configured entropy key in the path with random characters (checkpoint data), or
    /// remove it (everything else). The stream tells the path that came out.
    pub inject_entropy: bool,
    /// The media type to store, or "".
    pub content_type: String,
    /// Bytes that are expected, as a hint for part sizes; 0 if not known.
    pub size_hint: u64,
    /// Options by key.
    pub extensions: Extensions,
}

impl CreateOptions {
    /// Replace the file if it exists.
    pub fn overwrite() -> Self {
        Self {
            mode: WriteMode::Overwrite,
            ..Self::default()
        }
    }
}

/// How [`FileSystem::list`](crate::FileSystem::list) lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// List everything below, files only, instead of one level.
    pub recursive: bool,
    /// At most this many entries a page; 0 for the plugin's own choice.
    pub page_size: u32,
    /// Options by key.
    pub extensions: Extensions,
}

impl ListOptions {
    /// List every file below.
    pub fn recursive() -> Self {
        Self {
            recursive: true,
            ..Self::default()
        }
    }
}
