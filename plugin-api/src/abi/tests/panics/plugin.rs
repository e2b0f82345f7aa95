//! The plugin that panics.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::at;
use crate::*;

/// Panics in every method, and when it is dropped.
pub(super) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("drop");
        }
    }
}

/// Makes file systems that work as far as what they make does not.
pub(super) struct Factory;

#[async_trait]
impl FileSystemFactory for Factory {
    async fn create(&self, root: &Location, _: &Config) -> Result<Arc<dyn FileSystem>> {
        assert!(root.authority() != "create", "create");
        Ok(Arc::new(Fs(root.authority() == "bomb")))
    }
    fn delegation_token_provider(&self, config: &Config) -> Result<Option<Box<dyn DelegationTokenProvider>>> {
        assert!(config.iter().next().is_none(), "provider");
        Ok(Some(Box::new(Bomb)))
    }
    fn delegation_token_receiver(&self) -> Option<Box<dyn DelegationTokenReceiver>> {
        Some(Box::new(Bomb))
    }
    async fn diagnose(&self, _: &Location, _: &Config, _: &DiagnosisOptions) -> Result<Vec<Probe>> {
        panic!("diagnose")
    }
    fn telemetry_changed(&self) {
        panic!("telemetry")
    }
    async fn shutdown(&self, _: Duration) -> Result<()> {
        panic!("shutdown")
    }
}

/// Panics itself, or only in what it makes.
struct Fs(bool);

impl Fs {
    fn make<T>(&self, what: T) -> Result<T> {
        if self.0 {
            std::mem::forget(what);
            panic!("file system");
        }
        Ok(what)
    }
}

#[async_trait]
impl FileSystem for Fs {
    fn capabilities(&self) -> Capabilities {
        self.make(Capabilities::ATOMIC_CREATE).unwrap()
    }
    async fn status(&self, path: &Location) -> Result<FileStatus> {
        self.make(FileStatus::file(path.clone(), 7))
    }
    async fn list(&self, _: &Location, _: &ListOptions) -> Result<Box<dyn Lister>> {
        self.make(Box::new(Bomb))
    }
    async fn open(&self, _: &Location, _: &OpenOptions) -> Result<Box<dyn InputStream>> {
        self.make(Box::new(Bomb))
    }
    async fn create(&self, _: &Location, _: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        self.make(Box::new(Bomb))
    }
    async fn delete(&self, _: &Location, _: bool) -> Result<bool> {
        self.make(true)
    }
    async fn rename(&self, _: &Location, _: &Location) -> Result<()> {
        self.make(())
    }
    async fn mkdirs(&self, _: &Location) -> Result<()> {
        self.make(())
    }
    fn recoverable_writer(&self) -> Result<Arc<dyn RecoverableWriter>> {
        self.make(Arc::new(Bomb))
    }
    fn bulk_copy(&self) -> Result<Arc<dyn BulkCopy>> {
        self.make(Arc::new(Bomb))
    }
    fn entropy_key(&self) -> Option<String> {
        self.make(None).unwrap()
    }
    async fn close(&self, _: Duration) -> Result<()> {
        self.make(())
    }
}

#[async_trait]
impl Lister for Bomb {
    async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>> {
        panic!("next page")
    }
}

#[async_trait]
impl InputStream for Bomb {
    async fn read(&mut self, _: usize) -> Result<Bytes> {
        panic!("read")
    }
    async fn read_into(&mut self, _: &mut [u8]) -> Result<usize> {
        panic!("read into")
    }
    async fn read_ranges(&mut self, _: &[std::ops::Range<u64>]) -> Result<Vec<Bytes>> {
        panic!("read ranges")
    }
    fn seek(&mut self, _: u64) -> Result<()> {
        panic!("seek")
    }
    fn position(&self) -> u64 {
        panic!("position")
    }
    fn len(&self) -> u64 {
        panic!("length")
    }
    async fn close(&mut self) -> Result<()> {
        panic!("close")
    }
}

#[async_trait]
impl OutputStream for Bomb {
    async fn write(&mut self, _: &[u8]) -> Result<()> {
        panic!("write")
    }
    async fn write_bytes(&mut self, _: Bytes) -> Result<()> {
        panic!("write bytes")
    }
    fn position(&self) -> u64 {
        panic!("position")
    }
    fn location(&self) -> Location {
        panic!("location")
    }
    // Written out, so that it panics before there is a future.
    fn flush<'a, 'b>(&'a mut self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        panic!("flush")
    }
    async fn sync(&mut self) -> Result<()> {
        panic!("sync")
    }
    async fn close(&mut self) -> Result<FileStatus> {
        panic!("close")
    }
    async fn abort(&mut self) -> Result<()> {
        panic!("abort")
    }
}

#[async_trait]
impl RecoverableWriter for Bomb {
    fn requires_cleanup(&self) -> bool {
        panic!("requires cleanup")
    }
    async fn open(&self, _: &Location, _: &CreateOptions) -> Result<Box<dyn RecoverableStream>> {
        panic!("open")
    }
    async fn recover(&self, _: &Recoverable) -> Result<Box<dyn RecoverableStream>> {
        Ok(Box::new(Stream(Bomb)))
    }
    async fn recover_for_commit(&self, _: &Recoverable) -> Result<Arc<dyn Committer>> {
        Ok(Arc::new(Bomb))
    }
    async fn cleanup(&self, _: &Recoverable) -> Result<bool> {
        panic!("clean up")
    }
    async fn abort(&self, _: &Recoverable) -> Result<()> {
        panic!("abort")
    }
    fn inspect(&self, _: &Recoverable) -> Result<RecoverableInfo> {
        panic!("inspect")
    }
    async fn verify(&self, _: &Recoverable) -> Result<RecoverableCondition> {
        panic!("verify")
    }
    async fn pending_uploads(&self, _: &Location, _: &str) -> Result<(Vec<PendingUpload>, Option<String>)> {
        panic!("pending uploads")
    }
    async fn abort_upload(&self, _: &PendingUpload) -> Result<()> {
        panic!("abort upload")
    }
}

/// A stream that knows its location and nothing else.
struct Stream(Bomb);

#[async_trait]
impl RecoverableStream for Stream {
    async fn write(&mut self, _: &[u8]) -> Result<()> {
        panic!("write")
    }
    async fn write_bytes(&mut self, _: Bytes) -> Result<()> {
        panic!("write bytes")
    }
    fn position(&self) -> u64 {
        panic!("position")
    }
    fn location(&self) -> Location {
        at("file")
    }
    // Written out, so that it panics before there is a future.
    fn flush<'a, 'b>(&'a mut self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        panic!("flush")
    }
    async fn persist(&mut self) -> Result<Recoverable> {
        panic!("persist")
    }
    async fn close_for_commit(&mut self) -> Result<Arc<dyn Committer>> {
        panic!("close for commit")
    }
    async fn close(&mut self) -> Result<()> {
        panic!("close")
    }
}

#[async_trait]
impl Committer for Bomb {
    fn commit<'a, 'b>(&'a self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        panic!("commit")
    }
    async fn commit_after_recovery(&self) -> Result<()> {
        panic!("commit after recovery")
    }
    fn recoverable(&self) -> Result<Recoverable> {
        panic!("recoverable")
    }
}

#[async_trait]
impl BulkCopy for Bomb {
    fn can_copy(&self, _: &Location, _: &Location) -> bool {
        panic!("can copy")
    }
    async fn copy_files(
        &self,
        _: &[CopyRequest],
        _: &CopyOptions,
        progress: Box<dyn CopyProgress>,
    ) -> Result<()> {
        // Those of the host panic as well, which the copy does not notice.
        progress.advanced(0, 1);
        progress.finished(0);
        panic!("copy files")
    }
}

impl CopyProgress for Bomb {
    fn advanced(&self, _: usize, _: u64) {
        panic!("advanced")
    }
    fn finished(&self, _: usize) {
        panic!("finished")
    }
}

#[async_trait]
impl DelegationTokenProvider for Bomb {
    fn service_name(&self) -> String {
        panic!("service name")
    }
    fn is_required(&self) -> bool {
        panic!("is required")
    }
    async fn obtain(&self) -> Result<DelegationToken> {
        panic!("obtain")
    }
}

#[async_trait]
impl DelegationTokenReceiver for Bomb {
    fn service_name(&self) -> String {
        panic!("service name")
    }
    async fn receive(&self, _: &DelegationToken) -> Result<()> {
        panic!("receive")
    }
}
