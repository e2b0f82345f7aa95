//! A plugin's [`RecoverableWriter`], its streams and committers.

use std::sync::Arc;

use abi_stable::std_types::{RBox, Tuple2};
use async_trait::async_trait;

use crate::abi::error::from_wire;
use crate::abi::interface::{
    CommitterAbi_TO, ConditionBuf, PendingUploadBuf, RecoverableStreamAbi_TO, RecoverableWriterAbi_TO,
};
use crate::abi::wire::{Create, LocationBuf, extensions_to_wire};
use crate::{
    Bytes, Committer, CreateOptions, Location, PendingUpload, Recoverable, RecoverableCondition,
    RecoverableInfo, RecoverableStream, RecoverableWriter, Result,
};

pub(super) struct RemoteWriter(pub(super) RecoverableWriterAbi_TO<RBox<()>>);

/// Asks the plugin where the stream writes once, since [`RecoverableStream::location`] cannot fail.
fn remote_stream(object: RecoverableStreamAbi_TO<RBox<()>>) -> Result<Box<dyn RecoverableStream>> {
    let location = from_wire(object.location()).and_then(LocationBuf::into_location)?;
    Ok(Box::new(RemoteStream { object, location }))
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl RecoverableWriter for RemoteWriter {
    fn requires_cleanup(&self) -> bool {
        self.0.requires_cleanup()
    }

    async fn open(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn RecoverableStream>> {
        let extensions = extensions_to_wire(&options.extensions);
        remote_stream(from_wire(
            self.0.open(path.into(), Create::new(options, &extensions)).await,
        )?)
    }

    async fn recover(&self, state: &Recoverable) -> Result<Box<dyn RecoverableStream>> {
        remote_stream(from_wire(self.0.recover(state.into()).await)?)
    }

    async fn recover_for_commit(&self, state: &Recoverable) -> Result<Arc<dyn Committer>> {
        Ok(Arc::new(RemoteCommitter(from_wire(
            self.0.recover_for_commit(state.into()).await,
        )?)))
    }

    async fn cleanup(&self, state: &Recoverable) -> Result<bool> {
        from_wire(self.0.cleanup(state.into()).await)
    }

    async fn abort(&self, state: &Recoverable) -> Result<()> {
        from_wire(self.0.abort(state.into()).await)
    }

    fn inspect(&self, state: &Recoverable) -> Result<RecoverableInfo> {
        from_wire(self.0.inspect(state.into()))?.into_info()
    }

    async fn verify(&self, state: &Recoverable) -> Result<RecoverableCondition> {
        from_wire(self.0.verify(state.into()).await).and_then(ConditionBuf::into_condition)
    }

    async fn pending_uploads(
        &self,
        under: &Location,
        token: &str,
    ) -> Result<(Vec<PendingUpload>, Option<String>)> {
        let Tuple2(page, next) = from_wire(self.0.pending_uploads(under.into(), token.into()).await)?;
        let page = page
            .into_iter()
            .map(PendingUploadBuf::into_upload)
            .collect::<Result<_>>()?;
        Ok((page, next.into_option().map(Into::into)))
    }

    async fn abort_upload(&self, upload: &PendingUpload) -> Result<()> {
        from_wire(self.0.abort_upload(upload.clone().into()).await)
    }
}

struct RemoteStream {
    object: RecoverableStreamAbi_TO<RBox<()>>,
    location: Location,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl RecoverableStream for RemoteStream {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        from_wire(self.object.write(data.into()).await)
    }

    async fn write_bytes(&mut self, data: Bytes) -> Result<()> {
        from_wire(self.object.write_chunk(data.into()).await)
    }

    fn position(&self) -> u64 {
        self.object.position()
    }

    fn location(&self) -> Location {
        self.location.clone()
    }

    async fn flush(&mut self) -> Result<()> {
        from_wire(self.object.flush().await)
    }

    async fn persist(&mut self) -> Result<Recoverable> {
        Ok(from_wire(self.object.persist().await)?.into())
    }

    async fn close_for_commit(&mut self) -> Result<Arc<dyn Committer>> {
        Ok(Arc::new(RemoteCommitter(from_wire(
            self.object.close_for_commit().await,
        )?)))
    }

    async fn close(&mut self) -> Result<()> {
        from_wire(self.object.close().await)
    }
}

struct RemoteCommitter(CommitterAbi_TO<RBox<()>>);

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Committer for RemoteCommitter {
    async fn commit(&self) -> Result<()> {
        from_wire(self.0.commit().await)
    }

    async fn commit_after_recovery(&self) -> Result<()> {
        from_wire(self.0.commit_after_recovery().await)
    }

    fn recoverable(&self) -> Result<Recoverable> {
        Ok(from_wire(self.0.recoverable())?.into())
    }
}
