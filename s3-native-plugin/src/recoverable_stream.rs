//! [`S3RecoverableStream`]: one unfinished file, whose state can be taken at any time.
//!
//! What is behind the last part travels inside the state, so there are no side objects. It stays
//! below the smallest part that S3 takes: with larger parts, a longer tail is sent as a part early,
//! unless all parts must have the same size.

use std::sync::Arc;

use bytes::Bytes;
use plugin_api::{Committer, ErrorKind, Location, Recoverable, RecoverableStream, Result, async_trait};

use crate::committer::S3Committer;
use crate::multipart_upload::{MultipartUpload, Target, UploadGuard};
use crate::recoverable_state::RecoverableState;
#[cfg(debug_assertions)]
use crate::sabotage;
use crate::settings::MIN_PART_SIZE;

/// What travels inside a state at most, in bytes.
const LONGEST_TAIL: usize = MIN_PART_SIZE as usize - 1;

/// One unfinished file.
#[derive(Debug)]
pub(crate) struct S3RecoverableStream {
    writer: MultipartUpload,
    stage: Stage,
    /// Whether there may be a state of the file without an upload: what a committer of it publishes is
    /// not noticed by completing an upload that was begun later.
    has_rivals: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// After `close_for_commit`: the committer owns the file.
    Finished,
    Closed,
}

impl S3RecoverableStream {
    pub(crate) fn new(writer: MultipartUpload) -> Self {
        Self {
            writer,
            stage: Stage::Open,
            has_rivals: false,
        }
    }

    /// A stream that goes on from a state, before which there may have been others.
    pub(crate) fn recovered(writer: MultipartUpload) -> Self {
        Self {
            has_rivals: true,
            ..Self::new(writer)
        }
    }

    fn target(&self) -> &Target {
        self.writer.target()
    }

    fn check_open(&self, operation: &'static str) -> Result<()> {
        let why = match self.stage {
            Stage::Open => return Ok(()),
            Stage::Finished => "the stream was closed for commit",
            Stage::Closed => "the stream is closed",
        };
        Err(self
            .target()
            .error(operation, ErrorKind::Closed, why)
            .with_remedy("open a new stream, or recover one from a state"))
    }

    /// The state that covers everything stored; without the tail.
    fn state(&mut self) -> RecoverableState {
        let parts = self.writer.parts();
        let is_anothers = self.target().nonce.is_none();
        let (upload_id, begun) = match self.writer.upload() {
            // An upload without a part holds nothing that a state would need, unless it was another
            // writer's: whether that one has completed it must be told later.
            Some(guard) if !parts.is_empty() || is_anothers => {
                (guard.upload().id.clone(), guard.upload().begun)
            }
            _ => (String::new(), 0),
        };
        let target = self.writer.target();
        RecoverableState {
            bucket: target.bucket.name.clone(),
            endpoint: target.bucket.settings.endpoint.url.clone().unwrap_or_default(),
            key: target.key().to_owned(),
            upload_id,
            nonce: target.nonce,
            mode: target.mode,
            content_type: target.content_type.clone(),
            part_size: self.writer.plan().base(),
            equal_parts: self.writer.plan().is_equal(),
            begun,
            parts,
            tail: Bytes::new(),
        }
    }

    /// What may travel inside a state: a part that is cut early would not have the size of the others.
    fn longest_tail(&self) -> usize {
        if self.writer.plan().is_equal() {
            usize::MAX
        } else {
            LONGEST_TAIL
        }
    }

    /// Stores everything that shall not travel inside the state.
    async fn store(&mut self, longest_tail: usize) -> Result<()> {
        if self.writer.tail().len() > longest_tail {
            self.writer.cut_tail().await?;
        }
        self.writer.wait().await
    }
}

#[async_trait]
impl RecoverableStream for S3RecoverableStream {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        self.check_open("write")?;
        self.writer.write(data).await
    }

    async fn write_bytes(&mut self, data: Bytes) -> Result<()> {
        self.check_open("write")?;
        self.writer.write_bytes(data).await
    }

    fn position(&self) -> u64 {
        self.writer.position()
    }

    fn location(&self) -> Location {
        self.target().location.clone()
    }

    async fn flush(&mut self) -> Result<()> {
        self.check_open("flush")?;
        self.writer.check_open()
    }

    /// A cancelled call changes nothing: the stream goes on.
    async fn persist(&mut self) -> Result<Recoverable> {
        self.check_open("persist")?;
        let gate = Arc::clone(&self.target().bucket.gate);
        let _pass = gate.enter()?;
        let longest_tail = self.longest_tail();
        self.store(longest_tail).await?;
        let state = self.state();
        self.has_rivals |= !state.has_upload();
        if state.has_upload()
            && let Some(guard) = self.writer.upload()
        {
            guard.keep()?;
        }
        Ok(state.encode_with_tail(self.writer.tail()))
    }

    /// A cancelled call changes nothing: the stream goes on.
    async fn close_for_commit(&mut self) -> Result<Arc<dyn Committer>> {
        self.check_open("close_for_commit")?;
        let gate = Arc::clone(&self.target().bucket.gate);
        let _pass = gate.enter()?;
        // A file that never filled a part becomes one object with one request.
        let longest_tail = if self.writer.upload().is_some() {
            0
        } else {
            self.longest_tail()
        };
        self.store(longest_tail).await?;
        let mut state = self.state();
        state.tail = self.writer.freeze_tail();
        let target = Arc::clone(self.writer.target());
        let guard: Option<UploadGuard> = self.writer.end();
        self.stage = Stage::Finished;
        let has_rivals = self.has_rivals;
        Ok(Arc::new(S3Committer::finished(target, state, guard, has_rivals)))
    }

    async fn close(&mut self) -> Result<()> {
        if self.stage == Stage::Open {
            self.stage = Stage::Closed;
        }
        #[cfg(debug_assertions)]
        if sabotage::is(sabotage::Sabotage::AbortOnClose)
            && let Some(guard) = self.writer.upload()
        {
            guard.upload().abort().await?;
        }
        self.writer.abort().await
    }
}
