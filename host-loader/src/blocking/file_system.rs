//! [`FileSystem`] and [`List`].

use std::sync::Arc;
use std::time::Duration;

use plugin_api::{
    BulkCopy, Bytes, Capabilities, CopyOptions, CopyProgress, CopyRequest, CreateOptions, FileStatus,
    FileSystemExt, ListOptions, Lister, Location, OpenOptions, Result,
};

use super::{InputStream, OutputStream, RecoverableWriter, block_on};

/// One file system, with calls that wait. Cheap to clone.
///
/// Each method does what the method of the same name of [`plugin_api::FileSystem`] does.
#[derive(Clone)]
pub struct FileSystem(Arc<dyn plugin_api::FileSystem>);

impl FileSystem {
    /// Calls to `file_system` that wait.
    pub fn new(file_system: Arc<dyn plugin_api::FileSystem>) -> Self {
        Self(file_system)
    }

    /// The asynchronous file system behind it.
    pub fn as_async(&self) -> &Arc<dyn plugin_api::FileSystem> {
        &self.0
    }

    /// What this file system promises beyond the basics.
    pub fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    /// The status of a file or directory.
    pub fn status(&self, path: &Location) -> Result<FileStatus> {
        block_on(self.0.status(path))
    }

    /// Whether there is a file or directory. A missing right is an error, not "no".
    pub fn exists(&self, path: &Location) -> Result<bool> {
        block_on(self.0.exists(path))
    }

    /// The entries of a directory, or a file as its own only entry, fetched page by page.
    pub fn list(&self, path: &Location, options: &ListOptions) -> Result<List> {
        Ok(List {
            lister: Some(block_on(self.0.list(path, options))?),
            page: Vec::new().into_iter(),
        })
    }

    /// Opens a file for reading at position 0.
    pub fn open(&self, path: &Location, options: &OpenOptions) -> Result<InputStream> {
        block_on(self.0.open(path, options)).map(InputStream::new)
    }

    /// Starts a new file, which [`OutputStream::close`] publishes.
    pub fn create(&self, path: &Location, options: &CreateOptions) -> Result<OutputStream> {
        block_on(self.0.create(path, options)).map(OutputStream::new)
    }

    /// The whole content of a file.
    pub fn read_all(&self, path: &Location) -> Result<Bytes> {
        block_on(self.0.read_all(path))
    }

    /// Writes a whole file.
    pub fn write_all(
        &self,
        path: &Location,
        content: impl Into<Bytes>,
        options: &CreateOptions,
    ) -> Result<FileStatus> {
        block_on(self.0.write_all(path, content.into(), options))
    }

    /// Deletes a file or directory; false if there was nothing.
    pub fn delete(&self, path: &Location, recursive: bool) -> Result<bool> {
        block_on(self.0.delete(path, recursive))
    }

    /// Renames a file, replacing the target.
    pub fn rename(&self, from: &Location, to: &Location) -> Result<()> {
        block_on(self.0.rename(from, to))
    }

    /// Makes a directory and its parents.
    pub fn mkdirs(&self, path: &Location) -> Result<()> {
        block_on(self.0.mkdirs(path))
    }

    /// The writer for exactly-once output.
    pub fn recoverable_writer(&self) -> Result<RecoverableWriter> {
        self.0.recoverable_writer().map(RecoverableWriter::new)
    }

    /// Copies many files at a time; see [`BulkCopy::copy_files`].
    pub fn copy_files(
        &self,
        requests: &[CopyRequest],
        options: &CopyOptions,
        progress: Box<dyn CopyProgress>,
    ) -> Result<()> {
        let bulk_copy: Arc<dyn BulkCopy> = self.0.bulk_copy()?;
        block_on(bulk_copy.copy_files(requests, options, progress))
    }

    /// Lets running operations end within `deadline` and refuses new ones.
    pub fn close(&self, deadline: Duration) -> Result<()> {
        block_on(self.0.close(deadline))
    }
}

/// The entries of a listing. Holds one page at a time; ends after the first error.
pub struct List {
    /// `None` after the last page or an error.
    lister: Option<Box<dyn Lister>>,
    page: std::vec::IntoIter<FileStatus>,
}

impl Iterator for List {
    type Item = Result<FileStatus>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(status) = self.page.next() {
                return Some(Ok(status));
            }
            match block_on(self.lister.as_mut()?.next_page()) {
                Ok(Some(page)) => self.page = page.into_iter(),
                Ok(None) => self.lister = None,
                Err(error) => {
                    self.lister = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl std::iter::FusedIterator for List {}
