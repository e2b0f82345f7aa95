//! Exactly-once output: [`RecoverableWriter`], [`RecoverableStream`], [`Committer`].
//!
//! ```text
//! open ──▶ write* ──▶ persist ──▶ write* ──▶ close_for_commit ──▶ commit
//!                        │ Recoverable, kept in a checkpoint
//!                        ├──▶ recover ──▶ write* …            (after a failure: go on from there)
//!                        └──▶ recover_for_commit ──▶ commit   (after a failure: publish that much)
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{CreateOptions, Error, Location, Result};

/// The state of an unfinished file, to be kept in a checkpoint. Opaque, self-describing, portable
/// between processes and machines.
///
/// Later writes to the stream never change a recoverable that was handed out.
#[derive(Clone, PartialEq, Eq)]
pub struct Recoverable {
    version: u32,
    bytes: Bytes,
}

impl Recoverable {
    /// State of this format version, as it was read back from a checkpoint.
    pub fn new(version: u32, bytes: impl Into<Bytes>) -> Self {
        Self {
            version,
            bytes: bytes.into(),
        }
    }

    /// The version of the format; to be stored beside the bytes.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The serialized state.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl fmt::Debug for Recoverable {
    /// Version and size only: the tail of the data may be inside.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Recoverable(version {}, {} bytes)",
            self.version,
            self.bytes.len()
        )
    }
}

/// What a recoverable says about itself, for tools and for garbage collection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoverableInfo {
    /// The file that a commit publishes.
    pub location: Location,
    /// The bytes that it covers.
    pub len: u64,
    /// The upload that it refers to, or "" if there is none.
    pub upload_id: String,
    /// Further facts by key, such as the number of parts.
    pub attributes: Vec<(String, String)>,
}

impl RecoverableInfo {
    /// Information about a recoverable for `location` of `len` bytes.
    pub fn new(location: Location, len: u64, upload_id: impl Into<String>) -> Self {
        Self {
            location,
            len,
            upload_id: upload_id.into(),
            attributes: Vec::new(),
        }
    }

    /// With a further fact.
    #[must_use]
    pub fn with_attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((key.into(), value.into()));
        self
    }
}

/// An upload that was begun and neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingUpload {
    /// The file that it would publish.
    pub location: Location,
    /// The store's id of the upload.
    pub upload_id: String,
    /// When it was begun, if the store says so.
    pub initiated: Option<SystemTime>,
}

/// What a commit of a recoverable would come to now. A text says why, as part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoverableCondition {
    /// A commit publishes the file.
    Committable,
    /// Exactly the bytes that the recoverable covers are published; a commit changes nothing.
    Committed,
    /// What it refers to expired or was aborted, and nothing of it is published.
    Gone(String),
    /// Something that a commit would not replace stands in the way, such as the file of another
    /// recovery.
    Conflict(String),
    /// The store no longer has what was persisted.
    Damaged(String),
}

/// Writes files that can be resumed and are published exactly once.
#[async_trait]
pub trait RecoverableWriter: Send + Sync + 'static {
    /// Whether [`cleanup`](Self::cleanup) has anything to do for recoverables of this writer.
    fn requires_cleanup(&self) -> bool {
        false
    }

    /// Starts a new file. Nothing can be seen at `path` before the commit; the commit replaces what
    /// is there unless the options forbid it.
    async fn open(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn RecoverableStream>>;

    /// Continues a file at the position that the recoverable covers; whatever was written later is
    /// gone. Works any number of times from one recoverable.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) before any request if the state is damaged;
    /// [`ErrorKind::UploadGone`](crate::ErrorKind::UploadGone) if the upload was aborted, expired or
    /// already committed, and which of these.
    async fn recover(&self, state: &Recoverable) -> Result<Box<dyn RecoverableStream>>;

    /// A committer that publishes exactly the bytes that the recoverable covers.
    async fn recover_for_commit(&self, state: &Recoverable) -> Result<Arc<dyn Committer>>;

    /// Deletes what a recoverable that will never be used again holds beside the upload itself.
    /// False if there was nothing; never fails because it is already gone.
    async fn cleanup(&self, state: &Recoverable) -> Result<bool> {
        let _ = state;
        Ok(false)
    }

    /// Gives up the file of a recoverable for good. Idempotent.
    async fn abort(&self, state: &Recoverable) -> Result<()>;

    /// Reads a recoverable without any request.
    fn inspect(&self, state: &Recoverable) -> Result<RecoverableInfo>;

    /// Finds out what a commit of a recoverable would come to, and changes nothing anywhere. The
    /// answer may be outdated as soon as it is there.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) before any request if the state itself is
    /// damaged; whatever keeps the store from answering.
    async fn verify(&self, state: &Recoverable) -> Result<RecoverableCondition> {
        let _ = state;
        Err(Error::unsupported("this file system", "verifying recoverables"))
    }

    /// One page of the open uploads below `under`. The next page, if there is one, is asked for with
    /// the returned token; the first with "".
    async fn pending_uploads(
        &self,
        under: &Location,
        token: &str,
    ) -> Result<(Vec<PendingUpload>, Option<String>)> {
        let _ = (under, token);
        Err(Error::unsupported("this file system", "listing open uploads"))
    }

    /// Aborts an open upload, whoever may still refer to it. Idempotent.
    async fn abort_upload(&self, upload: &PendingUpload) -> Result<()> {
        let _ = upload;
        Err(Error::unsupported("this file system", "aborting open uploads"))
    }
}

/// One unfinished file. Used by one caller at a time.
///
/// Once [`persist`](Self::persist) returned, no implicit path (close, drop, failure) ever gives up
/// what was persisted. A stream that was never persisted leaves nothing behind when it is dropped.
#[async_trait]
pub trait RecoverableStream: Send + 'static {
    /// Appends all of `data`. Waits while the memory budget is used up.
    async fn write(&mut self, data: &[u8]) -> Result<()>;

    /// Appends a chunk without copying it, where the plugin can.
    async fn write_bytes(&mut self, data: Bytes) -> Result<()> {
        self.write(&data).await
    }

    /// Bytes written so far, those before a recovery included.
    fn position(&self) -> u64;

    /// The location that a commit publishes.
    fn location(&self) -> Location;

    /// Hands buffered data on, as far as the store allows.
    async fn flush(&mut self) -> Result<()>;

    /// Makes everything written so far recoverable, and returns the state that says so. May be
    /// called any number of times, also before the first write. The stream goes on.
    ///
    /// # Errors
    /// Failures of uploads that ran in the background show here at the latest.
    async fn persist(&mut self) -> Result<Recoverable>;

    /// Ends writing: everything is stored, and the committer publishes it. The stream is closed.
    async fn close_for_commit(&mut self) -> Result<Arc<dyn Committer>>;

    /// Ends the stream and releases local resources. What was persisted stays recoverable; what was
    /// never persisted is given up. Idempotent.
    async fn close(&mut self) -> Result<()>;
}

/// Publishes one finished file.
#[async_trait]
pub trait Committer: Send + Sync + 'static {
    /// Publishes the file. Calling it again after a success, in any process, is a success.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if something that is not ours stands
    /// there in our place: it is left alone.
    async fn commit(&self) -> Result<()>;

    /// The same after a failure, when the file may have been published already.
    async fn commit_after_recovery(&self) -> Result<()>;

    /// The state from which [`RecoverableWriter::recover_for_commit`] makes this committer again.
    fn recoverable(&self) -> Result<Recoverable>;
}
