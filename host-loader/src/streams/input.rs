//! [`WatchedInput`].

use std::ops::Range;
use std::sync::Arc;

use plugin_api::{Bytes, InputStream, Location, Result, async_trait};

use super::handle::Handle;
use super::pool::{Credit, Pool};
use super::record::StreamKind;

/// An input stream that is among the open ones.
pub(super) struct WatchedInput {
    handle: Handle<Box<dyn InputStream>>,
    len: u64,
}

impl WatchedInput {
    pub(super) fn new(
        pool: &Arc<Pool>,
        path: &Location,
        credit: Credit,
        stream: Box<dyn InputStream>,
    ) -> Self {
        Self {
            len: stream.len(),
            handle: Handle::new(pool, StreamKind::Input, path.clone(), credit, stream),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl InputStream for WatchedInput {
    async fn read(&mut self, max: usize) -> Result<Bytes> {
        let record = self.handle.record();
        let mut call = self.handle.call()?;
        let chunk = record.unless_reclaimed(call.stream().read(max)).await?;
        record.moved(chunk.len());
        Ok(chunk)
    }

    async fn read_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let record = self.handle.record();
        let mut call = self.handle.call()?;
        let read = record.unless_reclaimed(call.stream().read_into(buffer)).await?;
        record.moved(read);
        Ok(read)
    }

    async fn read_ranges(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let record = self.handle.record();
        let mut call = self.handle.call()?;
        let chunks = record.unless_reclaimed(call.stream().read_ranges(ranges)).await?;
        record.moved(chunks.iter().map(Bytes::len).sum());
        Ok(chunks)
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.handle.call()?.stream().seek(position)?;
        self.handle.record().has_moved();
        Ok(())
    }

    fn position(&self) -> u64 {
        self.handle.position()
    }

    fn len(&self) -> u64 {
        self.len
    }

    async fn close(&mut self) -> Result<()> {
        let _closing = self.handle.record().closing();
        // One that was reclaimed holds nothing any more.
        let Ok(mut call) = self.handle.call() else {
            return Ok(());
        };
        let closed = call.stream().close().await;
        call.end();
        closed
    }
}
