//! [`InputStream`] and [`OutputStream`].

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Error, ErrorKind, FileStatus, Location, Result};

/// Reads one version of one file. Used by one caller at a time.
///
/// A dropped stream releases its connection without reading the rest of it.
#[allow(clippy::len_without_is_empty, reason = "a file, not a collection")]
#[async_trait]
pub trait InputStream: Send + 'static {
    /// The next bytes, 1 to `max`; empty only at the end of the file or for `max == 0`.
    ///
    /// The chunk is the plugin's own memory and is not copied. A short chunk says nothing about
    /// the end. After a cancelled call the position has not moved.
    ///
    /// # Errors
    /// [`ErrorKind::Changed`] if the file is no longer the version that was opened,
    /// [`ErrorKind::UnexpectedEof`] if its content ends before its length: never a silent end.
    async fn read(&mut self, max: usize) -> Result<Bytes>;

    /// Reads into the caller's memory: the number of bytes, 0 only at the end or for no room.
    async fn read_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let chunk = self.read(buffer.len()).await?;
        buffer[..chunk.len()].copy_from_slice(&chunk);
        Ok(chunk.len())
    }

    /// Several ranges at once, in the order asked for; the position does not move. Neighbours may be
    /// fetched together, and all in parallel.
    ///
    /// # Errors
    /// [`ErrorKind::UnexpectedEof`] if a range ends beyond the file, or before it begins.
    async fn read_ranges(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        // Before memory is set aside for what cannot be there.
        if let Some(range) = ranges
            .iter()
            .find(|range| range.start > range.end || range.end > self.len())
        {
            return Err(beyond(range));
        }
        let moved = Moved {
            back: self.position(),
            stream: self,
        };
        let mut chunks = Vec::with_capacity(ranges.len());
        for range in ranges {
            moved.stream.seek(range.start)?;
            let wanted = (range.end - range.start) as usize;
            let mut content = bytes::BytesMut::with_capacity(wanted);
            while content.len() < wanted {
                let chunk = moved.stream.read(wanted - content.len()).await?;
                if chunk.is_empty() {
                    return Err(beyond(range));
                }
                content.extend_from_slice(&chunk);
            }
            chunks.push(content.freeze());
        }
        Ok(chunks)
    }

    /// Moves the position, without any I/O; the length itself is legal.
    ///
    /// # Errors
    /// [`ErrorKind::UnexpectedEof`] for a position beyond the length.
    fn seek(&mut self, position: u64) -> Result<()>;

    /// The position of the next read, in bytes from the start.
    fn position(&self) -> u64;

    /// The length of the file in bytes.
    fn len(&self) -> u64;

    /// Releases what the stream holds, without reading to the end. Idempotent; a later read fails
    /// with [`ErrorKind::Closed`].
    async fn close(&mut self) -> Result<()>;
}

/// A stream that is read elsewhere for a while: it gets its position back also when that fails or is cancelled.
struct Moved<'a, S: InputStream + ?Sized> {
    stream: &'a mut S,
    back: u64,
}

impl<S: InputStream + ?Sized> Drop for Moved<'_, S> {
    fn drop(&mut self) {
        // The position was legal before; only a stream that has been closed meanwhile refuses it.
        let _ = self.stream.seek(self.back);
    }
}

fn beyond(range: &Range<u64>) -> Error {
    Error::new(
        ErrorKind::UnexpectedEof,
        format!("the range {}..{} is not within the file", range.start, range.end),
    )
    .with_remedy("stay within the length")
}

/// Writes one new file. Used by one caller at a time.
///
/// Nothing is published before [`close`](Self::close) succeeded. A stream that is dropped, aborted
/// or failed publishes nothing and leaves nothing behind.
#[async_trait]
pub trait OutputStream: Send + 'static {
    /// Appends all of `data`. Waits while the memory budget is used up.
    ///
    /// After an error, or when the call was cancelled, the stream can only be aborted or dropped.
    async fn write(&mut self, data: &[u8]) -> Result<()>;

    /// Appends a chunk without copying it, where the plugin can.
    async fn write_bytes(&mut self, data: Bytes) -> Result<()> {
        self.write(&data).await
    }

    /// Bytes written so far.
    fn position(&self) -> u64;

    /// The location that will be published: what was asked for, after entropy injection.
    fn location(&self) -> Location;

    /// Hands buffered data on, as far as the store allows. Publishes nothing.
    async fn flush(&mut self) -> Result<()>;

    /// Waits until the data handed on is stored, as far as the store allows. Publishes nothing and
    /// does not end the stream: only `close` makes a file durable on an object store.
    async fn sync(&mut self) -> Result<()>;

    /// Publishes the file. A second call after a success does nothing and returns the same.
    ///
    /// # Errors
    /// After an error the file is not durable, and the stream can only be aborted or dropped. When
    /// the call is cancelled, the file may or may not have been published.
    async fn close(&mut self) -> Result<FileStatus>;

    /// Gives the file up: nothing is published and nothing left behind. Idempotent.
    async fn abort(&mut self) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// A file of so many bytes that cannot be read from this position on: it fails there, or never answers.
    struct Broken {
        len: u64,
        position: u64,
        from: u64,
        is_silent: bool,
    }

    #[async_trait]
    impl InputStream for Broken {
        async fn read(&mut self, max: usize) -> Result<Bytes> {
            if self.position >= self.from {
                if self.is_silent {
                    std::future::pending::<()>().await;
                }
                return Err(Error::new(ErrorKind::Unavailable, "broken"));
            }
            let end = self.from.min(self.position + max as u64);
            let chunk = Bytes::from(vec![7; (end - self.position) as usize]);
            self.position = end;
            Ok(chunk)
        }

        fn seek(&mut self, position: u64) -> Result<()> {
            self.position = position;
            Ok(())
        }

        fn position(&self) -> u64 {
            self.position
        }

        fn len(&self) -> u64 {
            self.len
        }

        async fn close(&mut self) -> Result<()> {
            Ok(())
        }
    }

    /// Reads ranges of a file of 100 bytes, from position 5 on: the first poll, and the position after it.
    fn poll_once(is_silent: bool, ranges: &[Range<u64>]) -> (Poll<Result<Vec<Bytes>>>, u64) {
        let mut stream = Broken {
            len: 100,
            position: 5,
            from: 50,
            is_silent,
        };
        let polled = pin!(stream.read_ranges(ranges)).poll(&mut Context::from_waker(Waker::noop()));
        (polled, stream.position)
    }

    #[test]
    fn the_position_stays_where_it_was_whether_ranges_are_read_or_fail_or_are_cancelled() {
        let (read, position) = poll_once(false, &[10..20, 0..3]);
        let Poll::Ready(Ok(chunks)) = read else {
            panic!("these can be read");
        };
        assert_eq!(chunks.iter().map(Bytes::len).collect::<Vec<_>>(), [10, 3]);
        assert_eq!(position, 5);
        let (failed, position) = poll_once(false, &[10..20, 40..60]);
        assert!(matches!(failed, Poll::Ready(Err(error)) if error.kind() == ErrorKind::Unavailable));
        assert_eq!(position, 5);
        let (cancelled, position) = poll_once(true, &[10..20, 40..60]);
        assert!(cancelled.is_pending());
        assert_eq!(position, 5);
    }

    #[test]
    fn ranges_that_are_not_within_the_file_are_refused_before_anything_is_read() {
        let backwards = Range { start: 9, end: 3 };
        for range in [0..101, 0..u64::MAX, u64::MAX - 1..u64::MAX, backwards] {
            let (refused, position) = poll_once(true, &[40..60, range.clone()]);
            let Poll::Ready(Err(error)) = refused else {
                panic!("{range:?} is not refused");
            };
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            assert!(
                error
                    .to_string()
                    .contains(&format!("{}..{}", range.start, range.end))
            );
            assert_eq!(position, 5);
        }
    }
}
