//! How a job begins: anew, or from a checkpoint.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::try_join_all;
use plugin_api::{Error, ErrorKind, Result};

use super::{History, Job, JobConfig, LiveTotals};
use crate::checkpoint::store::{CheckpointStore, Restored};
use crate::checkpoint::{Metadata, ReaderState, Totals};
use crate::progress::Event;
use crate::reader::{Reader, Source, Throttle};
use crate::results::list_parts;
use crate::sink::{Output, PartSink};
use crate::split::SplitPlan;

/// A job that is ready for its first round.
pub(super) struct Started {
    pub(super) job: Job,
    pub(super) readers: Vec<Reader>,
    pub(super) history: History,
    pub(super) restored_from: Option<u64>,
    /// The checkpoint was the last one of the job: only its commits are left, and they are done.
    pub(super) finished: bool,
}

/// Looks for a checkpoint if asked to, publishes what it has to and sets up the readers.
pub(super) async fn start(
    config: &JobConfig,
    report: &mut dyn FnMut(&Event) -> Result<()>,
) -> Result<Started> {
    let store = CheckpointStore::new(config.checkpoints.files.clone(), config.checkpoints.at.clone());
    let known = store.numbers().await?;
    let restored = if config.restore {
        store.restore_latest(&known).await?
    } else if known.is_empty() {
        None
    } else {
        return Err(in_use(&config.checkpoints.at, "checkpoints")
            .with_remedy("pass --restore to go on from the latest one, or give another --checkpoints"));
    };
    let output = Output {
        writer: config.output.files.recoverable_writer()?,
        files: config.output.files.clone(),
        root: config.output.at.clone(),
        part_size: config.part_size,
        next_part: AtomicU64::new(0),
    };
    let restored_from = restored.as_ref().map(|restored| restored.metadata.checkpoint);
    let complete = match restored_from {
        Some(latest) => store.complete_up_to(latest, &known).await?,
        None => Vec::new(),
    };
    let history = History {
        next: known.last().map_or(1, |last| last + 1),
        known,
        complete: complete.into(),
    };
    let (metadata, states) = match restored {
        Some(Restored { metadata, readers }) => {
            check_same_job(config, &metadata)?;
            (metadata, readers)
        }
        None => (new_job(config, &output).await?, Vec::new()),
    };
    output.next_part.store(metadata.next_part, Ordering::Relaxed);
    for state in &states {
        output.commit_restored(&state.pending).await?;
    }
    let (kept, surplus) = states.split_at(states.len().min(config.readers));
    let mut waiting = metadata.waiting;
    waiting.extend(surplus.iter().filter_map(|state| state.split));
    let plan = SplitPlan::new(metadata.files, metadata.split_size);
    let job = Job {
        source: Source::new(config, plan, metadata.next_split, waiting),
        output,
        totals: LiveTotals::new(metadata.totals),
        store,
        throttle: Throttle::new(config.throttle),
        trigger: config.trigger,
        input: config.input.at.to_string(),
        probe: config.probe.clone(),
    };
    if let Some(checkpoint) = restored_from {
        report(&Event::Restored {
            checkpoint,
            bytes: metadata.totals.bytes,
            published: states.iter().map(|state| state.pending.len()).sum(),
            resumed: states.iter().filter(|state| state.in_progress.is_some()).count(),
        })?;
    }
    report(&Event::Started {
        total_bytes: job.source.plan.total_bytes(),
        files: job.source.plan.files().len(),
        splits: job.source.plan.count(),
        readers: config.readers,
    })?;
    let mut readers = make_readers(config, &job, kept).await?;
    if let Some(first) = readers.first_mut() {
        for saved in surplus.iter().filter_map(|state| state.in_progress.as_ref()) {
            first.sink.adopt(saved, &job.output).await?;
            job.totals.add(0, 0, 1);
        }
    }
    Ok(Started {
        job,
        readers,
        history,
        restored_from,
        finished: metadata.finished,
    })
}

async fn make_readers(config: &JobConfig, job: &Job, states: &[ReaderState]) -> Result<Vec<Reader>> {
    let none = ReaderState::default();
    let readers = (0..config.readers).map(|index| {
        let state = states.get(index).unwrap_or(&none);
        async move {
            let sink = PartSink::new(index, state.in_progress.as_ref(), &job.output).await?;
            Reader::new(sink, state.split, &job.source)
        }
    });
    try_join_all(readers).await
}

async fn new_job(config: &JobConfig, output: &Output) -> Result<Metadata> {
    if !list_parts(output).await?.is_empty() {
        return Err(in_use(&output.root, "part files").with_remedy("delete them or give another --output"));
    }
    let plan = SplitPlan::discover(&*config.input.files, &config.input.at, config.split_size).await?;
    Ok(Metadata {
        checkpoint: 0,
        finished: false,
        input: config.input.at.to_string(),
        output: output.root.to_string(),
        files: plan.files().to_vec(),
        split_size: config.split_size,
        next_split: 0,
        waiting: Vec::new(),
        next_part: 0,
        totals: Totals::default(),
        states: Vec::new(),
    })
}

fn check_same_job(config: &JobConfig, metadata: &Metadata) -> Result<()> {
    for (option, given, saved) in [
        ("--input", config.input.at.as_str(), &metadata.input),
        ("--output", config.output.at.as_str(), &metadata.output),
    ] {
        if given != saved {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("checkpoint {} belongs to {option} {saved}", metadata.checkpoint),
            )
            .with_operation("restore")
            .with_path(given)
            .with_remedy(format!("give {option} {saved}, or another --checkpoints")));
        }
    }
    Ok(())
}

fn in_use(at: &plugin_api::Location, what: &str) -> Error {
    Error::new(
        ErrorKind::AlreadyExists,
        format!("there are {what} of another run"),
    )
    .with_operation("start")
    .with_path(at)
}
