//! A plugin's [`InputStream`] and [`OutputStream`].

use std::ops::Range;

use abi_stable::std_types::RBox;
use async_trait::async_trait;

use crate::abi::chunk::{check_one_for_each, other_than_asked};
use crate::abi::error::from_wire;
use crate::abi::interface::{InputStreamAbi_TO, OutputStreamAbi_TO};
use crate::abi::wire::ByteRange;
use crate::{Bytes, FileStatus, InputStream, Location, OutputStream, Result};

pub(super) struct RemoteInput(pub(super) InputStreamAbi_TO<RBox<()>>);

/// More than was asked for would overwrite the caller's memory or its arithmetic.
fn check_length(got: usize, most: usize) -> Result<()> {
    if got <= most {
        return Ok(());
    }
    Err(other_than_asked(&format!(
        "{got} bytes where {most} were asked for"
    )))
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl InputStream for RemoteInput {
    async fn read(&mut self, max: usize) -> Result<Bytes> {
        let chunk = Bytes::from(from_wire(self.0.read(max).await)?);
        check_length(chunk.len(), max)?;
        Ok(chunk)
    }

    async fn read_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let most = buffer.len();
        let read = from_wire(self.0.read_into(buffer.into()).await)?;
        check_length(read, most)?;
        Ok(read)
    }

    async fn read_ranges(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let wire: Vec<_> = ranges
            .iter()
            .map(|range| ByteRange {
                start: range.start,
                end: range.end,
            })
            .collect();
        let chunks = from_wire(self.0.read_ranges(wire.as_slice().into()).await)?;
        check_one_for_each(chunks.len(), ranges.len())?;
        Ok(chunks.into_iter().map(Bytes::from).collect())
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        from_wire(self.0.seek(position))
    }

    fn position(&self) -> u64 {
        self.0.position()
    }

    fn len(&self) -> u64 {
        self.0.len()
    }

    async fn close(&mut self) -> Result<()> {
        from_wire(self.0.close().await)
    }
}

pub(super) struct RemoteOutput {
    stream: OutputStreamAbi_TO<RBox<()>>,
    /// What was asked for, in case the plugin cannot say what came out.
    asked: Location,
}

impl RemoteOutput {
    pub(super) fn new(stream: OutputStreamAbi_TO<RBox<()>>, asked: Location) -> Self {
        Self { stream, asked }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl OutputStream for RemoteOutput {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        from_wire(self.stream.write(data.into()).await)
    }

    async fn write_bytes(&mut self, data: Bytes) -> Result<()> {
        from_wire(self.stream.write_chunk(data.into()).await)
    }

    fn position(&self) -> u64 {
        self.stream.position()
    }

    fn location(&self) -> Location {
        from_wire(self.stream.location())
            .and_then(crate::abi::wire::LocationBuf::into_location)
            .unwrap_or_else(|_| self.asked.clone())
    }

    async fn flush(&mut self) -> Result<()> {
        from_wire(self.stream.flush().await)
    }

    async fn sync(&mut self) -> Result<()> {
        from_wire(self.stream.sync().await)
    }

    async fn close(&mut self) -> Result<FileStatus> {
        from_wire(self.stream.close().await)?.into_status()
    }

    async fn abort(&mut self) -> Result<()> {
        from_wire(self.stream.abort().await)
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use abi_stable::std_types::{RSlice, RSliceMut, RVec};
    use abi_stable::type_level::downcasting::TD_Opaque;
    use async_ffi::BorrowingFfiFuture;

    use super::*;
    use crate::ErrorKind;
    use crate::abi::chunk::Chunk;
    use crate::abi::error::{WireResult, to_wire};
    use crate::abi::future::WireFuture;
    use crate::abi::interface::InputStreamAbi;

    /// Returns two bytes too many, and one chunk whatever it was asked for.
    struct Liar;

    fn answer<'a, T: Send + 'a>(answer: T) -> WireFuture<'a, T> {
        BorrowingFfiFuture::new(ready(to_wire(Ok(answer))))
    }

    impl InputStreamAbi for Liar {
        fn read(&mut self, max: usize) -> WireFuture<'_, Chunk> {
            answer(Bytes::from(vec![0; max + 2]).into())
        }

        fn read_into<'a>(&'a mut self, buffer: RSliceMut<'a, u8>) -> WireFuture<'a, usize> {
            answer(buffer.len() + 2)
        }

        fn read_ranges<'a>(&'a mut self, _: RSlice<'a, ByteRange>) -> WireFuture<'a, RVec<Chunk>> {
            answer(vec![Bytes::from_static(b"x").into()].into())
        }

        fn seek(&mut self, _: u64) -> WireResult<()> {
            to_wire(Ok(()))
        }

        fn position(&self) -> u64 {
            0
        }

        fn len(&self) -> u64 {
            0
        }

        fn close(&mut self) -> WireFuture<'_, ()> {
            answer(())
        }
    }

    fn refused<T>(future: impl Future<Output = Result<T>>) -> String {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::Corrupt => error.to_string(),
            _ => panic!("it was believed"),
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_the_question_is_not_believed() {
        let mut input = RemoteInput(InputStreamAbi_TO::from_value(Liar, TD_Opaque));
        assert!(refused(input.read(3)).contains("5 bytes where 3 were asked for"));
        assert!(refused(input.read_into(&mut [0; 3])).contains("5 bytes where 3"));
        for (ranges, told) in [
            (&[0..1, 1..2][..], "1 chunks for 2 ranges"),
            (&[], "1 chunks for 0 ranges"),
        ] {
            assert!(refused(input.read_ranges(ranges)).contains(told));
        }
    }
}
