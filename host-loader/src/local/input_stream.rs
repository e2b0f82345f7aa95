//! [`LocalInputStream`]: positional reads of one open file.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use blocking::unblock;
use bytes::Bytes;
use plugin_api::{Error, ErrorKind, InputStream, Location, Result};
use rustix::io::ReadWriteFlags;

use super::errors::{io_error, is_a_directory, not_found, not_regular, says_nothing_there, stream_closed};
use super::status::Version;

const DEFAULT_CHUNK: usize = 256 << 10;
/// A caller's buffer of this size is read into directly; smaller reads share one chunk.
const DIRECT: usize = 16 << 10;

/// The open file and what it was when it was opened; shared with the jobs that read it.
struct Source {
    location: Location,
    file: File,
    version: Version,
    /// Whether the kernel can say "not in memory" instead of waiting for the disk.
    try_cached: AtomicBool,
}

/// Reads one version of one local file.
///
/// What is in the page cache is read in place, without waiting and without another thread; the rest
/// is read by the blocking thread pool.
pub(super) struct LocalInputStream {
    source: Option<Arc<Source>>,
    location: Location,
    len: u64,
    position: u64,
    chunk: usize,
    /// Content at `ahead_at` that was read beyond what was asked for.
    ahead: Bytes,
    ahead_at: u64,
    /// Where the last read ended: a read there is a sequential one, and worth reading ahead for.
    sequential_at: u64,
}

impl LocalInputStream {
    /// Opens a file; blocks. With `expected` only that version.
    pub(super) fn open(location: &Location, path: &Path, buffer_size: u64, expected: &str) -> Result<Self> {
        let failed = |error: &io::Error| {
            if says_nothing_there(error) {
                not_found("open", location)
            } else {
                io_error("open", location, error)
            }
        };
        // Without O_NONBLOCK the opening of a pipe would wait for a writer, perhaps for ever.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
            .map_err(|error| match error.raw_os_error() {
                Some(libc::ENXIO) => not_regular("open", location),
                _ => failed(&error),
            })?;
        let metadata = file.metadata().map_err(|error| failed(&error))?;
        if metadata.is_dir() {
            return Err(is_a_directory("open", location));
        }
        if !metadata.is_file() {
            return Err(not_regular("open", location));
        }
        let version = Version::of(&metadata);
        if !expected.is_empty() && expected != version.etag() {
            return Err(Error::new(
                ErrorKind::Changed,
                format!("the file is now version '{}', not '{expected}'", version.etag()),
            )
            .with_operation("open")
            .with_path(location)
            .with_remedy("take its status again and decide anew"));
        }
        Ok(Self {
            location: location.clone(),
            len: version.len,
            source: Some(Arc::new(Source {
                location: location.clone(),
                file,
                version,
                try_cached: AtomicBool::new(true),
            })),
            position: 0,
            chunk: match buffer_size {
                0 => DEFAULT_CHUNK,
                size => usize::try_from(size).unwrap_or(usize::MAX),
            },
            ahead: Bytes::new(),
            ahead_at: 0,
            sequential_at: 0,
        })
    }

    fn source(&self, operation: &'static str) -> Result<&Arc<Source>> {
        self.source
            .as_ref()
            .ok_or_else(|| stream_closed(operation, &self.location))
    }

    /// What was read ahead at the position, up to `max` bytes of it.
    fn take_ahead(&mut self, max: usize) -> Option<Bytes> {
        let start = usize::try_from(self.position.checked_sub(self.ahead_at)?).ok()?;
        if start >= self.ahead.len() {
            return None;
        }
        let end = self.ahead.len().min(start.saturating_add(max));
        let taken = self.ahead.slice(start..end);
        if end == self.ahead.len() {
            self.ahead = Bytes::new();
        }
        self.advance(taken.len());
        Some(taken)
    }

    fn advance(&mut self, bytes: usize) {
        self.position += bytes as u64;
        self.sequential_at = self.position;
    }

    fn remaining(&self) -> usize {
        usize::try_from(self.len - self.position).unwrap_or(usize::MAX)
    }
}

#[async_trait]
impl InputStream for LocalInputStream {
    async fn read(&mut self, max: usize) -> Result<Bytes> {
        let source = Arc::clone(self.source("read")?);
        if max == 0 || self.remaining() == 0 {
            return Ok(Bytes::new());
        }
        if let Some(chunk) = self.take_ahead(max) {
            return Ok(chunk);
        }
        let wanted = if self.position == self.sequential_at {
            self.chunk
        } else {
            self.chunk.min(max)
        };
        let (wanted, position) = (wanted.min(self.remaining()), self.position);
        let mut buffer = vec![0; wanted];
        let cached = source.read_cached(&mut buffer, position)?;
        if cached > 0 {
            buffer.truncate(cached);
        } else {
            buffer = unblock(move || source.read_waiting(buffer, position)).await?;
        }
        self.ahead = buffer.into();
        self.ahead_at = position;
        Ok(self.take_ahead(max).unwrap_or_default())
    }

    async fn read_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let room = buffer.len().min(self.remaining()).min(self.chunk);
        let has_ahead =
            self.ahead_at <= self.position && self.position < self.ahead_at + self.ahead.len() as u64;
        if room >= DIRECT && !has_ahead {
            let read = self
                .source("read")?
                .read_cached(&mut buffer[..room], self.position)?;
            if read > 0 {
                self.advance(read);
                return Ok(read);
            }
        }
        let chunk = self.read(buffer.len()).await?;
        buffer[..chunk.len()].copy_from_slice(&chunk);
        Ok(chunk.len())
    }

    async fn read_ranges(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let source = Arc::clone(self.source("read")?);
        if let Some(range) = ranges.iter().find(|range| range.end > self.len) {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                format!(
                    "the range {}..{} ends beyond the {} bytes of the file",
                    range.start, range.end, self.len
                ),
            )
            .with_operation("read")
            .with_path(&self.location)
            .with_remedy("ask for ranges within the length"));
        }
        let mut chunks = Vec::with_capacity(ranges.len());
        for range in ranges {
            let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
            let (source, start) = (Arc::clone(&source), range.start);
            let mut buffer = vec![0; wanted];
            if wanted > DEFAULT_CHUNK || source.read_cached(&mut buffer, start)? < wanted {
                buffer = unblock(move || source.read_waiting(buffer, start)).await?;
            }
            chunks.push(buffer.into());
        }
        Ok(chunks)
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.source("seek")?;
        if position > self.len {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                format!(
                    "the position {position} is beyond the {} bytes of the file",
                    self.len
                ),
            )
            .with_operation("seek")
            .with_path(&self.location)
            .with_remedy("seek to a position within the length"));
        }
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
        self.ahead = Bytes::new();
        if let Some(source) = self.source.take() {
            unblock(move || drop(source)).await;
        }
        Ok(())
    }
}

impl Source {
    /// Reads what the page cache has, without ever waiting for the disk: 0 bytes if that is nothing.
    fn read_cached(&self, buffer: &mut [u8], position: u64) -> Result<usize> {
        if buffer.is_empty() || !self.try_cached.load(Ordering::Relaxed) {
            return Ok(0);
        }
        let slices = &mut [IoSliceMut::new(buffer)];
        match rustix::io::preadv2(&self.file, slices, position, ReadWriteFlags::NOWAIT) {
            // Nothing is also what a file says that has become shorter: the other way finds out.
            Ok(0) => Ok(0),
            Ok(read) => {
                self.verify_version()?;
                Ok(read)
            }
            Err(error) => {
                if error != rustix::io::Errno::AGAIN && error != rustix::io::Errno::INTR {
                    self.try_cached.store(false, Ordering::Relaxed);
                }
                Ok(0)
            }
        }
    }

    /// Fills the whole buffer; blocks.
    fn read_waiting(&self, mut buffer: Vec<u8>, position: u64) -> Result<Vec<u8>> {
        match self.file.read_exact_at(&mut buffer, position) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.verify_version()?;
                return Err(self.truncated());
            }
            Err(error) => return Err(io_error("read", &self.location, &error)),
        }
        self.verify_version()?;
        Ok(buffer)
    }

    /// Looked at after a read: what was read belongs to the version that was opened.
    fn verify_version(&self) -> Result<()> {
        let metadata = self
            .file
            .metadata()
            .map_err(|error| io_error("read", &self.location, &error))?;
        let now = Version::of(&metadata);
        if now == self.version {
            return Ok(());
        }
        if now.len < self.version.len {
            return Err(self.truncated());
        }
        Err(Error::new(
            ErrorKind::Changed,
            "the file was written to while it was being read",
        )
        .with_operation("read")
        .with_path(&self.location)
        .with_remedy("open it again when its writer has finished"))
    }

    fn truncated(&self) -> Error {
        Error::new(
            ErrorKind::UnexpectedEof,
            format!(
                "the file had {} bytes when it was opened and is now shorter",
                self.version.len
            ),
        )
        .with_operation("read")
        .with_path(&self.location)
        .with_remedy("open it again when its writer has finished")
    }
}
