//! How a file comes into being: written beside its target, and moved there in one step.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use plugin_api::{Location, Result, WriteMode};
use tempfile::{NamedTempFile, TempPath};

use super::errors::{already_exists, io_error, is_a_directory, not_regular, says_nothing_there};
use super::path::directory_of;

/// What the file system gives to new files, less the process's mask.
const NEW_FILE_MODE: u32 = 0o666;
/// Of a target's name, so much goes into the names beside it: 255 bytes are the limit of a name.
const NAME_PART: usize = 180;

/// The part of a name beside the target that comes before the random characters.
pub(super) fn hidden_prefix(location: &Location, what: &str) -> String {
    let name = location.name();
    let mut end = name.len().min(NAME_PART);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!(".{}{what}", &name[..end])
}

/// Makes an empty file beside the target, and the target's missing parents; blocks. It is deleted
/// when the handle is dropped.
pub(super) fn create_beside(
    operation: &'static str,
    location: &Location,
    target: &Path,
    mode: WriteMode,
    (prefix, suffix): (&str, &str),
) -> Result<NamedTempFile> {
    let failed = |error: &io::Error| io_error(operation, location, error);
    let permissions = match fs::metadata(target) {
        Ok(found) if found.is_dir() => return Err(is_a_directory(operation, location)),
        Ok(found) if !found.is_file() => return Err(not_regular(operation, location)),
        Ok(_) if mode == WriteMode::NoOverwrite => return Err(already_exists(operation, location)),
        // Replacing a file must not open it to others.
        Ok(found) => Some(found.permissions()),
        Err(error) if says_nothing_there(&error) => None,
        Err(error) => return Err(failed(&error)),
    };
    let directory = directory_of(target);
    fs::create_dir_all(directory).map_err(|error| parents_error(operation, location, &error))?;
    let file = tempfile::Builder::new()
        .prefix(prefix)
        .suffix(suffix)
        .rand_bytes(12)
        .permissions(Permissions::from_mode(NEW_FILE_MODE))
        .tempfile_in(directory)
        // The library's error wraps the system's with the path of the file beside the target.
        .map_err(|error| failed(&system_error(error)))?;
    if let Some(permissions) = permissions {
        file.as_file()
            .set_permissions(permissions)
            .map_err(|error| failed(&error))?;
    }
    Ok(file)
}

/// The error of making directories: one that is there, but as a file, is the actual trouble.
pub(super) fn parents_error(
    operation: &'static str,
    location: &Location,
    error: &io::Error,
) -> plugin_api::Error {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return io_error(operation, location, &io::Error::from_raw_os_error(libc::ENOTDIR));
    }
    io_error(operation, location, error)
}

/// The operating system's error inside an error of the `tempfile` library.
pub(super) fn system_error(error: io::Error) -> io::Error {
    let mut source = error.get_ref().and_then(|inner| inner.source());
    while let Some(cause) = source {
        if let Some(code) = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error)
        {
            return io::Error::from_raw_os_error(code);
        }
        source = cause.source();
    }
    error
}

/// Why a file is not, or not durably, at its target.
pub(super) enum PublishError {
    /// There is a file, and it may not be replaced.
    Exists,
    /// Anything else.
    Io(io::Error),
}

/// Moves a finished file to its target in one step, durably; blocks. Its content has to be durable
/// before. What cannot be published is deleted, unless it is [`kept`].
pub(super) fn publish(temp: TempPath, target: &Path, mode: WriteMode) -> Result<(), PublishError> {
    let moved = match mode {
        WriteMode::Overwrite => temp.persist(target),
        WriteMode::NoOverwrite => temp.persist_noclobber(target),
    };
    moved.map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => PublishError::Exists,
        _ => PublishError::Io(failed.error),
    })?;
    sync_directory(directory_of(target)).map_err(PublishError::Io)
}

/// A file that outlives its handle.
pub(super) fn kept(path: &Path) -> io::Result<TempPath> {
    let mut temp = TempPath::try_from_path(path)?;
    temp.disable_cleanup(true);
    Ok(temp)
}

/// Makes names in a directory durable; blocks.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        // File systems without durable directories say so in this way.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        result => result,
    }
}
