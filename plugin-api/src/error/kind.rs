//! [`ErrorKind`] and [`Retry`]: what kind of failure it is, and whether to try again.

use std::fmt;
use std::time::Duration;

macro_rules! error_kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal => $text:literal,)*) => {
        /// What kind of failure an [`Error`](crate::Error) is.
        ///
        /// The set is open: a newer plugin may send a kind that this build does not know, which
        /// arrives as [`ErrorKind::Other`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u32)]
        pub enum ErrorKind {
            $($(#[$doc])* $name = $number,)*
        }

        impl ErrorKind {
            /// Every kind, in the order of its number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The kind with this number, or [`ErrorKind::Other`].
            pub fn from_number(number: u32) -> Self {
                match number {
                    $($number => Self::$name,)*
                    _ => Self::Other,
                }
            }

            /// The number that crosses the ABI.
            pub fn number(self) -> u32 {
                self as u32
            }

            /// A short name for machines, such as `not-found`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

error_kinds! {
    /// Anything that no other kind describes.
    Other = 0 => "other",
    /// The file, directory or bucket does not exist.
    NotFound = 1 => "not-found",
    /// The target exists and must not be overwritten.
    AlreadyExists = 2 => "already-exists",
    /// The identity is known but may not do this.
    PermissionDenied = 3 => "permission-denied",
    /// No usable credentials, or the service does not accept them.
    Unauthenticated = 4 => "unauthenticated",
    /// The location is malformed or cannot be a file here.
    InvalidPath = 5 => "invalid-path",
    /// An argument is out of range or contradicts another.
    InvalidInput = 6 => "invalid-input",
    /// A configuration value is missing, malformed or out of range.
    InvalidConfig = 7 => "invalid-config",
    /// The plugin or the store cannot do this.
    Unsupported = 8 => "unsupported",
    /// A file where a directory is needed.
    NotADirectory = 9 => "not-a-directory",
    /// A directory where a file is needed.
    IsADirectory = 10 => "is-a-directory",
    /// A directory with content, deleted without `recursive`.
    DirectoryNotEmpty = 11 => "directory-not-empty",
    /// The file changed while it was being read or committed.
    Changed = 12 => "changed",
    /// Something else stands where our result should be.
    Conflict = 13 => "conflict",
    /// A precondition that the caller stated does not hold.
    PreconditionFailed = 14 => "precondition-failed",
    /// The service asks for fewer requests.
    Throttled = 15 => "throttled",
    /// A deadline passed.
    Timeout = 16 => "timeout",
    /// The service cannot be reached or failed.
    Unavailable = 17 => "unavailable",
    /// Data ended before its declared length.
    UnexpectedEof = 18 => "unexpected-eof",
    /// Data or state does not match its checksum or format.
    Corrupt = 19 => "corrupt",
    /// The stream, file system or plugin is closed.
    Closed = 20 => "closed",
    /// The operation was cancelled.
    Cancelled = 21 => "cancelled",
    /// A panic inside the plugin, caught at the boundary.
    PluginPanic = 22 => "plugin-panic",
    /// A plugin cannot be loaded or refuses this host.
    PluginLoad = 23 => "plugin-load",
    /// No plugin serves the scheme.
    UnknownScheme = 24 => "unknown-scheme",
    /// The upload that state refers to is gone: expired or aborted.
    UploadGone = 25 => "upload-gone",
    /// No memory, disk or connection is left within the limits.
    Exhausted = 26 => "exhausted",
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the same call may succeed when it is made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retry {
    /// The same call fails again.
    #[default]
    No,
    /// A later call may succeed.
    Yes,
    /// A call may succeed after this delay.
    After(Duration),
}
