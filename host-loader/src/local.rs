//! Local files: the scheme `file`.
//!
//! Works under any executor: whatever may wait for a disk runs on the thread pool of the `blocking`
//! crate. A location's key is the absolute path without its leading slash, byte for byte; keys with a
//! segment that is empty or `.`, which a disk would drop, are refused.
//!
//! New files are written under a hidden name beside their target (`.name.….tmp`,
//! `.name.inprogress.…`), which a listing shows, and moved there in one step: nothing is at the target
//! before, but [`Capabilities::ATOMIC_PUBLISH`] would promise more. Where the target is a symbolic link, the link
//! is replaced. Status and reading follow links; recursive listing and deletion do not.

mod committer;
mod deletion;
mod errors;
mod file_writer;
mod input_stream;
mod listing;
mod output_stream;
mod path;
mod publication;
mod recoverable_state;
mod recoverable_stream;
mod recoverable_writer;
mod renaming;
mod status;
mod take_over;
mod verification;

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use blocking::unblock;
use plugin_api::{
    Capabilities, Config, CreateOptions, Error, ErrorKind, FileStatus, FileSystem, FileSystemFactory,
    InputStream, ListOptions, Lister, Location, OpenOptions, OutputStream, RecoverableWriter, Result,
};

use deletion::CancelOnDrop;
use errors::{io_error, not_found, says_nothing_there};
use input_stream::LocalInputStream;
use listing::LocalLister;
use output_stream::LocalOutputStream;
use path::{file_path_of, path_of, refuse_authority};
use recoverable_writer::LocalRecoverableWriter;

/// Makes the file system of the scheme `file`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalFileSystemFactory;

impl LocalFileSystemFactory {
    /// The factory; it holds nothing.
    pub const fn new() -> Self {
        Self
    }
}

#[async_trait]
impl FileSystemFactory for LocalFileSystemFactory {
    /// # Errors
    /// [`ErrorKind::InvalidPath`] if the root has an authority, as in `file://tmp/x`.
    async fn create(&self, root: &Location, _config: &Config) -> Result<Arc<dyn FileSystem>> {
        refuse_authority(root)?;
        Ok(Arc::new(LocalFileSystem::default()))
    }
}

/// The files of this machine.
#[derive(Debug, Default)]
pub struct LocalFileSystem {
    closed: AtomicBool,
}

impl LocalFileSystem {
    /// The file system of the whole machine.
    pub fn new() -> Self {
        Self::default()
    }

    fn check_open(&self, operation: &'static str) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the file system is closed")
                .with_operation(operation)
                .with_remedy("get a new one from the host"));
        }
        Ok(())
    }
}

#[async_trait]
impl FileSystem for LocalFileSystem {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ATOMIC_CREATE
            | Capabilities::ATOMIC_RENAME
            | Capabilities::RENAME_DIRECTORY
            | Capabilities::REAL_DIRECTORIES
            | Capabilities::PINNED_READS
            | Capabilities::RECOVERABLE_WRITER
            | Capabilities::RECOVERABLE_RESUME
            | Capabilities::RECOVERABLE_VERIFY
            | Capabilities::RECURSIVE_LIST
    }

    async fn status(&self, path: &Location) -> Result<FileStatus> {
        self.check_open("status")?;
        let local = path_of("status", path)?;
        let location = path.clone();
        unblock(move || match fs::metadata(&local) {
            Ok(metadata) => Ok(status::file_status(location, &metadata)),
            Err(error) if says_nothing_there(&error) => Err(not_found("status", &location)),
            Err(error) => Err(io_error("status", &location, &error)),
        })
        .await
    }

    async fn list(&self, path: &Location, options: &ListOptions) -> Result<Box<dyn Lister>> {
        self.check_open("list")?;
        options.extensions.refuse_unknown(&[])?;
        let local = path_of("list", path)?;
        let (location, options) = (path.clone(), options.clone());
        let lister = unblock(move || LocalLister::open(location, &local, &options)).await?;
        Ok(Box::new(lister))
    }

    async fn open(&self, path: &Location, options: &OpenOptions) -> Result<Box<dyn InputStream>> {
        self.check_open("open")?;
        options.extensions.refuse_unknown(&[])?;
        let local = path_of("open", path)?;
        let (location, buffer_size) = (path.clone(), options.buffer_size);
        let expected = match &options.status {
            Some(status) if options.if_match.is_empty() => status.etag.clone(),
            _ => options.if_match.clone(),
        };
        let stream =
            unblock(move || LocalInputStream::open(&location, &local, buffer_size, &expected)).await?;
        Ok(Box::new(stream))
    }

    async fn create(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        self.check_open("create")?;
        options.extensions.refuse_unknown(&[])?;
        let target = file_path_of("create", path)?;
        let (location, mode) = (path.clone(), options.mode);
        let stream = unblock(move || LocalOutputStream::create(location, &target, mode)).await?;
        Ok(Box::new(stream))
    }

    async fn delete(&self, path: &Location, recursive: bool) -> Result<bool> {
        self.check_open("delete")?;
        let local = path_of("delete", path)?;
        let location = path.clone();
        let caller = CancelOnDrop::default();
        let cancelled = caller.flag();
        unblock(move || deletion::delete(&location, &local, recursive, &cancelled)).await
    }

    async fn rename(&self, from: &Location, to: &Location) -> Result<()> {
        self.check_open("rename")?;
        let (source, target) = (path_of("rename", from)?, path_of("rename", to)?);
        if from == to {
            return Ok(());
        }
        let (from, to) = (from.clone(), to.clone());
        unblock(move || renaming::rename(&from, &source, &to, &target)).await
    }

    async fn mkdirs(&self, path: &Location) -> Result<()> {
        self.check_open("mkdirs")?;
        let local = path_of("mkdirs", path)?;
        let location = path.clone();
        unblock(move || fs::create_dir_all(&local))
            .await
            .map_err(|error: io::Error| publication::parents_error("mkdirs", &location, &error))
    }

    fn recoverable_writer(&self) -> Result<Arc<dyn RecoverableWriter>> {
        self.check_open("recoverable_writer")?;
        Ok(Arc::new(LocalRecoverableWriter))
    }

    async fn close(&self, _deadline: Duration) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}
