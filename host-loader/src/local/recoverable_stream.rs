//! [`LocalRecoverableStream`]: an in-progress file beside its target.

use std::fs::File;
use std::sync::Arc;

use async_trait::async_trait;
use blocking::unblock;
use bytes::Bytes;
use plugin_api::{Committer, Error, ErrorKind, Location, Recoverable, RecoverableStream, Result};
use tempfile::TempPath;

use super::committer::LocalCommitter;
use super::errors::io_error;
use super::file_writer::FileWriter;
use super::path::directory_of;
use super::publication::sync_directory;
use super::recoverable_state::State;
use super::take_over::is_at;

/// Writes an in-progress file. It is deleted with the stream until it has been persisted once, and
/// never after.
pub(super) struct LocalRecoverableStream {
    /// Target, names and mode; length and checksum are the writer's.
    state: State,
    /// Deletes the in-progress file when it is dropped, unless it has been persisted.
    temp: TempPath,
    persisted: bool,
    writer: Option<FileWriter>,
    position: u64,
}

impl LocalRecoverableStream {
    /// A new stream, which was never persisted.
    pub(super) fn new(state: State, file: File, temp: TempPath) -> Self {
        Self::build(state, file, temp, false)
    }

    /// A stream that goes on behind a state.
    pub(super) fn recovered(state: State, file: File, temp: TempPath) -> Self {
        Self::build(state, file, temp, true)
    }

    fn build(state: State, file: File, temp: TempPath, persisted: bool) -> Self {
        let writer = FileWriter::new(state.target.clone(), Arc::new(file), state.len, state.checksum);
        Self {
            position: state.len,
            state,
            temp,
            persisted,
            writer: Some(writer),
        }
    }

    fn writer(&mut self, operation: &'static str) -> Result<&mut FileWriter> {
        self.writer
            .as_mut()
            .ok_or_else(|| super::errors::stream_closed(operation, &self.state.target))
    }

    /// Makes everything durable that was written, the name of the file included, and says what that
    /// is.
    async fn store(&mut self, operation: &'static str) -> Result<State> {
        let temp = self.temp.to_path_buf();
        let writer = self.writer(operation)?;
        writer.sync().await?;
        let file = Arc::clone(writer.file());
        let (location, len, checksum) = (writer.location().clone(), writer.position(), writer.checksum());
        writer
            .run_job(move || {
                let failed = |error| io_error(operation, &location, &error);
                if !is_at(&file, &temp).map_err(failed)? {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        "the in-progress file was taken over by another writer, committed or aborted",
                    )
                    .with_operation(operation)
                    .with_path(&location)
                    .with_remedy("close this stream; the other writer goes on"));
                }
                sync_directory(directory_of(&temp)).map_err(failed)
            })
            .await?;
        Ok(State {
            len,
            checksum,
            ..self.state.clone()
        })
    }

    /// From now on nothing deletes the file implicitly.
    fn keep(&mut self) {
        self.persisted = true;
        self.temp.disable_cleanup(true);
    }
}

#[async_trait]
impl RecoverableStream for LocalRecoverableStream {
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
        self.state.target.clone()
    }

    async fn flush(&mut self) -> Result<()> {
        self.writer("flush")?.flush().await
    }

    async fn persist(&mut self) -> Result<Recoverable> {
        let state = self.store("persist").await?;
        self.keep();
        Ok(state.encode())
    }

    async fn close_for_commit(&mut self) -> Result<Arc<dyn Committer>> {
        let state = self.store("close_for_commit").await?;
        let file = Arc::clone(self.writer("close_for_commit")?.file());
        self.keep();
        self.writer = None;
        Ok(Arc::new(LocalCommitter::new(state, Some(file))))
    }

    async fn close(&mut self) -> Result<()> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        let unwanted = (!self.persisted).then(|| self.temp.to_path_buf());
        let location = self.state.target.clone();
        unblock(move || {
            drop(writer);
            match unwanted {
                Some(path) => super::committer::remove(&path),
                None => Ok(()),
            }
        })
        .await
        .map_err(|error| io_error("close", &location, &error))
    }
}

impl Drop for LocalRecoverableStream {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take()
            && !self.persisted
        {
            let _ = std::fs::remove_file(&self.temp);
            writer.close_deleted();
        }
    }
}
