//! Continuing an in-progress file from a state, whoever may still be writing to it.
//!
//! Every stream holds an exclusive lock on its in-progress file, and so does a write of a cancelled
//! call that has not ended. If the lock is free, nobody writes any more and the file is cut to the
//! length of the state. If it is taken, the bytes that the state covers are copied into a new file
//! instead: they never change, and the other writer is left with a file that nobody will publish.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use plugin_api::{Error, ErrorKind, Result, WriteMode};
use tempfile::NamedTempFile;

use super::errors::{io_error, says_nothing_there};
use super::publication::{create_beside, hidden_prefix};
use super::recoverable_state::{IN_PROGRESS, State};

/// The in-progress file of a state, with exactly the bytes that it covers, locked.
pub(super) enum TakenOver {
    /// The file itself.
    InPlace(File),
    /// A copy that still has to replace it.
    Copied(NamedTempFile),
}

/// Takes over; blocks. `None` if there is no in-progress file.
pub(super) fn take_over(operation: &'static str, state: &State) -> Result<Option<TakenOver>> {
    let failed = |error: &io::Error| io_error(operation, &state.target, error);
    let path = state.temp_path()?;
    loop {
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if says_nothing_there(&error) => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let free = file.try_lock().is_ok();
        if !is_at(&file, &path).map_err(|error| failed(&error))? {
            // Replaced by a copy, or published, between the opening and the lock.
            continue;
        }
        let len = file.metadata().map_err(|error| failed(&error))?.len();
        if let Some(damage) = damage(state, &file, len).map_err(|error| failed(&error))? {
            return Err(damaged(operation, state, &damage));
        }
        if free {
            if len > state.len {
                file.set_len(state.len).map_err(|error| failed(&error))?;
            }
            return Ok(Some(TakenOver::InPlace(file)));
        }
        return copy(operation, state, file).map(|copy| Some(TakenOver::Copied(copy)));
    }
}

fn copy(operation: &'static str, state: &State, mut source: File) -> Result<NamedTempFile> {
    let failed = |error: &io::Error| io_error(operation, &state.target, error);
    let target = state.target_path()?;
    let prefix = hidden_prefix(&state.target, IN_PROGRESS);
    // Whether the target may exist is a question for the commit.
    let mut copy = create_beside(
        operation,
        &state.target,
        &target,
        WriteMode::Overwrite,
        (&prefix, ""),
    )?;
    lock(copy.as_file());
    source.rewind().map_err(|error| failed(&error))?;
    let copied = io::copy(&mut source.take(state.len), copy.as_file_mut()).map_err(|error| failed(&error))?;
    copy.as_file().sync_data().map_err(|error| failed(&error))?;
    if copied != state.len
        || checksum_of(copy.as_file(), copied).map_err(|error| failed(&error))? != Some(state.checksum)
    {
        return Err(damaged(
            operation,
            state,
            "the in-progress file changed while it was copied",
        ));
    }
    Ok(copy)
}

/// What keeps an in-progress file of this length from being what the state covers.
pub(super) fn damage(state: &State, file: &File, len: u64) -> io::Result<Option<String>> {
    if len < state.len {
        return Ok(Some(format!(
            "missing data: the in-progress file has {len} bytes, and the state covers {}",
            state.len
        )));
    }
    let intact = checksum_of(file, state.len)? == Some(state.checksum);
    Ok((!intact).then(|| "the in-progress file does not hold the bytes that were persisted".to_owned()))
}

/// Marks a new file as being written. Where the file system has no locks, every recovery copies.
pub(super) fn lock(file: &File) {
    let _ = file.try_lock();
}

/// Whether the path still names this file.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(there) => {
            let own = file.metadata()?;
            Ok(own.dev() == there.dev() && own.ino() == there.ino())
        }
        Err(error) if says_nothing_there(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The CRC-32C of the first `len` bytes, or `None` if there are fewer.
pub(super) fn checksum_of(file: &File, len: u64) -> io::Result<Option<u32>> {
    let mut buffer = vec![0; (256 << 10).min(len) as usize];
    let (mut checksum, mut at) = (0, 0);
    while at < len {
        let wanted = buffer.len().min((len - at) as usize);
        match file.read_at(&mut buffer[..wanted], at) {
            Ok(0) => return Ok(None),
            Ok(read) => {
                checksum = crc32c::crc32c_append(checksum, &buffer[..read]);
                at += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(checksum))
}

fn damaged(operation: &'static str, state: &State, message: &str) -> Error {
    Error::new(ErrorKind::Corrupt, message)
        .with_operation(operation)
        .with_path(&state.target)
        .with_remedy("the file was continued from an earlier state or damaged; recover that state instead")
}
