//! Renaming files and directories.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use plugin_api::{Error, ErrorKind, Location, Result};

use super::errors::{io_error, not_found, says_nothing_there};
use super::path::{directory_of, same_entry, without_trailing_slash};
use super::publication::parents_error;

/// Renames in one step, into `to` if that is a directory; blocks. Missing parents of the target are
/// made.
pub(super) fn rename(from: &Location, source: &Path, to: &Location, target: &Path) -> Result<()> {
    let failed = |location: &Location, error: &io::Error| io_error("rename", location, error);
    let source = without_trailing_slash(source);
    let Some(name) = source.file_name() else {
        return Err(
            Error::new(ErrorKind::InvalidInput, "this directory cannot be renamed")
                .with_operation("rename")
                .with_path(from)
                .with_remedy("name a file or directory below it"),
        );
    };
    let metadata = match fs::symlink_metadata(&source) {
        Ok(metadata) => metadata,
        Err(error) if says_nothing_there(&error) => return Err(not_found("rename", from)),
        Err(error) => return Err(failed(from, &error)),
    };
    if from.key().ends_with('/') && !metadata.is_dir() {
        return Err(not_found("rename", from));
    }
    let target: PathBuf = match fs::metadata(target) {
        Ok(there) if there.is_dir() => {
            // A directory onto itself, under another spelling.
            if there.dev() == metadata.dev() && there.ino() == metadata.ino() {
                return Ok(());
            }
            target.join(name)
        }
        Err(error) if !says_nothing_there(&error) => return Err(failed(to, &error)),
        _ if to.key().ends_with('/') && !metadata.is_dir() => {
            return Err(
                not_found("rename", to).with_remedy("make the directory first, or leave the last slash out")
            );
        }
        _ => without_trailing_slash(target),
    };
    // Looked at before parents are made, which would lie inside the source.
    if metadata.is_dir() && target.starts_with(&source) && target != source {
        return Err(
            Error::new(ErrorKind::InvalidInput, "a directory cannot be moved into itself")
                .with_operation("rename")
                .with_path(from)
                .with_remedy(format!("choose another target than '{to}'")),
        );
    }
    fs::create_dir_all(directory_of(&target)).map_err(|error| parents_error("rename", to, &error))?;
    let linked_twice = !metadata.is_dir()
        && metadata.nlink() > 1
        && fs::symlink_metadata(&target)
            .is_ok_and(|there| there.dev() == metadata.dev() && there.ino() == metadata.ino());
    if linked_twice {
        // For two names of one file the system call does nothing: the source would stay.
        return match same_entry(&source, &target) {
            Ok(true) => Ok(()),
            Ok(false) => fs::remove_file(&source).map_err(|error| failed(from, &error)),
            Err(error) => Err(failed(from, &error)),
        };
    }
    fs::rename(&source, &target).map_err(|error| {
        if says_nothing_there(&error) && fs::symlink_metadata(&source).is_err() {
            return not_found("rename", from);
        }
        failed(to, &error)
    })
}
