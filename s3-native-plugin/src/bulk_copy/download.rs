//! Copies to the local disk: ranges in parallel, into a file that appears once it is whole.

use std::ops::Range;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use plugin_api::metrics::STREAM_REOPEN_COUNT;
use plugin_api::{CopyRequest, Error, Location, Result, Retry};
use tokio::task::JoinHandle;

use super::beneath::LocalTarget;
use super::checksum::Sum;
use super::fetch::{self, Reply, Resumption, Then, Version};
use super::temp_file::TempFile;
use super::window::{Shared, Slot, settled};

/// From this size on an object is fetched in ranges at the same time.
const PARALLEL_FROM: u64 = 16 << 20;

/// The size of such a range.
const RANGE: u64 = 8 << 20;

/// Bytes that are written at a time.
const BATCH: usize = 512 << 10;

/// What one request holds in memory: a batch that is written while the next one arrives.
const IN_MEMORY: u64 = 2 * BATCH as u64;

/// Downloads one object.
pub(super) async fn download(
    shared: &Shared,
    index: usize,
    request: &CopyRequest,
    place: LocalTarget,
) -> Result<()> {
    let CopyRequest {
        source,
        target,
        size_hint,
    } = request;
    let place = Arc::new(place);
    // First of all: what may not be written is not asked for.
    let directory = {
        let (tree, place) = (Arc::clone(&shared.tree), Arc::clone(&place));
        shared.blocking(target, move || tree.directory(&place)).await?
    };
    let (version, first) = if *size_hint >= PARALLEL_FROM {
        let _permit = shared.requests(1).await;
        (fetch::head(shared, source, true).await?, None)
    } else {
        let slot = shared.slot(IN_MEMORY).await;
        let (version, reply) = shared.get_whole(source).await?;
        (version, Some((slot, reply)))
    };
    let file = {
        let (runtime, alive) = (shared.bucket.runtime.clone(), shared.alive.clone());
        let len = version.len;
        shared
            .blocking(target, move || {
                TempFile::create(directory, &place.name, len, runtime, alive)
            })
            .await?
    };
    let file = Arc::new(file);
    let download = Download {
        shared,
        index,
        source,
        target,
        version: &version,
        file: &file,
    };
    let sum = download.fetch(first).await?;
    download.verify(&sum)?;
    let file = Arc::into_inner(file).expect("every write has been waited for");
    shared.blocking(target, move || file.publish()).await
}

/// A download that is running.
struct Download<'a> {
    shared: &'a Shared,
    index: usize,
    source: &'a Location,
    target: &'a Location,
    version: &'a Version,
    file: &'a Arc<TempFile>,
}

/// How far a range has come: only what is in the file counts.
struct Cursor {
    at: u64,
    sum: Sum,
}

impl Download<'_> {
    /// Fetches everything. The first reply, if there is one, is that to a request for the whole.
    async fn fetch(&self, first: Option<(Slot, Reply)>) -> Result<Sum> {
        let len = self.version.len;
        // What cannot be pinned could be put together of different versions.
        let step = if len >= PARALLEL_FROM && self.version.can_be_pinned() {
            RANGE
        } else {
            len.max(1)
        };
        let mut first = first;
        let ranges = (0..len.div_ceil(step)).map(|number| {
            let range = number * step..((number + 1) * step).min(len);
            self.fetch_range(range, first.take())
        });
        futures::stream::iter(ranges)
            // In order, as the checksums are put together.
            .buffered(self.shared.limits.count)
            .try_fold(Sum::empty(self.version.expected), async |mut whole, part| {
                whole.append(part);
                Ok(whole)
            })
            .await
    }

    async fn fetch_range(&self, range: Range<u64>, mut first: Option<(Slot, Reply)>) -> Result<Sum> {
        let mut resumption = Resumption::new(&self.shared.bucket.settings);
        let mut cursor = Cursor {
            at: range.start,
            sum: Sum::empty(self.version.expected),
        };
        loop {
            let (slot, mut reply) = if let Some(first) = first.take() {
                first
            } else {
                let slot = self.shared.slot(IN_MEMORY).await;
                let rest = cursor.at..range.end;
                let reply = self.shared.get_range(self.source, self.version, &rest).await?;
                (slot, reply)
            };
            let before = cursor.at;
            match self.store(&mut reply, &mut cursor, range.end).await? {
                None => return Ok(cursor.sum),
                Some(error) => {
                    drop((reply, slot));
                    resumption.progress(cursor.at - before);
                    if cursor.at == range.end && error.retry() != Retry::No {
                        // Only the end of the connection went wrong.
                        return Ok(cursor.sum);
                    }
                    if cursor.at > 0 && !self.version.can_be_pinned() {
                        // What comes next could be of another version.
                        return Err(error);
                    }
                    resumption.after(error).await?;
                    self.shared.bucket.metrics.count(&STREAM_REOPEN_COUNT, &[]);
                }
            }
        }
    }

    /// Writes what a reply brings, each batch while the next one arrives: what broke the reply, if
    /// anything did. A failure to write is final.
    async fn store(&self, reply: &mut Reply, cursor: &mut Cursor, end: u64) -> Result<Option<Error>> {
        let mut received = cursor.at;
        let mut writing: Option<JoinHandle<std::io::Result<Sum>>> = None;
        loop {
            let batch = reply.batch(self.source, received, end, BATCH).await;
            if let Some(writing) = writing.take() {
                self.settle(writing, cursor).await?;
            }
            if !batch.chunks.is_empty() {
                received += batch.chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
                let (file, sum) = (Arc::clone(self.file), cursor.sum);
                writing = Some(self.shared.bucket.runtime.spawn_blocking(move || {
                    file.write(&batch.chunks, batch.start)?;
                    drop(file);
                    Ok(sum.next(&batch.chunks))
                }));
            }
            let outcome = match batch.then {
                Then::More => continue,
                Then::Complete => None,
                Then::Broken(error) => Some(error),
            };
            if let Some(writing) = writing.take() {
                self.settle(writing, cursor).await?;
            }
            return Ok(outcome);
        }
    }

    async fn settle(&self, writing: JoinHandle<std::io::Result<Sum>>, cursor: &mut Cursor) -> Result<()> {
        let written = settled(self.target, writing.await)?;
        cursor.at += written.len;
        cursor.sum.append(written);
        self.shared.advanced(self.index, written.len);
        Ok(())
    }

    /// Whether the file has the length and the checksum of the object.
    fn verify(&self, sum: &Sum) -> Result<()> {
        if sum.len != self.version.len {
            let how = format!("{} bytes arrived instead of {}", sum.len, self.version.len);
            return Err(fetch::damaged(self.source, &how));
        }
        if self
            .version
            .expected
            .is_some_and(|expected| expected.differs(sum))
        {
            return Err(fetch::damaged(
                self.source,
                "its checksum is not that of the store",
            ));
        }
        Ok(())
    }
}
