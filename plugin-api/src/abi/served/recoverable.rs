//! Serves a [`RecoverableWriter`], its streams and committers.

use std::sync::Arc;

use abi_stable::std_types::{RBox, RSlice, RStr, RString, Tuple2};
use abi_stable::type_level::downcasting::TD_Opaque;

use crate::abi::chunk::Chunk;
use crate::abi::error::{WireResult, to_wire};
use crate::abi::future::{Enter, Entered, WireFuture};
use crate::abi::interface::{
    CommitterAbi, CommitterAbi_TO, ConditionBuf, PendingUploadBuf, PendingUploadPage, RecoverableBuf,
    RecoverableInfoBuf, RecoverableRef, RecoverableStreamAbi, RecoverableStreamAbi_TO, RecoverableWriterAbi,
    RecoverableWriterAbi_TO,
};
use crate::abi::wire::{Create, LocationBuf, LocationRef};
use crate::{Committer, RecoverableStream, RecoverableWriter};

pub(super) fn serve_writer(
    writer: Arc<dyn RecoverableWriter>,
    enter: &Enter,
) -> RecoverableWriterAbi_TO<RBox<()>> {
    RecoverableWriterAbi_TO::from_value(Entered::new(writer, enter.clone()), TD_Opaque)
}

fn serve_stream(stream: Box<dyn RecoverableStream>, enter: &Enter) -> RecoverableStreamAbi_TO<RBox<()>> {
    RecoverableStreamAbi_TO::from_value(Entered::new(stream, enter.clone()), TD_Opaque)
}

fn serve_committer(committer: Arc<dyn Committer>, enter: &Enter) -> CommitterAbi_TO<RBox<()>> {
    CommitterAbi_TO::from_value(Entered::new(committer, enter.clone()), TD_Opaque)
}

impl RecoverableWriterAbi for Entered<Arc<dyn RecoverableWriter>> {
    fn requires_cleanup(&self) -> bool {
        Enter::ask(false, || (**self).requires_cleanup())
    }

    fn open<'a>(
        &'a self,
        path: LocationRef<'a>,
        options: Create<'a>,
    ) -> WireFuture<'a, RecoverableStreamAbi_TO<RBox<()>>> {
        self.enter.future("open recoverable", async move {
            let (path, options) = (path.to_location()?, options.into_options()?);
            let stream = (**self).open(&path, &options).await?;
            Ok(serve_stream(stream, &self.enter))
        })
    }

    fn recover<'a>(&'a self, state: RecoverableRef<'a>) -> WireFuture<'a, RecoverableStreamAbi_TO<RBox<()>>> {
        self.enter.future("recover", async move {
            let stream = (**self).recover(&state.into()).await?;
            Ok(serve_stream(stream, &self.enter))
        })
    }

    fn recover_for_commit<'a>(
        &'a self,
        state: RecoverableRef<'a>,
    ) -> WireFuture<'a, CommitterAbi_TO<RBox<()>>> {
        self.enter.future("recover for commit", async move {
            let committer = (**self).recover_for_commit(&state.into()).await?;
            Ok(serve_committer(committer, &self.enter))
        })
    }

    fn cleanup<'a>(&'a self, state: RecoverableRef<'a>) -> WireFuture<'a, bool> {
        self.enter
            .future("clean up", async move { (**self).cleanup(&state.into()).await })
    }

    fn abort<'a>(&'a self, state: RecoverableRef<'a>) -> WireFuture<'a, ()> {
        self.enter
            .future("abort", async move { (**self).abort(&state.into()).await })
    }

    fn inspect(&self, state: RecoverableRef<'_>) -> WireResult<RecoverableInfoBuf> {
        self.enter.recall("inspect", || (**self).inspect(&state.into()))
    }

    fn pending_uploads<'a>(
        &'a self,
        under: LocationRef<'a>,
        token: RStr<'a>,
    ) -> WireFuture<'a, PendingUploadPage> {
        self.enter.future("list uploads", async move {
            let under = under.to_location()?;
            let (page, next) = (**self).pending_uploads(&under, token.as_str()).await?;
            let page = page.into_iter().map(PendingUploadBuf::from).collect();
            Ok(Tuple2(page, next.map(RString::from).into()))
        })
    }

    fn abort_upload(&self, upload: PendingUploadBuf) -> WireFuture<'_, ()> {
        self.enter.future("abort upload", async move {
            let upload = upload.into_upload()?;
            (**self).abort_upload(&upload).await
        })
    }

    fn verify<'a>(&'a self, state: RecoverableRef<'a>) -> WireFuture<'a, ConditionBuf> {
        self.enter.future("verify", async move {
            Ok((**self).verify(&state.into()).await?.into())
        })
    }
}

impl RecoverableStreamAbi for Entered<Box<dyn RecoverableStream>> {
    fn write<'a>(&'a mut self, data: RSlice<'a, u8>) -> WireFuture<'a, ()> {
        let (object, enter) = self.split();
        enter.future("write", async move { object.write(data.as_slice()).await })
    }

    fn write_chunk(&mut self, data: Chunk) -> WireFuture<'_, ()> {
        let (object, enter) = self.split();
        enter.future("write", async move { object.write_bytes(data.into()).await })
    }

    fn position(&self) -> u64 {
        Enter::ask(0, || (**self).position())
    }

    fn location(&self) -> WireResult<LocationBuf> {
        to_wire(self.enter.run("location", || (**self).location()))
    }

    fn flush(&mut self) -> WireFuture<'_, ()> {
        let (object, enter) = self.split();
        enter.future("flush", async move { object.flush().await })
    }

    fn persist(&mut self) -> WireFuture<'_, RecoverableBuf> {
        let (object, enter) = self.split();
        enter.future("persist", async move { Ok(object.persist().await?.into()) })
    }

    fn close_for_commit(&mut self) -> WireFuture<'_, CommitterAbi_TO<RBox<()>>> {
        let (object, enter) = self.split();
        enter.future("close for commit", async move {
            Ok(serve_committer(object.close_for_commit().await?, enter))
        })
    }

    fn close(&mut self) -> WireFuture<'_, ()> {
        let (object, enter) = self.split();
        enter.last_future("close", async move { object.close().await })
    }
}

impl CommitterAbi for Entered<Arc<dyn Committer>> {
    fn commit(&self) -> WireFuture<'_, ()> {
        self.enter
            .future("commit", async move { (**self).commit().await })
    }

    fn commit_after_recovery(&self) -> WireFuture<'_, ()> {
        self.enter
            .future("commit", async move { (**self).commit_after_recovery().await })
    }

    fn recoverable(&self) -> WireResult<RecoverableBuf> {
        self.enter.recall("recoverable", || (**self).recoverable())
    }
}
