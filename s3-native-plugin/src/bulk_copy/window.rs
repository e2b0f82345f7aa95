//! [`Window`]: the files that are being copied at a time, and what they share.

use std::collections::VecDeque;
use std::sync::Arc;

use plugin_api::{CopyProgress, Error, ErrorKind, Location, Result};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::{JoinError, JoinSet};

use super::beneath::Tree;
use super::plan::{Job, Task};
use super::temp_file::Alive;
use super::{Limits, OPERATION, download, duplicate, failure, upload};
use crate::bucket::Bucket;
use crate::memory::Reservation;

/// What the files of one call share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) bucket: Arc<Bucket>,
    pub(super) limits: Limits,
    pub(super) tree: Arc<Tree>,
    events: mpsc::UnboundedSender<Event>,
    pub(super) alive: Alive,
}

/// What a task has to tell. It is told by the caller's future, so that nothing is once that is gone.
#[derive(Clone, Copy)]
enum Event {
    Advanced(usize, u64),
    Finished(usize),
}

/// The files that are being copied at a time.
pub(super) struct Window {
    shared: Shared,
    events: mpsc::UnboundedReceiver<Event>,
    alive: mpsc::Receiver<std::convert::Infallible>,
}

impl Window {
    pub(super) fn new(bucket: &Arc<Bucket>, limits: &Limits, tree: Tree) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let (token, alive) = mpsc::channel(1);
        Self {
            shared: Shared {
                bucket: Arc::clone(bucket),
                limits: limits.clone(),
                tree: Arc::new(tree),
                events: sender,
                alive: token,
            },
            events,
            alive,
        }
    }

    /// Copies, at most `files` at a time. Dropping the future cancels all that is running.
    pub(super) async fn run(
        mut self,
        tasks: Vec<Task>,
        files: usize,
        progress: &dyn CopyProgress,
    ) -> Result<()> {
        let mut waiting = VecDeque::from(tasks);
        // Dropped with the future, which aborts the tasks.
        let mut running = JoinSet::new();
        let outcome = loop {
            while running.len() < files {
                let Some(task) = waiting.pop_front() else { break };
                running.spawn_on(copy(self.shared.clone(), task), &self.shared.bucket.runtime);
            }
            tokio::select! {
                biased;
                Some(event) = self.events.recv() => report(progress, event),
                joined = running.join_next() => match joined {
                    None => break Ok(()),
                    Some(joined) => {
                        if let Err(error) = joined.unwrap_or_else(|error| Err(self.ended(&error))) {
                            break Err(error);
                        }
                    }
                },
            }
        };
        if outcome.is_err() {
            running.shutdown().await;
        }
        while let Ok(event) = self.events.try_recv() {
            report(progress, event);
        }
        if outcome.is_err() {
            // What a blocking thread still holds is a temporary file: until it is gone, too.
            let Self {
                shared, mut alive, ..
            } = self;
            drop(shared);
            alive.recv().await;
        }
        outcome
    }

    fn ended(&self, error: &JoinError) -> Error {
        let (kind, message) = if error.is_panic() {
            (ErrorKind::PluginPanic, "the copy of a file panicked")
        } else {
            (ErrorKind::Closed, "the plugin is being shut down")
        };
        Error::new(kind, message)
            .with_operation(OPERATION)
            .with_path(&self.shared.bucket.root)
    }
}

fn report(progress: &dyn CopyProgress, event: Event) {
    match event {
        Event::Advanced(request, bytes) => progress.advanced(request, bytes),
        Event::Finished(request) => progress.finished(request),
    }
}

async fn copy(shared: Shared, task: Task) -> Result<()> {
    let Task { index, request, job } = task;
    let outcome = match job {
        Job::Download(place) => download::download(&shared, index, &request, place).await,
        Job::Upload(path) => upload::upload(&shared, index, &request, path).await,
        Job::Duplicate => duplicate::duplicate(&shared, index, &request).await,
    };
    match outcome {
        Ok(()) => {
            shared.tell(Event::Finished(index));
            Ok(())
        }
        Err(error) => Err(failure::naming(error, &request)),
    }
}

impl Shared {
    /// Tells that `bytes` more of a request have been copied.
    pub(super) fn advanced(&self, index: usize, bytes: u64) {
        if bytes > 0 {
            self.tell(Event::Advanced(index, bytes));
        }
    }

    fn tell(&self, event: Event) {
        // Nobody listens once the copy was given up.
        let _ = self.events.send(event);
    }

    /// Waits until `requests` more may be open.
    pub(super) async fn requests(&self, requests: usize) -> OwnedSemaphorePermit {
        let count = requests.clamp(1, self.limits.count) as u32;
        let permits = Arc::clone(&self.limits.requests);
        permits
            .acquire_many_owned(count)
            .await
            .expect("the semaphore is never closed")
    }

    /// Waits until one more request may be open and `bytes` of it may be held in memory.
    pub(super) async fn slot(&self, bytes: u64) -> Slot {
        let permit = self.requests(1).await;
        let memory = self.bucket.memory.reserve(bytes).await;
        Slot {
            _permit: permit,
            // The task that owns it ends by itself, and waits for nobody's memory meanwhile.
            _memory: memory.in_flight(),
        }
    }

    /// Runs a job that blocks, away from the asynchronous threads. A job that has begun goes on when
    /// the caller is cancelled.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        path: &Location,
        job: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let joined = self.bucket.runtime.spawn_blocking(job).await;
        settled(path, joined)
    }
}

/// What a blocking job on the file at `path` came to.
pub(super) fn settled<T>(path: &Location, joined: Result<std::io::Result<T>, JoinError>) -> Result<T> {
    match joined {
        Ok(done) => done.map_err(|error| failure::local_error(path, &error)),
        Err(error) => {
            let (kind, message) = if error.is_panic() {
                (ErrorKind::PluginPanic, "a file operation panicked")
            } else {
                (ErrorKind::Closed, "the plugin is being shut down")
            };
            Err(Error::new(kind, message)
                .with_operation(OPERATION)
                .with_path(path))
        }
    }
}

/// The right to have one request open.
#[derive(Debug)]
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
    _memory: Reservation,
}
