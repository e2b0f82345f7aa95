//! [`MockRecoverableStream`] and [`MockCommitter`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use plugin_api::{
    Committer, Error, ErrorKind, Location, Recoverable, RecoverableCondition, RecoverableStream, Result,
    WriteMode, async_trait,
};

use crate::file_system::Session;
use crate::output_stream::ended;
use crate::recoverable_state::State;
use crate::uploads::joined;

/// Small writes are put together to chunks of this size.
const CHUNK: usize = 64 << 10;

/// An upload, which ends when this is dropped unless somebody may know of it.
pub(crate) struct OwnedUpload {
    session: Arc<Session>,
    number: u64,
    known: AtomicBool,
}

impl OwnedUpload {
    pub(crate) fn new(session: Arc<Session>, number: u64, known: bool) -> Self {
        let known = AtomicBool::new(known);
        Self {
            session,
            number,
            known,
        }
    }

    fn keep(&self) {
        self.known.store(true, Ordering::Release);
    }
}

impl Drop for OwnedUpload {
    fn drop(&mut self) {
        if !self.known.load(Ordering::Acquire) {
            self.session.store.uploads.end(self.number);
        }
    }
}

/// One unfinished file.
pub(crate) struct MockRecoverableStream {
    session: Arc<Session>,
    path: Location,
    mode: WriteMode,
    /// `None` once the stream has ended.
    upload: Option<OwnedUpload>,
    chunks: Vec<Bytes>,
    buffer: BytesMut,
    position: u64,
    checksum: u32,
}

impl MockRecoverableStream {
    pub(crate) fn new(session: Arc<Session>, path: Location, mode: WriteMode, upload: OwnedUpload) -> Self {
        Self {
            session,
            path,
            mode,
            upload: Some(upload),
            chunks: Vec::new(),
            buffer: BytesMut::new(),
            position: 0,
            checksum: 0,
        }
    }

    /// Goes on behind what a state covers.
    pub(crate) fn resumed(mut self, chunks: Vec<Bytes>, state: &State) -> Self {
        self.chunks = chunks;
        self.position = state.len;
        self.checksum = state.checksum;
        self
    }

    fn upload(&self) -> Result<&OwnedUpload> {
        self.upload.as_ref().ok_or_else(|| ended("the stream is closed"))
    }

    /// Keeps everything written so far.
    fn store(&mut self) -> Result<State> {
        let number = self.upload()?.number;
        if !self.buffer.is_empty() {
            self.chunks.push(self.buffer.split().freeze());
        }
        let snapshot = self
            .session
            .store
            .uploads
            .keep(number, &self.chunks)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::UploadGone,
                    "the upload was aborted or committed meanwhile",
                )
                .with_remedy("write the file again")
            })?;
        Ok(State {
            location: self.path.clone(),
            upload: number,
            snapshot,
            len: self.position,
            checksum: self.checksum,
            mode: self.mode,
        })
    }
}

#[async_trait]
impl RecoverableStream for MockRecoverableStream {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        self.session
            .call("write", &self.path, || self.upload().map(drop))?;
        self.buffer.extend_from_slice(data);
        if self.buffer.len() >= CHUNK {
            self.chunks.push(self.buffer.split().freeze());
        }
        self.position += data.len() as u64;
        self.checksum = crc32c::crc32c_append(self.checksum, data);
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn location(&self) -> Location {
        self.path.clone()
    }

    async fn flush(&mut self) -> Result<()> {
        self.session.call("flush", &self.path, || self.upload().map(drop))
    }

    async fn persist(&mut self) -> Result<Recoverable> {
        let (session, path) = (Arc::clone(&self.session), self.path.clone());
        session.call("persist", &path, || {
            let state = self.store()?;
            self.upload()?.keep();
            Ok(state.encode())
        })
    }

    async fn close_for_commit(&mut self) -> Result<Arc<dyn Committer>> {
        let (session, path) = (Arc::clone(&self.session), self.path.clone());
        session.call("close_for_commit", &path, || {
            let state = self.store()?;
            let upload = self.upload.take();
            self.chunks = Vec::new();
            let session = Arc::clone(&session);
            Ok(Arc::new(MockCommitter {
                session,
                state,
                upload,
            }) as Arc<dyn Committer>)
        })
    }

    async fn close(&mut self) -> Result<()> {
        self.upload = None;
        self.chunks = Vec::new();
        self.buffer = BytesMut::new();
        Ok(())
    }
}

/// Publishes what a state covers.
pub(crate) struct MockCommitter {
    session: Arc<Session>,
    state: State,
    /// Of the stream that ended with this committer.
    upload: Option<OwnedUpload>,
}

impl MockCommitter {
    /// A committer of state that was read back.
    pub(crate) fn recovered(session: Arc<Session>, state: State) -> Self {
        Self {
            session,
            state,
            upload: None,
        }
    }

    fn keep(&self) {
        if let Some(upload) = &self.upload {
            upload.keep();
        }
    }

    fn publish(&self) -> Result<()> {
        self.keep();
        let (store, state) = (&self.session.store, &self.state);
        let Some(chunks) = store.uploads.snapshot(state.upload, state.snapshot) else {
            return self.expect_published();
        };
        match store.publish(&state.location, joined(&chunks), state.mode, state.upload) {
            Ok(_) => {
                store.uploads.end(state.upload);
                Ok(())
            }
            // Another committer of the same state may have published it since the look at the upload.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.expect_published(),
            Err(error) => Err(error),
        }
    }

    /// The upload is gone: fine if it was published with exactly our bytes.
    fn expect_published(&self) -> Result<()> {
        match self.session.store.file(&self.state.location) {
            Some(file) if file.upload == self.state.upload && self.covers(&file.content) => Ok(()),
            Some(_) => Err(self.conflict()),
            None => Err(gone(&self.state, "it was aborted, or its file was deleted")),
        }
    }

    /// What [`publish`](Self::publish) would come to.
    pub(crate) fn condition(&self) -> RecoverableCondition {
        let (store, state) = (&self.session.store, &self.state);
        let outcome = if store.uploads.snapshot(state.upload, state.snapshot).is_none() {
            let published = self.expect_published();
            published.map(|()| RecoverableCondition::Committed)
        } else if let Err(error) = store.check_free(&state.location, state.mode) {
            Err(error)
        } else {
            Ok(RecoverableCondition::Committable)
        };
        outcome.unwrap_or_else(|error| {
            let why = error.message().to_owned();
            match error.kind() {
                ErrorKind::UploadGone => RecoverableCondition::Gone(why),
                _ => RecoverableCondition::Conflict(why),
            }
        })
    }

    fn covers(&self, content: &Bytes) -> bool {
        content.len() as u64 == self.state.len && crc32c::crc32c(content) == self.state.checksum
    }

    fn conflict(&self) -> Error {
        Error::new(
            ErrorKind::Conflict,
            "there is a file with another content, which was left alone",
        )
        .with_path(&self.state.location)
        .with_remedy("move it away if it is not wanted, and commit again")
    }
}

/// The upload of a state is gone.
pub(crate) fn gone(state: &State, why: &str) -> Error {
    Error::new(
        ErrorKind::UploadGone,
        format!("the upload {} is gone: {why}", state.upload),
    )
    .with_path(&state.location)
    .with_remedy("recover from an earlier checkpoint, or write the file again")
}

#[async_trait]
impl Committer for MockCommitter {
    async fn commit(&self) -> Result<()> {
        self.session
            .call("commit", &self.state.location, || self.publish())
    }

    async fn commit_after_recovery(&self) -> Result<()> {
        self.commit().await
    }

    fn recoverable(&self) -> Result<Recoverable> {
        self.keep();
        Ok(self.state.encode())
    }
}
