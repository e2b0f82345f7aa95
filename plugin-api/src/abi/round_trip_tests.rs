//! A plugin and a host in one process: every call goes through the vtables.

use std::ffi::c_void;
use std::future::Future;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use crate::*;

/// What the plugin was asked, and how to make it misbehave.
#[derive(Default)]
struct Probe {
    calls: Mutex<Vec<String>>,
    entered: AtomicUsize,
    inside: AtomicBool,
    dropped_inside: AtomicUsize,
    cancelled: AtomicBool,
}

impl Probe {
    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }

    fn last(&self) -> String {
        self.calls.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

static PROBE: Mutex<Option<Arc<Probe>>> = Mutex::new(None);

struct Factory(Arc<Probe>);

#[async_trait]
impl FileSystemFactory for Factory {
    async fn create(&self, root: &Location, config: &Config) -> Result<Arc<dyn FileSystem>> {
        self.0
            .note(format!("create {root} {:?}", config.iter().collect::<Vec<_>>()));
        Ok(Arc::new(Fs(Arc::clone(&self.0))))
    }

    async fn diagnose(
        &self,
        root: &Location,
        _: &Config,
        options: &DiagnosisOptions,
    ) -> Result<Vec<crate::Probe>> {
        self.0.note(format!("diagnose {root} {options:?}"));
        let refused = Error::new(ErrorKind::PermissionDenied, "no").with_remedy("ask");
        Ok(vec![
            crate::Probe::passed("dns", "found").took(Duration::from_micros(1_500)),
            crate::Probe::warning("clock", "late", "set it"),
            crate::Probe::failed("put", refused),
            crate::Probe::skipped("get", "needs put"),
        ])
    }

    fn enter(&self, poll: &mut dyn FnMut()) {
        self.0.entered.fetch_add(1, Ordering::SeqCst);
        self.0.inside.store(true, Ordering::SeqCst);
        poll();
        self.0.inside.store(false, Ordering::SeqCst);
    }

    fn delegation_token_provider(&self, _: &Config) -> Result<Option<Box<dyn DelegationTokenProvider>>> {
        Ok(Some(Box::new(Tokens(Arc::clone(&self.0)))))
    }

    fn delegation_token_receiver(&self) -> Option<Box<dyn DelegationTokenReceiver>> {
        Some(Box::new(Tokens(Arc::clone(&self.0))))
    }
}

struct Tokens(Arc<Probe>);

#[async_trait]
impl DelegationTokenProvider for Tokens {
    fn service_name(&self) -> String {
        "probe".to_owned()
    }
    fn is_required(&self) -> bool {
        true
    }
    async fn obtain(&self) -> Result<DelegationToken> {
        let valid_until = Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_234));
        Ok(DelegationToken {
            bytes: Bytes::from_static(b"token"),
            valid_until,
        })
    }
}

#[async_trait]
impl DelegationTokenReceiver for Tokens {
    fn service_name(&self) -> String {
        "probe".to_owned()
    }
    async fn receive(&self, token: &DelegationToken) -> Result<()> {
        self.0
            .note(format!("receive {:?} {:?}", token.bytes, token.valid_until));
        Ok(())
    }
}

struct Fs(Arc<Probe>);

/// Pending for ever; says when it is dropped.
struct Never(Arc<Probe>);

impl Future for Never {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Drop for Never {
    fn drop(&mut self) {
        self.0
            .cancelled
            .store(self.0.inside.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

#[async_trait]
impl FileSystem for Fs {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ATOMIC_CREATE | Capabilities::from_bits_retain(1 << 60)
    }
    async fn status(&self, path: &Location) -> Result<FileStatus> {
        match path.key() {
            "panic" => panic!("a text with {}", "arguments"),
            "never" => {
                Never(Arc::clone(&self.0)).await;
                unreachable!("it is never ready")
            }
            key => Ok(FileStatus::file(path.with_key(key), 7)
                .with_etag("\"e\"")
                .with_modified(Some(SystemTime::UNIX_EPOCH - Duration::from_millis(5)))
                .with_attribute("version-id", "v1")),
        }
    }
    async fn list(&self, path: &Location, options: &ListOptions) -> Result<Box<dyn Lister>> {
        self.0.note(format!("list {path} {options:?}"));
        Ok(Box::new(Pages(vec![vec![FileStatus::directory(path.clone())]])))
    }
    async fn open(&self, path: &Location, options: &OpenOptions) -> Result<Box<dyn InputStream>> {
        self.0.note(format!("open {path} {options:?}"));
        Ok(Box::new(Input {
            probe: Arc::clone(&self.0),
            content: (0..200).collect::<Vec<u8>>().into(),
            position: 0,
        }))
    }
    async fn create(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        self.0.note(format!("create {path} {options:?}"));
        Err(Error::new(ErrorKind::AlreadyExists, "no").with_path(path))
    }
    async fn delete(&self, _: &Location, recursive: bool) -> Result<bool> {
        Ok(recursive)
    }
    async fn rename(&self, from: &Location, to: &Location) -> Result<()> {
        self.0.note(format!("rename {from} {to}"));
        Ok(())
    }
    async fn mkdirs(&self, _: &Location) -> Result<()> {
        Ok(())
    }
    fn entropy_key(&self) -> Option<String> {
        Some("_e_".to_owned())
    }
    fn bulk_copy(&self) -> Result<Arc<dyn BulkCopy>> {
        Ok(Arc::new(Copier))
    }
}

struct Copier;

#[async_trait]
impl BulkCopy for Copier {
    fn can_copy(&self, _: &Location, target: &Location) -> bool {
        target.scheme() == "file"
    }
    async fn copy_files(
        &self,
        requests: &[CopyRequest],
        _: &CopyOptions,
        progress: Box<dyn CopyProgress>,
    ) -> Result<()> {
        for (index, request) in requests.iter().enumerate() {
            progress.advanced(index, request.size_hint);
            progress.finished(index);
        }
        Ok(())
    }
}

struct Pages(Vec<Vec<FileStatus>>);

#[async_trait]
impl Lister for Pages {
    async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>> {
        Ok(self.0.pop())
    }
}

struct Input {
    probe: Arc<Probe>,
    content: Bytes,
    position: u64,
}

#[async_trait]
impl InputStream for Input {
    async fn read(&mut self, max: usize) -> Result<Bytes> {
        let start = self.position as usize;
        let end = self.content.len().min(start.saturating_add(max));
        self.position = end as u64;
        Ok(self.content.slice(start..end))
    }
    fn seek(&mut self, position: u64) -> Result<()> {
        assert!(position <= 200, "seek panics");
        self.position = position;
        Ok(())
    }
    fn position(&self) -> u64 {
        self.position
    }
    fn len(&self) -> u64 {
        200
    }
    async fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.probe
            .dropped_inside
            .fetch_add(self.probe.inside.load(Ordering::SeqCst).into(), Ordering::SeqCst);
        panic!("in drop");
    }
}

struct Plugin;

impl abi::Export for Plugin {
    fn new_factory(_: HostRef) -> Result<Arc<dyn FileSystemFactory>> {
        let probe = PROBE.lock().unwrap().take().expect("set by `load`");
        Ok(Arc::new(Factory(probe)))
    }
}

static ROOT: abi::Header = abi::root_header::<Plugin>();

fn load() -> (Arc<dyn FileSystemFactory>, Arc<dyn FileSystem>, Arc<Probe>) {
    static LOADING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = LOADING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let probe = Arc::new(Probe::default());
    *PROBE.lock().unwrap() = Some(Arc::clone(&probe));
    let symbol: *const c_void = (&raw const ROOT).cast();
    // SAFETY: `ROOT` is the content of a loader symbol and lives for ever.
    let factory = unsafe { abi::load_factory(symbol, Arc::new(SilentHost)) }.unwrap();
    let config = Config::from_pairs([("a", "1"), ("b", "2")]);
    let fs = ready(factory.create(&at(""), &config)).unwrap();
    assert_eq!(probe.last(), r#"create probe://x/ [("a", "1"), ("b", "2")]"#);
    (factory, fs, probe)
}

fn at(key: &str) -> Location {
    Location::new("probe", "x", key).unwrap()
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("not ready at once"),
    }
}

#[test]
fn statuses_options_and_unknown_capabilities_arrive_whole() {
    let (_, fs, probe) = load();
    assert_eq!(fs.capabilities().bits(), 1 << 60 | 1);
    let status = ready(fs.status(&at("a//b%2F"))).unwrap();
    assert_eq!(status.location, at("a//b%2F"));
    assert_eq!(
        (status.len, status.etag.as_str(), status.attribute("version-id")),
        (7, "\"e\"", Some("v1"))
    );
    assert_eq!(
        status.modified,
        Some(SystemTime::UNIX_EPOCH - Duration::from_millis(5))
    );

    let mut open = OpenOptions {
        buffer_size: 9,
        if_match: "x".into(),
        ..OpenOptions::default()
    };
    open.status = Some(status);
    open.extensions.set("n", -3, true);
    open.extensions.set("t", "text", false);
    drop(ready(fs.open(&at("k"), &open)).unwrap());
    assert_eq!(probe.last(), format!("open probe://x/k {open:?}"));

    let create = CreateOptions {
        content_type: "text/plain".into(),
        size_hint: 5,
        ..CreateOptions::overwrite()
    };
    let error = ready(fs.create(&at("k"), &create)).err().unwrap();
    assert_eq!(
        (error.kind(), error.path()),
        (ErrorKind::AlreadyExists, "probe://x/k")
    );
    assert_eq!(probe.last(), format!("create probe://x/k {create:?}"));

    let list = ListOptions {
        page_size: 3,
        ..ListOptions::recursive()
    };
    let mut lister = ready(fs.list(&at("d"), &list)).unwrap();
    assert_eq!(probe.last(), format!("list probe://x/d {list:?}"));
    assert_eq!(
        ready(lister.next_page()).unwrap().unwrap(),
        [FileStatus::directory(at("d"))]
    );
    assert_eq!(ready(lister.next_page()).unwrap(), None);
    assert!(ready(fs.delete(&at("d"), true)).unwrap());
    assert_eq!(fs.entropy_key().as_deref(), Some("_e_"));
    assert_eq!(
        fs.recoverable_writer().err().unwrap().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn reads_share_the_plugins_memory_and_read_into_fills_the_callers() {
    let (_, fs, _) = load();
    let mut stream = ready(fs.open(&at("k"), &OpenOptions::default())).unwrap();
    let (first, again) = (ready(stream.read(150)).unwrap(), {
        stream.seek(0).unwrap();
        ready(stream.read(150)).unwrap()
    });
    assert_eq!((first.len(), first.as_ptr()), (150, again.as_ptr()));
    let mut buffer = [0; 100];
    assert_eq!(
        (
            ready(stream.read_into(&mut buffer)).unwrap(),
            buffer[0],
            buffer[49]
        ),
        (50, 150, 199)
    );
    assert_eq!(ready(stream.read(1)).unwrap(), Bytes::new());
    let ranges: [Range<u64>; 2] = [5..8, 0..2];
    assert_eq!(
        ready(stream.read_ranges(&ranges)).unwrap(),
        [&[5, 6, 7][..], &[0, 1]]
    );
    assert_eq!((stream.position(), stream.len()), (200, 200));
}

#[test]
fn a_panic_becomes_an_error_with_its_text_and_the_plugin_goes_on() {
    let (_, fs, probe) = load();
    let error = ready(fs.status(&at("panic"))).unwrap_err();
    assert_eq!(
        (error.kind(), error.operation()),
        (ErrorKind::PluginPanic, "status")
    );
    assert!(error.message().contains("a text with arguments"), "{error}");
    let mut stream = ready(fs.open(&at("k"), &OpenOptions::default())).unwrap();
    assert_eq!(stream.seek(201).unwrap_err().kind(), ErrorKind::PluginPanic);
    // The stream's own drop panics too, inside the plugin.
    drop(stream);
    assert_eq!(probe.dropped_inside.load(Ordering::SeqCst), 1);
    assert!(ready(fs.status(&at("k"))).is_ok());
}

#[test]
fn dropping_a_future_drops_the_plugins_at_once_inside_its_runtime() {
    let (_, fs, probe) = load();
    let path = at("never");
    let mut future = Box::pin(fs.status(&path));
    assert!(
        future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    assert!(!probe.cancelled.load(Ordering::SeqCst));
    drop(future);
    assert!(probe.cancelled.load(Ordering::SeqCst));
}

#[test]
fn every_poll_enters_the_runtime() {
    let (_, fs, probe) = load();
    let before = probe.entered.load(Ordering::SeqCst);
    ready(fs.mkdirs(&at("d"))).unwrap();
    assert!(probe.entered.load(Ordering::SeqCst) > before);
    assert!(!probe.inside.load(Ordering::SeqCst));
}

#[test]
fn progress_and_tokens_cross_in_both_directions() {
    /// Bytes, or `None` for the end of a request.
    type Reports = Vec<(usize, Option<u64>)>;
    #[derive(Default)]
    struct Recorded(Arc<Mutex<Reports>>);
    impl CopyProgress for Recorded {
        fn advanced(&self, request: usize, bytes: u64) {
            self.0.lock().unwrap().push((request, Some(bytes)));
        }
        fn finished(&self, request: usize) {
            self.0.lock().unwrap().push((request, None));
        }
    }
    let (factory, fs, probe) = load();
    let copy = fs.bulk_copy().unwrap();
    let target = Location::parse("file:///t").unwrap();
    assert!(copy.can_copy(&at("a"), &target) && !copy.can_copy(&target, &at("a")));
    let request = |size_hint| CopyRequest {
        source: at("a"),
        target: target.clone(),
        size_hint,
    };
    let recorded = Recorded::default();
    let seen = Arc::clone(&recorded.0);
    ready(copy.copy_files(
        &[request(3), request(4)],
        &CopyOptions::default(),
        Box::new(recorded),
    ))
    .unwrap();
    assert_eq!(
        *seen.lock().unwrap(),
        [(0, Some(3)), (0, None), (1, Some(4)), (1, None)]
    );

    let provider = factory
        .delegation_token_provider(&Config::default())
        .unwrap()
        .unwrap();
    let receiver = factory.delegation_token_receiver().unwrap();
    assert_eq!(
        (provider.service_name(), provider.is_required()),
        (receiver.service_name(), true)
    );
    let token = ready(provider.obtain()).unwrap();
    ready(receiver.receive(&token)).unwrap();
    assert_eq!(
        probe.last(),
        format!("receive {:?} {:?}", token.bytes, token.valid_until)
    );
}

#[test]
fn a_diagnosis_arrives_whole() {
    let (factory, _, probe) = load();
    let mut options = DiagnosisOptions::default().read_only(true);
    options.extensions.set("n", 7, false);
    let probes = ready(factory.diagnose(&at("dir"), &Config::default(), &options)).unwrap();
    assert_eq!(probe.last(), format!("diagnose probe://x/dir {options:?}"));
    let facts = probes.iter().map(|probe| {
        let kind = probe.error.as_ref().map(Error::kind);
        (
            probe.stage.as_str(),
            probe.outcome,
            probe.found.as_str(),
            probe.remedy.as_str(),
            kind,
        )
    });
    assert_eq!(
        facts.collect::<Vec<_>>(),
        [
            ("dns", Outcome::Passed, "found", "", None),
            ("clock", Outcome::Warning, "late", "set it", None),
            (
                "put",
                Outcome::Failed,
                "no",
                "ask",
                Some(ErrorKind::PermissionDenied)
            ),
            ("get", Outcome::Skipped, "needs put", "", None),
        ]
    );
    assert_eq!(probes[0].took, Duration::from_micros(1_500));
}
