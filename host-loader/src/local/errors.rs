//! Errors of the operating system as [`Error`]s that name the file and the way out.

use std::io;

use plugin_api::{Error, ErrorKind, Location};

/// An I/O error of `operation` on `location`, with a remedy where there is a usual one.
pub(super) fn io_error(operation: &'static str, location: &Location, error: &io::Error) -> Error {
    describe(error).with_operation(operation).with_path(location)
}

/// [`ErrorKind::NotFound`] for `location`.
pub(super) fn not_found(operation: &'static str, location: &Location) -> Error {
    Error::new(ErrorKind::NotFound, "no such file or directory")
        .with_operation(operation)
        .with_path(location)
}

/// [`ErrorKind::IsADirectory`] for `location`.
pub(super) fn is_a_directory(operation: &'static str, location: &Location) -> Error {
    Error::new(ErrorKind::IsADirectory, "this is a directory, not a file")
        .with_operation(operation)
        .with_path(location)
}

/// [`ErrorKind::AlreadyExists`] for `location`.
pub(super) fn already_exists(operation: &'static str, location: &Location) -> Error {
    Error::new(ErrorKind::AlreadyExists, "the file exists")
        .with_operation(operation)
        .with_path(location)
        .with_remedy("choose another name, or allow to overwrite it")
}

/// [`ErrorKind::InvalidInput`] for something that is neither a regular file nor a directory.
pub(super) fn not_regular(operation: &'static str, location: &Location) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        "this is a device, pipe or socket, not a regular file",
    )
    .with_operation(operation)
    .with_path(location)
    .with_remedy("name a regular file")
}

/// [`ErrorKind::Closed`] for a stream on `location`.
pub(super) fn stream_closed(operation: &'static str, location: &Location) -> Error {
    Error::new(ErrorKind::Closed, "the stream is closed")
        .with_operation(operation)
        .with_path(location)
        .with_remedy("open a new stream")
}

/// Whether the error says that there is nothing under a name: also if a parent is not a directory.
pub(super) fn says_nothing_there(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn describe(error: &io::Error) -> Error {
    let with = |kind, message: &str, remedy: &str| Error::new(kind, message).with_remedy(remedy);
    match error.raw_os_error() {
        Some(libc::ENOENT) => Error::new(ErrorKind::NotFound, "no such file or directory"),
        Some(libc::EACCES | libc::EPERM) => with(
            ErrorKind::PermissionDenied,
            "permission denied",
            "give the user of this process access to it and to its parent directories",
        ),
        Some(libc::EROFS) => with(
            ErrorKind::PermissionDenied,
            "the file system is mounted read-only",
            "mount it for writing, or choose another directory",
        ),
        Some(libc::ENOTDIR) => Error::new(
            ErrorKind::NotADirectory,
            "there is a file where a directory is needed",
        ),
        Some(libc::EISDIR) => Error::new(ErrorKind::IsADirectory, "this is a directory, not a file"),
        Some(libc::ENOTEMPTY) => Error::new(ErrorKind::DirectoryNotEmpty, "the directory is not empty"),
        Some(libc::ENAMETOOLONG) => with(
            ErrorKind::InvalidPath,
            "the name is too long",
            "keep each name within 255 bytes and the path within 4096",
        ),
        Some(libc::ELOOP) => with(
            ErrorKind::InvalidPath,
            "symbolic links lead in a circle",
            "correct the links",
        ),
        Some(libc::ENOSPC) => with(
            ErrorKind::Exhausted,
            "no space is left on the disk",
            "free some space",
        ),
        Some(libc::EDQUOT) => with(
            ErrorKind::Exhausted,
            "the disk quota is used up",
            "free some space or raise the quota",
        ),
        Some(libc::EMFILE | libc::ENFILE) => with(
            ErrorKind::Exhausted,
            "too many files are open",
            "close streams that are no longer used, or raise the limit (ulimit -n)",
        ),
        Some(libc::EXDEV) => with(
            ErrorKind::Unsupported,
            "source and target are on different disks",
            "copy the file and delete the source",
        ),
        Some(libc::EBUSY) => Error::new(
            ErrorKind::Other,
            "it is in use by the system, such as a mount point",
        ),
        _ => Error::from(io::Error::new(error.kind(), error.to_string())),
    }
}
