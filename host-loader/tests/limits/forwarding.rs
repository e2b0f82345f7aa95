//! Whatever a file system can do can be done through the wrapper, also what has a default: each call arrives as itself.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{
    ABI_VERSION, BulkCopy, Bytes, Capabilities, Committer, Config, CopyOptions, CopyProgress, CopyRequest,
    CreateOptions, Error, ErrorKind, FileStatus, FileSystem, FileSystemFactory, InputStream, ListOptions,
    Lister, Location, Manifest, NoProgress, OpenOptions, OutputStream, PendingUpload, Recoverable,
    RecoverableCondition, RecoverableInfo, RecoverableStream, RecoverableWriter, Result, async_trait,
};

/// Notes every call, and answers what no default would.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    fn note(&self, call: &str) {
        self.0.lock().unwrap().push(call.to_owned());
    }

    fn fail<T>(&self, call: &str) -> Result<T> {
        self.note(call);
        Err(Error::new(ErrorKind::Conflict, call))
    }

    /// The calls since the last time.
    fn calls(&self) -> Vec<String> {
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

fn path(key: &str) -> Location {
    Location::parse(&format!("recorded://host/{key}")).unwrap()
}

/// The recorder behind the wrapper, with limits so that these do their work too.
fn setup() -> (Recorder, Arc<dyn FileSystem>) {
    let recorder = Recorder::default();
    let manifest = Manifest {
        format: 1,
        abi: ABI_VERSION,
        min_host_minor: 0,
        name: "recorder".to_owned(),
        version: "1.0.0".to_owned(),
        schemes: vec!["recorded".to_owned()],
        options: Vec::new(),
        owned_prefixes: Vec::new(),
        scope_prefix: String::new(),
    };
    let registry = FileSystems::builder()
        .search_environment(false)
        .factory(manifest, Arc::new(recorder.clone()))
        .config(Config::from_pairs([
            ("fs.recorded.limit.total", "5"),
            ("fs.recorded.limit.stream-timeout", "1000"),
        ]))
        .build()
        .unwrap();
    let fs = block_on(registry.get(&path(""))).unwrap();
    (recorder, fs)
}

/// That this failed as the recorder fails it.
fn failed<T>(result: Result<T>, call: &str) {
    let error = result.err().unwrap();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Conflict, call));
}

#[test]
fn every_call_of_a_file_system_arrives() {
    let (recorder, fs) = setup();
    block_on(async {
        let (a, b) = (path("a"), path("b"));
        assert_eq!(fs.capabilities().bits(), 1 << 60);
        assert_eq!(fs.status(&a).await.unwrap().len, 77);
        failed(fs.list(&a, &ListOptions::default()).await, "list");
        assert!(fs.delete(&a, true).await.unwrap());
        assert!(!fs.delete(&a, false).await.unwrap());
        failed(fs.rename(&a, &b).await, "rename");
        failed(fs.mkdirs(&a).await, "mkdirs");
        assert_eq!(fs.entropy_key().as_deref(), Some("_entropy_"));
        failed(fs.close(Duration::from_secs(3)).await, "close within 3s");
    });
    let calls = [
        "capabilities",
        "status",
        "list",
        "delete",
        "delete",
        "rename",
        "mkdirs",
        "entropy_key",
        "close within 3s",
    ];
    assert_eq!(recorder.calls(), calls);
}

#[test]
fn every_call_of_an_input_stream_arrives() {
    let (recorder, fs) = setup();
    block_on(async {
        let options = OpenOptions {
            if_match: "tag".to_owned(),
            ..OpenOptions::default()
        };
        let mut stream = fs.open(&path("a"), &options).await.unwrap();
        assert_eq!(stream.read(3).await.unwrap(), [1; 3].as_slice());
        let mut buffer = [0; 4];
        assert_eq!(stream.read_into(&mut buffer).await.unwrap(), 4);
        assert_eq!(buffer, [2; 4]);
        assert_eq!(stream.read_ranges(&[0..1, 1..2]).await.unwrap(), ["range"; 2]);
        stream.seek(9).unwrap();
        assert_eq!((stream.position(), stream.len()), (41, 42));
        failed(stream.close().await, "close input");
        // A closed stream answers for itself.
        assert_eq!(stream.read(1).await.unwrap(), [1].as_slice());
    });
    let calls = [
        "open tag",
        "read",
        "read_into",
        "read_ranges",
        "seek 9",
        "close input",
        "read",
    ];
    assert_eq!(recorder.calls(), calls);
}

#[test]
fn every_call_of_an_output_stream_arrives() {
    let (recorder, fs) = setup();
    block_on(async {
        let options = CreateOptions {
            content_type: "text".to_owned(),
            ..CreateOptions::default()
        };
        let mut stream = fs.create(&path("a"), &options).await.unwrap();
        failed(stream.write(b"x").await, "write");
        failed(stream.write_bytes(Bytes::from_static(b"x")).await, "write_bytes");
        assert_eq!((stream.position(), stream.location()), (43, path("with-entropy")));
        failed(stream.flush().await, "flush");
        failed(stream.sync().await, "sync");
        for _ in 0..2 {
            assert_eq!(stream.close().await.unwrap().len, 44);
        }
        failed(stream.abort().await, "abort output");
    });
    let calls = [
        "create text",
        "write",
        "write_bytes",
        "flush",
        "sync",
        "close output",
        "close output",
        "abort output",
    ];
    assert_eq!(recorder.calls(), calls);
}

#[test]
fn every_call_of_a_recoverable_writer_and_its_streams_arrives() {
    let (recorder, fs) = setup();
    let state = Recoverable::new(1, Bytes::new());
    let upload = PendingUpload {
        location: path("a"),
        upload_id: String::new(),
        initiated: None,
    };
    block_on(async {
        let writer = fs.recoverable_writer().unwrap();
        assert!(writer.requires_cleanup());
        drop(writer.recover(&state).await.unwrap());
        failed(writer.recover_for_commit(&state).await, "recover_for_commit");
        assert!(writer.cleanup(&state).await.unwrap());
        failed(writer.abort(&state).await, "abort");
        failed(writer.inspect(&state), "inspect");
        failed(writer.verify(&state).await, "verify");
        failed(
            writer.pending_uploads(&path(""), "next").await,
            "pending_uploads next",
        );
        failed(writer.abort_upload(&upload).await, "abort_upload");
        let options = CreateOptions {
            content_type: "text".to_owned(),
            ..CreateOptions::default()
        };
        let mut stream = writer.open(&path("a"), &options).await.unwrap();
        failed(stream.write(b"x").await, "write recoverable");
        failed(
            stream.write_bytes(Bytes::from_static(b"x")).await,
            "write_bytes recoverable",
        );
        assert_eq!((stream.position(), stream.location()), (45, path("with-entropy")));
        failed(stream.flush().await, "flush recoverable");
        assert_eq!(stream.persist().await.unwrap().version(), 46);
        failed(stream.close_for_commit().await, "close_for_commit");
        failed(stream.close().await, "close recoverable");
    });
    let calls = [
        "recoverable_writer",
        "requires_cleanup",
        "recover",
        "recover_for_commit",
        "cleanup",
        "abort",
        "inspect",
        "verify",
        "pending_uploads next",
        "abort_upload",
        "open recoverable text",
        "write recoverable",
        "write_bytes recoverable",
        "flush recoverable",
        "persist",
        "close_for_commit",
        "close recoverable",
    ];
    assert_eq!(recorder.calls(), calls);
}

#[test]
fn every_call_of_a_bulk_copy_arrives_and_its_progress_comes_back() {
    let (recorder, fs) = setup();
    let mut options = CopyOptions::default();
    options.extensions.set("key", "value", true);
    let request = CopyRequest {
        source: path("a"),
        target: path("b"),
        size_hint: 0,
    };
    block_on(async {
        let bulk_copy = fs.bulk_copy().unwrap();
        assert!(bulk_copy.can_copy(&path("a"), &path("b")));
        let requests = [request.clone(), request];
        bulk_copy
            .copy_files(&requests, &options, Box::new(recorder.clone()))
            .await
            .unwrap();
        bulk_copy
            .copy_files(&[], &options, Box::new(NoProgress))
            .await
            .unwrap();
    });
    let calls = [
        "bulk_copy",
        "can_copy",
        "advanced 0 5",
        "finished 0",
        "copy_files 2 Some(\"value\")",
        "copy_files 0 Some(\"value\")",
    ];
    assert_eq!(recorder.calls(), calls);
}
