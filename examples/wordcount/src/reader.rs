//! [`Source`] hands out splits; a [`Reader`] counts the words of one after the other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use plugin_api::{Error, ErrorKind, FileSystem, InputStream, Location, OpenOptions, Result};

use crate::checkpoint::OpenSplit;
use crate::job::{Job, JobConfig, Step};
use crate::sink::PartSink;
use crate::split::SplitPlan;
use crate::split::scanner::SplitScanner;

/// The input and how far it has been handed out.
pub(crate) struct Source {
    /// Its file system.
    pub(crate) files: Arc<dyn FileSystem>,
    /// Its splits.
    pub(crate) plan: SplitPlan,
    /// Bytes that one request asks for.
    pub(crate) read_size: u64,
    /// Words whose counts are added up before they are written.
    pub(crate) batch_words: u64,
    next: AtomicU64,
    waiting: Mutex<Vec<OpenSplit>>,
}

impl Source {
    /// A source of which everything before `next` is handed out, except for `waiting`.
    pub(crate) fn new(config: &JobConfig, plan: SplitPlan, next: u64, waiting: Vec<OpenSplit>) -> Self {
        Self {
            files: config.input.files.clone(),
            plan,
            read_size: config.read_size,
            batch_words: config.batch_words,
            next: AtomicU64::new(next),
            waiting: Mutex::new(waiting),
        }
    }

    fn waiting_splits(&self) -> MutexGuard<'_, Vec<OpenSplit>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<OpenSplit> {
        if let Some(split) = self.waiting_splits().pop() {
            return Some(split);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let split = self.plan.get(number)?;
        Some(OpenSplit {
            split: number,
            position: split.start,
        })
    }

    /// The next split and those that wait. Consistent only while no reader runs.
    pub(crate) fn snapshot(&self) -> (u64, Vec<OpenSplit>) {
        let next = self.next.load(Ordering::Relaxed).min(self.plan.count());
        (next, self.waiting_splits().clone())
    }

    /// Whether everything is handed out.
    pub(crate) fn is_exhausted(&self) -> bool {
        let (next, waiting) = self.snapshot();
        next == self.plan.count() && waiting.is_empty()
    }
}

/// Holds all readers together to a number of bytes a second.
pub(crate) struct Throttle {
    bytes_per_second: u64,
    free_at: Mutex<Instant>,
}

impl Throttle {
    /// At most this many bytes a second; 0 for no limit.
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second,
            free_at: Mutex::new(Instant::now()),
        }
    }

    /// Waits until `bytes` more may be read. Blocks the thread, which is the reader's own.
    pub(crate) fn admit(&self, bytes: u64) {
        if self.bytes_per_second == 0 {
            return;
        }
        let now = Instant::now();
        let until = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let until = (*free_at).max(now);
            let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
            *free_at = until + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
            until
        };
        std::thread::sleep(until - now);
    }
}

struct CurrentSplit {
    number: u64,
    file: usize,
    scanner: SplitScanner,
}

/// Counts words, split after split, and writes the counts of each chunk to its own part files.
pub(crate) struct Reader {
    /// Its part files.
    pub(crate) sink: PartSink,
    current: Option<CurrentSplit>,
    /// The file that was read last.
    open: Option<(usize, Box<dyn InputStream>)>,
    batch: Batch,
}

/// Adds up the counts of some words and turns them into records.
struct Batch {
    counts: HashMap<Vec<u8>, u64>,
    /// Lines for the part file.
    records: Vec<u8>,
    /// Words counted so far, in all batches.
    words: u64,
    /// Words in one batch.
    size: u64,
}

impl Batch {
    fn count(&mut self, word: &[u8]) {
        match self.counts.get_mut(word) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(word.to_vec(), 1);
            }
        }
        self.words += 1;
        if self.words.is_multiple_of(self.size) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        for (word, count) in self.counts.drain() {
            self.records.extend_from_slice(&word);
            self.records.push(b'\t');
            self.records.extend_from_slice(count.to_string().as_bytes());
            self.records.push(b'\n');
        }
    }
}

impl Reader {
    /// A reader that goes on with `split`, or begins with whatever the source hands out.
    pub(crate) fn new(sink: PartSink, split: Option<OpenSplit>, source: &Source) -> Result<Self> {
        let mut reader = Self {
            sink,
            current: None,
            open: None,
            batch: Batch {
                counts: HashMap::new(),
                records: Vec::new(),
                words: 0,
                size: source.batch_words,
            },
        };
        if let Some(split) = split {
            reader.begin(split, source)?;
        }
        Ok(reader)
    }

    fn begin(&mut self, open: OpenSplit, source: &Source) -> Result<()> {
        let split = source.plan.get(open.split).ok_or_else(|| {
            Error::new(
                ErrorKind::Corrupt,
                format!("the checkpoint names split {}, which does not exist", open.split),
            )
        })?;
        let file_len = source.plan.files()[split.file].len;
        self.current = Some(CurrentSplit {
            number: open.split,
            file: split.file,
            scanner: SplitScanner::new(split, open.position, file_len, source.read_size),
        });
        Ok(())
    }

    /// Where the reader stands. True between two chunks.
    pub(crate) fn split(&self) -> Option<OpenSplit> {
        self.current.as_ref().map(|current| OpenSplit {
            split: current.number,
            position: current.scanner.position(),
        })
    }

    /// Bytes that the next step reads, as far as that is known.
    pub(crate) fn next_bytes(&self, source: &Source) -> u64 {
        match &self.current {
            Some(current) => current
                .scanner
                .next_range()
                .map_or(0, |range| range.end - range.start),
            None if source.is_exhausted() => 0,
            None => source.read_size.min(source.plan.split_size()),
        }
    }

    /// Reads, counts and writes one chunk. False if there is nothing left.
    pub(crate) async fn step(&mut self, job: &Job) -> Result<bool> {
        if self.current.is_none() {
            let Some(split) = job.source.take() else {
                return Ok(false);
            };
            self.begin(split, &job.source)?;
        }
        let Some(current) = &mut self.current else {
            return Ok(false);
        };
        let Some(range) = current.scanner.next_range() else {
            self.current = None;
            return Ok(true);
        };
        let path = &job.source.plan.files()[current.file].uri;
        let mut stream = match self.open.take() {
            Some((file, stream)) if file == current.file => stream,
            other => {
                if let Some((_, mut stream)) = other {
                    stream.close().await?;
                }
                open(&job.source, current.file).await?
            }
        };
        let before = current.scanner.position();
        let chunk = read(&mut *stream, range)
            .await
            .map_err(|error| error.with_operation("read").with_path(path))?;
        self.open = Some((current.file, stream));

        let batch = &mut self.batch;
        let begun_with = batch.words;
        current
            .scanner
            .feed(&chunk, |word| batch.count(word))
            .map_err(|error| error.with_operation("count").with_path(path))?;
        batch.flush();
        let words = batch.words - begun_with;
        let bytes = current.scanner.position() - before;
        job.probe(Step::ChunkCounted)?;

        let parts = self.sink.write(&batch.records, &job.output).await?;
        batch.records.clear();
        job.totals.add(bytes, words, parts);
        job.probe(Step::RecordsWritten)?;
        Ok(true)
    }
}

async fn open(source: &Source, file: usize) -> Result<Box<dyn InputStream>> {
    let file = &source.plan.files()[file];
    let options = OpenOptions {
        if_match: file.etag.clone(),
        status: Some(file.status()?),
        ..OpenOptions::default()
    };
    let stream = source.files.open(&Location::parse(&file.uri)?, &options).await?;
    if stream.len() != file.len {
        return Err(Error::new(
            ErrorKind::Changed,
            format!(
                "the file has {} bytes and had {} when the job began",
                stream.len(),
                file.len
            ),
        )
        .with_operation("open")
        .with_path(&file.uri)
        .with_remedy("start anew with empty --output and --checkpoints"));
    }
    Ok(stream)
}

async fn read(stream: &mut dyn InputStream, range: std::ops::Range<u64>) -> Result<Bytes> {
    let mut chunks = stream.read_ranges(&[range]).await?;
    chunks
        .pop()
        .ok_or_else(|| Error::new(ErrorKind::Other, "the file system returned no data for a range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttle_admits_the_first_bytes_at_once_and_without_a_limit_all() {
        let begun = Instant::now();
        Throttle::new(1).admit(1 << 40);
        Throttle::new(0).admit(u64::MAX);
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
