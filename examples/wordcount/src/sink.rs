//! [`PartSink`]: the exactly-once output of one reader.
//!
//! Results go to part files as lines `word<TAB>count`: how often the word occurred in one batch of
//! words. The counts of a word are the sum over all part files, so that a lost or a repeated byte
//! anywhere shows in the result.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::try_join_all;
use plugin_api::{
    Capabilities, Committer, CreateOptions, FileSystem, Location, Recoverable, RecoverableStream,
    RecoverableWriter, Result,
};

use crate::checkpoint::SavedRecoverable;

/// What the names of part files begin with.
pub(crate) const PART_PREFIX: &str = "part-";

/// The output directory, shared by the sinks of all readers.
pub(crate) struct Output {
    /// Its file system.
    pub(crate) files: Arc<dyn FileSystem>,
    /// The directory.
    pub(crate) root: Location,
    /// Makes and restores part files.
    pub(crate) writer: Arc<dyn RecoverableWriter>,
    /// A part file is closed when it has at least this many bytes.
    pub(crate) part_size: u64,
    /// The number of the next part file: no name is used twice in what a checkpoint covers.
    pub(crate) next_part: AtomicU64,
}

impl Output {
    /// Publishes part files that a checkpoint found complete, or published already.
    pub(crate) async fn commit_restored(&self, pending: &[SavedRecoverable]) -> Result<()> {
        try_join_all(pending.iter().map(|saved| async move {
            let state = Recoverable::try_from(saved)?;
            let committer = self.writer.recover_for_commit(&state).await?;
            committer.commit_after_recovery().await
        }))
        .await
        .map(drop)
    }

    /// Aborts the uploads of part files that runs which were killed left behind; their number. Only to be
    /// called when every checkpoint that could refer to one is superseded: when the job is finished.
    pub(crate) async fn abort_orphans(&self) -> Result<u64> {
        abort_uploads(&*self.files, &self.root, |location| self.is_part(location)).await
    }

    /// Whether this is a part file of this output.
    pub(crate) fn is_part(&self, location: &Location) -> bool {
        let below = location.key().strip_prefix(&self.root.directory_prefix());
        below.is_some_and(|name| name.starts_with(PART_PREFIX) && !name.contains('/'))
    }
}

/// Aborts the open uploads below `root` that `belongs` accepts; their number, 0 where uploads cannot be listed.
pub(crate) async fn abort_uploads(
    files: &dyn FileSystem,
    root: &Location,
    belongs: impl Fn(&Location) -> bool,
) -> Result<u64> {
    if !files.capabilities().contains(Capabilities::PENDING_UPLOADS) {
        return Ok(0);
    }
    let writer = files.recoverable_writer()?;
    let (mut aborted, mut token) = (0, String::new());
    loop {
        let (uploads, next) = writer.pending_uploads(root, &token).await?;
        for upload in uploads.iter().filter(|upload| belongs(&upload.location)) {
            writer.abort_upload(upload).await?;
            aborted += 1;
        }
        match next {
            Some(next) => token = next,
            None => return Ok(aborted),
        }
    }
}

/// Publishes part files that were finished in this run.
pub(crate) async fn commit_all(committers: &[Arc<dyn Committer>]) -> Result<()> {
    try_join_all(committers.iter().map(|committer| committer.commit()))
        .await
        .map(drop)
}

/// The output of one reader.
pub(crate) struct PartSink {
    reader: usize,
    current: Option<Box<dyn RecoverableStream>>,
    /// Complete since the last snapshot, not published.
    finished: Vec<Arc<dyn Committer>>,
}

/// What a snapshot of a sink hands out.
pub(crate) struct SinkSnapshot {
    /// The part file that is being written.
    pub(crate) in_progress: Option<SavedRecoverable>,
    /// The complete part files, as they are kept in the checkpoint,
    pub(crate) pending: Vec<SavedRecoverable>,
    /// and to be published once the checkpoint is complete.
    pub(crate) committers: Vec<Arc<dyn Committer>>,
}

impl PartSink {
    /// A sink that goes on with the part file of a checkpoint, if there was one.
    pub(crate) async fn new(
        reader: usize,
        in_progress: Option<&SavedRecoverable>,
        output: &Output,
    ) -> Result<Self> {
        let current = match in_progress {
            Some(saved) => Some(output.writer.recover(&Recoverable::try_from(saved)?).await?),
            None => None,
        };
        Ok(Self {
            reader,
            current,
            finished: Vec::new(),
        })
    }

    /// Appends records to the current part file; the number of part files that became complete.
    pub(crate) async fn write(&mut self, records: &[u8], output: &Output) -> Result<u64> {
        if records.is_empty() {
            return Ok(0);
        }
        if self.current.is_none() {
            let number = output.next_part.fetch_add(1, Ordering::Relaxed);
            let name = format!("{PART_PREFIX}{}-{number:05}", self.reader);
            let options = CreateOptions::default();
            self.current = Some(output.writer.open(&output.root.join(&name), &options).await?);
        }
        let Some(stream) = &mut self.current else {
            return Ok(0);
        };
        stream.write(records).await?;
        if stream.position() < output.part_size {
            return Ok(0);
        }
        self.finish_part().await
    }

    /// Completes the current part file, if there is one; the number of part files completed.
    pub(crate) async fn finish_part(&mut self) -> Result<u64> {
        let Some(mut stream) = self.current.take() else {
            return Ok(0);
        };
        self.finished.push(stream.close_for_commit().await?);
        Ok(1)
    }

    /// Completes the part file of another reader, whose place nobody takes after a restart. Like
    /// any other, it is published when the next checkpoint is complete.
    pub(crate) async fn adopt(&mut self, in_progress: &SavedRecoverable, output: &Output) -> Result<()> {
        let mut stream = output
            .writer
            .recover(&Recoverable::try_from(in_progress)?)
            .await?;
        self.finished.push(stream.close_for_commit().await?);
        Ok(())
    }

    /// Makes everything written so far recoverable.
    pub(crate) async fn snapshot(&mut self) -> Result<SinkSnapshot> {
        let in_progress = match &mut self.current {
            Some(stream) => Some((&stream.persist().await?).into()),
            None => None,
        };
        let mut pending = Vec::with_capacity(self.finished.len());
        for committer in &self.finished {
            pending.push((&committer.recoverable()?).into());
        }
        Ok(SinkSnapshot {
            in_progress,
            pending,
            committers: std::mem::take(&mut self.finished),
        })
    }
}
