//! [`Prefetch`]: the next ranges of an object, fetched in parallel while the caller reads.
//!
//! One connection to a store is slow by itself: its throughput is that of one server and one TCP
//! window. Several ranges at a time multiply it. On a fast connection they only cost more, so a
//! stream turns to this when it has been waiting for the network ([`Pace`]), or is told to.
//!
//! Each range is fetched by a task of its own and reserves its bytes in the memory budget. When none
//! are left, fewer ranges are fetched, and in the end the stream goes on with a single request:
//! nobody ever waits for memory here.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use plugin_api::Result;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::object::Object;
use super::range_reader::RangeReader;
use crate::memory::Reservation;

/// Ranges at a time.
const LANES: usize = 4;

/// No range is larger.
const MAX_RANGE: u64 = 8 << 20;

/// The first ranges, in read buffers: small, so that what was a mistake costs little.
const FIRST_RANGE: u64 = 4;

/// The least that a read in order has to get through before it counts as sequential.
const PROOF: u64 = 1 << 20;

/// The least time to measure: in a shorter one a busy processor looks like a slow network.
const WINDOW: Duration = Duration::from_millis(50);

/// Bytes a second that one connection to a real store does not reach. What does is left alone.
const FAST: u64 = 128 << 20;

/// When a stream fetches ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Never,
    /// Once it has proven sequential, and slow.
    Measured,
    Always,
}

/// Bytes that a stream may fetch ahead, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) mode: Mode,
    lanes: usize,
    total: u64,
    first: u64,
    largest: u64,
}

impl Limits {
    /// `buffer_size` is what the caller lets one stream hold, 0 for no limit.
    pub(super) fn new(object: &Object, mode: Mode, buffer_size: u64) -> Self {
        let settings = &object.bucket.settings;
        let total = match buffer_size {
            0 => settings.read_prefetch_max,
            limit => limit.min(settings.read_prefetch_max),
        };
        // One stream must not use up the connections of all.
        let lanes = LANES.min(settings.connection_max / 4);
        let largest = (total / LANES as u64).min(MAX_RANGE);
        let read_buffer = settings.read_buffer_size as u64;
        let worthwhile = lanes > 1 && largest >= read_buffer;
        Self {
            mode: if worthwhile { mode } else { Mode::Never },
            lanes,
            total,
            first: (FIRST_RANGE * read_buffer).min(largest),
            largest,
        }
    }
}

/// How fast the network has been for a reader that does not skip.
#[derive(Debug)]
pub(super) struct Pace {
    bytes: u64,
    waited: Duration,
    since: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            bytes: 0,
            waited: Duration::ZERO,
            since: Instant::now(),
        }
    }

    /// So many bytes came in order, after so long a wait: whether more requests at a time would
    /// have helped, which is told once in a while.
    pub(super) fn received(&mut self, bytes: usize, waited: Duration, read_buffer: u64) -> bool {
        self.bytes += bytes as u64;
        self.waited += waited;
        let elapsed = self.since.elapsed();
        if self.bytes < PROOF.max(2 * read_buffer) || elapsed < WINDOW {
            return false;
        }
        let fast = Duration::from_nanos(self.bytes.saturating_mul(1_000_000_000) / FAST);
        // A caller that takes long itself finds most bytes in the buffers of the kernel.
        let slow = self.waited > fast && self.waited * 2 > elapsed;
        *self = Self::new();
        slow
    }
}

/// The next ranges of an object, without a gap between them.
pub(super) struct Prefetch {
    object: Arc<Object>,
    limits: Limits,
    /// At least one, until the end of the object or of the memory.
    lanes: VecDeque<Lane>,
    /// The end of the last range.
    end: u64,
    next_size: u64,
}

/// A range that is being fetched.
struct Lane {
    /// The first byte that was not taken from here.
    next: u64,
    end: u64,
    frames: mpsc::UnboundedReceiver<Result<Bytes>>,
    task: AbortHandle,
    /// For the whole range, until it was taken.
    _reservation: Reservation,
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Prefetch {
    /// Fetches what begins at `start`; [`None`] if that is not worth it or there is no memory.
    pub(super) fn start(object: &Arc<Object>, limits: Limits, start: u64) -> Option<Self> {
        if object.ignores_ranges() || start.saturating_add(2 * limits.first) > object.len {
            return None;
        }
        let mut prefetch = Self {
            object: Arc::clone(object),
            limits,
            lanes: VecDeque::new(),
            end: start,
            next_size: limits.first,
        };
        prefetch.top_up();
        (!prefetch.lanes.is_empty()).then_some(prefetch)
    }

    /// What can still be taken.
    pub(super) fn range(&self) -> Range<u64> {
        self.lanes.front().map_or(self.end, |lane| lane.next)..self.end
    }

    /// The next bytes and where they begin: at `position` or before it, which lies in the
    /// [`range`](Self::range). What is before it is given up. [`None`] if the ranges were cut off,
    /// or the store turned out not to know ranges. A cancelled call loses nothing.
    pub(super) async fn next_frame(&mut self, position: u64) -> Result<Option<(u64, Bytes)>> {
        while self.lanes.front().is_some_and(|lane| lane.end <= position) {
            self.lanes.pop_front();
        }
        if self.object.ignores_ranges() {
            return Ok(None);
        }
        self.top_up();
        let Some(lane) = self.lanes.front_mut() else {
            return Ok(None);
        };
        let Some(frame) = lane.frames.recv().await.transpose()? else {
            return Ok(None);
        };
        let start = lane.next;
        lane.next += frame.len() as u64;
        if lane.next == lane.end {
            self.lanes.pop_front();
            self.top_up();
        }
        Ok(Some((start, frame)))
    }

    /// Starts as many ranges as there is room for.
    fn top_up(&mut self) {
        while self.lanes.len() < self.limits.lanes && self.end < self.object.len {
            let size = self.next_size.min(self.object.len - self.end);
            let ahead: u64 = self.lanes.iter().map(|lane| lane.end - lane.next).sum();
            if ahead + size > self.limits.total && !self.lanes.is_empty() {
                return;
            }
            let Some(reservation) = self.object.bucket.memory.reserve_spare(size) else {
                return;
            };
            let range = self.end..self.end + size;
            self.lanes
                .push_back(Lane::start(&self.object, &range, reservation));
            self.end = range.end;
            self.next_size = (self.next_size * 2).min(self.limits.largest);
        }
    }
}

impl Lane {
    fn start(object: &Arc<Object>, range: &Range<u64>, reservation: Reservation) -> Self {
        let mut reader = RangeReader::new(Arc::clone(object), range);
        // It never holds more than the range, which is reserved.
        let (sender, frames) = mpsc::unbounded_channel();
        let task = object.bucket.runtime.spawn(async move {
            while let Some(frame) = reader.next_frame().await.transpose() {
                let failed = frame.is_err();
                if sender.send(frame).is_err() || failed {
                    return;
                }
            }
        });
        Self {
            next: range.start,
            end: range.end,
            frames,
            task: task.abort_handle(),
            _reservation: reservation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reader_that_waits_for_a_slow_network_would_gain() {
        let (buffer, mib) = (256 << 10, 1 << 20);
        let after = |elapsed: u64, bytes: usize, waited: u64, read_buffer| {
            let since = Instant::now()
                .checked_sub(Duration::from_millis(elapsed))
                .unwrap();
            let mut pace = Pace { since, ..Pace::new() };
            pace.received(bytes, Duration::from_millis(waited), read_buffer)
        };
        assert!(after(60, mib, 50, buffer));
        assert!(!after(60, mib - 1, 50, buffer), "too few bytes");
        assert!(!after(60, mib, 50, mib as u64), "less than two buffers");
        assert!(!after(20, mib, 20, buffer), "too short a time");
        assert!(!after(1000, mib, 50, buffer), "a slow caller");
        assert!(!after(60, 16 * mib, 50, buffer), "a fast network");
    }
}
