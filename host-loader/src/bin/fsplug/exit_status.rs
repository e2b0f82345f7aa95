//! [`ExitStatus`]: the code that the process ends with, and the one table that decides it.

use std::process::ExitCode;

use host_loader::plugin_api::{Error, ErrorKind, Retry};

/// What the process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitStatus {
    Success = 0,
    Failed = 1,
    Usage = 2,
    DirectoryNotFound = 3,
    FileNotFound = 4,
    Temporary = 5,
    InTheWay = 6,
    Denied = 7,
    Plugin = 8,
}

/// Every status with its meaning, as the help and the crate's documentation print it.
const MEANINGS: &[(ExitStatus, &str)] = &[
    (ExitStatus::Success, "success"),
    (ExitStatus::Failed, "failure that no other code describes"),
    (
        ExitStatus::Usage,
        "wrong command line, malformed path or invalid configuration",
    ),
    (
        ExitStatus::DirectoryNotFound,
        "directory or bucket not found, or not a directory",
    ),
    (ExitStatus::FileNotFound, "file not found"),
    (
        ExitStatus::Temporary,
        "temporary failure: running the command again may help",
    ),
    (
        ExitStatus::InTheWay,
        "something is in the way: it exists already, is not empty or was changed meanwhile",
    ),
    (ExitStatus::Denied, "permission denied, or no valid credentials"),
    (
        ExitStatus::Plugin,
        "no plugin serves the scheme, or the plugin is broken",
    ),
];

impl ExitStatus {
    /// The status of a command that ends with this error.
    pub(crate) fn of(error: &Error) -> Self {
        let status = match error.kind() {
            ErrorKind::InvalidPath | ErrorKind::InvalidInput | ErrorKind::InvalidConfig => Self::Usage,
            ErrorKind::NotFound if is_missing_bucket(error) => Self::DirectoryNotFound,
            ErrorKind::NotFound => Self::FileNotFound,
            ErrorKind::NotADirectory => Self::DirectoryNotFound,
            ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Unavailable => Self::Temporary,
            ErrorKind::AlreadyExists
            | ErrorKind::DirectoryNotEmpty
            | ErrorKind::Changed
            | ErrorKind::Conflict
            | ErrorKind::PreconditionFailed => Self::InTheWay,
            ErrorKind::PermissionDenied | ErrorKind::Unauthenticated => Self::Denied,
            ErrorKind::PluginPanic | ErrorKind::PluginLoad | ErrorKind::UnknownScheme => Self::Plugin,
            _ => Self::Failed,
        };
        if status == Self::Failed && error.retry() != Retry::No {
            return Self::Temporary;
        }
        status
    }

    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// The table of the codes for the end of the help.
    pub(crate) fn help() -> String {
        let lines: Vec<String> = MEANINGS
            .iter()
            .map(|(status, meaning)| format!("  {}  {meaning}", status.code()))
            .collect();
        format!("Exit codes:\n{}", lines.join("\n"))
    }
}

/// Whether the store says that the bucket itself is missing, not only something in it.
pub(crate) fn is_missing_bucket(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound && error.service_code() == "NoSuchBucket"
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        status.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_documented_code() {
        for &kind in ErrorKind::ALL {
            let expected = match kind.as_str() {
                "invalid-path" | "invalid-input" | "invalid-config" => 2,
                "not-a-directory" => 3,
                "not-found" => 4,
                "throttled" | "timeout" | "unavailable" => 5,
                "already-exists" | "directory-not-empty" | "changed" | "conflict" | "precondition-failed" => {
                    6
                }
                "permission-denied" | "unauthenticated" => 7,
                "plugin-panic" | "plugin-load" | "unknown-scheme" => 8,
                _ => 1,
            };
            assert_eq!(ExitStatus::of(&Error::new(kind, "")).code(), expected, "{kind}");
        }
    }

    #[test]
    fn a_missing_bucket_is_a_missing_directory() {
        let error = Error::new(ErrorKind::NotFound, "").with_service_code("NoSuchBucket");
        assert_eq!(ExitStatus::of(&error), ExitStatus::DirectoryNotFound);
    }

    #[test]
    fn what_may_be_retried_is_temporary_unless_a_code_says_more() {
        let retryable = |kind| ExitStatus::of(&Error::new(kind, "").with_retry(Retry::Yes));
        assert_eq!(retryable(ErrorKind::Other), ExitStatus::Temporary);
        assert_eq!(retryable(ErrorKind::Changed), ExitStatus::InTheWay);
    }

    #[test]
    fn the_crate_documentation_lists_the_same_codes() {
        let documentation = include_str!("main.rs");
        for (status, meaning) in MEANINGS {
            let row = format!("//! | {} | {meaning} |", status.code());
            assert!(documentation.contains(&row), "{row}");
        }
    }
}
