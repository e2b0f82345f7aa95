//! Serves an [`InputStream`] and an [`OutputStream`].

use abi_stable::std_types::{RBox, RSlice, RSliceMut, RVec};
use abi_stable::type_level::downcasting::TD_Opaque;

use crate::abi::chunk::Chunk;
use crate::abi::error::{WireResult, to_wire};
use crate::abi::future::{Enter, Entered, WireFuture};
use crate::abi::interface::{InputStreamAbi, InputStreamAbi_TO, OutputStreamAbi, OutputStreamAbi_TO};
use crate::abi::wire::{ByteRange, LocationBuf, Status};
use crate::{InputStream, OutputStream};

pub(super) fn serve_input(stream: Box<dyn InputStream>, enter: &Enter) -> InputStreamAbi_TO<RBox<()>> {
    InputStreamAbi_TO::from_value(Entered::new(stream, enter.clone()), TD_Opaque)
}

pub(super) fn serve_output(stream: Box<dyn OutputStream>, enter: &Enter) -> OutputStreamAbi_TO<RBox<()>> {
    OutputStreamAbi_TO::from_value(Entered::new(stream, enter.clone()), TD_Opaque)
}

impl InputStreamAbi for Entered<Box<dyn InputStream>> {
    fn read(&mut self, max: usize) -> WireFuture<'_, Chunk> {
        let (object, enter) = self.split();
        enter.future("read", async move { Ok(object.read(max).await?.into()) })
    }

    fn read_into<'a>(&'a mut self, buffer: RSliceMut<'a, u8>) -> WireFuture<'a, usize> {
        let (object, enter) = self.split();
        enter.future(
            "read",
            async move { object.read_into(buffer.into_mut_slice()).await },
        )
    }

    fn read_ranges<'a>(&'a mut self, ranges: RSlice<'a, ByteRange>) -> WireFuture<'a, RVec<Chunk>> {
        let (object, enter) = self.split();
        enter.future("read ranges", async move {
            let ranges: Vec<_> = ranges.iter().map(|range| range.start..range.end).collect();
            let chunks = object.read_ranges(&ranges).await?;
            Ok(chunks.into_iter().map(Chunk::from).collect())
        })
    }

    fn seek(&mut self, position: u64) -> WireResult<()> {
        let (object, enter) = self.split();
        enter.recall("seek", || object.seek(position))
    }

    fn position(&self) -> u64 {
        Enter::ask(0, || (**self).position())
    }

    fn len(&self) -> u64 {
        Enter::ask(0, || (**self).len())
    }

    fn close(&mut self) -> WireFuture<'_, ()> {
        let (object, enter) = self.split();
        enter.last_future("close", async move { object.close().await })
    }
}

impl OutputStreamAbi for Entered<Box<dyn OutputStream>> {
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

    fn sync(&mut self) -> WireFuture<'_, ()> {
        let (object, enter) = self.split();
        enter.future("sync", async move { object.sync().await })
    }

    fn close(&mut self) -> WireFuture<'_, Status> {
        let (object, enter) = self.split();
        enter.future("close", async move { Ok(object.close().await?.into()) })
    }

    fn abort(&mut self) -> WireFuture<'_, ()> {
        let (object, enter) = self.split();
        enter.last_future("abort", async move { object.abort().await })
    }
}
