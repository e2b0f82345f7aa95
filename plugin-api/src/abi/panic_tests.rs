//! A plugin in which everything panics, its drops included, behind the vtables.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::*;

/// Panics in every method, and when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("drop");
        }
    }
}

/// Makes file systems that work as far as what they make does not.
struct Factory;

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

fn at(key: &str) -> Location {
    Location::new("bomb", "a", key).unwrap()
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("not ready at once"),
    }
}

/// It must be a panic that was caught, with this text.
fn caught<T>(result: Result<T>, text: &str) {
    let error = result.err().expect(text);
    assert_eq!(error.kind(), ErrorKind::PluginPanic, "{text}: {error}");
    assert!(error.message().ends_with(text), "'{text}': {error}");
    assert!(!error.operation().is_empty(), "{text}: {error:?}");
}

#[test]
fn a_panic_in_a_factory_or_file_system_is_an_error_and_the_next_call_works() {
    let factory = abi::isolate(Arc::new(Factory));
    let config = Config::default();
    let root = |authority| Location::new("bomb", authority, "").unwrap();
    caught(ready(factory.create(&root("create"), &config)), "create");
    let some = Config::from_pairs([("a", "b")]);
    caught(factory.delegation_token_provider(&some), "provider");
    caught(
        ready(factory.diagnose(&root("a"), &config, &DiagnosisOptions::default())),
        "diagnose",
    );
    factory.telemetry_changed();

    let fs = ready(factory.create(&root("bomb"), &config)).unwrap();
    let (path, text) = (at("k"), "file system");
    caught(ready(fs.status(&path)), text);
    caught(ready(fs.list(&path, &ListOptions::default())), text);
    caught(ready(fs.open(&path, &OpenOptions::default())), text);
    caught(ready(fs.create(&path, &CreateOptions::default())), text);
    caught(ready(fs.delete(&path, true)), text);
    caught(ready(fs.rename(&path, &path)), text);
    caught(ready(fs.mkdirs(&path)), text);
    caught(fs.recoverable_writer(), text);
    caught(fs.bulk_copy(), text);
    assert_eq!(
        (fs.capabilities(), fs.entropy_key()),
        (Capabilities::empty(), None)
    );
    caught(ready(fs.close(Duration::ZERO)), text);

    let other = ready(factory.create(&root("a"), &config)).unwrap();
    assert_eq!(ready(other.status(&path)).unwrap().len, 7);
    caught(ready(factory.shutdown(Duration::ZERO)), "shutdown");
    assert_eq!(ready(other.status(&path)).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_panic_in_what_a_file_system_makes_is_an_error_and_so_is_one_in_its_drop() {
    let factory = abi::isolate(Arc::new(Factory));
    let config = Config::default();
    let fs = ready(factory.create(&at("").with_key(""), &config)).unwrap();
    let path = at("k");
    let mut lister = ready(fs.list(&path, &ListOptions::default())).unwrap();
    caught(ready(lister.next_page()), "next page");

    let mut input = ready(fs.open(&path, &OpenOptions::default())).unwrap();
    caught(ready(input.read(1)), "read");
    caught(ready(input.read_into(&mut [0; 4])), "read into");
    caught(ready(input.read_ranges(&[0..1, 2..3])), "read ranges");
    caught(input.seek(1), "seek");
    assert_eq!((input.position(), input.len()), (0, 0));
    caught(ready(input.close()), "close");

    let mut output = ready(fs.create(&path, &CreateOptions::default())).unwrap();
    caught(ready(output.write(b"x")), "write");
    caught(ready(output.write_bytes("x".into())), "write bytes");
    caught(ready(output.flush()), "flush");
    caught(ready(output.sync()), "sync");
    caught(ready(output.close()), "close");
    caught(ready(output.abort()), "abort");
    assert_eq!((output.position(), output.location()), (0, path.clone()));

    let writer = fs.recoverable_writer().unwrap();
    let state = Recoverable::new(1, Bytes::new());
    assert!(!writer.requires_cleanup());
    caught(ready(writer.open(&path, &CreateOptions::default())), "open");
    caught(ready(writer.cleanup(&state)), "clean up");
    caught(ready(writer.abort(&state)), "abort");
    caught(writer.inspect(&state), "inspect");
    caught(ready(writer.verify(&state)), "verify");
    caught(ready(writer.pending_uploads(&path, "")), "pending uploads");

    let mut stream = ready(writer.recover(&state)).unwrap();
    caught(ready(stream.write(b"x")), "write");
    caught(ready(stream.write_bytes("x".into())), "write bytes");
    caught(ready(stream.flush()), "flush");
    caught(ready(stream.persist()), "persist");
    caught(ready(stream.close_for_commit()), "close for commit");
    caught(ready(stream.close()), "close");
    assert_eq!(stream.position(), 0);

    let committer = ready(writer.recover_for_commit(&state)).unwrap();
    caught(ready(committer.commit()), "commit");
    caught(ready(committer.commit_after_recovery()), "commit after recovery");
    caught(committer.recoverable(), "recoverable");

    let copy = fs.bulk_copy().unwrap();
    assert!(!copy.can_copy(&path, &path));
    let options = CopyOptions::default();
    let copied = copy.copy_files(&[], &options, Box::new(Bomb));
    caught(ready(copied), "copy files");

    let provider = factory.delegation_token_provider(&config).unwrap().unwrap();
    assert!(provider.service_name().is_empty() && !provider.is_required());
    caught(ready(provider.obtain()), "obtain");
    let receiver = factory.delegation_token_receiver().unwrap();
    let token = DelegationToken {
        bytes: Bytes::new(),
        valid_until: None,
    };
    caught(ready(receiver.receive(&token)), "receive");

    drop((
        lister, input, output, stream, committer, copy, provider, receiver, writer,
    ));
    assert_eq!(ready(fs.status(&path)).unwrap().len, 7);
}
