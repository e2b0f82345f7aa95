//! [`Failure`]: why a command ends early, and how that is told.

use std::borrow::Cow;
use std::io;
use std::process::ExitCode;

use host_loader::plugin_api::{Error, Location, Result, Retry};
use serde::Serialize;

use crate::console::Console;
use crate::exit_status::ExitStatus;
use crate::remedy;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something failed; the status is what the process ends with if it is the first one.
    Error { error: Error, status: ExitStatus },
    /// Whoever read standard output has gone: nothing is wrong, and nobody is left to be told.
    StdoutClosed,
}

impl Failure {
    /// A failure where a directory was looked for, which the exit code tells from a missing file.
    pub(crate) fn of_directory(error: Error) -> Self {
        let status = match ExitStatus::of(&error) {
            ExitStatus::FileNotFound => ExitStatus::DirectoryNotFound,
            status => status,
        };
        Self::Error { error, status }
    }

    /// A failure to write to standard output.
    pub(crate) fn of_stdout(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::StdoutClosed;
        }
        Error::from(error)
            .with_operation("write")
            .with_path("standard output")
            .with_remedy("look at where the output is redirected to")
            .into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = ExitStatus::of(&error);
        Self::Error { error, status }
    }
}

/// Adds operation and path to an error that has none of its own.
pub(crate) trait At<T> {
    /// The error with the operation that failed and the location that it failed on.
    fn at(self, operation: &'static str, path: &Location) -> Result<T>;
}

impl<T> At<T> for Result<T> {
    fn at(self, operation: &'static str, path: &Location) -> Self {
        self.map_err(|error| error.with_operation(operation).with_path(path))
    }
}

/// The JSON form of an error. Every member is always there; what is not known is `null`.
#[derive(Serialize)]
pub(crate) struct ErrorRecord<'a> {
    kind: &'a str,
    operation: Option<&'a str>,
    path: Option<&'a str>,
    message: &'a str,
    remedy: Option<&'a str>,
    http_status: Option<u16>,
    service_code: Option<&'a str>,
    request_id: Option<&'a str>,
    temporary: bool,
    exit_code: u8,
}

impl<'a> ErrorRecord<'a> {
    pub(crate) fn new(error: &'a Error, status: ExitStatus) -> Self {
        let known = |text: &'a str| (!text.is_empty()).then_some(text);
        Self {
            kind: error.kind().as_str(),
            operation: known(error.operation()),
            path: known(error.path()),
            message: error.message(),
            remedy: known(error.remedy()),
            http_status: error.http_status(),
            service_code: known(error.service_code()),
            request_id: known(error.request_id()),
            temporary: error.retry() != Retry::No || status == ExitStatus::Temporary,
            exit_code: status.code(),
        }
    }
}

/// A line of JSON that is an error.
#[derive(Serialize)]
pub(crate) struct ErrorLine<'a> {
    error: ErrorRecord<'a>,
}

impl<'a> ErrorLine<'a> {
    pub(crate) fn new(error: &'a Error, status: ExitStatus) -> Self {
        Self {
            error: ErrorRecord::new(error, status),
        }
    }

    /// The line as text.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts, numbers and truth values always have a JSON form")
    }
}

/// Prints an error for a human: one line, and the causes below it if they are wanted.
pub(crate) fn print(error: &Error, console: &Console, with_causes: bool) {
    console.line(&format!("fsplug: {}", printable(&error.to_string())));
    for cause in error.causes().iter().filter(|_| with_causes) {
        let text = match cause.type_name.as_str() {
            "" => cause.message.clone(),
            name => format!("{name}: {}", cause.message),
        };
        console.line(&format!("  caused by {}", printable(&text)));
    }
}

/// Tells a failure that came before there was a session.
pub(crate) fn end_without_session(failure: Failure, console: &Console, json: bool) -> ExitCode {
    match failure {
        Failure::StdoutClosed => ExitStatus::Success.into(),
        Failure::Error { error, status } => {
            let error = remedy::complete(error);
            if json {
                use io::Write as _;
                // Nothing is left to do for a standard output that cannot be written to.
                let _ = writeln!(io::stdout(), "{}", ErrorLine::new(&error, status).to_json());
            } else {
                print(&error, console, false);
            }
            status.into()
        }
    }
}

/// The text with control characters escaped, so that a file name can neither break a line in two nor
/// send commands to a terminal.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_loader::plugin_api::ErrorKind;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a b é"), "a b é");
        assert_eq!(printable("a\nb\u{1b}[2J"), "a\\nb\\u{1b}[2J");
    }

    #[test]
    fn the_json_of_an_error_has_every_member() {
        let error = Error::new(ErrorKind::NotFound, "no such bucket")
            .with_operation("list")
            .with_path("s3://b/")
            .with_service_code("NoSuchBucket")
            .with_http_status(404)
            .with_remedy("create it");
        let json = ErrorLine::new(&error, ExitStatus::of(&error)).to_json();
        assert_eq!(
            json,
            r#"{"error":{"kind":"not-found","operation":"list","path":"s3://b/","message":"no such bucket","remedy":"create it","http_status":404,"service_code":"NoSuchBucket","request_id":null,"temporary":false,"exit_code":3}}"#
        );
    }

    #[test]
    fn only_a_closed_reader_ends_quietly() {
        assert!(matches!(
            Failure::of_stdout(io::ErrorKind::BrokenPipe.into()),
            Failure::StdoutClosed
        ));
        assert!(matches!(
            Failure::of_stdout(io::ErrorKind::StorageFull.into()),
            Failure::Error { .. }
        ));
    }
}
