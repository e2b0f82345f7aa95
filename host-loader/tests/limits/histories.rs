//! Random histories of opening, using, failing, cancelling and closing streams, against a model of what is allowed.

mod step;
mod user;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::channel::mpsc;
use futures::future::{AbortHandle, Abortable};
use futures::task::LocalSpawnExt;
use futures_executor::{LocalPool, LocalSpawner, block_on};
use host_loader::FileSystems;
use host_loader::plugin_api::{ErrorKind, FileSystem, Result};
use proptest::prelude::*;

use crate::clock::ManualClock;
use crate::fake_store::{Answer, FakeStore, Way, path};
use step::{Kind, Step, step};
use user::{Seen, User, live};

#[derive(Clone, Debug)]
struct Limits {
    total: Option<usize>,
    ways: [Option<usize>; 2],
    timeout: Option<u64>,
    patience: Option<u64>,
}

impl Limits {
    fn has_room(&self, way: Way, in_use: [usize; 2]) -> bool {
        self.ways[way as usize].is_none_or(|limit| in_use[way as usize] < limit)
            && self.total.is_none_or(|limit| in_use[0] + in_use[1] < limit)
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        // What is not limited is written in all ways there are.
        let number =
            |limit: Option<usize>, none: &str| limit.map_or(none.to_owned(), |limit| limit.to_string());
        let millis = |span: Option<u64>| span.unwrap_or(0).to_string();
        vec![
            ("fs.fake.limit.total", number(self.total, "0")),
            ("fs.fake.limit.input", number(self.ways[0], "-1")),
            ("fs.fake.limit.output", number(self.ways[1], "")),
            ("fs.fake.limit.timeout", millis(self.timeout)),
            ("fs.fake.limit.stream-timeout", millis(self.patience)),
        ]
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    let limit = || prop::option::weighted(0.6, 1_usize..4);
    (
        limit(),
        limit(),
        limit(),
        prop::option::weighted(0.6, 500_u64..5_000),
        prop::option::weighted(0.6, 500_u64..2_000),
    )
        .prop_filter("one of them at least", |limits| {
            limits.0.is_some() || limits.1.is_some() || limits.2.is_some()
        })
        .prop_map(|(total, input, output, timeout, patience)| Limits {
            total,
            ways: [input, output],
            timeout,
            patience,
        })
}

struct World {
    limits: Limits,
    clock: ManualClock,
    store: FakeStore,
    registry: FileSystems,
    fs: Arc<dyn FileSystem>,
    pool: LocalPool,
    spawner: LocalSpawner,
    users: BTreeMap<u64, User>,
    seen: Rc<RefCell<Seen>>,
    next: u64,
    checked_begun: [usize; 2],
    last_begun: [Option<u64>; 2],
}

impl World {
    fn new(limits: Limits) -> Self {
        let clock = ManualClock::new();
        let store = FakeStore::new(&clock);
        let pairs = limits.pairs();
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let registry = store.registry(&pairs);
        let fs = block_on(registry.get(&path(0))).unwrap();
        let pool = LocalPool::new();
        Self {
            limits,
            clock,
            store,
            registry,
            fs,
            spawner: pool.spawner(),
            pool,
            users: BTreeMap::new(),
            seen: Rc::default(),
            next: 0,
            checked_begun: [0; 2],
            last_begun: [None; 2],
        }
    }

    fn chosen(&self, which: usize) -> Option<u64> {
        let number = self.users.len().max(1);
        self.users.keys().nth(which % number).copied()
    }

    fn start(&mut self, kind: Kind, answer: Answer) {
        let file = self.next;
        self.next += 1;
        self.store.answer(file, answer);
        let (commands, receiver) = mpsc::unbounded();
        let (cancel, registration) = AbortHandle::new_pair();
        let (fs, store, seen) = (Arc::clone(&self.fs), self.store.clone(), Rc::clone(&self.seen));
        let life = Abortable::new(live(fs, store, (file, kind), receiver, seen), registration);
        self.spawner.spawn_local(life.map(|_| ())).unwrap();
        let user = User {
            way: kind.way(),
            since: self.clock.now(),
            commands,
            cancel,
            has_begun: false,
        };
        self.users.insert(file, user);
    }

    fn cancel(&mut self, file: u64) {
        self.store.state().let_go.insert(file);
        if let Some(user) = self.users.remove(&file) {
            user.cancel.abort();
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            // More would only make the histories slow.
            Step::Start(..) if self.users.len() > 12 => {}
            Step::Start(kind, answer) => self.start(kind, answer),
            Step::Answer(which, answer) => {
                if let Some(file) = self.chosen(which) {
                    self.store.answer(file, answer);
                }
            }
            Step::Tell(which, command) => {
                if let Some(file) = self.chosen(which) {
                    self.users[&file].commands.unbounded_send(command).ok();
                }
            }
            Step::Cancel(which) => {
                if let Some(file) = self.chosen(which) {
                    self.cancel(file);
                }
            }
            Step::Pass(millis) => {
                self.clock.pass(Duration::from_millis(millis));
                self.registry.clock_changed();
            }
        }
        self.pool.run_until_stalled();
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        let now = self.clock.now();
        let limits = &self.limits;
        for way in [Way::In, Way::Out] {
            let begun = &self.store.state().begun[way as usize];
            for file in &begun[self.checked_begun[way as usize]..] {
                let last = &mut self.last_begun[way as usize];
                *last = (*last).max(Some(*file));
                if let Some(user) = self.users.get_mut(file) {
                    user.has_begun = true;
                }
            }
            self.checked_begun[way as usize] = begun.len();
        }
        for (file, result) in std::mem::take(&mut self.seen.borrow_mut().done) {
            let Some(user) = self.users.remove(&file) else {
                continue;
            };
            // Whoever never got as far as to the store has waited for the whole time.
            if !user.has_begun {
                let error = result.expect_err("nothing is opened without the store");
                prop_assert_eq!(error.kind(), ErrorKind::Timeout);
                let waited = now.duration_since(user.since);
                let timeout = limits.timeout.map(Duration::from_millis);
                prop_assert!(
                    timeout.is_some_and(|timeout| waited >= timeout),
                    "after {:?}",
                    waited
                );
            }
        }
        let state = self.store.state();
        // Never more than allowed, at no moment.
        for (limit, peak) in limits.ways.iter().zip(state.peak) {
            prop_assert!(limit.is_none_or(|limit| peak <= limit), "{:?}", state.peak);
        }
        prop_assert!(limits.total.is_none_or(|limit| state.total_peak <= limit));
        for (file, user) in &self.users {
            if !user.has_begun {
                // First come, first served.
                let last = self.last_begun[user.way as usize];
                prop_assert!(last < Some(*file), "{:?} before {}", last, file);
                // Nobody waits for what is free, or for longer than was asked.
                prop_assert!(!limits.has_room(user.way, state.in_use), "{} waits", file);
                let waited = now.duration_since(user.since);
                let timeout = limits.timeout.map(Duration::from_millis);
                prop_assert!(timeout.is_none_or(|timeout| waited < timeout), "for {:?}", waited);
            }
        }
        for (file, at) in &state.taken_away {
            // Only what was idle for long enough is taken away, and nothing of it is published.
            let idle = at.duration_since(state.moved_at[file]);
            let patience = limits.patience.map(Duration::from_millis);
            prop_assert!(
                patience.is_some_and(|patience| idle >= patience),
                "after {:?}",
                idle
            );
            prop_assert!(!state.published.contains(file));
        }
        for file in self.seen.borrow().told.keys() {
            prop_assert!(state.taken_away.contains_key(file), "{} was told so", file);
        }
        Ok(())
    }

    /// When everybody has gone, everything is as at the beginning.
    fn end(mut self) -> Result<(), TestCaseError> {
        for file in self.users.keys().copied().collect::<Vec<_>>() {
            self.cancel(file);
        }
        self.pool.run_until_stalled();
        prop_assert_eq!(self.store.state().in_use, [0, 0]);
        prop_assert!(self.registry.open_streams().is_empty());
        let counts = self.registry.stream_counts().remove(0);
        prop_assert_eq!(
            [counts.bytes_read, counts.bytes_written],
            self.store.state().bytes
        );
        prop_assert_eq!(counts.reclaimed, self.store.state().taken_away.len() as u64);
        // Every credit is back, and no more than that.
        for (way, kind) in [(Way::In, Kind::Input), (Way::Out, Kind::Output)] {
            while self.limits.has_room(way, self.store.state().in_use) && self.users.len() < 8 {
                self.start(kind, Answer::Works);
                self.pool.run_until_stalled();
                let in_use = self.store.in_use(way);
                prop_assert_eq!(self.users.len(), in_use);
            }
            if self.users.len() < 8 {
                self.start(kind, Answer::Works);
                self.pool.run_until_stalled();
                prop_assert_eq!(self.users.len(), self.store.in_use(way) + 1);
            }
            for file in self.users.keys().copied().collect::<Vec<_>>() {
                self.cancel(file);
            }
            self.pool.run_until_stalled();
            prop_assert_eq!(self.store.state().in_use, [0, 0]);
        }
        Ok(())
    }
}

proptest! {
    // 128,000 steps.
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn no_credit_is_lost_or_doubled_in_any_history(
        limits in limits(),
        steps in prop::collection::vec(step(), 2_000),
    ) {
        let mut world = World::new(limits);
        for step in steps {
            world.take(step);
            world.check()?;
        }
        world.end()?;
    }
}
