//! A stream of the store, whichever way and kind.

use std::sync::Arc;

use host_loader::plugin_api::{
    Bytes, Committer, FileStatus, InputStream, Location, OutputStream, Recoverable, RecoverableStream,
    Result, async_trait,
};

use super::file_system::FakeCommitter;
use super::{FakeStore, MOVED, Use, Way, number};

/// A stream of any kind.
pub(super) struct FakeStream {
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
    pub(super) async fn open(store: &FakeStore, way: Way, path: &Location) -> Result<Self> {
        let file = number(path);
        let in_use = store.begin(way, file, 1);
        store.ask(file).await?;
        store.has_moved(file);
        Ok(Self {
            store: store.clone(),
            location: path.clone(),
            file,
            way,
            position: 0,
            in_use: Some(in_use),
            is_closing: false,
        })
    }

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
