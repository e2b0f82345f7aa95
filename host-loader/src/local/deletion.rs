//! Deleting files and trees.
//!
//! A tree is deleted through handles of its directories, never through paths: whoever replaces a
//! directory by a link meanwhile cannot lead the deletion out of the tree.

use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use plugin_api::{Error, ErrorKind, Location, Result};
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::errors::{io_error, says_nothing_there};
use super::path::{is_root_directory, without_trailing_slash};

/// So many failures are named in the error; the others are counted.
const NAMED_FAILURES: usize = 5;

/// Ends a deletion that nobody waits for any more.
#[derive(Default)]
pub(super) struct CancelOnDrop(Arc<AtomicBool>);

impl CancelOnDrop {
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Deletes a file, a link, an empty directory or, if `recursive`, a tree; blocks. False if there is
/// nothing.
pub(super) fn delete(
    location: &Location,
    path: &Path,
    recursive: bool,
    cancelled: &AtomicBool,
) -> Result<bool> {
    let failed = |error: &io::Error| io_error("delete", location, error);
    let mut entry = without_trailing_slash(path);
    if entry.file_name().is_none() {
        // `dir/..` names a directory, but no entry that could be deleted.
        entry = match fs::canonicalize(&entry) {
            Ok(real) => real,
            Err(error) if says_nothing_there(&error) => return Ok(false),
            Err(error) => return Err(failed(&error)),
        };
    }
    let metadata = match fs::symlink_metadata(&entry) {
        Ok(metadata) => metadata,
        Err(error) if says_nothing_there(&error) => return Ok(false),
        Err(error) => return Err(failed(&error)),
    };
    if !metadata.is_dir() {
        // `file/` names something inside a file: there is nothing.
        if location.key().ends_with('/') {
            return Ok(false);
        }
        return removed(fs::remove_file(&entry)).map_err(|error| failed(&error));
    }
    if is_root_directory(&metadata).map_err(|error| failed(&error))? {
        return Err(
            Error::new(ErrorKind::InvalidInput, "this is the root of all local files")
                .with_operation("delete")
                .with_path(location)
                .with_remedy("name the directory to delete"),
        );
    }
    if !recursive {
        return removed(fs::remove_dir(&entry)).map_err(|error| {
            let error = failed(&error);
            if error.kind() == ErrorKind::DirectoryNotEmpty {
                error.with_remedy("delete it recursively, or delete what is in it first")
            } else {
                error
            }
        });
    }
    let mut failures = Failures::default();
    let root = match open_directory(CWD, entry.as_os_str().as_bytes()) {
        Ok(root) => root,
        Err(error) if says_nothing_there(&error) => return Ok(false),
        Err(error) => return Err(failed(&error)),
    };
    Tree {
        levels: Vec::new(),
        failures: &mut failures,
        cancelled,
    }
    .empty(root)
    .map_err(|error| failed(&error))?;
    failures.into_result(location)?;
    removed(fs::remove_dir(&entry))
        .map(|_| true)
        .map_err(|error| failed(&error))
}

/// True for a removal, false if another one was faster.
fn removed(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if says_nothing_there(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn open_directory(parent: impl std::os::fd::AsFd, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?)
}

/// A directory that is being emptied.
struct Level {
    directory: Dir,
    /// Its name in the level above; empty for the first one.
    name: CString,
    /// Whether something was deleted since its entries were last read from the start. Some file
    /// systems pass over entries when others are deleted meanwhile.
    progress: bool,
    /// Whether something in it could not be deleted, so that it has to stay too.
    stays: bool,
}

struct Tree<'a> {
    levels: Vec<Level>,
    failures: &'a mut Failures,
    cancelled: &'a AtomicBool,
}

impl Tree<'_> {
    /// Deletes everything in `root`, as far as it goes; one descriptor a level.
    fn empty(&mut self, root: OwnedFd) -> io::Result<()> {
        self.descend(root, CString::default())?;
        while let Some(level) = self.levels.last_mut() {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match level.directory.read() {
                Some(Ok(entry)) => {
                    let name = entry.file_name();
                    if name != c"." && name != c".." {
                        self.delete_entry(&name.to_owned())?;
                    }
                }
                Some(Err(error)) => {
                    let error = error.into();
                    self.fail(None, &error);
                    self.ascend()?;
                }
                None if level.progress && !level.stays => {
                    level.progress = false;
                    level.directory.rewind();
                }
                None => self.ascend()?,
            }
        }
        Ok(())
    }

    fn descend(&mut self, directory: OwnedFd, name: CString) -> io::Result<()> {
        self.levels.push(Level {
            directory: Dir::new(directory)?,
            name,
            progress: false,
            stays: false,
        });
        Ok(())
    }

    /// Deletes one entry of the current directory, or enters it if it is a directory.
    fn delete_entry(&mut self, name: &CString) -> io::Result<()> {
        let Some(level) = self.levels.last_mut() else {
            return Ok(());
        };
        let parent = level.directory.fd()?;
        match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
            Ok(()) => level.progress = true,
            Err(Errno::NOENT) => {}
            // Linux says the first, POSIX the second, where the entry is a directory.
            Err(unlink_error @ (Errno::ISDIR | Errno::PERM)) => {
                match open_directory(parent, name.to_bytes()) {
                    Ok(directory) => self.descend(directory, name.clone())?,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                        self.fail(Some(name), &unlink_error.into());
                    }
                    Err(error) => self.fail(Some(name), &error),
                }
            }
            Err(error) => self.fail(Some(name), &error.into()),
        }
        Ok(())
    }

    /// Leaves the current directory and deletes it.
    fn ascend(&mut self) -> io::Result<()> {
        let Some(done) = self.levels.pop() else {
            return Ok(());
        };
        let Some(above) = self.levels.last_mut() else {
            return Ok(());
        };
        if done.stays {
            above.stays = true;
            return Ok(());
        }
        match rustix::fs::unlinkat(above.directory.fd()?, &done.name, AtFlags::REMOVEDIR) {
            Ok(()) => above.progress = true,
            Err(Errno::NOENT) => {}
            Err(error) => self.fail(Some(&done.name), &error.into()),
        }
        Ok(())
    }

    /// Notes that an entry of the current directory (or the directory itself) could not be deleted.
    fn fail(&mut self, name: Option<&CString>, error: &io::Error) {
        let names = self.levels.iter().map(|level| &level.name).chain(name);
        let path: Vec<_> = names
            .filter(|name| !name.is_empty())
            .map(|name| OsStr::from_bytes(name.to_bytes()).to_string_lossy())
            .collect();
        self.failures.add(&path.join("/"), error);
        if let Some(level) = self.levels.last_mut() {
            level.stays = true;
        }
    }
}

/// What could not be deleted.
#[derive(Default)]
struct Failures {
    named: Vec<String>,
    count: usize,
    kind: Option<ErrorKind>,
}

impl Failures {
    fn add(&mut self, path: &str, error: &io::Error) {
        let error = Error::from(io::Error::new(error.kind(), error.to_string()));
        self.kind.get_or_insert(error.kind());
        self.count += 1;
        if self.named.len() < NAMED_FAILURES {
            let path = if path.is_empty() { "." } else { path };
            self.named.push(format!("'{path}' ({})", error.message()));
        }
    }

    fn into_result(self, location: &Location) -> Result<()> {
        let Some(kind) = self.kind else {
            return Ok(());
        };
        let mut names = self.named.join(", ");
        if self.count > self.named.len() {
            names.push_str(", …");
        }
        Err(Error::new(
            kind,
            format!("{} entries could not be deleted: {names}", self.count),
        )
        .with_operation("delete")
        .with_path(location)
        .with_remedy("give the user of this process access to them and delete again"))
    }
}
