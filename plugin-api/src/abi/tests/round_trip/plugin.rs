//! The plugin: it notes what it is asked, and can be made to misbehave.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use crate::*;

/// What the plugin was asked, and how its futures and streams fared.
#[derive(Default)]
pub(super) struct Observed {
    calls: Mutex<Vec<String>>,
    pub(super) entered: AtomicUsize,
    /// Whether the runtime is entered now.
    pub(super) inside: AtomicBool,
    /// Streams that were dropped there.
    pub(super) dropped_inside: AtomicUsize,
    /// Whether a future was dropped there.
    pub(super) cancelled: AtomicBool,
}

impl Observed {
    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }

    pub(super) fn last(&self) -> String {
        self.calls.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

pub(super) static OBSERVED: Mutex<Option<Arc<Observed>>> = Mutex::new(None);

struct Factory(Arc<Observed>);

#[async_trait]
impl FileSystemFactory for Factory {
    async fn create(&self, root: &Location, config: &Config) -> Result<Arc<dyn FileSystem>> {
        self.0
            .note(format!("create {root} {:?}", config.iter().collect::<Vec<_>>()));
        Ok(Arc::new(Fs(Arc::clone(&self.0))))
    }

    async fn diagnose(&self, root: &Location, _: &Config, options: &DiagnosisOptions) -> Result<Vec<Probe>> {
        self.0.note(format!("diagnose {root} {options:?}"));
        let refused = Error::new(ErrorKind::PermissionDenied, "no").with_remedy("ask");
        Ok(vec![
            Probe::passed("dns", "found").took(Duration::from_micros(1_500)),
            Probe::warning("clock", "late", "set it"),
            Probe::failed("put", refused),
            Probe::skipped("get", "needs put"),
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

struct Tokens(Arc<Observed>);

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

struct Fs(Arc<Observed>);

/// Pending for ever; says when it is dropped.
struct Never(Arc<Observed>);

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
            observed: Arc::clone(&self.0),
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
    observed: Arc<Observed>,
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
        self.observed.dropped_inside.fetch_add(
            self.observed.inside.load(Ordering::SeqCst).into(),
            Ordering::SeqCst,
        );
        panic!("in drop");
    }
}

struct Plugin;

impl abi::Export for Plugin {
    fn new_factory(_: HostRef) -> Result<Arc<dyn FileSystemFactory>> {
        let observed = OBSERVED.lock().unwrap().take().expect("set by `load`");
        Ok(Arc::new(Factory(observed)))
    }
}

pub(super) static ROOT: abi::Header = abi::root_header::<Plugin>();
