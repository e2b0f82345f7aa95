//! Errors of the standard library's I/O become ours, and ours theirs.

use super::{Error, ErrorKind};

impl From<std::io::Error> for Error {
    /// Maps the I/O error's kind; the text of the operating system is the message.
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            Io::NotFound => ErrorKind::NotFound,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
            Io::AlreadyExists => ErrorKind::AlreadyExists,
            Io::NotADirectory => ErrorKind::NotADirectory,
            Io::IsADirectory => ErrorKind::IsADirectory,
            Io::DirectoryNotEmpty => ErrorKind::DirectoryNotEmpty,
            Io::InvalidInput | Io::InvalidFilename => ErrorKind::InvalidInput,
            Io::InvalidData => ErrorKind::Corrupt,
            Io::UnexpectedEof => ErrorKind::UnexpectedEof,
            Io::TimedOut => ErrorKind::Timeout,
            Io::Unsupported | Io::CrossesDevices => ErrorKind::Unsupported,
            Io::StorageFull | Io::QuotaExceeded | Io::OutOfMemory | Io::FileTooLarge => ErrorKind::Exhausted,
            Io::ConnectionRefused
            | Io::ConnectionReset
            | Io::ConnectionAborted
            | Io::NotConnected
            | Io::BrokenPipe
            | Io::HostUnreachable
            | Io::NetworkUnreachable
            | Io::NetworkDown => ErrorKind::Unavailable,
            _ => ErrorKind::Other,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<Error> for std::io::Error {
    /// Keeps the error as the source, so that it can be had back by downcasting. `Cancelled` is not
    /// `Interrupted`, which the standard library would try again by itself.
    fn from(error: Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            ErrorKind::NotFound | ErrorKind::UnknownScheme => Io::NotFound,
            ErrorKind::AlreadyExists => Io::AlreadyExists,
            ErrorKind::PermissionDenied | ErrorKind::Unauthenticated => Io::PermissionDenied,
            ErrorKind::InvalidPath | ErrorKind::InvalidInput | ErrorKind::InvalidConfig => Io::InvalidInput,
            ErrorKind::Unsupported => Io::Unsupported,
            ErrorKind::NotADirectory => Io::NotADirectory,
            ErrorKind::IsADirectory => Io::IsADirectory,
            ErrorKind::DirectoryNotEmpty => Io::DirectoryNotEmpty,
            ErrorKind::Timeout => Io::TimedOut,
            ErrorKind::UnexpectedEof => Io::UnexpectedEof,
            ErrorKind::Corrupt => Io::InvalidData,
            ErrorKind::Exhausted => Io::QuotaExceeded,
            _ => Io::Other,
        };
        Self::new(kind, error)
    }
}
