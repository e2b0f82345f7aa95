//! [`FileWriter`]: buffered appending to an open file through the blocking thread pool.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use blocking::unblock;
use bytes::{Bytes, BytesMut};
use plugin_api::{Error, ErrorKind, Location, Result};

use super::errors::io_error;

/// Writes below this size are put together.
const SMALL: usize = 64 << 10;
/// Borrowed data is copied in pieces of this size, to bound the memory.
const LARGE: usize = 1 << 20;

/// Appends to a file. Once a write failed or was cancelled, nothing more is accepted: what is in the
/// file is not known then.
pub(super) struct FileWriter {
    location: Location,
    file: Arc<File>,
    /// Bytes handed to the file.
    stored: u64,
    /// The CRC-32C of these bytes.
    checksum: u32,
    buffer: BytesMut,
    /// False while a job is running, and for good if its call failed or was cancelled.
    content_known: bool,
}

impl FileWriter {
    /// A writer that goes on behind `stored` bytes with this checksum.
    pub(super) fn new(location: Location, file: Arc<File>, stored: u64, checksum: u32) -> Self {
        Self {
            location,
            file,
            stored,
            checksum,
            buffer: BytesMut::new(),
            content_known: true,
        }
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(super) fn position(&self) -> u64 {
        self.stored + self.buffer.len() as u64
    }

    /// The CRC-32C of all bytes that were handed to the file.
    pub(super) fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Fails if the content of the file is not known.
    pub(super) fn check(&self, operation: &'static str) -> Result<()> {
        if self.content_known {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Closed,
            "an earlier call on the stream failed or was cancelled",
        )
        .with_operation(operation)
        .with_path(&self.location)
        .with_remedy("give the stream up and write the file again"))
    }

    pub(super) async fn write(&mut self, data: &[u8]) -> Result<()> {
        self.check("write")?;
        let limit = if data.len() < SMALL { SMALL } else { LARGE };
        let mut rest = data;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(limit.saturating_sub(self.buffer.len())));
            self.buffer.extend_from_slice(now);
            rest = later;
            if self.buffer.len() >= limit {
                self.store(Bytes::new()).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn write_bytes(&mut self, data: Bytes) -> Result<()> {
        if data.len() < SMALL {
            return self.write(&data).await;
        }
        self.check("write")?;
        self.store(data).await
    }

    /// Hands everything to the file.
    pub(super) async fn flush(&mut self) -> Result<()> {
        self.check("flush")?;
        self.store(Bytes::new()).await
    }

    /// Hands the buffer and then `data` to the file.
    async fn store(&mut self, data: Bytes) -> Result<()> {
        let buffered = self.buffer.split().freeze();
        if buffered.is_empty() && data.is_empty() {
            return Ok(());
        }
        let (at, crc, len) = (self.stored, self.checksum, (buffered.len() + data.len()) as u64);
        self.checksum = self
            .run("write", move |file| {
                file.write_all_at(&buffered, at)?;
                file.write_all_at(&data, at + buffered.len() as u64)?;
                Ok(crc32c::crc32c_append(
                    crc32c::crc32c_append(crc, &buffered),
                    &data,
                ))
            })
            .await?;
        self.stored += len;
        Ok(())
    }

    /// Hands everything to the file, and waits until it is on the disk.
    pub(super) async fn sync(&mut self) -> Result<()> {
        self.check("sync")?;
        self.store(Bytes::new()).await?;
        self.run("sync", File::sync_data).await
    }

    /// Runs a job on the file. Until it has succeeded, the stream takes nothing.
    async fn run<T: Send + 'static>(
        &mut self,
        operation: &'static str,
        job: impl FnOnce(&File) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.content_known = false;
        let file = Arc::clone(&self.file);
        let done = unblock(move || job(&file))
            .await
            .map_err(|error| io_error(operation, &self.location, &error))?;
        self.content_known = true;
        Ok(done)
    }

    /// Runs a job of the owner, under the same rule.
    pub(super) async fn run_job<T: Send + 'static>(
        &mut self,
        job: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.content_known = false;
        let done = unblock(job).await?;
        self.content_known = true;
        Ok(done)
    }

    /// Closes the handle of a deleted file: freeing a large one takes time.
    pub(super) fn close_deleted(self) {
        unblock(move || drop(self.file)).detach();
    }
}
