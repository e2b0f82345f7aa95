//! [`SealedImage`]: a library in memory that nobody can change any more.

use std::ffi::CString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::OnceLock;
use std::time::SystemTime;

use object::read::ReadCache;
use plugin_api::Error;
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use crate::elf_image::refuse;

/// Bytes of the largest library: a mistake should not fill the memory.
const LARGEST: u64 = 1 << 30;

/// Bytes of a name that the kernel takes.
const LONGEST_NAME: usize = 249;

/// Bytes read at a time for the hash.
const HASHED_AT_ONCE: usize = 64 << 10;

/// Which file something was read from: device, inode, and when the file was made, where that is known. The number of
/// an inode comes up again when the file is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64, Option<SystemTime>);

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self(metadata.dev(), metadata.ino(), metadata.created().ok())
    }
}

/// A file's content, copied once into memory and sealed there.
///
/// What is hashed, audited and loaded is this copy; whatever happens to the file meanwhile, it stays what it
/// is. The kernel holds it, so that it costs memory of the size of the file as long as it is open or mapped.
pub(crate) struct SealedImage {
    memory: File,
    identity: Identity,
    sha256: OnceLock<[u8; 32]>,
}

impl SealedImage {
    /// Reads a library, once. Links are followed, as far as the path goes at this moment.
    #[cfg(test)]
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let (file, before) = open_regular(path)?;
        Self::copy_of(&file, &before, path)
    }

    /// Reads an opened file, once; `before` is what it was when it was opened.
    ///
    /// # Errors
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad): the file cannot be read, is larger than 1 GiB or is being
    /// written; or the system has no memory files.
    pub(crate) fn copy_of(file: &File, before: &Metadata, path: &Path) -> Result<Self, Error> {
        check_size(before.len())?;
        let memory = memory_file(path).map_err(|error| {
            refuse(
                format!("it cannot be read into a memory file: {error}"),
                "allow memfd_create in the container's or service's system call filter",
            )
        })?;
        let mut memory = File::from(memory);
        let copied =
            io::copy(&mut { file }.take(LARGEST + 1), &mut memory).map_err(|error| unreadable(&error))?;
        check_size(copied)?;
        let after = file.metadata().map_err(|error| unreadable(&error))?;
        if copied != before.len() || last_change(before) != last_change(&after) {
            return Err(refuse(
                "it was written while it was read",
                "write a new plugin beside the old one and rename it, then try again",
            ));
        }
        seal(&memory).map_err(|error| {
            refuse(
                format!("its copy in memory cannot be sealed: {error}"),
                "use a kernel with sealed memory files (Linux 3.17 or later)",
            )
        })?;
        Ok(Self {
            memory,
            identity: Identity::of(&after),
            sha256: OnceLock::new(),
        })
    }

    /// One that another process has read and sealed.
    pub(crate) fn inherited(memory: OwnedFd) -> Result<Self, Error> {
        let memory = File::from(memory);
        let seals = rustix::fs::fcntl_get_seals(&memory).unwrap_or(SealFlags::empty());
        if !seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE) {
            return Err(refuse(
                "it is no sealed copy of a plugin",
                "run this only as fsplug does",
            ));
        }
        let metadata = memory.metadata().map_err(|error| unreadable(&error))?;
        Ok(Self {
            identity: Identity::of(&metadata),
            memory,
            sha256: OnceLock::new(),
        })
    }

    /// A descriptor of the content for another process.
    pub(crate) fn duplicate(&self) -> io::Result<OwnedFd> {
        Ok(self.memory.try_clone()?.into())
    }

    /// The content, for a reader of ELF files.
    pub(crate) fn content(&self) -> ReadCache<&File> {
        ReadCache::new(&self.memory)
    }

    /// The SHA-256 of the content; computed when it is first asked for.
    pub(crate) fn sha256(&self) -> Result<[u8; 32], Error> {
        if let Some(hash) = self.sha256.get() {
            return Ok(*hash);
        }
        let mut hash = Sha256::new();
        self.for_each_piece(|piece| hash.update(piece))?;
        Ok(*self.sha256.get_or_init(|| hash.finalize().into()))
    }

    /// Hands the content on, piece by piece.
    pub(crate) fn for_each_piece(&self, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut buffer = vec![0; HASHED_AT_ONCE];
        let mut position = 0;
        loop {
            let read = self
                .memory
                .read_at(&mut buffer, position)
                .map_err(|error| unreadable(&error))?;
            if read == 0 {
                return Ok(());
            }
            take(&buffer[..read]);
            position += read as u64;
        }
    }

    /// Whether both were read from one file, and have the same content.
    pub(crate) fn is_same(&self, other: &Self) -> Result<bool, Error> {
        Ok(self.identity == other.identity && self.sha256()? == other.sha256()?)
    }

    /// The number of the descriptor, which is open as long as the image is there.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.memory.as_raw_fd()
    }

    /// Moves to a descriptor whose number is this one or a higher one.
    pub(crate) fn move_descriptor(&mut self, lowest: RawFd) -> io::Result<()> {
        let moved: OwnedFd = rustix::io::fcntl_dupfd_cloexec(&self.memory, lowest)?;
        self.memory = moved.into();
        Ok(())
    }
}

/// Opens a plugin's file without ever waiting for it, and what it was at this moment.
///
/// # Errors
/// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) if it cannot be opened or is no regular file.
pub(crate) fn open_regular(path: &Path) -> Result<(File, Metadata), Error> {
    let check = |metadata: Metadata| {
        if metadata.is_file() {
            Ok(metadata)
        } else {
            Err(irregular())
        }
    };
    let real = fs::canonicalize(path).map_err(|error| unreadable(&error))?;
    // Opening some of the others has effects, hence asked before; and again afterwards, of what was opened.
    check(fs::symlink_metadata(&real).map_err(|error| unreadable(&error))?)?;
    let file = OpenOptions::new()
        .read(true)
        // A link or a FIFO that took the file's place meanwhile is not followed and not waited for.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(real)
        .map_err(|error| unreadable(&error))?;
    let metadata = check(file.metadata().map_err(|error| unreadable(&error))?)?;
    Ok((file, metadata))
}

/// Whether a library of so many bytes is read at all.
///
/// # Errors
/// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) for more than 1 GiB.
pub(crate) fn check_size(bytes: u64) -> Result<(), Error> {
    if bytes <= LARGEST {
        return Ok(());
    }
    Err(refuse(
        format!("larger than {} MiB", LARGEST >> 20),
        "put the plugin's .so here, or remove the file",
    ))
}

/// The error for what is no file.
pub(super) fn irregular() -> Error {
    refuse("not a regular file", "remove it")
}

/// The error for a file that cannot be read.
pub(crate) fn unreadable(error: &io::Error) -> Error {
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => "remove the dangling link, or restore what it points to",
        _ => "make it readable for this process",
    };
    refuse(format!("cannot be read: {error}"), remedy)
}

/// An empty memory file that is named like the plugin, so that debuggers and `/proc/self/maps` say which it is.
fn memory_file(path: &Path) -> io::Result<OwnedFd> {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let name = CString::new(&name[..name.len().min(LONGEST_NAME)])?;
    // It is mapped, never executed as a program: what a hardened kernel insists on, and an old one does not know.
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match rustix::fs::memfd_create(&name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => Ok(rustix::fs::memfd_create(&name, flags)?),
        result => Ok(result?),
    }
}

/// Ends every change of a memory file that has never been mapped.
fn seal(memory: &File) -> Result<(), Errno> {
    let others = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    match rustix::fs::fcntl_add_seals(memory, SealFlags::WRITE | others) {
        // Something holds a page for a moment: what moves or watches memory in the kernel does. This seal does
        // not wait for that. It spares mappings that are writable already, and there is none.
        Err(Errno::BUSY) => rustix::fs::fcntl_add_seals(memory, SealFlags::FUTURE_WRITE | others),
        result => result,
    }
}

/// When content or attributes of a file were last changed.
fn last_change(metadata: &Metadata) -> (i64, i64, i64, i64) {
    (
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::SpliceFlags;
    use std::io::Write as _;

    fn image(content: &[u8]) -> SealedImage {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        SealedImage::read(file.path()).unwrap()
    }

    #[test]
    fn the_copy_is_what_was_read_and_nobody_can_change_it() {
        let mut image = image(&vec![7; 100_000]);
        let expected: [u8; 32] = Sha256::digest(vec![7; 100_000]).into();
        assert_eq!(image.sha256().unwrap(), expected);
        assert!(image.memory.write_at(b"x", 0).is_err());
        assert!(image.memory.set_len(0).is_err());
        assert!(image.memory.set_len(200_000).is_err());
        let path = format!("/proc/self/fd/{}", image.descriptor());
        let written = OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|file| file.write_at(b"x", 0));
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        image.sha256.take();
        assert_eq!(image.sha256().unwrap(), expected);
    }

    #[test]
    fn a_page_that_something_holds_does_not_keep_the_copy_from_being_sealed() {
        let mut memory = File::from(memory_file(Path::new("held")).unwrap());
        memory.write_all(&[7; 8192]).unwrap();
        // A page in a pipe is held until it is read.
        let (_reader, writer) = rustix::pipe::pipe().unwrap();
        let held = rustix::pipe::splice(&memory, Some(&mut 0), &writer, None, 4096, SpliceFlags::empty());
        assert_eq!(held.unwrap(), 4096);
        let plain = rustix::fs::fcntl_add_seals(&memory, SealFlags::WRITE);
        assert_eq!(plain, Err(Errno::BUSY));
        seal(&memory).unwrap();
        let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
        let reopened = OpenOptions::new().write(true).open(path).unwrap();
        for file in [&memory, &reopened] {
            assert!(file.write_at(b"x", 0).is_err());
            assert!(file.set_len(0).is_err());
        }
        let mut content = [0; 8192];
        memory.read_exact_at(&mut content, 0).unwrap();
        assert_eq!(content, [7; 8192]);
    }

    #[test]
    fn a_moved_descriptor_has_the_same_content() {
        let mut image = image(b"content");
        let (number, hash) = (image.descriptor(), image.sha256().unwrap());
        image.move_descriptor(number + 1).unwrap();
        assert!(image.descriptor() > number);
        image.sha256.take();
        assert_eq!(image.sha256().unwrap(), hash);
    }

    #[test]
    fn a_link_in_place_of_the_file_is_followed_only_as_far_as_the_path_went() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        fs::write(&target, b"x").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let (_, metadata) = open_regular(&link).unwrap();
        assert_eq!(metadata.ino(), fs::metadata(&target).unwrap().ino());
        let error = open_regular(dir.path()).err().unwrap();
        assert!(error.message().contains("not a regular file"));
    }
}
