//! [`Pool`]: the streams of one file system, and who waits to open another one.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use plugin_api::{Location, Result, abi};

use super::clock::Clock;
use super::counters::Counters;
use super::limits::Limits;
use super::record::{Record, Registered};
use super::waiting::{self, Turn};

/// For so long a stream that was chosen to end, and is in the middle of a call, is counted on. Nobody may be going on
/// with that call.
const GRACE: Duration = Duration::from_secs(1);

/// Which way a stream moves bytes, and so which limit it counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    In,
    Out,
}

/// The streams of one file system.
pub(super) struct Pool {
    pub(super) root: Location,
    pub(super) limits: Limits,
    pub(super) clock: Arc<Clock>,
    pub(super) counters: Counters,
    /// Whether it is noted where streams are opened.
    pub(super) has_backtraces: bool,
    state: Mutex<State>,
    /// Numbers for streams, in the order of their opening.
    next: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Credits that are taken, for streams and for openings and copies that are under way.
    taken: Taken,
    /// In the order of their arrival. None of them could be given a credit.
    queue: VecDeque<Arc<Turn>>,
    streams: BTreeMap<u64, Entry>,
    is_closed: bool,
}

/// Credits that are taken.
#[derive(Clone, Copy, Default)]
pub(super) struct Taken {
    pub(super) input: usize,
    pub(super) output: usize,
}

impl Taken {
    fn of(&mut self, direction: Direction) -> &mut usize {
        match direction {
            Direction::In => &mut self.input,
            Direction::Out => &mut self.output,
        }
    }

    fn has_room(self, direction: Direction, limits: &Limits) -> bool {
        self.is_below_own(direction, limits)
            && limits.total.is_none_or(|limit| self.input + self.output < limit)
    }

    /// Whether there is room within the limit of this direction alone.
    fn is_below_own(self, direction: Direction, limits: &Limits) -> bool {
        match direction {
            Direction::In => limits.input.is_none_or(|limit| self.input < limit),
            Direction::Out => limits.output.is_none_or(|limit| self.output < limit),
        }
    }
}

/// An open stream.
struct Entry {
    stream: Arc<dyn Registered>,
    /// How often it had moved when it was last looked at.
    moves: u64,
    /// When it had certainly moved last.
    since: Instant,
    /// When it was chosen to end.
    chosen: Option<Instant>,
}

impl Pool {
    pub(super) fn new(root: Location, limits: Limits, clock: Arc<Clock>, has_backtraces: bool) -> Self {
        Self {
            root,
            limits,
            clock,
            counters: Counters::default(),
            has_backtraces,
            state: Mutex::default(),
            next: AtomicU64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the right to open a stream. Whoever came first is served first, except by what a limit on the
    /// other direction keeps it from using. Cancelled, it leaves the queue.
    ///
    /// # Errors
    /// [`Timeout`](plugin_api::ErrorKind::Timeout) after the configured time,
    /// [`Closed`](plugin_api::ErrorKind::Closed) once the pool is closed, and in the child of a fork.
    pub(super) async fn acquire(self: &Arc<Self>, direction: Direction, path: &Location) -> Result<Credit> {
        // Whoever has the credits, or the lock, may not exist here.
        abi::check_fork()?;
        let turn = {
            let mut state = self.state();
            if state.is_closed {
                return Err(waiting::closed(path));
            }
            if state.taken.has_room(direction, &self.limits) {
                *state.taken.of(direction) += 1;
                return Ok(self.credit(direction));
            }
            let turn = Arc::new(Turn::new(direction));
            state.queue.push_back(Arc::clone(&turn));
            turn
        };
        waiting::wait(self, turn, path).await
    }

    /// Takes up to so many credits that nobody waits for.
    pub(super) fn take_free(self: &Arc<Self>, direction: Direction, most: usize) -> Vec<Credit> {
        let mut state = self.state();
        let mut credits = Vec::new();
        while credits.len() < most
            && state.queue.is_empty()
            && !state.is_closed
            && state.taken.has_room(direction, &self.limits)
        {
            *state.taken.of(direction) += 1;
            credits.push(self.credit(direction));
        }
        credits
    }

    /// A credit that has been counted.
    fn credit(self: &Arc<Self>, direction: Direction) -> Credit {
        Credit {
            pool: Arc::clone(self),
            direction,
        }
    }

    /// Whoever waits is done with waiting: a credit if it was given one.
    pub(super) fn leave(self: &Arc<Self>, turn: &Arc<Turn>) -> Option<Credit> {
        let mut state = self.state();
        if turn.is_served() {
            return Some(self.credit(turn.direction));
        }
        state.queue.retain(|other| !Arc::ptr_eq(other, turn));
        None
    }

    /// Gives a credit back, to the first who can use it.
    fn release(&self, direction: Direction) {
        let next = {
            let mut state = self.state();
            *state.taken.of(direction) -= 1;
            let taken = state.taken;
            let next = state
                .queue
                .iter()
                .position(|turn| taken.has_room(turn.direction, &self.limits))
                .and_then(|at| state.queue.remove(at));
            // One credit serves one at most: nobody in the queue could have been served before.
            if let Some(turn) = &next {
                *state.taken.of(turn.direction) += 1;
                turn.serve();
            }
            next
        };
        if let Some(turn) = next {
            turn.wake();
        }
    }

    /// Refuses everybody from now on, and those who wait.
    pub(super) fn close(&self) {
        let queue = {
            let mut state = self.state();
            state.is_closed = true;
            mem::take(&mut state.queue)
        };
        for turn in queue {
            turn.refuse();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    pub(super) fn taken(&self) -> Taken {
        self.state().taken
    }

    pub(super) fn next_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn register(&self, number: u64, stream: Arc<dyn Registered>) {
        let entry = Entry {
            moves: stream.record().moves(),
            stream,
            since: self.clock.now(),
            chosen: None,
        };
        self.state().streams.insert(number, entry);
    }

    /// Every open stream, in the order of opening.
    pub(super) fn streams(&self) -> Vec<Arc<dyn Registered>> {
        let state = self.state();
        state
            .streams
            .values()
            .map(|entry| Arc::clone(&entry.stream))
            .collect()
    }

    /// Looks at all open streams, and at how many openers wait, at one moment.
    pub(super) fn with_records<T>(
        &self,
        look: impl FnOnce(&mut dyn Iterator<Item = &Record>, usize) -> T,
    ) -> T {
        let state = self.state();
        let mut records = state.streams.values().map(|entry| entry.stream.record());
        look(&mut records, state.queue.len())
    }

    /// The streams that are to end so that somebody who waits for this direction is served, and when to look again;
    /// `None` if idle streams stay. Those have moved nothing for the configured time: the longest idle, and no
    /// more of them than openers wait whom they help.
    pub(super) fn stalled(&self, direction: Direction) -> Option<(Vec<Arc<dyn Registered>>, Instant)> {
        let patience = self.limits.stream_timeout?;
        let now = self.clock.now();
        let mut next = now.checked_add(patience)?;
        let mut state = self.state();
        let state = &mut *state;
        // Then another direction's stream gives nothing that is missing, and others wait for something else.
        let is_own_limit = !state.taken.is_below_own(direction, &self.limits);
        let waiting = state.queue.iter();
        let waiting = waiting
            .filter(|turn| !is_own_limit || turn.direction == direction)
            .count();
        let mut ending = Vec::new();
        let mut counted_on = 0;
        let mut idle = Vec::new();
        for entry in state.streams.values_mut() {
            let record = entry.stream.record();
            let moves = record.moves();
            if moves != entry.moves || record.is_closing() {
                entry.moves = moves;
                entry.since = now;
            }
            if is_own_limit && record.kind.direction() != direction {
                continue;
            }
            if let Some(chosen) = entry.chosen {
                counted_on += usize::from(now.saturating_duration_since(chosen) < GRACE);
                ending.push(Arc::clone(&entry.stream));
                continue;
            }
            match entry.since.checked_add(patience) {
                Some(due) if due > now => next = next.min(due),
                Some(_) => idle.push(entry),
                None => {}
            }
        }
        idle.sort_by_key(|entry| entry.since);
        for entry in idle.into_iter().take(waiting.saturating_sub(counted_on)) {
            entry.chosen = Some(now);
            ending.push(Arc::clone(&entry.stream));
        }
        Some((ending, next))
    }
}

/// The right to have one stream open. Dropped, it is given back.
pub(super) struct Credit {
    pub(super) pool: Arc<Pool>,
    direction: Direction,
}

impl Drop for Credit {
    fn drop(&mut self) {
        // The lock may be held by a thread of the parent for ever.
        if abi::check_fork().is_ok() {
            self.pool.release(self.direction);
        }
    }
}

/// An entry in the list of open streams, with the credit of the stream. Both end when it is dropped.
pub(super) struct Registration {
    number: u64,
    credit: Credit,
}

impl Registration {
    pub(super) fn new(number: u64, credit: Credit) -> Self {
        Self { number, credit }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if abi::check_fork().is_err() {
            return;
        }
        let pool = &self.credit.pool;
        let mut state = pool.state();
        let entry = state.streams.remove(&self.number);
        if let Some(entry) = &entry {
            // Under the lock, so that no bytes are counted twice or missed.
            pool.counters.ended(entry.stream.record());
        }
        drop(state);
        // Outside the lock: with the last reference goes the stream.
        drop(entry);
    }
}
