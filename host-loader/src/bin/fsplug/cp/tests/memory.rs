//! A store in memory, with the faults that a copy has to cope with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use host_loader::plugin_api::{
    ABI_VERSION, Bytes, Capabilities, Config, CreateOptions, Error, ErrorKind, FileStatus, FileSystem,
    FileSystemFactory, InputStream, ListOptions, Lister, Location, Manifest, OpenOptions, OutputStream,
    Result, WriteMode, async_trait,
};

/// What can go wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Reading ends one byte early, without an error.
    ShortRead,
    /// The version that the listing told of is no longer there.
    Replaced,
    /// Writing fails after some bytes.
    FailedWrite,
    /// The store keeps less than it was given.
    ShortWrite,
    /// Somebody else makes the file while it is being written.
    Overtaken,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) files: BTreeMap<String, Bytes>,
    pub(super) faults: BTreeMap<String, Fault>,
    pub(super) aborted: usize,
    pub(super) writing: usize,
    pub(super) most_writing: usize,
}

/// The store of the scheme `mem`; all authorities are the same one.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<State>>);

impl Memory {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn manifest() -> Manifest {
        Manifest {
            format: 1,
            abi: ABI_VERSION,
            min_host_minor: 0,
            name: "memory".to_owned(),
            version: "1.0.0".to_owned(),
            schemes: vec!["mem".to_owned()],
            options: Vec::new(),
            owned_prefixes: Vec::new(),
            scope_prefix: String::new(),
        }
    }

    fn fault(&self, path: &Location) -> Option<Fault> {
        self.state().faults.get(path.key()).copied()
    }
}

/// Lets the other futures of the thread have their turn.
async fn take_turns() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[async_trait]
impl FileSystemFactory for Memory {
    async fn create(&self, _root: &Location, _config: &Config) -> Result<Arc<dyn FileSystem>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl FileSystem for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities::empty()
    }

    async fn status(&self, path: &Location) -> Result<FileStatus> {
        let state = self.state();
        if let Some(content) = state.files.get(path.key()) {
            return Ok(FileStatus::file(path.clone(), content.len() as u64));
        }
        let prefix = path.directory_prefix();
        if state.files.keys().any(|key| key.starts_with(&prefix)) {
            return Ok(FileStatus::directory(path.clone()));
        }
        Err(Error::new(ErrorKind::NotFound, "nothing there"))
    }

    async fn list(&self, path: &Location, options: &ListOptions) -> Result<Box<dyn Lister>> {
        assert!(options.recursive);
        let prefix = path.directory_prefix();
        let state = self.state();
        let below = state.files.iter().filter(|(key, _)| key.starts_with(&prefix));
        let entries: Vec<FileStatus> = below
            .map(|(key, content)| FileStatus::file(path.with_key(key), content.len() as u64))
            .collect();
        Ok(Box::new(Pages(entries.into_iter())))
    }

    async fn open(&self, path: &Location, options: &OpenOptions) -> Result<Box<dyn InputStream>> {
        take_turns().await;
        let fault = self.fault(path);
        if fault == Some(Fault::Replaced) && options.status.is_some() {
            return Err(Error::new(ErrorKind::Changed, "replaced"));
        }
        let content = self.state().files.get(path.key()).cloned();
        let content = content.ok_or_else(|| Error::new(ErrorKind::NotFound, "nothing there"))?;
        let end = content.len() - usize::from(fault == Some(Fault::ShortRead));
        Ok(Box::new(Reader {
            content,
            end,
            position: 0,
        }))
    }

    async fn create(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        let mut state = self.state();
        state.writing += 1;
        state.most_writing = state.most_writing.max(state.writing);
        drop(state);
        Ok(Box::new(MemoryWriter {
            memory: self.clone(),
            path: path.clone(),
            mode: options.mode,
            content: Vec::new(),
        }))
    }

    async fn delete(&self, path: &Location, _recursive: bool) -> Result<bool> {
        Ok(self.state().files.remove(path.key()).is_some())
    }

    async fn rename(&self, _from: &Location, _to: &Location) -> Result<()> {
        Err(Error::unsupported("memory", "renaming"))
    }

    async fn mkdirs(&self, _path: &Location) -> Result<()> {
        Ok(())
    }
}

/// Entries, two to a page.
struct Pages(std::vec::IntoIter<FileStatus>);

#[async_trait]
impl Lister for Pages {
    async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>> {
        take_turns().await;
        let page: Vec<FileStatus> = self.0.by_ref().take(2).collect();
        Ok((!page.is_empty()).then_some(page))
    }
}

struct Reader {
    content: Bytes,
    end: usize,
    position: usize,
}

#[async_trait]
impl InputStream for Reader {
    async fn read(&mut self, max: usize) -> Result<Bytes> {
        take_turns().await;
        let end = self.end.min(self.position.saturating_add(max.min(3)));
        let chunk = self.content.slice(self.position..end);
        self.position = end;
        Ok(chunk)
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.position = position as usize;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position as u64
    }

    fn len(&self) -> u64 {
        self.content.len() as u64
    }

    async fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

struct MemoryWriter {
    memory: Memory,
    path: Location,
    mode: WriteMode,
    content: Vec<u8>,
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        self.memory.state().writing -= 1;
    }
}

#[async_trait]
impl OutputStream for MemoryWriter {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        take_turns().await;
        if self.memory.fault(&self.path) == Some(Fault::FailedWrite) && !self.content.is_empty() {
            return Err(Error::new(ErrorKind::Unavailable, "connection lost"));
        }
        self.content.extend_from_slice(data);
        Ok(())
    }

    fn position(&self) -> u64 {
        self.content.len() as u64
    }

    fn location(&self) -> Location {
        self.path.clone()
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    async fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    async fn close(&mut self) -> Result<FileStatus> {
        let fault = self.memory.fault(&self.path);
        let mut state = self.memory.state();
        let key = self.path.key().to_owned();
        if fault == Some(Fault::Overtaken) {
            state.files.insert(key.clone(), Bytes::from_static(b"theirs"));
        }
        if self.mode == WriteMode::NoOverwrite && state.files.contains_key(&key) {
            return Err(Error::new(ErrorKind::AlreadyExists, "it exists"));
        }
        if fault == Some(Fault::ShortWrite) {
            self.content.pop();
        }
        let content = Bytes::from(std::mem::take(&mut self.content));
        let status = FileStatus::file(self.path.clone(), content.len() as u64);
        state.files.insert(key, content);
        Ok(status)
    }

    async fn abort(&mut self) -> Result<()> {
        self.memory.state().aborted += 1;
        Ok(())
    }
}
