//! [`InputStream`] and [`OutputStream`] as `std::io` streams.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use plugin_api::{Bytes, Error, ErrorKind, FileStatus, Location, Result};

use super::block_on;

/// An error as `std::io` has it; the original can be had back by downcasting.
///
/// Never of the kind `Interrupted`, on which `std::io` would repeat the call by itself.
pub(super) fn io_error(error: Error) -> io::Error {
    match error.kind() {
        ErrorKind::Cancelled => io::Error::other(error),
        _ => error.into(),
    }
}

/// Reads one version of one file.
///
/// Each `read` is a call into the plugin: put a [`BufReader`](io::BufReader) around it to read in
/// small pieces. A dropped stream releases its connection without reading the rest.
#[allow(clippy::len_without_is_empty, reason = "a file, not a collection")]
pub struct InputStream(Box<dyn plugin_api::InputStream>);

impl InputStream {
    pub(super) fn new(stream: Box<dyn plugin_api::InputStream>) -> Self {
        Self(stream)
    }

    /// The next bytes, 1 to `max`, without a copy; empty only at the end or for `max == 0`.
    pub fn read_bytes(&mut self, max: usize) -> Result<Bytes> {
        block_on(self.0.read(max))
    }

    /// Several ranges at once, in the order asked for; the position does not move.
    pub fn read_ranges(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        block_on(self.0.read_ranges(ranges))
    }

    /// The position of the next read.
    pub fn position(&self) -> u64 {
        self.0.position()
    }

    /// The length of the file in bytes.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Releases what the stream holds, without reading to the end.
    pub fn close(mut self) -> Result<()> {
        block_on(self.0.close())
    }
}

impl Read for InputStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        block_on(self.0.read_into(buffer)).map_err(io_error)
    }
}

impl Seek for InputStream {
    /// Moves the position, without any I/O. A position before the start or beyond the end is an
    /// error, and the position stays.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.len().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position().checked_add_signed(offset),
        };
        let position = position.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "seek to a position before the start or beyond any file",
            )
        })?;
        self.0.seek(position).map_err(io_error)?;
        Ok(position)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.position())
    }
}

/// Writes one new file, which [`close`](Self::close) publishes.
///
/// Dropped without `close`, or after an error, it gives the file up: nothing is published and
/// nothing left behind. Each `write` takes all of its buffer; put a
/// [`BufWriter`](io::BufWriter) around it to write in small pieces, and close what its `into_inner`
/// returns.
#[must_use = "a file is published by close() only"]
pub struct OutputStream {
    stream: Box<dyn plugin_api::OutputStream>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// A call failed: only abort is left.
    Failed,
    /// Closed or aborted: nothing is left to do.
    Ended,
}

impl OutputStream {
    pub(super) fn new(stream: Box<dyn plugin_api::OutputStream>) -> Self {
        Self {
            stream,
            state: State::Open,
        }
    }

    /// Appends a chunk without copying it, where the plugin can.
    pub fn write_bytes(&mut self, data: impl Into<Bytes>) -> Result<()> {
        self.check_open()?;
        let result = block_on(self.stream.write_bytes(data.into()));
        self.note(result)
    }

    /// Bytes written so far.
    pub fn position(&self) -> u64 {
        self.stream.position()
    }

    /// The location that will be published.
    pub fn location(&self) -> Location {
        self.stream.location()
    }

    /// Waits until the data is stored, as far as the store allows. Publishes nothing.
    pub fn sync(&mut self) -> Result<()> {
        self.check_open()?;
        let result = block_on(self.stream.sync());
        self.note(result)
    }

    /// Publishes the file.
    ///
    /// # Errors
    /// After an error the file is given up.
    pub fn close(mut self) -> Result<FileStatus> {
        self.check_open()?;
        let status = block_on(self.stream.close())?;
        self.state = State::Ended;
        Ok(status)
    }

    /// Gives the file up: nothing is published and nothing left behind.
    pub fn abort(mut self) -> Result<()> {
        self.state = State::Ended;
        block_on(self.stream.abort())
    }

    /// A writer that is called again after an error must not be able to leave a hole in the file.
    fn check_open(&self) -> Result<()> {
        if self.state == State::Open {
            return Ok(());
        }
        Err(
            Error::new(ErrorKind::Closed, "an earlier write of this stream failed")
                .with_operation("write")
                .with_path(self.location())
                .with_remedy("write the file anew"),
        )
    }

    fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            self.state = State::Failed;
        }
        result
    }
}

impl Write for OutputStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.check_open().map_err(io_error)?;
        let result = block_on(self.stream.write(data));
        self.note(result).map_err(io_error)?;
        Ok(data.len())
    }

    /// Hands buffered data on, as far as the store allows. Publishes nothing.
    fn flush(&mut self) -> io::Result<()> {
        self.check_open().map_err(io_error)?;
        let result = block_on(self.stream.flush());
        self.note(result).map_err(io_error)
    }
}

impl Drop for OutputStream {
    fn drop(&mut self) {
        if self.state == State::Ended {
            return;
        }
        if let Err(error) = block_on(self.stream.abort()) {
            tracing::warn!("giving up {} failed: {error}", self.stream.location());
        }
    }
}
