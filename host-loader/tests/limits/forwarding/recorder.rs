//! [`Recorder`]: a file system, and whatever it makes, in one.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_loader::plugin_api::{
    BulkCopy, Bytes, Capabilities, Committer, Config, CopyOptions, CopyProgress, CopyRequest, CreateOptions,
    Error, ErrorKind, FileStatus, FileSystem, FileSystemFactory, InputStream, ListOptions, Lister, Location,
    OpenOptions, OutputStream, PendingUpload, Recoverable, RecoverableCondition, RecoverableInfo,
    RecoverableStream, RecoverableWriter, Result, async_trait,
};

use super::path;

/// Notes every call, and answers what no default would.
#[derive(Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    fn note(&self, call: &str) {
        self.0.lock().unwrap().push(call.to_owned());
    }

    fn fail<T>(&self, call: &str) -> Result<T> {
        self.note(call);
        Err(Error::new(ErrorKind::Conflict, call))
    }

    /// The calls since the last time.
    pub(super) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[async_trait]
impl FileSystemFactory for Recorder {
    async fn create(&self, _: &Location, _: &Config) -> Result<Arc<dyn FileSystem>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl FileSystem for Recorder {
    fn capabilities(&self) -> Capabilities {
        self.note("capabilities");
        Capabilities::from_bits_retain(1 << 60)
    }
    async fn status(&self, path: &Location) -> Result<FileStatus> {
        self.note("status");
        Ok(FileStatus::file(path.clone(), 77))
    }
    async fn list(&self, _: &Location, _: &ListOptions) -> Result<Box<dyn Lister>> {
        self.fail("list")
    }
    async fn open(&self, _: &Location, options: &OpenOptions) -> Result<Box<dyn InputStream>> {
        self.note(&format!("open {}", options.if_match));
        Ok(Box::new(self.clone()))
    }
    async fn create(&self, _: &Location, options: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        self.note(&format!("create {}", options.content_type));
        Ok(Box::new(self.clone()))
    }
    async fn delete(&self, _: &Location, recursive: bool) -> Result<bool> {
        self.note("delete");
        Ok(recursive)
    }
    async fn rename(&self, _: &Location, _: &Location) -> Result<()> {
        self.fail("rename")
    }
    async fn mkdirs(&self, _: &Location) -> Result<()> {
        self.fail("mkdirs")
    }
    fn recoverable_writer(&self) -> Result<Arc<dyn RecoverableWriter>> {
        self.note("recoverable_writer");
        Ok(Arc::new(self.clone()))
    }
    fn bulk_copy(&self) -> Result<Arc<dyn BulkCopy>> {
        self.note("bulk_copy");
        Ok(Arc::new(self.clone()))
    }
    fn entropy_key(&self) -> Option<String> {
        self.note("entropy_key");
        Some("_entropy_".to_owned())
    }
    async fn close(&self, deadline: Duration) -> Result<()> {
        self.fail(&format!("close within {deadline:.0?}"))
    }
}

#[async_trait]
impl InputStream for Recorder {
    async fn read(&mut self, max: usize) -> Result<Bytes> {
        self.note("read");
        Ok(Bytes::from(vec![1; max]))
    }
    async fn read_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.note("read_into");
        buffer.fill(2);
        Ok(buffer.len())
    }
    async fn read_ranges(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.note("read_ranges");
        Ok(vec![Bytes::from_static(b"range"); ranges.len()])
    }
    fn seek(&mut self, position: u64) -> Result<()> {
        self.note(&format!("seek {position}"));
        Ok(())
    }
    fn position(&self) -> u64 {
        41
    }
    fn len(&self) -> u64 {
        42
    }
    async fn close(&mut self) -> Result<()> {
        self.fail("close input")
    }
}

#[async_trait]
impl OutputStream for Recorder {
    async fn write(&mut self, _: &[u8]) -> Result<()> {
        self.fail("write")
    }
    async fn write_bytes(&mut self, _: Bytes) -> Result<()> {
        self.fail("write_bytes")
    }
    fn position(&self) -> u64 {
        43
    }
    fn location(&self) -> Location {
        path("with-entropy")
    }
    async fn flush(&mut self) -> Result<()> {
        self.fail("flush")
    }
    async fn sync(&mut self) -> Result<()> {
        self.fail("sync")
    }
    async fn close(&mut self) -> Result<FileStatus> {
        self.note("close output");
        Ok(FileStatus::file(path("published"), 44))
    }
    async fn abort(&mut self) -> Result<()> {
        self.fail("abort output")
    }
}

#[async_trait]
impl RecoverableWriter for Recorder {
    fn requires_cleanup(&self) -> bool {
        self.note("requires_cleanup");
        true
    }
    async fn open(&self, _: &Location, options: &CreateOptions) -> Result<Box<dyn RecoverableStream>> {
        self.note(&format!("open recoverable {}", options.content_type));
        Ok(Box::new(self.clone()))
    }
    async fn recover(&self, _: &Recoverable) -> Result<Box<dyn RecoverableStream>> {
        self.note("recover");
        Ok(Box::new(self.clone()))
    }
    async fn recover_for_commit(&self, _: &Recoverable) -> Result<Arc<dyn Committer>> {
        self.fail("recover_for_commit")
    }
    async fn cleanup(&self, _: &Recoverable) -> Result<bool> {
        self.note("cleanup");
        Ok(true)
    }
    async fn abort(&self, _: &Recoverable) -> Result<()> {
        self.fail("abort")
    }
    fn inspect(&self, _: &Recoverable) -> Result<RecoverableInfo> {
        self.fail("inspect")
    }
    async fn verify(&self, _: &Recoverable) -> Result<RecoverableCondition> {
        self.fail("verify")
    }
    async fn pending_uploads(
        &self,
        _: &Location,
        token: &str,
    ) -> Result<(Vec<PendingUpload>, Option<String>)> {
        self.fail(&format!("pending_uploads {token}"))
    }
    async fn abort_upload(&self, _: &PendingUpload) -> Result<()> {
        self.fail("abort_upload")
    }
}

#[async_trait]
impl RecoverableStream for Recorder {
    async fn write(&mut self, _: &[u8]) -> Result<()> {
        self.fail("write recoverable")
    }
    async fn write_bytes(&mut self, _: Bytes) -> Result<()> {
        self.fail("write_bytes recoverable")
    }
    fn position(&self) -> u64 {
        45
    }
    fn location(&self) -> Location {
        path("with-entropy")
    }
    async fn flush(&mut self) -> Result<()> {
        self.fail("flush recoverable")
    }
    async fn persist(&mut self) -> Result<Recoverable> {
        self.note("persist");
        Ok(Recoverable::new(46, Bytes::new()))
    }
    async fn close_for_commit(&mut self) -> Result<Arc<dyn Committer>> {
        self.fail("close_for_commit")
    }
    async fn close(&mut self) -> Result<()> {
        self.fail("close recoverable")
    }
}

#[async_trait]
impl BulkCopy for Recorder {
    fn can_copy(&self, _: &Location, _: &Location) -> bool {
        self.note("can_copy");
        true
    }
    async fn copy_files(
        &self,
        requests: &[CopyRequest],
        options: &CopyOptions,
        progress: Box<dyn CopyProgress>,
    ) -> Result<()> {
        progress.advanced(0, 5);
        progress.finished(0);
        self.note(&format!(
            "copy_files {} {:?}",
            requests.len(),
            options.extensions.text("key")
        ));
        Ok(())
    }
}

impl CopyProgress for Recorder {
    fn advanced(&self, request: usize, bytes: u64) {
        self.note(&format!("advanced {request} {bytes}"));
    }
    fn finished(&self, request: usize) {
        self.note(&format!("finished {request}"));
    }
}
