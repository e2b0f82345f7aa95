//! The store as the plugin of a scheme.

use std::sync::Arc;

use host_loader::plugin_api::{
    BulkCopy, Bytes, Capabilities, Committer, Config, CopyOptions, CopyProgress, CopyRequest, CreateOptions,
    Error, FileStatus, FileSystem, FileSystemFactory, InputStream, ListOptions, Lister, Location,
    OpenOptions, OutputStream, Recoverable, RecoverableInfo, RecoverableStream, RecoverableWriter, Result,
    async_trait,
};

use super::stream::FakeStream;
use super::{FakeStore, MOVED, Way, number, path};

pub(super) struct FakeFactory(pub(super) FakeStore);

#[async_trait]
impl FileSystemFactory for FakeFactory {
    async fn create(&self, _root: &Location, _config: &Config) -> Result<Arc<dyn FileSystem>> {
        Ok(Arc::new(self.0.clone()))
    }
}

#[async_trait]
impl FileSystem for FakeStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::empty()
    }

    async fn status(&self, path: &Location) -> Result<FileStatus> {
        Ok(FileStatus::file(path.clone(), 0))
    }

    async fn list(&self, _: &Location, _: &ListOptions) -> Result<Box<dyn Lister>> {
        Err(Error::unsupported("the fake", "lists"))
    }

    async fn open(&self, path: &Location, _: &OpenOptions) -> Result<Box<dyn InputStream>> {
        Ok(Box::new(FakeStream::open(self, Way::In, path).await?))
    }

    async fn create(&self, path: &Location, _: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        Ok(Box::new(FakeStream::open(self, Way::Out, path).await?))
    }

    async fn delete(&self, _: &Location, _: bool) -> Result<bool> {
        Ok(false)
    }

    async fn rename(&self, _: &Location, _: &Location) -> Result<()> {
        Ok(())
    }

    async fn mkdirs(&self, _: &Location) -> Result<()> {
        Ok(())
    }

    fn recoverable_writer(&self) -> Result<Arc<dyn RecoverableWriter>> {
        Ok(Arc::new(self.clone()))
    }

    fn bulk_copy(&self) -> Result<Arc<dyn BulkCopy>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl RecoverableWriter for FakeStore {
    async fn open(&self, path: &Location, _: &CreateOptions) -> Result<Box<dyn RecoverableStream>> {
        Ok(Box::new(FakeStream::open(self, Way::Out, path).await?))
    }

    async fn recover(&self, state: &Recoverable) -> Result<Box<dyn RecoverableStream>> {
        let file = u64::from(state.version());
        Ok(Box::new(FakeStream::open(self, Way::Out, &path(file)).await?))
    }

    async fn recover_for_commit(&self, _: &Recoverable) -> Result<Arc<dyn Committer>> {
        Ok(Arc::new(FakeCommitter))
    }

    async fn abort(&self, _: &Recoverable) -> Result<()> {
        Ok(())
    }

    fn inspect(&self, state: &Recoverable) -> Result<RecoverableInfo> {
        Ok(RecoverableInfo::new(path(u64::from(state.version())), 0, ""))
    }
}

pub(super) struct FakeCommitter;

#[async_trait]
impl Committer for FakeCommitter {
    async fn commit(&self) -> Result<()> {
        Ok(())
    }

    async fn commit_after_recovery(&self) -> Result<()> {
        Ok(())
    }

    fn recoverable(&self) -> Result<Recoverable> {
        Ok(Recoverable::new(0, Bytes::new()))
    }
}

#[async_trait]
impl BulkCopy for FakeStore {
    fn can_copy(&self, _: &Location, _: &Location) -> bool {
        true
    }

    /// Uses as many files at a time as it may.
    async fn copy_files(
        &self,
        requests: &[CopyRequest],
        options: &CopyOptions,
        progress: Box<dyn CopyProgress>,
    ) -> Result<()> {
        let (way, of_store) = match &requests[0] {
            first if first.target.scheme() == "fake" => (Way::Out, &first.target),
            first => (Way::In, &first.source),
        };
        let file = number(of_store);
        let _in_use = self.begin(way, file, options.max_concurrent as usize);
        self.ask(file).await?;
        for request in 0..requests.len() {
            self.state().bytes[way as usize] += MOVED;
            progress.advanced(request, MOVED);
            progress.finished(request);
        }
        Ok(())
    }
}
