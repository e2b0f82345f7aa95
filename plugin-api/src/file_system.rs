//! [`FileSystemFactory`] and [`FileSystem`]: what a plugin implements and a host calls.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    BulkCopy, Capabilities, Config, CreateOptions, DelegationTokenProvider, DelegationTokenReceiver,
    DiagnosisOptions, Error, ErrorKind, FileStatus, InputStream, ListOptions, Location, OpenOptions,
    OutputStream, Probe, RecoverableWriter, Result,
};

/// Makes file systems; the one object that a plugin hands to its host.
///
/// A factory is made once per loaded plugin and host. It owns what its file systems share: the
/// runtime, connection pools, the memory budget.
#[async_trait]
pub trait FileSystemFactory: Send + Sync + 'static {
    /// Makes the file system of `root`, whose scheme and authority count and whose key is empty.
    ///
    /// `config` holds every pair that the host has; a plugin reads its own keys and ignores the
    /// rest. Environment variables and files are to be read here, once.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] names the key, its value (never a secret's) and the legal range.
    /// No request has to be made here: a wrong bucket or credential shows at first use.
    async fn create(&self, root: &Location, config: &Config) -> Result<Arc<dyn FileSystem>>;

    /// The part that obtains delegation tokens for others, if the plugin has one.
    fn delegation_token_provider(&self, config: &Config) -> Result<Option<Box<dyn DelegationTokenProvider>>> {
        let _ = config;
        Ok(None)
    }

    /// The part that takes delegation tokens into use, if the plugin has one.
    fn delegation_token_receiver(&self) -> Option<Box<dyn DelegationTokenReceiver>> {
        None
    }

    /// Finds out, stage by stage, whether `root` can be used with this configuration, and what to do where
    /// it cannot. The key of `root` is the directory to try it in.
    ///
    /// A stage that fails is a [`Probe`] and no error. Nothing stays behind, and it ends within a minute whatever the
    /// network does. A caller who goes away lets it clean up behind it, as long as the plugin is not shut down.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] by default: the host then tries the file system as everybody uses it.
    async fn diagnose(
        &self,
        root: &Location,
        config: &Config,
        options: &DiagnosisOptions,
    ) -> Result<Vec<Probe>> {
        let _ = (root, config, options);
        Err(Error::unsupported("this plugin", "diagnoses of its own"))
    }

    /// Runs `poll` with the plugin's runtime entered.
    ///
    /// Every call into the plugin that may do work, every poll of a future it returned and every
    /// drop of an object of its own goes through here, on the caller's thread. A plugin with a runtime enters it and
    /// then calls `poll` exactly once; a plugin without one keeps the default.
    fn enter(&self, poll: &mut dyn FnMut()) {
        poll();
    }

    /// The host has changed what it wants logged. Nothing to do for a plugin that logs with
    /// `tracing`: the boundary asks the host again.
    fn telemetry_changed(&self) {}

    /// Ends background work: running operations may finish within `deadline`, new ones fail with
    /// [`ErrorKind::Closed`]. Idempotent. The library stays mapped.
    async fn shutdown(&self, deadline: Duration) -> Result<()> {
        let _ = deadline;
        Ok(())
    }
}

/// One file system: everything below one scheme and authority, such as one bucket.
///
/// Shared between threads; its streams are not. Every future may be dropped at any time, which
/// cancels the operation: what had been requested may or may not have happened, and nothing of it
/// goes on in the background.
///
/// The methods with a default body are optional features; [`capabilities`](Self::capabilities)
/// says which are there.
#[async_trait]
pub trait FileSystem: Send + Sync + 'static {
    /// What this file system promises beyond the basics.
    fn capabilities(&self) -> Capabilities;

    /// The status of a file or directory.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] only if there is nothing; missing rights are
    /// [`ErrorKind::PermissionDenied`], never "not found".
    async fn status(&self, path: &Location) -> Result<FileStatus>;

    /// Lists a directory, or a file as its own only entry. Pages come as they are asked for.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is nothing, either here or by the first page.
    async fn list(&self, path: &Location, options: &ListOptions) -> Result<Box<dyn Lister>>;

    /// Opens a file for reading at position 0.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::IsADirectory`].
    async fn open(&self, path: &Location, options: &OpenOptions) -> Result<Box<dyn InputStream>>;

    /// Starts a new file. Nothing can be seen at `path` before
    /// [`OutputStream::close`] succeeded, and nothing ever if it did not.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`], here or at close, if the mode forbids to replace a file.
    async fn create(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn OutputStream>>;

    /// Deletes a file, or a directory: an empty one, or with `recursive` all that is below it.
    /// False if there was nothing. Deleting the root recursively empties it.
    ///
    /// # Errors
    /// [`ErrorKind::DirectoryNotEmpty`] without `recursive`. If some entries could not be deleted,
    /// the error names them and the others are gone.
    async fn delete(&self, path: &Location, recursive: bool) -> Result<bool>;

    /// Renames a file, replacing the target; a target that is a directory, or ends with a slash, receives the
    /// file under its own name. `from == to` succeeds without doing anything.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Unsupported`] for a directory without
    /// [`Capabilities::RENAME_DIRECTORY`].
    async fn rename(&self, from: &Location, to: &Location) -> Result<()>;

    /// Makes a directory and its parents; succeeds if it exists.
    ///
    /// Without [`Capabilities::REAL_DIRECTORIES`] it may do nothing, since a directory there exists
    /// as soon as a file is below it.
    async fn mkdirs(&self, path: &Location) -> Result<()>;

    /// The writer for exactly-once output.
    fn recoverable_writer(&self) -> Result<Arc<dyn RecoverableWriter>> {
        Err(Error::unsupported("this file system", "recoverable writers"))
    }

    /// Copies of many files at a time.
    fn bulk_copy(&self) -> Result<Arc<dyn BulkCopy>> {
        Err(Error::unsupported("this file system", "bulk copies"))
    }

    /// The key that `create` replaces by random characters in a path, if one is configured.
    fn entropy_key(&self) -> Option<String> {
        None
    }

    /// Lets running operations end within `deadline` and refuses new ones with
    /// [`ErrorKind::Closed`]. Idempotent; problems are logged, not returned, unless an operation
    /// had to be cut off ([`ErrorKind::Timeout`]).
    async fn close(&self, deadline: Duration) -> Result<()> {
        let _ = deadline;
        Ok(())
    }
}

/// Conveniences that follow from [`FileSystem`] alone.
#[async_trait]
pub trait FileSystemExt: FileSystem {
    /// Whether there is a file or directory.
    ///
    /// # Errors
    /// Everything but [`ErrorKind::NotFound`]: a missing right is an error, not "no".
    async fn exists(&self, path: &Location) -> Result<bool> {
        match self.status(path).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All entries of a listing. Memory grows with their number: page through
    /// [`FileSystem::list`] where there may be many.
    async fn list_all(&self, path: &Location, options: &ListOptions) -> Result<Vec<FileStatus>> {
        let mut lister = self.list(path, options).await?;
        let mut all = Vec::new();
        while let Some(page) = lister.next_page().await? {
            all.extend(page);
        }
        Ok(all)
    }

    /// The whole content of a file.
    async fn read_all(&self, path: &Location) -> Result<bytes::Bytes> {
        let mut stream = self.open(path, &OpenOptions::default()).await?;
        let mut content = bytes::BytesMut::with_capacity(stream.len() as usize);
        loop {
            let chunk = stream.read(usize::MAX).await?;
            if chunk.is_empty() {
                break;
            }
            content.extend_from_slice(&chunk);
        }
        stream.close().await?;
        Ok(content.freeze())
    }

    /// Writes a whole file.
    async fn write_all(
        &self,
        path: &Location,
        content: bytes::Bytes,
        options: &CreateOptions,
    ) -> Result<FileStatus> {
        let mut stream = self.create(path, options).await?;
        stream.write_bytes(content).await?;
        stream.close().await
    }
}

impl<T: FileSystem + ?Sized> FileSystemExt for T {}

/// The pages of a listing.
#[async_trait]
pub trait Lister: Send + 'static {
    /// The next page, or `None` after the last one. A page is never empty. The order is the store's.
    ///
    /// After an error or a cancelled call the same page is asked for again.
    async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>>;
}
