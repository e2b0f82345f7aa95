//! A plugin inside the test program that counts what happens to it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, TryFutureExt};
use host_loader::plugin_api::{
    ABI_VERSION, Capabilities, Config, CreateOptions, Error, ErrorKind, FileStatus, FileSystem,
    FileSystemFactory, InputStream, ListOptions, Lister, Location, Manifest, OpenOptions, OutputStream,
    Result, async_trait,
};

/// The manifest of a factory that serves these schemes.
pub(crate) fn manifest(name: &str, schemes: &[&str]) -> Manifest {
    Manifest {
        format: 1,
        abi: ABI_VERSION,
        min_host_minor: 0,
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        schemes: schemes.iter().map(|&scheme| scheme.to_owned()).collect(),
        options: Vec::new(),
        owned_prefixes: Vec::new(),
        scope_prefix: String::new(),
    }
}

/// A factory whose creations can be held back, counted and made to fail.
#[derive(Default)]
pub(crate) struct FakeFactory {
    pub(crate) created: AtomicUsize,
    pub(crate) shutdowns: AtomicUsize,
    /// Creations to fail before the first success.
    pub(crate) failures: AtomicUsize,
    /// Creation waits until this is sent or dropped.
    pub(crate) gate: Option<Shared<BoxFuture<'static, ()>>>,
    /// What the last creation was given.
    pub(crate) seen: Mutex<Option<(Location, Config)>>,
}

impl FakeFactory {
    /// A factory whose creations wait for the sender.
    pub(crate) fn gated() -> (oneshot::Sender<()>, Self) {
        let (open, gate) = oneshot::channel();
        let gate = gate.unwrap_or_else(|_| ()).boxed().shared();
        let factory = Self {
            gate: Some(gate),
            ..Self::default()
        };
        (open, factory)
    }

    pub(crate) fn created(&self) -> usize {
        self.created.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl FileSystemFactory for FakeFactory {
    async fn create(&self, root: &Location, config: &Config) -> Result<Arc<dyn FileSystem>> {
        self.created.fetch_add(1, Ordering::SeqCst);
        *self.seen.lock().unwrap() = Some((root.clone(), config.clone()));
        if let Some(gate) = &self.gate {
            gate.clone().await;
        }
        let failures = &self.failures;
        if failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok()
        {
            return Err(Error::new(ErrorKind::InvalidConfig, "'fake.key' is 'x'"));
        }
        Ok(Arc::new(FakeFileSystem))
    }

    async fn shutdown(&self, _deadline: Duration) -> Result<()> {
        self.shutdowns.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// A file system whose listings break off, and whose files break after the first write.
pub(crate) struct FakeFileSystem;

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Cancelled, what)
}

#[async_trait]
impl FileSystem for FakeFileSystem {
    fn capabilities(&self) -> Capabilities {
        Capabilities::empty()
    }

    async fn status(&self, path: &Location) -> Result<FileStatus> {
        Ok(FileStatus::file(path.clone(), 7))
    }

    async fn list(&self, path: &Location, _: &ListOptions) -> Result<Box<dyn Lister>> {
        Ok(Box::new(BrokenLister(vec![FileStatus::file(path.join("a"), 1)])))
    }

    async fn open(&self, _: &Location, _: &OpenOptions) -> Result<Box<dyn InputStream>> {
        Err(broken("open"))
    }

    async fn create(&self, path: &Location, _: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        Ok(Box::new(BrokenOutput {
            location: path.clone(),
            written: 0,
        }))
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
}

/// One page, then errors for ever.
struct BrokenLister(Vec<FileStatus>);

#[async_trait]
impl Lister for BrokenLister {
    async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>> {
        match std::mem::take(&mut self.0) {
            page if page.is_empty() => Err(broken("list")),
            page => Ok(Some(page)),
        }
    }
}

/// Takes one write, fails the next, and would take more after that.
struct BrokenOutput {
    location: Location,
    written: u64,
}

#[async_trait]
impl OutputStream for BrokenOutput {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        let is_second = self.written == 1;
        self.written += 1;
        if is_second {
            return Err(broken(&format!("write of {} bytes", data.len())));
        }
        Ok(())
    }

    fn position(&self) -> u64 {
        self.written
    }

    fn location(&self) -> Location {
        self.location.clone()
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    async fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    async fn close(&mut self) -> Result<FileStatus> {
        Ok(FileStatus::file(self.location.clone(), self.written))
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }
}
