//! [`FileStatus`]: what is known about a file or directory.

use std::time::SystemTime;

use crate::Location;

/// Whether a status describes a file or a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A file; a zero-byte object is one too.
    File,
    /// A directory, or on an object store a prefix with something below it.
    Directory,
}

/// What is known about a file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileStatus {
    /// Its location, with the key exactly as the store has it.
    pub location: Location,
    /// File or directory.
    pub kind: FileKind,
    /// Length in bytes; 0 for a directory.
    pub len: u64,
    /// Last modification, if the store says so. Millisecond precision.
    pub modified: Option<SystemTime>,
    /// The entity tag of this version of the content, as the store wrote it; "" if there is none.
    pub etag: String,
    /// Further facts by key, such as `version-id`.
    pub attributes: Vec<(String, String)>,
}

impl FileStatus {
    /// The status of a file of `len` bytes.
    pub fn file(location: Location, len: u64) -> Self {
        Self {
            location,
            kind: FileKind::File,
            len,
            modified: None,
            etag: String::new(),
            attributes: Vec::new(),
        }
    }

    /// The status of a directory.
    pub fn directory(location: Location) -> Self {
        Self {
            kind: FileKind::Directory,
            ..Self::file(location, 0)
        }
    }

    /// With the time of the last modification.
    #[must_use]
    pub fn with_modified(mut self, modified: Option<SystemTime>) -> Self {
        self.modified = modified;
        self
    }

    /// With the entity tag.
    #[must_use]
    pub fn with_etag(mut self, etag: impl Into<String>) -> Self {
        self.etag = etag.into();
        self
    }

    /// With a further fact.
    #[must_use]
    pub fn with_attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((key.into(), value.into()));
        self
    }

    /// The further fact with this key.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Whether this is a file.
    pub fn is_file(&self) -> bool {
        self.kind == FileKind::File
    }

    /// Whether this is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == FileKind::Directory
    }
}
