//! [`Cause`]: what lies behind an error, reduced to what can cross the boundary.

use std::fmt;

/// One link of the chain of causes; an error of another library reduced to type and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The type or class of the cause, such as `io::Error`; may be empty.
    pub type_name: String,
    /// Its message.
    pub message: String,
}

/// The causes again, linked, for [`std::error::Error::source`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SourceChain {
    message: String,
    next: Option<Box<SourceChain>>,
}

impl SourceChain {
    pub(super) fn link(causes: &[Cause]) -> Option<Self> {
        let (first, rest) = causes.split_first()?;
        Some(Self {
            message: first.message.clone(),
            next: Self::link(rest).map(Box::new),
        })
    }
}

impl fmt::Display for SourceChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SourceChain {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.next.as_deref().map(|next| next as _)
    }
}

/// `std::io::error::Error` → `error::Error`: enough to recognise, short enough for a line.
pub(super) fn short_type_name<E>() -> String {
    let full = std::any::type_name::<E>();
    let head = full.split('<').next().unwrap_or(full);
    let mut segments = head.rsplit("::");
    let last = segments.next().unwrap_or(head);
    segments
        .next()
        .map_or_else(|| last.to_owned(), |module| format!("{module}::{last}"))
}
