//! Streams that move nothing while others wait are taken away: which, when, and what becomes of their files.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{
    CreateOptions, Error, ErrorKind, FileSystem, InputStream, OpenOptions, OutputStream, RecoverableStream,
    Result,
};

use crate::clock::ManualClock;
use crate::fake_store::{Answer, FakeStore, MOVED, path};

const PATIENCE: Duration = Duration::from_secs(10);
const LESS: Duration = Duration::from_secs(9);

struct Setup {
    clock: ManualClock,
    store: FakeStore,
    registry: FileSystems,
    fs: Arc<dyn FileSystem>,
}

fn setup(total: &str) -> Setup {
    with_limits(&[("fs.fake.limit.total", total)])
}

fn with_limits(limits: &[(&str, &str)]) -> Setup {
    let clock = ManualClock::new();
    let store = FakeStore::new(&clock);
    let patience = ("fs.fake.limit.stream-timeout", "10000");
    let registry = store.registry(&[limits, &[patience]].concat());
    let fs = block_on(registry.get(&path(0))).unwrap();
    Setup {
        clock,
        store,
        registry,
        fs,
    }
}

impl Setup {
    fn open(&self, file: u64) -> Box<dyn InputStream> {
        block_on(self.fs.open(&path(file), &OpenOptions::default())).unwrap()
    }

    fn create(&self, file: u64) -> Box<dyn OutputStream> {
        block_on(self.fs.create(&path(file), &CreateOptions::default())).unwrap()
    }

    fn recoverable(&self, file: u64) -> Box<dyn RecoverableStream> {
        let writer = self.fs.recoverable_writer().unwrap();
        block_on(writer.open(&path(file), &CreateOptions::default())).unwrap()
    }

    /// Somebody who waits, polled once.
    fn waiter(&self, file: u64) -> BoxFuture<'static, Result<Box<dyn InputStream>>> {
        let fs = Arc::clone(&self.fs);
        let mut waiter = async move { fs.open(&path(file), &OpenOptions::default()).await }.boxed();
        assert!((&mut waiter).now_or_never().is_none());
        waiter
    }

    fn pass(&self, span: Duration) {
        self.clock.pass(span);
        self.registry.clock_changed();
    }

    /// Drops the stream of a file.
    fn let_go(&self, file: u64, stream: Box<dyn InputStream>) {
        self.store.state().let_go.insert(file);
        drop(stream);
    }

    /// The files whose streams were taken away.
    fn taken_away(&self) -> Vec<u64> {
        let mut files: Vec<u64> = self.store.state().taken_away.keys().copied().collect();
        files.sort_unstable();
        files
    }
}

fn assert_told(error: &Error, file: u64) {
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(
        error.to_string(),
        format!(
            "fake://store/{file}: the stream was closed since it had moved nothing for 10s while others waited to be \
             opened; close streams that are not in use, or raise 'fs.fake.limit.stream-timeout'"
        )
    );
}

#[test]
fn nothing_is_taken_away_while_nobody_waits() {
    let setup = setup("2");
    let mut streams = [setup.open(1), setup.open(2)];
    setup.pass(PATIENCE * 100);
    for stream in &mut streams {
        block_on(stream.read(100)).unwrap();
    }
    assert!(setup.taken_away().is_empty());
}

#[test]
fn a_stream_that_moves_is_kept_and_one_that_does_not_is_taken_from_whoever_has_it() {
    let setup = setup("2");
    let (mut busy, mut idle) = (setup.open(1), setup.open(2));
    block_on(idle.read(100)).unwrap();
    let mut waiter = setup.waiter(3);
    setup.pass(LESS);
    block_on(busy.read(100)).unwrap();
    assert!((&mut waiter).now_or_never().is_none());
    setup.pass(LESS);
    // Seeking counts too.
    busy.seek(0).unwrap();
    setup.let_go(3, waiter.now_or_never().unwrap().unwrap());
    assert_eq!(setup.taken_away(), [2]);
    for _ in 0..2 {
        assert_told(&block_on(idle.read(100)).unwrap_err(), 2);
        assert_told(&idle.seek(0).unwrap_err(), 2);
        assert_told(&block_on(idle.read_ranges(&[0..1, 2..3])).unwrap_err(), 2);
    }
    // What is known of it stays, and it may be closed like any other.
    assert_eq!((idle.position(), idle.len()), (MOVED, u64::MAX));
    block_on(idle.close()).unwrap();
    block_on(busy.read(100)).unwrap();
    assert_eq!(setup.registry.stream_counts()[0].reclaimed, 1);
}

#[test]
fn a_young_stream_does_not_hide_an_old_one() {
    let setup = setup("3");
    let _old = setup.open(1);
    setup.pass(LESS);
    let _young = setup.open(2);
    setup.pass(LESS);
    let _younger = setup.open(3);
    let another = setup.open(4);
    assert_eq!(setup.taken_away(), [1]);
    // Nor does an older one that has moved.
    setup.let_go(4, another);
    let mut moving = setup.open(5);
    setup.pass(LESS);
    block_on(moving.read(100)).unwrap();
    let _last = setup.open(6);
    assert_eq!(setup.taken_away(), [1, 2]);
}

#[test]
fn no_more_streams_are_taken_away_than_openers_wait() {
    let setup = setup("4");
    let _streams = [1, 2, 3, 4].map(|file| setup.open(file));
    setup.pass(PATIENCE);
    let _first = setup.open(5);
    assert_eq!(setup.taken_away(), [1]);
    let _second = setup.open(6);
    assert_eq!(setup.taken_away(), [1, 2]);
}

#[test]
fn an_output_that_is_taken_away_is_given_up_and_never_published() {
    let setup = setup("1");
    let mut output = setup.create(1);
    block_on(output.write(&[0; MOVED as usize])).unwrap();
    let waiter = setup.waiter(2);
    setup.pass(PATIENCE);
    // The credit has gone back once, whatever becomes of the stream that lost it.
    setup.let_go(2, waiter.now_or_never().unwrap().unwrap());
    assert_told(&block_on(output.write(&[0])).unwrap_err(), 1);
    assert_told(&block_on(output.sync()).unwrap_err(), 1);
    assert_told(&block_on(output.close()).unwrap_err(), 1);
    block_on(output.abort()).unwrap();
    assert_eq!((output.position(), output.location()), (MOVED, path(1)));
    drop(output);
    assert!(setup.store.state().published.is_empty());
    let first = setup.open(3);
    let _waiter = setup.waiter(4);
    drop(first);
}

#[test]
fn a_recoverable_stream_that_is_taken_away_keeps_what_was_persisted() {
    let setup = setup("1");
    let mut stream = setup.recoverable(1);
    block_on(stream.write(&[0; MOVED as usize])).unwrap();
    block_on(stream.persist()).unwrap();
    let waiter = setup.waiter(2);
    setup.pass(PATIENCE);
    setup.let_go(2, waiter.now_or_never().unwrap().unwrap());
    // Dropped: neither closed nor aborted, nor published.
    assert_eq!(setup.taken_away(), [1]);
    assert!(setup.store.state().persisted.contains(&1));
    assert!(setup.store.state().published.is_empty());
    assert_told(&block_on(stream.persist()).unwrap_err(), 1);
    assert_told(&block_on(stream.close_for_commit()).err().unwrap(), 1);
    block_on(stream.close()).unwrap();
}

#[test]
fn a_call_that_waits_for_its_store_is_ended_where_it_waits() {
    let setup = setup("1");
    let mut stream = setup.open(1);
    setup.store.answer(1, Answer::Hangs);
    let caller = thread::spawn(move || block_on(stream.read(100)).map(drop));
    while !setup.store.is_hanging(1) {
        thread::yield_now();
    }
    let waiter = setup.waiter(2);
    setup.pass(PATIENCE);
    let mut waiter = waiter;
    // The stream is told here, and ends over there.
    let opened = (&mut waiter).now_or_never();
    assert_told(&caller.join().unwrap().unwrap_err(), 1);
    setup.let_go(2, opened.or_else(|| waiter.now_or_never()).unwrap().unwrap());
    assert_eq!(setup.taken_away(), [1]);
}

#[test]
fn a_call_that_is_given_up_after_the_stream_was_taken_away_gives_the_credit_back() {
    let setup = setup("1");
    let mut stream = setup.open(1);
    setup.store.answer(1, Answer::Hangs);
    let mut call = stream.read(100);
    assert!((&mut call).now_or_never().is_none());
    let mut waiter = setup.waiter(2);
    setup.pass(PATIENCE);
    assert!((&mut waiter).now_or_never().is_none());
    // Nobody polls it any more.
    drop(call);
    setup.let_go(2, waiter.now_or_never().unwrap().unwrap());
    assert_told(&block_on(stream.read(100)).unwrap_err(), 1);
}

#[test]
fn a_stream_that_is_being_closed_is_left_to_publish() {
    let setup = setup("1");
    let mut output = setup.create(1);
    setup.store.answer(1, Answer::Hangs);
    let mut close = output.close();
    assert!((&mut close).now_or_never().is_none());
    let mut waiter = setup.waiter(2);
    for _ in 0..5 {
        setup.pass(PATIENCE);
        assert!((&mut waiter).now_or_never().is_none());
    }
    setup.store.answer(1, Answer::Works);
    close.now_or_never().unwrap().unwrap();
    setup.let_go(2, waiter.now_or_never().unwrap().unwrap());
    assert!(setup.store.state().published.contains(&1));
    assert!(setup.taken_away().is_empty());
}

#[test]
fn only_what_helps_is_taken_away() {
    let setup = with_limits(&[("fs.fake.limit.output", "1"), ("fs.fake.limit.input", "9")]);
    let _input = setup.open(1);
    let _output = setup.create(2);
    setup.pass(PATIENCE);
    let third = path(3);
    let created = setup.fs.create(&third, &CreateOptions::default()).now_or_never();
    let _created = created.unwrap().unwrap();
    assert_eq!(setup.taken_away(), [2]);
}

#[test]
fn for_whoever_waits_for_something_else_nothing_is_taken_away() {
    let setup = with_limits(&[("fs.fake.limit.output", "3"), ("fs.fake.limit.input", "1")]);
    let _input = setup.open(1);
    let _outputs = [2, 3, 4].map(|file| setup.create(file));
    let mut readers = [5, 6, 7, 8, 9].map(|file| setup.waiter(file));
    let (tenth, options) = (path(10), CreateOptions::default());
    let mut writer = setup.fs.create(&tenth, &options);
    assert!((&mut writer).now_or_never().is_none());
    setup.pass(PATIENCE);
    let _created = writer.now_or_never().unwrap().unwrap();
    assert_eq!(setup.taken_away(), [2]);
    let _opened = (&mut readers[0]).now_or_never().unwrap().unwrap();
    assert_eq!(setup.taken_away(), [1, 2]);
}

/// The outcomes of those calls that are at an end.
fn ended<T>(calls: &mut [BoxFuture<'_, Result<T>>]) -> Vec<Result<T>> {
    calls.iter_mut().filter_map(FutureExt::now_or_never).collect()
}

#[test]
fn streams_that_are_about_to_end_are_counted_on_for_a_while() {
    let setup = setup("9");
    let mut streams = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(|file| setup.open(file));
    let mut calls: Vec<_> = (1..)
        .zip(&mut streams)
        .map(|(file, stream)| {
            setup.store.answer(file, Answer::Hangs);
            stream.read(100)
        })
        .collect();
    assert!(ended(&mut calls).is_empty());
    let mut waiters = [10, 11, 12].map(|file| setup.waiter(file));
    setup.pass(PATIENCE);
    assert!(ended(&mut waiters).is_empty());
    // Three were told to end; only the first is polled, and ends.
    assert_eq!(ended(&mut calls[..1]).len(), 1);
    assert!(ended(&mut calls[3..]).is_empty());
    let first = ended(&mut waiters[..1]);
    assert!(first.len() == 1 && ended(&mut waiters[1..]).is_empty());
    // If nobody polls the others for long, others end for them.
    setup.pass(Duration::from_secs(2));
    assert!(ended(&mut waiters[1..]).is_empty());
    assert_eq!(ended(&mut calls[3..]).len(), 2);
    assert_eq!(ended(&mut waiters[1..]).len(), 2);
}
