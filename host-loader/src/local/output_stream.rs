//! [`LocalOutputStream`]: a new file that appears whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use blocking::unblock;
use bytes::Bytes;
use plugin_api::{FileStatus, Location, OutputStream, Result, WriteMode};
use tempfile::TempPath;

use super::errors::{already_exists, io_error, stream_closed};
use super::file_writer::FileWriter;
use super::publication::{PublishError, create_beside, hidden_prefix, publish};
use super::status::file_status;

/// Writes a file beside its target and moves it there at the end.
pub(super) struct LocalOutputStream {
    target: PathBuf,
    location: Location,
    mode: WriteMode,
    /// The file beside the target, which is deleted when this is dropped.
    temp: Option<TempPath>,
    /// Gone once the file has been given up.
    writer: Option<FileWriter>,
    position: u64,
    published: Option<FileStatus>,
}

impl LocalOutputStream {
    /// Starts a file; blocks.
    pub(super) fn create(location: Location, target: &Path, mode: WriteMode) -> Result<Self> {
        let prefix = hidden_prefix(&location, ".");
        let (file, temp) = create_beside("create", &location, target, mode, (&prefix, ".tmp"))?.into_parts();
        Ok(Self {
            target: target.to_owned(),
            mode,
            temp: Some(temp),
            writer: Some(FileWriter::new(location.clone(), Arc::new(file), 0, 0)),
            location,
            position: 0,
            published: None,
        })
    }

    fn writer(&mut self, operation: &'static str) -> Result<&mut FileWriter> {
        self.writer
            .as_mut()
            .ok_or_else(|| stream_closed(operation, &self.location))
    }
}

#[async_trait]
impl OutputStream for LocalOutputStream {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        self.writer("write")?.write(data).await?;
        self.position += data.len() as u64;
        Ok(())
    }

    async fn write_bytes(&mut self, data: Bytes) -> Result<()> {
        let len = data.len() as u64;
        self.writer("write")?.write_bytes(data).await?;
        self.position += len;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn location(&self) -> Location {
        self.location.clone()
    }

    async fn flush(&mut self) -> Result<()> {
        self.writer("flush")?.flush().await
    }

    async fn sync(&mut self) -> Result<()> {
        self.writer("sync")?.sync().await
    }

    async fn close(&mut self) -> Result<FileStatus> {
        if let Some(status) = &self.published {
            return Ok(status.clone());
        }
        let (target, location, mode) = (self.target.clone(), self.location.clone(), self.mode);
        let writer = self.writer("close")?;
        writer.check("close")?;
        writer.sync().await?;
        let file = Arc::clone(writer.file());
        // From here on only the job holds the file beside the target: it is published or deleted.
        let Some(temp) = self.temp.take() else {
            return Err(stream_closed("close", &location));
        };
        let job = move || {
            let failed = |error| io_error("close", &location, &error);
            let metadata = file.metadata().map_err(failed)?;
            publish(temp, &target, mode).map_err(|error| match error {
                PublishError::Exists => already_exists("close", &location),
                PublishError::Io(error) => failed(error),
            })?;
            Ok(file_status(location, &metadata))
        };
        let status = self.writer("close")?.run_job(job).await?;
        self.published = Some(status.clone());
        if let Some(writer) = self.writer.take() {
            unblock(move || drop(writer)).await;
        }
        Ok(status)
    }

    async fn abort(&mut self) -> Result<()> {
        let (temp, writer) = (self.temp.take(), self.writer.take());
        // Dropping closes the handle and deletes the file, also if this call is cancelled.
        unblock(move || drop((temp, writer))).await;
        Ok(())
    }
}

impl Drop for LocalOutputStream {
    fn drop(&mut self) {
        // Deleting the name is quick and done here, so that nothing is left when this returns; its
        // blocks are freed when the last handle closes, which is not.
        if self.temp.take().is_some()
            && let Some(writer) = self.writer.take()
        {
            writer.close_deleted();
        }
    }
}
