//! [`TempFile`]: a file that is filled out of sight and appears under its name in one step.
//!
//! Where the file system can do it, the file has no name at all until it is whole: then nothing is
//! left of it even when the process is killed. Elsewhere it has a hidden name, which is removed when
//! the file is given up.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use rand::Rng as _;
use rand::distr::Alphanumeric;
use rustix::fs::{AtFlags, CWD, FallocateFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// What a new file may be used for, less the process's mask.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);

/// Of a target's name, so much goes into the hidden one: a name has at most 255 bytes.
const NAME_PART: usize = 180;

/// Names that are tried before chance is taken for malice.
const TRIES: usize = 16;

/// Whether a file without a name can be given one: the kernel wants its path below `/proc` for that.
static PROC_IS_MOUNTED: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/self/fd").is_dir());

/// Lives as long as a temporary file; whoever holds the other end can wait until none is left.
pub(super) type Alive = mpsc::Sender<std::convert::Infallible>;

/// A file that is being filled. Dropping it removes it, on a thread that may block.
#[derive(Debug)]
pub(super) struct TempFile {
    /// Present until dropped.
    inner: Option<Inner>,
    runtime: Handle,
}

#[derive(Debug)]
struct Inner {
    file: File,
    directory: OwnedFd,
    /// The hidden name, if it has one.
    hidden: Option<String>,
    target: String,
    published: bool,
    _alive: Alive,
}

impl TempFile {
    /// Makes a file of this length for the name `target` in `directory`; blocks.
    pub(super) fn create(
        directory: OwnedFd,
        target: &str,
        len: u64,
        runtime: Handle,
        alive: Alive,
    ) -> io::Result<Self> {
        let unnamed = if *PROC_IS_MOUNTED {
            open_unnamed(&directory)?
        } else {
            None
        };
        let (file, hidden) = match unnamed {
            Some(file) => (file, None),
            None => open_hidden(&directory, target)?,
        };
        let temp = Self {
            inner: Some(Inner {
                file: File::from(file),
                directory,
                hidden,
                target: target.to_owned(),
                published: false,
                _alive: alive,
            }),
            runtime,
        };
        temp.inner().prepare(len)?;
        Ok(temp)
    }

    fn inner(&self) -> &Inner {
        self.inner.as_ref().expect("it is taken only when dropped")
    }

    /// Writes chunks one behind the other from `position` on; blocks.
    pub(super) fn write(&self, chunks: &[Bytes], position: u64) -> io::Result<()> {
        let mut position = position;
        for chunk in chunks {
            self.inner().file.write_all_at(chunk, position)?;
            position += chunk.len() as u64;
        }
        Ok(())
    }

    /// Makes the content durable and gives the file its name, replacing what has it; blocks.
    pub(super) fn publish(mut self) -> io::Result<()> {
        let inner = self.inner.as_mut().expect("it is taken only when dropped");
        inner.publish()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take()
            && !inner.published
        {
            // Freeing the blocks of a large file takes its time. A runtime that is shut down drops
            // this right here.
            self.runtime.spawn_blocking(move || drop(inner));
        }
    }
}

impl Inner {
    /// Takes over the permissions of what will be replaced, so that replacing a file does not open it
    /// to others, and makes room for the content.
    fn prepare(&self, len: u64) -> io::Result<()> {
        if let Ok(there) = rustix::fs::statat(&self.directory, &self.target, AtFlags::SYMLINK_NOFOLLOW) {
            match FileType::from_raw_mode(there.st_mode) {
                FileType::RegularFile => {
                    rustix::fs::fchmod(&self.file, Mode::from_raw_mode(there.st_mode & 0o777))?;
                }
                FileType::Directory => return Err(Errno::ISDIR.into()),
                _ => {}
            }
        }
        if len == 0 {
            return Ok(());
        }
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(self.file.set_len(len)?),
            result => Ok(result?),
        }
    }

    fn publish(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        if self.hidden.is_none() {
            match self.link(&self.target) {
                Ok(()) => {
                    self.published = true;
                    return Ok(());
                }
                // Only a renaming replaces, and only what has a name can be renamed.
                Err(Errno::EXIST) => self.link_hidden()?,
                Err(error) => return Err(error.into()),
            }
        }
        let hidden = self.hidden.as_deref().unwrap_or_default();
        rustix::fs::renameat(&self.directory, hidden, &self.directory, &self.target)?;
        self.hidden = None;
        self.published = true;
        Ok(())
    }

    fn link(&self, name: &str) -> rustix::io::Result<()> {
        let itself = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        rustix::fs::linkat(CWD, itself, &self.directory, name, AtFlags::SYMLINK_FOLLOW)
    }

    fn link_hidden(&mut self) -> rustix::io::Result<()> {
        for _ in 0..TRIES {
            let hidden = hidden_name(&self.target);
            match self.link(&hidden) {
                Err(Errno::EXIST) => {}
                Ok(()) => {
                    self.hidden = Some(hidden);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Err(Errno::EXIST)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden
            && let Err(error) = rustix::fs::unlinkat(&self.directory, hidden, AtFlags::empty())
        {
            tracing::warn!(file = %hidden, %error, "a temporary file could not be removed");
        }
    }
}

/// A file without a name; `None` where the file system cannot make one.
fn open_unnamed(directory: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, ".", flags, FILE_MODE) {
        Ok(file) => Ok(Some(file)),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn open_hidden(directory: &OwnedFd, target: &str) -> io::Result<(OwnedFd, Option<String>)> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..TRIES {
        let hidden = hidden_name(target);
        match rustix::fs::openat(directory, &hidden, flags, FILE_MODE) {
            Err(Errno::EXIST) => {}
            Ok(file) => return Ok((file, Some(hidden))),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::EXIST.into())
}

/// A name that no listing of data shows, and nobody can guess.
fn hidden_name(target: &str) -> String {
    let mut end = target.len().min(NAME_PART);
    while !target.is_char_boundary(end) {
        end -= 1;
    }
    let random: String = rand::rng()
        .sample_iter(Alphanumeric)
        .take(12)
        .map(char::from)
        .collect();
    format!(".{}.{random}.tmp", &target[..end])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn open(directory: &Path) -> OwnedFd {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        rustix::fs::open(directory, flags, Mode::empty()).unwrap()
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn hidden(directory: &Path, target: &str) -> Inner {
        let handle = open(directory);
        let (file, hidden) = open_hidden(&handle, target).unwrap();
        Inner {
            file: File::from(file),
            directory: handle,
            hidden,
            target: target.to_owned(),
            published: false,
            _alive: mpsc::channel(1).0,
        }
    }

    #[tokio::test]
    async fn a_file_appears_under_its_name_alone_and_keeps_the_permissions_of_the_replaced_one() {
        let directory = tempfile::tempdir().unwrap();
        for content in ["first", "second"] {
            let (alive, _) = mpsc::channel(1);
            let runtime = Handle::current();
            let temp = TempFile::create(
                open(directory.path()),
                "file",
                content.len() as u64,
                runtime,
                alive,
            );
            let temp = temp.unwrap();
            temp.write(&[Bytes::from(content)], 0).unwrap();
            temp.publish().unwrap();
            assert_eq!(names(directory.path()), ["file"]);
            let path = directory.path().join("file");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            if content == "first" {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            } else {
                assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
            }
        }
    }

    #[test]
    fn without_unnamed_files_a_hidden_one_takes_the_place_or_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let long = "é".repeat(127);
        let mut published = hidden(directory.path(), &long);
        published.publish().unwrap();
        drop(published);
        assert_eq!(names(directory.path()), [long.as_str()]);
        let given_up = hidden(directory.path(), "other");
        assert_eq!(names(directory.path()).len(), 2);
        drop(given_up);
        assert_eq!(names(directory.path()), [long.as_str()]);
    }

    #[tokio::test]
    async fn a_link_at_the_target_is_replaced_and_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::symlink(outside.path(), directory.path().join("file")).unwrap();
        let (alive, _) = mpsc::channel(1);
        let temp = TempFile::create(open(directory.path()), "file", 1, Handle::current(), alive).unwrap();
        temp.write(&[Bytes::from_static(b"x")], 0).unwrap();
        temp.publish().unwrap();
        assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"x");
        assert!(!directory.path().join("file").is_symlink());
        assert_eq!(fs::read(outside.path()).unwrap(), b"");
    }
}
