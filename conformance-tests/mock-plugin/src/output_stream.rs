//! [`MockOutputStream`]: gathers a file and publishes it in one step.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use plugin_api::{Error, ErrorKind, FileStatus, Location, OutputStream, Result, WriteMode, async_trait};

use crate::file_system::Session;

/// A stream that takes no more.
pub(crate) fn ended(why: &str) -> Error {
    Error::new(ErrorKind::Closed, why).with_remedy("write the file again with a new stream")
}

/// Writes one new file.
pub(crate) struct MockOutputStream {
    session: Arc<Session>,
    path: Location,
    mode: WriteMode,
    data: BytesMut,
    position: u64,
    stage: Stage,
}

enum Stage {
    Open,
    Published(FileStatus),
    /// Failed or aborted.
    GivenUp,
}

impl MockOutputStream {
    pub(crate) fn new(session: Arc<Session>, path: Location, mode: WriteMode) -> Self {
        Self {
            session,
            path,
            mode,
            data: BytesMut::new(),
            position: 0,
            stage: Stage::Open,
        }
    }

    /// Runs one call that needs an open stream; a failure ends the stream.
    fn call(&mut self, operation: &'static str, run: impl FnOnce(&mut BytesMut)) -> Result<()> {
        let (stage, data) = (&self.stage, &mut self.data);
        let result = self.session.call(operation, &self.path, || match stage {
            Stage::Open => {
                run(data);
                Ok(())
            }
            Stage::Published(_) => Err(ended("the stream is closed")),
            Stage::GivenUp => Err(ended("the stream was aborted, or an earlier call failed")),
        });
        if result.is_err() && matches!(self.stage, Stage::Open) {
            self.give_up();
        }
        result
    }

    fn give_up(&mut self) {
        self.stage = Stage::GivenUp;
        self.data = BytesMut::new();
    }
}

#[async_trait]
impl OutputStream for MockOutputStream {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        self.call("write", |gathered| gathered.extend_from_slice(data))?;
        self.position += data.len() as u64;
        Ok(())
    }

    async fn write_bytes(&mut self, data: Bytes) -> Result<()> {
        self.write(&data).await
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn location(&self) -> Location {
        self.path.clone()
    }

    async fn flush(&mut self) -> Result<()> {
        self.call("flush", |_| ())
    }

    async fn sync(&mut self) -> Result<()> {
        self.call("sync", |_| ())
    }

    async fn close(&mut self) -> Result<FileStatus> {
        if let Stage::Published(status) = &self.stage {
            return Ok(status.clone());
        }
        let mut whole = Bytes::new();
        self.call("close", |gathered| whole = gathered.split().freeze())?;
        match self.session.store.publish(&self.path, whole, self.mode, 0) {
            Ok(status) => {
                self.stage = Stage::Published(status.clone());
                Ok(status)
            }
            Err(error) => {
                self.give_up();
                Err(error.with_operation("close").with_path(&self.path))
            }
        }
    }

    async fn abort(&mut self) -> Result<()> {
        if matches!(self.stage, Stage::Open) {
            self.give_up();
        }
        Ok(())
    }
}
