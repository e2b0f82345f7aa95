//! [`MultipartUpload`]: the engine of all output. It collects bytes, cuts them into parts, uploads
//! these concurrently within the memory budget, and publishes the result.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use plugin_api::{Error, ErrorKind, FileStatus, Result};
use tokio::task::{JoinError, JoinSet};

pub(crate) mod etag;
mod headers;
mod identity;
mod listed_parts;
mod part_buffer;
mod part_plan;
mod publish;
mod refusal;
mod target;
mod unfinished;
mod upload;
mod upload_guard;

pub(crate) use identity::{Content, Found, find};
pub(crate) use listed_parts::ListedPart;
use part_buffer::PartBuffer;
pub(crate) use part_plan::{MAX_OBJECT_SIZE, MAX_PARTS, PartPlan, check_object_size};
pub(crate) use publish::{complete, is_error_in_200, may_have_taken_effect, pause, put};
pub(crate) use refusal::{gone, taken, upload_gone};
pub(crate) use target::{Nonce, Target};
pub(crate) use unfinished::Unfinished;
pub(crate) use upload::{Part, Upload, abort};
pub(crate) use upload_guard::UploadGuard;

/// Collects bytes and uploads them in parts; an upload is begun when the first part is full.
///
/// Each part is uploaded by a task of its own, which owns the part's memory and goes on while the
/// caller does something else. Dropping this cancels the tasks and, unless the upload was handed
/// out, aborts it.
#[derive(Debug)]
pub(crate) struct MultipartUpload {
    target: Arc<Target>,
    plan: PartPlan,
    buffer: PartBuffer,
    /// Before `upload`, so that dropping cancels the parts before it aborts the upload.
    in_flight: JoinSet<Option<Result<Part>>>,
    upload: Option<UploadGuard>,
    /// Those that are stored, by number.
    parts: BTreeMap<u32, Part>,
    next_number: u32,
    position: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Open,
    /// A call failed or was cancelled in the middle.
    Failed(Error),
    Ended,
}

impl MultipartUpload {
    /// A new file.
    pub(crate) fn new(target: Arc<Target>, plan: PartPlan) -> Self {
        Self {
            plan,
            buffer: PartBuffer::new(&target.bucket.memory),
            in_flight: JoinSet::new(),
            upload: None,
            parts: BTreeMap::new(),
            next_number: 1,
            position: 0,
            stage: Stage::Open,
            target,
        }
    }

    /// Continues an upload behind these parts; new ones are numbered from `next_number`.
    pub(crate) fn resume(mut self, upload: Arc<Upload>, parts: Vec<Part>, next_number: u32) -> Self {
        self.upload = Some(UploadGuard::kept(upload));
        self.position = parts.iter().map(|part| part.size).sum();
        self.parts = parts.into_iter().map(|part| (part.number, part)).collect();
        self.next_number = next_number;
        self
    }

    pub(crate) fn target(&self) -> &Arc<Target> {
        &self.target
    }

    pub(crate) fn plan(&self) -> PartPlan {
        self.plan
    }

    /// Bytes accepted so far.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The bytes behind the last part that was cut.
    pub(crate) fn tail(&self) -> &[u8] {
        self.buffer.bytes()
    }

    /// The same, without a copy: for a stream that ends.
    pub(crate) fn freeze_tail(&mut self) -> Bytes {
        self.buffer.freeze()
    }

    /// The upload, if one was begun.
    pub(crate) fn upload(&mut self) -> Option<&mut UploadGuard> {
        self.upload.as_mut()
    }

    /// The parts that are stored, ascending: all of them after [`wait`](Self::wait).
    pub(crate) fn parts(&self) -> Vec<Part> {
        self.parts.values().cloned().collect()
    }

    /// Appends a copy of `data`.
    ///
    /// When it is cancelled, some of `data` may have been appended: the stream has failed then.
    pub(crate) async fn write(&mut self, data: &[u8]) -> Result<()> {
        self.enter(data.len())?;
        let outcome = self.append(data).await;
        self.leave(outcome)
    }

    /// Appends a chunk; whole parts of it, and what begins a part, are not copied.
    ///
    /// When it is cancelled, some of `data` may have been appended: the stream has failed then.
    pub(crate) async fn write_bytes(&mut self, data: Bytes) -> Result<()> {
        self.enter(data.len())?;
        let outcome = self.append_chunk(data).await;
        self.leave(outcome)
    }

    /// Waits until all parts that were cut are stored. Cancelling loses nothing.
    pub(crate) async fn wait(&mut self) -> Result<()> {
        self.check_open()?;
        let outcome = self.join_all().await;
        self.note(outcome)
    }

    /// Uploads what is in the buffer as a part, however short. Cancelling loses nothing.
    pub(crate) async fn cut_tail(&mut self) -> Result<()> {
        self.check_open()?;
        if self.buffer.is_empty() {
            return Ok(());
        }
        let outcome = self.cut().await;
        self.note(outcome)
    }

    /// Publishes everything: with one request if no part was cut. Ends the stream.
    pub(crate) async fn publish(&mut self, operation: &'static str) -> Result<FileStatus> {
        self.enter(0)?;
        let outcome = if self.upload.is_none() {
            let body = self.buffer.freeze();
            put(operation, &self.target, body).await
        } else {
            self.publish_parts(operation).await
        };
        let status = self.leave(outcome)?;
        self.end();
        Ok(status)
    }

    async fn publish_parts(&mut self, operation: &'static str) -> Result<FileStatus> {
        if !self.buffer.is_empty() {
            self.cut().await?;
        }
        self.join_all().await?;
        let parts = self.parts();
        let Some(guard) = &mut self.upload else {
            return Err(self.closed());
        };
        let status = complete(operation, guard.upload(), &parts).await?;
        guard.completed();
        Ok(status)
    }

    /// Ends the stream and gives the upload away, if there is one.
    pub(crate) fn end(&mut self) -> Option<UploadGuard> {
        self.stage = Stage::Ended;
        drop(self.buffer.take());
        self.upload.take()
    }

    /// Cancels what is in flight and aborts the upload unless it was handed out. Idempotent.
    pub(crate) async fn abort(&mut self) -> Result<()> {
        self.stage = Stage::Ended;
        drop(self.buffer.take());
        // First: a part that arrives after the abort would be kept for ever by some stores.
        self.in_flight.shutdown().await;
        if let Some(guard) = self.upload.as_mut().filter(|guard| guard.is_armed()) {
            // After the end of the runtime no request can be made; dropping the guard still tries.
            let gate = Arc::clone(&self.target.bucket.gate);
            let _pass = gate.enter()?;
            guard.abort_if_armed().await?;
        }
        self.upload = None;
        Ok(())
    }

    async fn append(&mut self, mut data: &[u8]) -> Result<()> {
        while !data.is_empty() {
            let size = self.plan.size_of(self.next_number)?;
            let is_large = !self.in_flight.is_empty() || !self.parts.is_empty() || data.len() >= size;
            let taken = self.buffer.append(data, size, is_large).await;
            self.position += taken as u64;
            data = &data[taken..];
            if self.buffer.len() >= size {
                self.cut().await?;
            }
        }
        Ok(())
    }

    async fn append_chunk(&mut self, mut data: Bytes) -> Result<()> {
        while !data.is_empty() {
            let size = self.plan.size_of(self.next_number)?;
            if data.len() < size {
                let len = data.len() as u64;
                match self.buffer.keep(data).await {
                    None => self.position += len,
                    Some(data) => self.append(&data).await?,
                }
                return Ok(());
            }
            let chunk = if self.buffer.is_empty() {
                data.split_to(size)
            } else {
                data.split_to(size - self.buffer.len())
            };
            match self.buffer.keep(chunk).await {
                None => {
                    self.position += size as u64;
                    self.cut().await?;
                }
                Some(chunk) => self.append(&chunk).await?,
            }
        }
        Ok(())
    }

    /// Hands the buffer to a task as the next part. Until then every await can be cancelled without
    /// a loss.
    async fn cut(&mut self) -> Result<()> {
        if self.upload.is_none() {
            self.upload = Some(Upload::create(&self.target).await?);
        }
        while self.in_flight.len() >= self.target.bucket.settings.upload_concurrency {
            self.join_next().await?;
        }
        let Some(guard) = &self.upload else {
            return Err(self.closed());
        };
        let upload = Arc::clone(guard.upload());
        let number = self.next_number;
        self.plan.size_of(number)?;
        let (body, reservation) = self.buffer.take();
        let reservation = reservation.in_flight();
        self.next_number += 1;
        let task = async move {
            let part = upload.put_part(number, body).await;
            drop(reservation);
            part
        };
        let bucket = &self.target.bucket;
        self.in_flight.spawn_on(bucket.gate.escort(task), &bucket.runtime);
        Ok(())
    }

    async fn join_all(&mut self) -> Result<()> {
        while self.join_next().await? {}
        Ok(())
    }

    /// Waits for the next part to be stored: whether there was one.
    async fn join_next(&mut self) -> Result<bool> {
        let Some(joined) = self.in_flight.join_next().await else {
            return Ok(false);
        };
        self.take_in(joined)?;
        Ok(true)
    }

    fn take_in(&mut self, joined: Result<Option<Result<Part>>, JoinError>) -> Result<()> {
        let part = match joined {
            Ok(Some(part)) => part?,
            Err(error) if error.is_panic() => {
                return Err(self.target.error(
                    "UploadPart",
                    ErrorKind::PluginPanic,
                    "the upload of a part panicked",
                ));
            }
            Ok(None) | Err(_) => {
                return Err(self.target.error(
                    "UploadPart",
                    ErrorKind::Closed,
                    "the plugin is being shut down",
                ));
            }
        };
        self.parts.insert(part.number, part);
        Ok(())
    }

    /// Fails as the next write would.
    pub(crate) fn check_open(&self) -> Result<()> {
        match &self.stage {
            Stage::Open => self.target.bucket.gate.check_open(),
            Stage::Failed(error) => Err(error.clone()),
            Stage::Ended => Err(self.closed()),
        }
    }

    fn closed(&self) -> Error {
        self.target
            .error("write", ErrorKind::Closed, "the stream is closed")
            .with_remedy("open a new stream")
    }

    /// Begins a call that must not be cancelled in the middle, and that adds so many bytes.
    fn enter(&mut self, additional: usize) -> Result<()> {
        self.check_open()?;
        let outcome = check_object_size(self.position.saturating_add(additional as u64))
            .map_err(|error| error.with_operation("write").with_path(&self.target.location));
        self.note(outcome)?;
        while let Some(joined) = self.in_flight.try_join_next() {
            let outcome = self.take_in(joined);
            self.note(outcome)?;
        }
        self.stage = Stage::Failed(
            self.target
                .error(
                    "write",
                    ErrorKind::Cancelled,
                    "an earlier call was cancelled in the middle",
                )
                .with_remedy("abort the stream and write the file again"),
        );
        Ok(())
    }

    fn leave<T>(&mut self, outcome: Result<T>) -> Result<T> {
        self.stage = Stage::Open;
        self.note(outcome)
    }

    /// Keeps an error, and stops what can no longer become of use.
    fn note<T>(&mut self, outcome: Result<T>) -> Result<T> {
        if let Err(error) = &outcome {
            self.in_flight.abort_all();
            self.stage = Stage::Failed(error.clone());
        }
        outcome
    }
}
