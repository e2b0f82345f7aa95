//! [`WatchedOutput`].

use std::sync::Arc;

use plugin_api::{Bytes, FileStatus, Location, OutputStream, Result, async_trait};

use super::handle::Handle;
use super::pool::{Credit, Pool};
use super::record::StreamKind;

/// An output stream that is among the open ones.
pub(super) struct WatchedOutput(Handle<Box<dyn OutputStream>>);

impl WatchedOutput {
    pub(super) fn new(pool: &Arc<Pool>, credit: Credit, stream: Box<dyn OutputStream>) -> Self {
        let location = stream.location();
        Self(Handle::new(pool, StreamKind::Output, location, credit, stream))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl OutputStream for WatchedOutput {
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

    async fn sync(&mut self) -> Result<()> {
        let record = self.0.record();
        let mut call = self.0.call()?;
        record.unless_reclaimed(call.stream().sync()).await
    }

    async fn close(&mut self) -> Result<FileStatus> {
        let _closing = self.0.record().closing();
        let mut call = self.0.call()?;
        let closed = call.stream().close().await;
        call.end();
        closed
    }

    async fn abort(&mut self) -> Result<()> {
        let _closing = self.0.record().closing();
        // One that was reclaimed was given up.
        let Ok(mut call) = self.0.call() else {
            return Ok(());
        };
        let aborted = call.stream().abort().await;
        call.end();
        aborted
    }
}
