//! A store inside the test program that counts what is open, and answers as it is told.

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Instant;

use host_loader::FileSystems;
use host_loader::plugin_api::{
    ABI_VERSION, BulkCopy, Bytes, Capabilities, Committer, Config, CopyOptions, CopyProgress, CopyRequest,
    CreateOptions, Error, ErrorKind, FileStatus, FileSystem, FileSystemFactory, InputStream, ListOptions,
    Lister, Location, Manifest, OpenOptions, OutputStream, Recoverable, RecoverableInfo, RecoverableStream,
    RecoverableWriter, Result, async_trait,
};

use crate::clock::ManualClock;

/// Bytes that one call moves.
pub(crate) const MOVED: u64 = 7;

/// How the calls of one stream are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    #[default]
    Works,
    Fails,
    /// Not before it is told otherwise.
    Hangs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

/// The store. Its files are numbers: what is known of a stream is known by the name of its file.
#[derive(Clone)]
pub(crate) struct FakeStore {
    clock: ManualClock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub(crate) struct State {
    answers: HashMap<u64, Answer>,
    hanging: HashMap<u64, Waker>,
    /// Streams, openings and copied files, of each way.
    pub(crate) in_use: [usize; 2],
    pub(crate) peak: [usize; 2],
    pub(crate) total_peak: usize,
    /// The files that were opened or tried to, of each way.
    pub(crate) begun: [Vec<u64>; 2],
    /// When the stream of a file moved last.
    pub(crate) moved_at: HashMap<u64, Instant>,
    /// Bytes moved, of each way.
    pub(crate) bytes: [u64; 2],
    pub(crate) published: HashSet<u64>,
    pub(crate) persisted: HashSet<u64>,
    /// Streams whose user has let go of them.
    pub(crate) let_go: HashSet<u64>,
    /// Streams that were dropped without that, and when.
    pub(crate) taken_away: HashMap<u64, Instant>,
}

impl FakeStore {
    pub(crate) fn new(clock: &ManualClock) -> Self {
        Self {
            clock: clock.clone(),
            state: Arc::default(),
        }
    }

    /// A registry whose scheme `fake` is this store.
    pub(crate) fn registry(&self, pairs: &[(&str, &str)]) -> FileSystems {
        let manifest = Manifest {
            format: 1,
            abi: ABI_VERSION,
            min_host_minor: 0,
            name: "fake".to_owned(),
            version: "1.0.0".to_owned(),
            schemes: vec!["fake".to_owned()],
            options: Vec::new(),
            owned_prefixes: Vec::new(),
            scope_prefix: String::new(),
        };
        let clock = self.clock.clone();
        FileSystems::builder()
            .search_environment(false)
            .factory(manifest, Arc::new(FakeFactory(self.clone())))
            .config(Config::from_pairs(pairs.iter().copied()))
            .clock(move || clock.now())
            .build()
            .unwrap()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// How calls for this file are answered from now on.
    pub(crate) fn answer(&self, file: u64, answer: Answer) {
        let waker = {
            let mut state = self.state();
            state.answers.insert(file, answer);
            state.hanging.remove(&file)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn in_use(&self, way: Way) -> usize {
        self.state().in_use[way as usize]
    }

    /// Whether a call waits for an answer.
    pub(crate) fn is_hanging(&self, file: u64) -> bool {
        self.state().hanging.contains_key(&file)
    }

    async fn ask(&self, file: u64) -> Result<()> {
        poll_fn(|context| {
            let mut state = self.state();
            match state.answers.get(&file).copied().unwrap_or_default() {
                Answer::Works => Poll::Ready(Ok(())),
                Answer::Fails => Poll::Ready(Err(Error::new(ErrorKind::Unavailable, "told to fail"))),
                Answer::Hangs => {
                    state.hanging.insert(file, context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn begin(&self, way: Way, file: u64, number: usize) -> Use {
        let mut state = self.state();
        state.begun[way as usize].push(file);
        state.in_use[way as usize] += number;
        state.peak[way as usize] = state.peak[way as usize].max(state.in_use[way as usize]);
        state.total_peak = state.total_peak.max(state.in_use.iter().sum());
        Use {
            store: self.clone(),
            way,
            number,
        }
    }

    async fn open_stream(&self, way: Way, path: &Location) -> Result<FakeStream> {
        let file = number(path);
        let in_use = self.begin(way, file, 1);
        self.ask(file).await?;
        self.has_moved(file);
        Ok(FakeStream {
            store: self.clone(),
            location: path.clone(),
            file,
            way,
            position: 0,
            in_use: Some(in_use),
            is_closing: false,
        })
    }

    fn has_moved(&self, file: u64) {
        let now = self.clock.now();
        self.state().moved_at.insert(file, now);
    }
}

pub(crate) fn number(path: &Location) -> u64 {
    path.name().parse().unwrap()
}

pub(crate) fn path(file: u64) -> Location {
    Location::parse(&format!("fake://store/{file}")).unwrap()
}

/// Counted until it is dropped.
struct Use {
    store: FakeStore,
    way: Way,
    number: usize,
}

impl Drop for Use {
    fn drop(&mut self) {
        self.store.state().in_use[self.way as usize] -= self.number;
    }
}

struct FakeFactory(FakeStore);

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
        Ok(Box::new(self.open_stream(Way::In, path).await?))
    }

    async fn create(&self, path: &Location, _: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        Ok(Box::new(self.open_stream(Way::Out, path).await?))
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
        Ok(Box::new(self.open_stream(Way::Out, path).await?))
    }

    async fn recover(&self, state: &Recoverable) -> Result<Box<dyn RecoverableStream>> {
        let file = u64::from(state.version());
        Ok(Box::new(self.open_stream(Way::Out, &path(file)).await?))
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

struct FakeCommitter;

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

/// A stream of any kind.
struct FakeStream {
    store: FakeStore,
    location: Location,
    file: u64,
    way: Way,
    position: u64,
    /// None once it has ended.
    in_use: Option<Use>,
    is_closing: bool,
}

impl FakeStream {
    async fn step(&mut self) -> Result<()> {
        self.store.ask(self.file).await?;
        self.position += MOVED;
        self.store.has_moved(self.file);
        self.store.state().bytes[self.way as usize] += MOVED;
        Ok(())
    }

    async fn end(&mut self, publishes: bool) -> Result<()> {
        self.is_closing = true;
        let asked = self.store.ask(self.file).await;
        if asked.is_ok() && publishes {
            self.store.state().published.insert(self.file);
        }
        self.in_use = None;
        asked
    }
}

impl Drop for FakeStream {
    fn drop(&mut self) {
        let now = self.store.clock.now();
        let mut state = self.store.state();
        if self.in_use.is_some() && !state.let_go.contains(&self.file) {
            assert!(!self.is_closing, "taken away while it was being closed");
            state.taken_away.insert(self.file, now);
        }
        state.hanging.remove(&self.file);
        drop(state);
    }
}

#[async_trait]
impl InputStream for FakeStream {
    async fn read(&mut self, max: usize) -> Result<Bytes> {
        assert!(max as u64 >= MOVED);
        self.step().await?;
        Ok(Bytes::from_static(&[0; MOVED as usize]))
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.position = position;
        self.store.has_moved(self.file);
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn len(&self) -> u64 {
        u64::MAX
    }

    async fn close(&mut self) -> Result<()> {
        self.end(false).await
    }
}

#[async_trait]
impl OutputStream for FakeStream {
    async fn write(&mut self, _: &[u8]) -> Result<()> {
        self.step().await
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn location(&self) -> Location {
        self.location.clone()
    }

    async fn flush(&mut self) -> Result<()> {
        self.store.ask(self.file).await
    }

    async fn sync(&mut self) -> Result<()> {
        self.store.ask(self.file).await
    }

    async fn close(&mut self) -> Result<FileStatus> {
        self.end(true).await?;
        Ok(FileStatus::file(self.location.clone(), self.position))
    }

    async fn abort(&mut self) -> Result<()> {
        self.end(false).await
    }
}

#[async_trait]
impl RecoverableStream for FakeStream {
    async fn write(&mut self, _: &[u8]) -> Result<()> {
        self.step().await
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn location(&self) -> Location {
        self.location.clone()
    }

    async fn flush(&mut self) -> Result<()> {
        self.store.ask(self.file).await
    }

    async fn persist(&mut self) -> Result<Recoverable> {
        self.store.ask(self.file).await?;
        self.store.state().persisted.insert(self.file);
        Ok(Recoverable::new(0, Bytes::new()))
    }

    async fn close_for_commit(&mut self) -> Result<Arc<dyn Committer>> {
        self.end(true).await?;
        Ok(Arc::new(FakeCommitter))
    }

    async fn close(&mut self) -> Result<()> {
        self.end(false).await
    }
}
