//! [`run`]: the job, from the first split to the last commit.
//!
//! The readers run in rounds. A round ends for all of them between two chunks, when a checkpoint is
//! due; then nothing moves, and one consistent picture of the input, the readers and their output is
//! written. The part files that were complete in it are published while the next round runs, never
//! before the checkpoint is complete.

mod round;
mod start;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use futures_executor::block_on;
use plugin_api::{Committer, Error, ErrorKind, FileSystem, Location, Recoverable, Result};

use crate::checkpoint::store::CheckpointStore;
use crate::checkpoint::{Metadata, ReaderState, StateFile, Totals};
use crate::progress::{Event, Summary};
use crate::reader::{Reader, Source, Throttle};
use crate::results::read_results;
use crate::sink::{Output, commit_all};

/// Complete checkpoints that are kept, across restarts. A restart goes on from the last one; those before
/// it are there to look at, as the uploads that they refer to may be published by now.
const RETAINED: usize = 3;

/// A location together with the file system that serves it.
#[derive(Clone)]
pub(crate) struct Place {
    /// The file system.
    pub(crate) files: Arc<dyn FileSystem>,
    /// The location.
    pub(crate) at: Location,
}

/// When a checkpoint is due.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trigger {
    /// This long after the last one.
    Interval(Duration),
    /// After this many chunks, which makes a run repeatable.
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests need repeatable runs"))]
    Chunks(u64),
}

/// A moment at which a crash is different from a crash at any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// A chunk was read and counted, its counts not written.
    ChunkCounted,
    /// The counts of a chunk were written.
    RecordsWritten,
    /// The output of one reader was persisted for a checkpoint.
    Persisted,
    /// The state file of one reader was written.
    StateWritten,
    /// The checkpoint is complete, its part files are not published.
    MetadataWritten,
    /// The part files of a checkpoint are published, older checkpoints not deleted.
    Committed,
}

/// Called at each [`Step`]; an error ends the job there.
pub(crate) type Probe = dyn Fn(Step) -> Result<()> + Send + Sync;

/// What to do.
#[derive(Clone)]
pub(crate) struct JobConfig {
    /// A text file, or a directory of text files.
    pub(crate) input: Place,
    /// The directory for part files.
    pub(crate) output: Place,
    /// The directory for checkpoints.
    pub(crate) checkpoints: Place,
    /// How many readers run in parallel; at least 1.
    pub(crate) readers: usize,
    /// When a checkpoint is due.
    pub(crate) trigger: Trigger,
    /// Go on from the latest complete checkpoint, if there is one.
    pub(crate) restore: bool,
    /// Bytes of a split; at least 1.
    pub(crate) split_size: u64,
    /// Bytes that one request asks for; at least 1.
    pub(crate) read_size: u64,
    /// Words whose counts are added up before they are written; at least 1.
    pub(crate) batch_words: u64,
    /// Part files are closed at this size.
    pub(crate) part_size: u64,
    /// Bytes a second for all readers; 0 for no limit.
    pub(crate) throttle: u64,
    /// Lets tests end the job where a crash could.
    pub(crate) probe: Option<Arc<Probe>>,
}

/// Counters that grow while readers run.
#[derive(Debug, Default)]
pub(crate) struct LiveTotals {
    bytes: AtomicU64,
    words: AtomicU64,
    parts: AtomicU64,
}

impl LiveTotals {
    fn new(totals: Totals) -> Self {
        Self {
            bytes: totals.bytes.into(),
            words: totals.words.into(),
            parts: totals.parts.into(),
        }
    }

    /// Adds to each.
    pub(crate) fn add(&self, bytes: u64, words: u64, parts: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.words.fetch_add(words, Ordering::Relaxed);
        self.parts.fetch_add(parts, Ordering::Relaxed);
    }

    fn get(&self) -> Totals {
        Totals {
            bytes: self.bytes.load(Ordering::Relaxed),
            words: self.words.load(Ordering::Relaxed),
            parts: self.parts.load(Ordering::Relaxed),
        }
    }
}

/// What the readers share.
pub(crate) struct Job {
    /// The input.
    pub(crate) source: Source,
    /// The output directory.
    pub(crate) output: Output,
    /// What was done so far.
    pub(crate) totals: LiveTotals,
    store: CheckpointStore,
    throttle: Throttle,
    trigger: Trigger,
    input: String,
    probe: Option<Arc<Probe>>,
}

impl Job {
    /// Passes a step at which a test may end the job.
    pub(crate) fn probe(&self, step: Step) -> Result<()> {
        self.probe.as_ref().map_or(Ok(()), |probe| probe(step))
    }

    fn progress(&self) -> Event {
        let totals = self.totals.get();
        Event::Progress {
            bytes: totals.bytes,
            total_bytes: self.source.plan.total_bytes(),
            words: totals.words,
        }
    }
}

/// The checkpoint directories that exist.
#[derive(Debug, Default)]
struct History {
    /// All of them, in ascending order.
    known: Vec<u64>,
    /// Those known to be complete, in ascending order.
    complete: VecDeque<u64>,
    /// The number of the next one, which no directory has.
    next: u64,
}

impl History {
    /// Keeps the latest complete checkpoints, and returns all the others, complete or not.
    fn forget_superseded(&mut self) -> Vec<u64> {
        while self.complete.len() > RETAINED {
            self.complete.pop_front();
        }
        let (kept, superseded) = std::mem::take(&mut self.known)
            .into_iter()
            .partition(|number| self.complete.contains(number));
        self.known = kept;
        superseded
    }
}

/// What is left to do when a checkpoint is complete.
#[derive(Default)]
struct Completion {
    committers: Vec<Arc<dyn Committer>>,
    /// Checkpoints that are superseded.
    superseded: Vec<u64>,
}

impl Completion {
    async fn run(self, job: &Job) -> Result<()> {
        commit_all(&self.committers).await?;
        job.probe(Step::Committed)?;
        for number in self.superseded {
            if job.output.writer.requires_cleanup() {
                clean_up(job, number).await?;
            }
            job.store.delete(number).await?;
        }
        Ok(())
    }
}

/// Deletes what the recoverables of a superseded checkpoint hold beside their uploads.
async fn clean_up(job: &Job, checkpoint: u64) -> Result<()> {
    if let Some(restored) = job.store.restore_latest(&[checkpoint]).await? {
        for saved in restored
            .readers
            .iter()
            .filter_map(|state| state.in_progress.as_ref())
        {
            job.output.writer.cleanup(&Recoverable::try_from(saved)?).await?;
        }
    }
    Ok(())
}

/// Runs the job to its end, or to the first error, after which it can be restored.
pub(crate) fn run(config: &JobConfig, report: &mut dyn FnMut(&Event) -> Result<()>) -> Result<Summary> {
    let begun = Instant::now();
    let start::Started {
        job,
        mut readers,
        mut history,
        restored_from,
        finished,
    } = block_on(start::start(config, report))?;
    let mut checkpoints = 0;
    let mut completion = Completion::default();
    let mut finished = finished;
    while !finished {
        round::run(&job, &mut readers, completion, report)?;
        finished = job.source.is_exhausted() && readers.iter().all(|reader| reader.split().is_none());
        completion = block_on(checkpoint(&job, &mut readers, &mut history, finished, report))?;
        checkpoints += 1;
    }
    block_on(async {
        completion.run(&job).await?;
        report(&job.progress())?;
        let orphans_aborted = job.output.abort_orphans().await? + job.store.abort_orphans().await?;
        let results = read_results(&job.output).await?;
        let totals = job.totals.get();
        if (results.words, results.parts) != (totals.words, totals.parts) {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "the output has {} words in {} part files, written were {} in {}",
                    results.words, results.parts, totals.words, totals.parts
                ),
            )
            .with_operation("verify")
            .with_path(&job.output.root)
            .with_remedy("make sure that nothing else writes part files there, then start anew"));
        }
        Ok(Summary {
            bytes: totals.bytes,
            words: totals.words,
            distinct: results.counts.len() as u64,
            checkpoints,
            parts: results.parts,
            output_bytes: results.bytes,
            orphans_aborted,
            restored_from,
            seconds: begun.elapsed().as_secs_f64(),
        })
    })
}

/// Writes a checkpoint of readers that stand still.
async fn checkpoint(
    job: &Job,
    readers: &mut [Reader],
    history: &mut History,
    finished: bool,
    report: &mut dyn FnMut(&Event) -> Result<()>,
) -> Result<Completion> {
    let begun = Instant::now();
    let number = history.next;
    history.next += 1;
    history.known.push(number);

    let snapshots = readers.iter_mut().enumerate();
    let snapshots = snapshots.map(|(index, reader)| snapshot(job, number, index, reader, finished));
    let snapshots = try_join_all(snapshots).await?;

    let (next_split, waiting) = job.source.snapshot();
    let totals = job.totals.get();
    let mut states = Vec::new();
    let mut in_progress = 0;
    let mut completion = Completion::default();
    for snapshot in snapshots {
        states.push(snapshot.file);
        in_progress += usize::from(snapshot.in_progress);
        completion.committers.extend(snapshot.committers);
    }
    let metadata = Metadata {
        checkpoint: number,
        finished,
        input: job.input.clone(),
        output: job.output.root.to_string(),
        files: job.source.plan.files().to_vec(),
        split_size: job.source.plan.split_size(),
        next_split,
        waiting,
        next_part: job.output.next_part.load(Ordering::Relaxed),
        totals,
        states,
    };
    job.store.write_metadata(&metadata).await?;
    job.probe(Step::MetadataWritten)?;
    report(&Event::Checkpoint {
        number,
        bytes: totals.bytes,
        in_progress,
        pending: completion.committers.len(),
        millis: begun.elapsed().as_millis() as u64,
    })?;

    history.complete.push_back(number);
    completion.superseded = history.forget_superseded();
    Ok(completion)
}

/// One reader's part of a checkpoint, written.
struct Snapshot {
    file: StateFile,
    in_progress: bool,
    committers: Vec<Arc<dyn Committer>>,
}

async fn snapshot(
    job: &Job,
    checkpoint: u64,
    index: usize,
    reader: &mut Reader,
    finished: bool,
) -> Result<Snapshot> {
    if finished {
        let parts = reader.sink.finish_part().await?;
        job.totals.add(0, 0, parts);
    }
    let sink = reader.sink.snapshot().await?;
    job.probe(Step::Persisted)?;
    let state = ReaderState {
        split: reader.split(),
        in_progress: sink.in_progress,
        pending: sink.pending,
    };
    let file = job.store.write_state(checkpoint, index, &state).await?;
    job.probe(Step::StateWritten)?;
    Ok(Snapshot {
        file,
        in_progress: state.in_progress.is_some(),
        committers: sink.committers,
    })
}

#[cfg(test)]
mod tests;
