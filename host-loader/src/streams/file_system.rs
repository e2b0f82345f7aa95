//! [`WatchedFileSystem`].

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use plugin_api::{
    BulkCopy, Capabilities, CreateOptions, FileStatus, FileSystem, InputStream, ListOptions, Lister,
    Location, OpenOptions, OutputStream, RecoverableWriter, Result, async_trait,
};

use super::bulk_copy::WatchedBulkCopy;
use super::input::WatchedInput;
use super::output::WatchedOutput;
use super::pool::{Direction, Pool};
use super::recoverable::WatchedWriter;

/// A file system whose open streams are known and counted.
pub(crate) struct WatchedFileSystem {
    pub(super) pool: Arc<Pool>,
    pub(super) file_system: Arc<dyn FileSystem>,
}

impl WatchedFileSystem {
    /// Whether it was closed, so that whoever wants to go on needs another one.
    pub(crate) fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }
}

/// What needs no stream has its signature written out, as the macro would: the future of the file system itself is
/// handed on, without another one around it.
#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl FileSystem for WatchedFileSystem {
    fn capabilities(&self) -> Capabilities {
        self.file_system.capabilities()
    }

    fn status<'a, 'b, 'c>(&'a self, path: &'b Location) -> BoxFuture<'c, Result<FileStatus>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.file_system.status(path)
    }

    fn list<'a, 'b, 'c, 'd>(
        &'a self,
        path: &'b Location,
        options: &'c ListOptions,
    ) -> BoxFuture<'d, Result<Box<dyn Lister>>>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        self.file_system.list(path, options)
    }

    async fn open(&self, path: &Location, options: &OpenOptions) -> Result<Box<dyn InputStream>> {
        let credit = self.pool.acquire(Direction::In, path).await?;
        let stream = self.file_system.open(path, options).await?;
        Ok(Box::new(WatchedInput::new(&self.pool, path, credit, stream)))
    }

    async fn create(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        let credit = self.pool.acquire(Direction::Out, path).await?;
        let stream = self.file_system.create(path, options).await?;
        Ok(Box::new(WatchedOutput::new(&self.pool, credit, stream)))
    }

    fn delete<'a, 'b, 'c>(&'a self, path: &'b Location, recursive: bool) -> BoxFuture<'c, Result<bool>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.file_system.delete(path, recursive)
    }

    fn rename<'a, 'b, 'c, 'd>(&'a self, from: &'b Location, to: &'c Location) -> BoxFuture<'d, Result<()>>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        self.file_system.rename(from, to)
    }

    fn mkdirs<'a, 'b, 'c>(&'a self, path: &'b Location) -> BoxFuture<'c, Result<()>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.file_system.mkdirs(path)
    }

    fn recoverable_writer(&self) -> Result<Arc<dyn RecoverableWriter>> {
        Ok(Arc::new(WatchedWriter {
            pool: Arc::clone(&self.pool),
            writer: self.file_system.recoverable_writer()?,
        }))
    }

    fn bulk_copy(&self) -> Result<Arc<dyn BulkCopy>> {
        Ok(Arc::new(WatchedBulkCopy {
            pool: Arc::clone(&self.pool),
            bulk_copy: self.file_system.bulk_copy()?,
        }))
    }

    fn entropy_key(&self) -> Option<String> {
        self.file_system.entropy_key()
    }

    async fn close(&self, deadline: Duration) -> Result<()> {
        self.pool.close();
        self.file_system.close(deadline).await
    }
}
