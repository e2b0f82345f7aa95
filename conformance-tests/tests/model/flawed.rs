//! [`Flawed`]: a file system with one deliberate mistake, which the model has to notice.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use plugin_api::{
    Capabilities, Committer, CreateOptions, FileStatus, FileSystem, FileSystemExt as _, InputStream,
    ListOptions, Lister, Location, OpenOptions, OutputStream, Recoverable, RecoverableInfo,
    RecoverableStream, RecoverableWriter, Result, async_trait,
};

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The second write to a stream is lost.
    LosesAWrite,
    /// Files without content are taken for directories.
    TakesEmptyFilesForDirectories,
    /// A listing of a directory shows the object that marks it.
    ListsMarkers,
    /// `NoOverwrite` replaces files.
    ReplacesWhatMustStay,
    /// A renamed file is still there under its old name.
    KeepsTheSourceOfARename,
    /// A stream reads whatever is at its path now.
    ReadsTheNewestVersion,
    /// A stream that is dropped publishes its file.
    PublishesWhatIsDropped,
    /// A state is committed by doing nothing.
    ForgetsToCommit,
}

impl Flaw {
    pub(crate) const ALL: [Self; 8] = [
        Self::LosesAWrite,
        Self::TakesEmptyFilesForDirectories,
        Self::ListsMarkers,
        Self::ReplacesWhatMustStay,
        Self::KeepsTheSourceOfARename,
        Self::ReadsTheNewestVersion,
        Self::PublishesWhatIsDropped,
        Self::ForgetsToCommit,
    ];
}

/// A file system with a mistake, or without.
pub(crate) struct Flawed {
    pub(crate) fs: Arc<dyn FileSystem>,
    pub(crate) flaw: Option<Flaw>,
}

impl Flawed {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }
}

#[async_trait]
impl FileSystem for Flawed {
    fn capabilities(&self) -> Capabilities {
        self.fs.capabilities()
    }

    async fn status(&self, path: &Location) -> Result<FileStatus> {
        let status = self.fs.status(path).await?;
        if self.has(Flaw::TakesEmptyFilesForDirectories) && status.len == 0 {
            return Ok(FileStatus::directory(path.clone()));
        }
        Ok(status)
    }

    async fn list(&self, path: &Location, options: &ListOptions) -> Result<Box<dyn Lister>> {
        let lister = self.fs.list(path, options).await?;
        if !self.has(Flaw::ListsMarkers) || !self.fs.status(path).await?.is_directory() {
            return Ok(lister);
        }
        let marker = FileStatus::file(path.with_key(&path.directory_prefix()), 0);
        Ok(Box::new(WithMarker {
            lister,
            marker: Some(marker),
        }))
    }

    async fn open(&self, path: &Location, options: &OpenOptions) -> Result<Box<dyn InputStream>> {
        let stream = self.fs.open(path, options).await?;
        if !self.has(Flaw::ReadsTheNewestVersion) {
            return Ok(stream);
        }
        let (fs, path) = (Arc::clone(&self.fs), path.clone());
        Ok(Box::new(Newest { fs, path, stream }))
    }

    async fn create(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        let stream = match self.flaw {
            Some(Flaw::ReplacesWhatMustStay) => self.fs.create(path, &CreateOptions::overwrite()).await?,
            _ => self.fs.create(path, options).await?,
        };
        Ok(match self.flaw {
            Some(Flaw::LosesAWrite) => Box::new(Forgetful {
                stream,
                writes: 0,
                lost: 0,
            }),
            Some(Flaw::PublishesWhatIsDropped) => Box::new(Stubborn(stream)),
            _ => stream,
        })
    }

    async fn delete(&self, path: &Location, recursive: bool) -> Result<bool> {
        self.fs.delete(path, recursive).await
    }

    async fn rename(&self, from: &Location, to: &Location) -> Result<()> {
        let content = self.fs.read_all(from).await;
        self.fs.rename(from, to).await?;
        if let (Ok(content), true) = (content, self.has(Flaw::KeepsTheSourceOfARename)) {
            self.fs
                .write_all(from, content, &CreateOptions::overwrite())
                .await?;
        }
        Ok(())
    }

    async fn mkdirs(&self, path: &Location) -> Result<()> {
        self.fs.mkdirs(path).await
    }

    fn recoverable_writer(&self) -> Result<Arc<dyn RecoverableWriter>> {
        let writer = self.fs.recoverable_writer()?;
        if self.has(Flaw::ForgetsToCommit) {
            return Ok(Arc::new(Uncommitted(writer)));
        }
        Ok(writer)
    }
}

struct WithMarker {
    lister: Box<dyn Lister>,
    marker: Option<FileStatus>,
}

#[async_trait]
impl Lister for WithMarker {
    async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>> {
        match self.marker.take() {
            Some(marker) => Ok(Some(vec![marker])),
            None => self.lister.next_page().await,
        }
    }
}

struct Newest {
    fs: Arc<dyn FileSystem>,
    path: Location,
    stream: Box<dyn InputStream>,
}

#[async_trait]
impl InputStream for Newest {
    async fn read(&mut self, max: usize) -> Result<Bytes> {
        let mut newest = self.fs.open(&self.path, &OpenOptions::default()).await?;
        newest.seek(self.stream.position().min(newest.len()))?;
        let chunk = newest.read(max).await?;
        self.stream = newest;
        Ok(chunk)
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.stream.seek(position)
    }

    fn position(&self) -> u64 {
        self.stream.position()
    }

    fn len(&self) -> u64 {
        self.stream.len()
    }

    async fn close(&mut self) -> Result<()> {
        self.stream.close().await
    }
}

struct Forgetful {
    stream: Box<dyn OutputStream>,
    writes: usize,
    lost: u64,
}

#[async_trait]
impl OutputStream for Forgetful {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        self.writes += 1;
        if self.writes == 2 {
            self.lost = data.len() as u64;
            return Ok(());
        }
        self.stream.write(data).await
    }

    fn position(&self) -> u64 {
        self.stream.position() + self.lost
    }

    fn location(&self) -> Location {
        self.stream.location()
    }

    async fn flush(&mut self) -> Result<()> {
        self.stream.flush().await
    }

    async fn sync(&mut self) -> Result<()> {
        self.stream.sync().await
    }

    async fn close(&mut self) -> Result<FileStatus> {
        let mut status = self.stream.close().await?;
        status.len += self.lost;
        Ok(status)
    }

    async fn abort(&mut self) -> Result<()> {
        self.stream.abort().await
    }
}

struct Stubborn(Box<dyn OutputStream>);

#[async_trait]
impl OutputStream for Stubborn {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        self.0.write(data).await
    }

    fn position(&self) -> u64 {
        self.0.position()
    }

    fn location(&self) -> Location {
        self.0.location()
    }

    async fn flush(&mut self) -> Result<()> {
        self.0.flush().await
    }

    async fn sync(&mut self) -> Result<()> {
        self.0.sync().await
    }

    async fn close(&mut self) -> Result<FileStatus> {
        self.0.close().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.0.abort().await
    }
}

impl Drop for Stubborn {
    fn drop(&mut self) {
        // The mock plugin never waits; a stream that has ended already says so.
        drop(self.0.close().now_or_never());
    }
}

struct Uncommitted(Arc<dyn RecoverableWriter>);

#[async_trait]
impl RecoverableWriter for Uncommitted {
    async fn open(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn RecoverableStream>> {
        self.0.open(path, options).await
    }

    async fn recover(&self, state: &Recoverable) -> Result<Box<dyn RecoverableStream>> {
        self.0.recover(state).await
    }

    async fn recover_for_commit(&self, state: &Recoverable) -> Result<Arc<dyn Committer>> {
        Ok(Arc::new(Idle(state.clone())))
    }

    async fn abort(&self, state: &Recoverable) -> Result<()> {
        self.0.abort(state).await
    }

    fn inspect(&self, state: &Recoverable) -> Result<RecoverableInfo> {
        self.0.inspect(state)
    }
}

struct Idle(Recoverable);

#[async_trait]
impl Committer for Idle {
    async fn commit(&self) -> Result<()> {
        Ok(())
    }

    async fn commit_after_recovery(&self) -> Result<()> {
        Ok(())
    }

    fn recoverable(&self) -> Result<Recoverable> {
        Ok(self.0.clone())
    }
}
