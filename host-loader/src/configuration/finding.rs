//! [`Finding`]: what is worth knowing about a configuration, and is no error.

use std::fmt;

use super::Origin;

/// What is worth knowing about a configuration. `Display` is one line without any value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of thing it is.
    pub kind: FindingKind,
    /// The key that it is about; the name of the variable or file if no key is known.
    pub key: String,
    /// Where that stands.
    pub origin: Origin,
    /// What it is, in one sentence that does not name the origin.
    pub message: String,
    /// What was probably meant, or "".
    pub nearest: String,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// The text of a source was not quite what it should be, and could be read all the same.
    Syntax,
    /// A key that stands twice in one source.
    DuplicateKey,
    /// A key that only one plugin would read, and that it does not know.
    UnknownKey,
    /// A variable that looks like that of a key, and is none.
    UnknownVariable,
    /// A key that is accepted and does nothing.
    NoEffect,
    /// Two spellings of one option that say different things.
    Contradiction,
}

impl FindingKind {
    /// The name in JSON output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::DuplicateKey => "duplicate-key",
            Self::UnknownKey => "unknown-key",
            Self::UnknownVariable => "unknown-variable",
            Self::NoEffect => "no-effect",
            Self::Contradiction => "contradiction",
        }
    }
}

impl Finding {
    /// A finding that suggests nothing.
    pub(super) fn new(
        kind: FindingKind,
        key: impl Into<String>,
        origin: Origin,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            key: key.into(),
            origin,
            message: message.into(),
            nearest: String::new(),
        }
    }

    /// With what was probably meant.
    pub(super) fn with_nearest(self, nearest: impl Into<String>) -> Self {
        Self {
            nearest: nearest.into(),
            ..self
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}
