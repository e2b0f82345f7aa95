//! A store inside the test program that counts what is open, and answers as it is told.

mod file_system;
mod stream;

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Instant;

use host_loader::FileSystems;
use host_loader::plugin_api::{ABI_VERSION, Config, Error, ErrorKind, Location, Manifest, Result};

use crate::clock::ManualClock;
use file_system::FakeFactory;

/// Bytes that one call moves.
pub(crate) const MOVED: u64 = 7;

/// How the calls of one stream are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    #[default]
    Works,
    Fails,
    /// Not before it is told otherwise.
    Hangs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

/// The store. Its files are numbers: what is known of a stream is known by the name of its file.
#[derive(Clone)]
pub(crate) struct FakeStore {
    clock: ManualClock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub(crate) struct State {
    answers: HashMap<u64, Answer>,
    hanging: HashMap<u64, Waker>,
    /// Streams, openings and copied files, of each way.
    pub(crate) in_use: [usize; 2],
    pub(crate) peak: [usize; 2],
    pub(crate) total_peak: usize,
    /// The files that were opened or tried to, of each way.
    pub(crate) begun: [Vec<u64>; 2],
    /// When the stream of a file moved last.
    pub(crate) moved_at: HashMap<u64, Instant>,
    /// Bytes moved, of each way.
    pub(crate) bytes: [u64; 2],
    pub(crate) published: HashSet<u64>,
    pub(crate) persisted: HashSet<u64>,
    /// Streams whose user has let go of them.
    pub(crate) let_go: HashSet<u64>,
    /// Streams that were dropped without that, and when.
    pub(crate) taken_away: HashMap<u64, Instant>,
}

impl FakeStore {
    pub(crate) fn new(clock: &ManualClock) -> Self {
        Self {
            clock: clock.clone(),
            state: Arc::default(),
        }
    }

    /// A registry whose scheme `fake` is this store.
    pub(crate) fn registry(&self, pairs: &[(&str, &str)]) -> FileSystems {
        let manifest = Manifest {
            format: 1,
            abi: ABI_VERSION,
            min_host_minor: 0,
            name: "fake".to_owned(),
            version: "1.0.0".to_owned(),
            schemes: vec!["fake".to_owned()],
            options: Vec::new(),
            owned_prefixes: Vec::new(),
            scope_prefix: String::new(),
        };
        let clock = self.clock.clone();
        FileSystems::builder()
            .search_environment(false)
            .factory(manifest, Arc::new(FakeFactory(self.clone())))
            .config(Config::from_pairs(pairs.iter().copied()))
            .clock(move || clock.now())
            .build()
            .unwrap()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// How calls for this file are answered from now on.
    pub(crate) fn answer(&self, file: u64, answer: Answer) {
        let waker = {
            let mut state = self.state();
            state.answers.insert(file, answer);
            state.hanging.remove(&file)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn in_use(&self, way: Way) -> usize {
        self.state().in_use[way as usize]
    }

    /// Whether a call waits for an answer.
    pub(crate) fn is_hanging(&self, file: u64) -> bool {
        self.state().hanging.contains_key(&file)
    }

    async fn ask(&self, file: u64) -> Result<()> {
        poll_fn(|context| {
            let mut state = self.state();
            match state.answers.get(&file).copied().unwrap_or_default() {
                Answer::Works => Poll::Ready(Ok(())),
                Answer::Fails => Poll::Ready(Err(Error::new(ErrorKind::Unavailable, "told to fail"))),
                Answer::Hangs => {
                    state.hanging.insert(file, context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn begin(&self, way: Way, file: u64, number: usize) -> Use {
        let mut state = self.state();
        state.begun[way as usize].push(file);
        state.in_use[way as usize] += number;
        state.peak[way as usize] = state.peak[way as usize].max(state.in_use[way as usize]);
        state.total_peak = state.total_peak.max(state.in_use.iter().sum());
        Use {
            store: self.clone(),
            way,
            number,
        }
    }

    fn has_moved(&self, file: u64) {
        let now = self.clock.now();
        self.state().moved_at.insert(file, now);
    }
}

pub(crate) fn number(path: &Location) -> u64 {
    path.name().parse().unwrap()
}

pub(crate) fn path(file: u64) -> Location {
    Location::parse(&format!("fake://store/{file}")).unwrap()
}

/// Counted until it is dropped.
struct Use {
    store: FakeStore,
    way: Way,
    number: usize,
}

impl Drop for Use {
    fn drop(&mut self) {
        self.store.state().in_use[self.way as usize] -= self.number;
    }
}
