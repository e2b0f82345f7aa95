//! [`StreamCounts`]: what the streams of one file system have come to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plugin_api::Location;

use super::pool::{Direction, Pool};
use super::record::{Record, StreamKind};

/// What the streams of one file system have come to so far.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamCounts {
    /// Scheme and authority of the file system.
    pub root: Location,
    /// Bytes that were read, by streams and by copies to the local disk.
    pub bytes_read: u64,
    /// Bytes that were written, by streams and by copies from the local disk.
    pub bytes_written: u64,
    /// Streams that are read now.
    pub open_inputs: u64,
    /// Streams that are written now and published when they are closed.
    pub open_outputs: u64,
    /// Streams that are written now and published by a commit.
    pub open_recoverables: u64,
    /// Openers that wait now.
    pub waiting: u64,
    /// How often somebody had to wait to open a stream, and has ended waiting.
    pub waits: u64,
    /// How long they waited, all together.
    pub waited: Duration,
    /// Waits that ended without a stream: the time was up, or the file system was closed.
    pub refused: u64,
    /// Streams that were closed since they had moved nothing while others waited.
    pub reclaimed: u64,
}

/// Of a pool, without its open streams.
#[derive(Default)]
pub(super) struct Counters {
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    waits: AtomicU64,
    waited_nanos: AtomicU64,
    refused: AtomicU64,
    reclaimed: AtomicU64,
}

impl Counters {
    /// A stream is no longer open.
    pub(super) fn ended(&self, record: &Record) {
        self.moved(record.kind.direction(), record.bytes());
    }

    /// Something that is no stream has moved bytes.
    pub(super) fn moved(&self, direction: Direction, bytes: u64) {
        match direction {
            Direction::In => &self.bytes_read,
            Direction::Out => &self.bytes_written,
        }
        .fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn waited(&self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.waited_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reclaimed(&self) {
        self.reclaimed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// What its streams have come to, those that are open included.
    pub(super) fn counts(&self) -> StreamCounts {
        let counters = &self.counters;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        self.with_records(|records, waiting| {
            let mut counts = StreamCounts {
                root: self.root.clone(),
                bytes_read: of(&counters.bytes_read),
                bytes_written: of(&counters.bytes_written),
                open_inputs: 0,
                open_outputs: 0,
                open_recoverables: 0,
                waiting: waiting as u64,
                waits: of(&counters.waits),
                waited: Duration::from_nanos(of(&counters.waited_nanos)),
                refused: of(&counters.refused),
                reclaimed: of(&counters.reclaimed),
            };
            for record in records {
                let (open, bytes) = match record.kind {
                    StreamKind::Input => (&mut counts.open_inputs, &mut counts.bytes_read),
                    StreamKind::Output => (&mut counts.open_outputs, &mut counts.bytes_written),
                    StreamKind::Recoverable => (&mut counts.open_recoverables, &mut counts.bytes_written),
                };
                *open += 1;
                *bytes += record.bytes();
            }
            counts
        })
    }
}
