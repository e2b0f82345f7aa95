//! [`Failure`] and the checks that make one.

use std::fmt;
use std::panic::Location as SourceLocation;

use plugin_api::{Error, ErrorKind};

/// How a case ends.
pub type CaseResult<T = ()> = Result<T, Failure>;

/// Why a case failed, and on which line of the suite that showed.
#[derive(Clone, Debug)]
pub struct Failure {
    message: String,
    line: Option<&'static SourceLocation<'static>>,
}

impl Failure {
    /// A failure at the caller's line.
    #[track_caller]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            line: Some(SourceLocation::caller()),
        }
    }

    /// A failure that no line of the suite stands for, such as a deadline that passed.
    pub fn without_line(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            line: None,
        }
    }
}

impl From<Error> for Failure {
    #[track_caller]
    fn from(error: Error) -> Self {
        Self::new(format!("unexpected error ({}): {error}", error.kind()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.line {
            Some(line) => write!(f, " [{}:{}]", line.file(), line.line()),
            None => Ok(()),
        }
    }
}

/// Fails unless the condition holds; the message is formatted.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::failure::Failure::new(format!($($message)+)));
        }
    };
}

/// Fails unless both are equal; says what they are.
macro_rules! ensure_eq {
    ($actual:expr, $expected:expr, $($what:tt)+) => {{
        match (&$actual, &$expected) {
            (actual, expected) if *actual != *expected => {
                let what = format!($($what)+);
                return Err($crate::failure::Failure::new(format!(
                    "{what}: expected {expected:?}, got {actual:?}"
                )));
            }
            _ => {}
        }
    }};
}

pub(crate) use {ensure, ensure_eq};

/// The error of a call that has to fail with one of these kinds, and that a user can read.
#[track_caller]
pub(crate) fn expect_error<T>(
    result: Result<T, Error>,
    kinds: &[ErrorKind],
    what: impl fmt::Display,
) -> CaseResult<Error> {
    let expected = || {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        names.join(" or ")
    };
    let Err(error) = result else {
        return Err(Failure::new(format!(
            "{what}: expected the error {}, got a success",
            expected()
        )));
    };
    if !kinds.contains(&error.kind()) {
        return Err(Failure::new(format!(
            "{what}: expected the error {}, got {}: {error}",
            expected(),
            error.kind()
        )));
    }
    let text = error.to_string();
    // A path may hold anything; it is for whoever shows the error to escape it.
    if text.trim().is_empty() || text.replace(error.path(), "").contains('\n') {
        return Err(Failure::new(format!(
            "{what}: the error is not one line of text: {text:?}"
        )));
    }
    Ok(error)
}

/// Fails unless the bytes are the same; names the first difference instead of printing them.
#[track_caller]
pub(crate) fn expect_same(actual: &[u8], expected: &[u8], what: impl fmt::Display) -> CaseResult {
    if actual == expected {
        return Ok(());
    }
    let differs = actual.iter().zip(expected).position(|(a, b)| a != b);
    Err(Failure::new(match differs {
        Some(at) => format!(
            "{what}: byte {at} is {:#04x} instead of {:#04x} ({} bytes, expected {})",
            actual[at],
            expected[at],
            actual.len(),
            expected.len()
        ),
        None => format!("{what}: {} bytes instead of {}", actual.len(), expected.len()),
    }))
}
