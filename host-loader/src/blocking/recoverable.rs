//! [`RecoverableWriter`], [`RecoverableStream`] and [`Committer`].

use std::io::{self, Write};
use std::sync::Arc;

use plugin_api::{
    Bytes, CreateOptions, Location, PendingUpload, Recoverable, RecoverableCondition, RecoverableInfo, Result,
};

use super::block_on;
use super::stream::io_error;

/// Writes files that can be resumed and are published exactly once, with calls that wait.
///
/// Each method does what the method of the same name of [`plugin_api::RecoverableWriter`] does.
#[derive(Clone)]
pub struct RecoverableWriter(Arc<dyn plugin_api::RecoverableWriter>);

impl RecoverableWriter {
    pub(super) fn new(writer: Arc<dyn plugin_api::RecoverableWriter>) -> Self {
        Self(writer)
    }

    /// The asynchronous writer behind it.
    pub fn as_async(&self) -> &Arc<dyn plugin_api::RecoverableWriter> {
        &self.0
    }

    /// Whether [`cleanup`](Self::cleanup) has anything to do for recoverables of this writer.
    pub fn requires_cleanup(&self) -> bool {
        self.0.requires_cleanup()
    }

    /// Starts a new file.
    pub fn open(&self, path: &Location, options: &CreateOptions) -> Result<RecoverableStream> {
        block_on(self.0.open(path, options)).map(RecoverableStream)
    }

    /// Continues a file at the position that the recoverable covers.
    pub fn recover(&self, state: &Recoverable) -> Result<RecoverableStream> {
        block_on(self.0.recover(state)).map(RecoverableStream)
    }

    /// A committer that publishes exactly the bytes that the recoverable covers.
    pub fn recover_for_commit(&self, state: &Recoverable) -> Result<Committer> {
        block_on(self.0.recover_for_commit(state)).map(Committer)
    }

    /// Deletes what a recoverable that will never be used again holds beside the upload itself.
    pub fn cleanup(&self, state: &Recoverable) -> Result<bool> {
        block_on(self.0.cleanup(state))
    }

    /// Gives up the file of a recoverable for good.
    pub fn abort(&self, state: &Recoverable) -> Result<()> {
        block_on(self.0.abort(state))
    }

    /// Reads a recoverable without any request.
    pub fn inspect(&self, state: &Recoverable) -> Result<RecoverableInfo> {
        self.0.inspect(state)
    }

    /// Finds out what a commit of a recoverable would come to, and changes nothing anywhere.
    pub fn verify(&self, state: &Recoverable) -> Result<RecoverableCondition> {
        block_on(self.0.verify(state))
    }

    /// One page of the open uploads below `under`, and the token of the next page if there is one.
    pub fn pending_uploads(
        &self,
        under: &Location,
        token: &str,
    ) -> Result<(Vec<PendingUpload>, Option<String>)> {
        block_on(self.0.pending_uploads(under, token))
    }

    /// Aborts an open upload, whoever may still refer to it.
    pub fn abort_upload(&self, upload: &PendingUpload) -> Result<()> {
        block_on(self.0.abort_upload(upload))
    }
}

/// One unfinished file.
///
/// Dropped, it keeps what was persisted and gives up what was never persisted.
pub struct RecoverableStream(Box<dyn plugin_api::RecoverableStream>);

impl RecoverableStream {
    /// Appends a chunk without copying it, where the plugin can.
    pub fn write_bytes(&mut self, data: impl Into<Bytes>) -> Result<()> {
        block_on(self.0.write_bytes(data.into()))
    }

    /// Bytes written so far, those before a recovery included.
    pub fn position(&self) -> u64 {
        self.0.position()
    }

    /// The location that a commit publishes.
    pub fn location(&self) -> Location {
        self.0.location()
    }

    /// Makes everything written so far recoverable; the stream goes on.
    pub fn persist(&mut self) -> Result<Recoverable> {
        block_on(self.0.persist())
    }

    /// Ends writing; the committer publishes the file.
    pub fn close_for_commit(mut self) -> Result<Committer> {
        block_on(self.0.close_for_commit()).map(Committer)
    }

    /// Ends the stream. What was persisted stays recoverable.
    pub fn close(mut self) -> Result<()> {
        block_on(self.0.close())
    }
}

impl Write for RecoverableStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        block_on(self.0.write(data)).map_err(io_error)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        block_on(self.0.flush()).map_err(io_error)
    }
}

/// Publishes one finished file. Cheap to clone.
#[derive(Clone)]
pub struct Committer(Arc<dyn plugin_api::Committer>);

impl Committer {
    /// Publishes the file; again after a success it is a success.
    pub fn commit(&self) -> Result<()> {
        block_on(self.0.commit())
    }

    /// The same after a failure, when the file may have been published already.
    pub fn commit_after_recovery(&self) -> Result<()> {
        block_on(self.0.commit_after_recovery())
    }

    /// The state from which [`RecoverableWriter::recover_for_commit`] makes this committer again.
    pub fn recoverable(&self) -> Result<Recoverable> {
        self.0.recoverable()
    }
}
