//! [`Allowed`]: what the contract allows a call to come to.

use std::fmt;

use plugin_api::{Error, ErrorKind};

/// What the contract allows a call to come to. Where it leaves room this is a set, never everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    success: bool,
    errors: Vec<ErrorKind>,
}

impl Allowed {
    /// Nothing but success.
    pub(crate) fn success() -> Self {
        Self {
            success: true,
            errors: Vec::new(),
        }
    }

    /// One of these errors.
    pub(crate) fn error(kinds: &[ErrorKind]) -> Self {
        Self {
            success: false,
            errors: kinds.to_vec(),
        }
    }

    /// This, or one of these errors too.
    pub(crate) fn or(mut self, kinds: &[ErrorKind]) -> Self {
        self.errors.extend_from_slice(kinds);
        self
    }

    /// This, or success too if that holds.
    pub(crate) fn or_success_if(mut self, condition: bool) -> Self {
        self.success |= condition;
        self
    }

    /// The value of a success and `None` for an error, if they are allowed.
    pub(crate) fn judge<T>(&self, what: &str, result: Result<T, Error>) -> Result<Option<T>, String> {
        match result {
            Ok(value) if self.success => Ok(Some(value)),
            Ok(_) => Err(format!("{what} is a success, and {self} is right")),
            Err(error) if self.errors.contains(&error.kind()) => Ok(None),
            Err(error) => Err(format!(
                "{what} failed ({}: {error}), and {self} is right",
                error.kind()
            )),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.errors.iter().map(|kind| kind.as_str());
        let all: Vec<_> = self
            .success
            .then_some("success")
            .into_iter()
            .chain(kinds)
            .collect();
        f.write_str(&all.join(" or "))
    }
}
