//! [`WatchedWriter`] and [`WatchedRecoverable`].

use std::sync::Arc;

use plugin_api::{
    Bytes, Committer, CreateOptions, Location, PendingUpload, Recoverable, RecoverableCondition,
    RecoverableInfo, RecoverableStream, RecoverableWriter, Result, async_trait,
};

use super::handle::Handle;
use super::pool::{Credit, Direction, Pool};
use super::record::StreamKind;

/// A writer whose streams are among the open ones. What else it does holds no stream.
pub(super) struct WatchedWriter {
    pub(super) pool: Arc<Pool>,
    pub(super) writer: Arc<dyn RecoverableWriter>,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl RecoverableWriter for WatchedWriter {
    fn requires_cleanup(&self) -> bool {
        self.writer.requires_cleanup()
    }

    async fn open(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn RecoverableStream>> {
        let credit = self.pool.acquire(Direction::Out, path).await?;
        let stream = self.writer.open(path, options).await?;
        Ok(Box::new(WatchedRecoverable::new(&self.pool, credit, stream)))
    }

    async fn recover(&self, state: &Recoverable) -> Result<Box<dyn RecoverableStream>> {
        let credit = self.pool.acquire(Direction::Out, &self.pool.root).await?;
        let stream = self.writer.recover(state).await?;
        Ok(Box::new(WatchedRecoverable::new(&self.pool, credit, stream)))
    }

    async fn recover_for_commit(&self, state: &Recoverable) -> Result<Arc<dyn Committer>> {
        self.writer.recover_for_commit(state).await
    }

    async fn cleanup(&self, state: &Recoverable) -> Result<bool> {
        self.writer.cleanup(state).await
    }

    async fn abort(&self, state: &Recoverable) -> Result<()> {
        self.writer.abort(state).await
    }

    fn inspect(&self, state: &Recoverable) -> Result<RecoverableInfo> {
        self.writer.inspect(state)
    }

    async fn verify(&self, state: &Recoverable) -> Result<RecoverableCondition> {
        self.writer.verify(state).await
    }

    async fn pending_uploads(
        &self,
        under: &Location,
        token: &str,
    ) -> Result<(Vec<PendingUpload>, Option<String>)> {
        self.writer.pending_uploads(under, token).await
    }

    async fn abort_upload(&self, upload: &PendingUpload) -> Result<()> {
        self.writer.abort_upload(upload).await
    }
}

/// A recoverable stream that is among the open ones. Reclaimed, it is dropped: what was persisted stays.
struct WatchedRecoverable(Handle<Box<dyn RecoverableStream>>);

impl WatchedRecoverable {
    fn new(pool: &Arc<Pool>, credit: Credit, stream: Box<dyn RecoverableStream>) -> Self {
        let location = stream.location();
        Self(Handle::new(
            pool,
            StreamKind::Recoverable,
            location,
            credit,
            stream,
        ))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl RecoverableStream for WatchedRecoverable {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        let record = self.0.record();
        let mut call = self.0.call()?;
        record.unless_reclaimed(call.stream().write(data)).await?;
        record.moved(data.len());
        Ok(())
    }

    async fn write_bytes(&mut self, data: Bytes) -> Result<()> {
        let len = data.len();
        let record = self.0.record();
        let mut call = self.0.call()?;
        record.unless_reclaimed(call.stream().write_bytes(data)).await?;
        record.moved(len);
        Ok(())
    }

    fn position(&self) -> u64 {
        self.0.position()
    }

    fn location(&self) -> Location {
        self.0.record().location.clone()
    }

    async fn flush(&mut self) -> Result<()> {
        let record = self.0.record();
        let mut call = self.0.call()?;
        record.unless_reclaimed(call.stream().flush()).await
    }

    async fn persist(&mut self) -> Result<Recoverable> {
        let record = self.0.record();
        let mut call = self.0.call()?;
        record.unless_reclaimed(call.stream().persist()).await
    }

    async fn close_for_commit(&mut self) -> Result<Arc<dyn Committer>> {
        let _closing = self.0.record().closing();
        let mut call = self.0.call()?;
        let closed = call.stream().close_for_commit().await;
        call.end();
        closed
    }

    async fn close(&mut self) -> Result<()> {
        let _closing = self.0.record().closing();
        // One that was reclaimed holds nothing any more.
        let Ok(mut call) = self.0.call() else {
            return Ok(());
        };
        let closed = call.stream().close().await;
        call.end();
        closed
    }
}
