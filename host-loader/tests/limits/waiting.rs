//! Waiting for a stream: in turn, in time, and not at all after a shutdown.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{
    BulkCopy, CopyOptions, CopyRequest, CreateOptions, ErrorKind, FileSystem, InputStream, NoProgress,
    OpenOptions, OutputStream, Result, Retry,
};

use crate::clock::ManualClock;
use crate::fake_store::{Answer, FakeStore, Way, path};

struct Setup {
    clock: ManualClock,
    store: FakeStore,
    registry: FileSystems,
    fs: Arc<dyn FileSystem>,
}

fn setup(pairs: &[(&str, &str)]) -> Setup {
    let clock = ManualClock::new();
    let store = FakeStore::new(&clock);
    let registry = store.registry(pairs);
    let fs = block_on(registry.get(&path(0))).unwrap();
    Setup {
        clock,
        store,
        registry,
        fs,
    }
}

impl Setup {
    fn open(&self, file: u64) -> BoxFuture<'static, Result<Box<dyn InputStream>>> {
        let fs = Arc::clone(&self.fs);
        async move { fs.open(&path(file), &OpenOptions::default()).await }.boxed()
    }

    fn create(&self, file: u64) -> BoxFuture<'static, Result<Box<dyn OutputStream>>> {
        let fs = Arc::clone(&self.fs);
        async move { fs.create(&path(file), &CreateOptions::default()).await }.boxed()
    }

    fn pass(&self, span: Duration) {
        self.clock.pass(span);
        self.registry.clock_changed();
    }
}

/// Polls a future that is not done.
fn poll<T>(future: &mut BoxFuture<'_, T>) {
    assert!(future.now_or_never().is_none());
}

#[test]
fn whoever_waits_is_served_in_turn_and_leaves_the_queue_when_it_goes_away() {
    let setup = setup(&[("fs.fake.limit.input", "1")]);
    let first = block_on(setup.open(1)).unwrap();
    let [mut second, mut third, mut fourth] = [2, 3, 4].map(|file| setup.open(file));
    poll(&mut second);
    poll(&mut third);
    poll(&mut fourth);
    // The other direction has no limit.
    drop(block_on(setup.create(10)).unwrap());
    // One leaves the queue, and one with the credit that it was given.
    drop(third);
    drop(first);
    poll(&mut setup.open(5));
    drop(second);
    drop(fourth.now_or_never().unwrap().unwrap());
    assert_eq!(setup.store.state().begun[0], [1, 4]);
    assert_eq!(setup.store.in_use(Way::In), 0);
    drop(block_on(setup.open(6)).unwrap());
}

#[test]
fn an_opener_does_not_wait_behind_one_that_waits_for_what_it_does_not_need() {
    let setup = setup(&[("fs.fake.limit.total", "2"), ("fs.fake.limit.output", "1")]);
    let output = block_on(setup.create(1)).unwrap();
    let mut waiting = setup.create(2);
    poll(&mut waiting);
    let input = block_on(setup.open(3)).unwrap();
    let mut reader = setup.open(4);
    poll(&mut reader);
    // What the writer waits for comes to the writer, however long the reader waits.
    drop(output);
    poll(&mut reader);
    let output = waiting.now_or_never().unwrap().unwrap();
    drop(input);
    drop(reader.now_or_never().unwrap().unwrap());
    drop(output);
}

#[test]
fn an_opening_that_takes_long_or_fails_keeps_nobody_else_from_opening() {
    let setup = setup(&[("fs.fake.limit.total", "2")]);
    setup.store.answer(1, Answer::Hangs);
    let mut slow = setup.open(1);
    poll(&mut slow);
    drop(block_on(setup.open(2)).unwrap());
    setup.store.answer(3, Answer::Fails);
    for _ in 0..5 {
        let error = block_on(setup.create(3)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    setup.store.answer(1, Answer::Works);
    drop(slow.now_or_never().unwrap().unwrap());
    assert_eq!(setup.registry.stream_counts()[0].waits, 0);
}

#[test]
fn after_the_configured_time_the_error_says_what_is_open_and_what_to_do() {
    let setup = setup(&[
        ("fs.fake.limit.total", "3"),
        ("fs.fake.limit.input", "2"),
        ("fs.fake.limit.timeout", "5000"),
    ]);
    let _streams = [1, 2].map(|file| block_on(setup.open(file)).unwrap());
    let _output = block_on(setup.create(3)).unwrap();
    let mut waiting = setup.open(4);
    poll(&mut waiting);
    setup.pass(Duration::from_millis(4_999));
    poll(&mut waiting);
    setup.pass(Duration::from_millis(1));
    let error = waiting.now_or_never().unwrap().err().unwrap();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Timeout, Retry::Yes));
    assert_eq!(
        error.to_string(),
        "fake://store/4: no stream of fake://store became free within 5s: 2 input and 1 output streams are open, \
         limits are total 3, input 2; close streams sooner, raise 'fs.fake.limit.total', 'fs.fake.limit.input' or \
         'fs.fake.limit.timeout', or set 'fs.fake.limit.stream-timeout' so that idle ones are closed"
    );
    let counts = setup.registry.stream_counts().remove(0);
    assert_eq!((counts.waits, counts.refused), (1, 1));
    assert_eq!(counts.waited, Duration::from_secs(5));
    assert_eq!((counts.open_inputs, counts.open_outputs), (2, 1));
}

#[test]
fn a_shutdown_refuses_whoever_waits_and_whoever_comes() {
    let setup = setup(&[("fs.fake.limit.total", "1")]);
    let mut stream = block_on(setup.create(1)).unwrap();
    let mut waiting = setup.open(2);
    poll(&mut waiting);
    block_on(setup.registry.shutdown(Duration::ZERO)).unwrap();
    for opening in [waiting, setup.open(3)] {
        let error = opening.now_or_never().unwrap().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Closed);
    }
    // Nor is what is open published any more.
    assert_eq!(block_on(stream.close()).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(setup.store.state().begun, [vec![], vec![1]]);
}

/// A copy of so many files, from the store.
async fn copy(bulk_copy: Arc<dyn BulkCopy>, file: u64, files: usize, at_a_time: u32) -> Result<()> {
    let request = CopyRequest {
        source: path(file),
        target: "file:///copy".parse().unwrap(),
        size_hint: 0,
    };
    let options = CopyOptions {
        max_concurrent: at_a_time,
        ..CopyOptions::default()
    };
    let requests = vec![request; files];
    bulk_copy
        .copy_files(&requests, &options, Box::new(NoProgress))
        .await
}

#[test]
fn a_copy_takes_as_many_credits_as_it_has_files_at_a_time_but_never_more_than_are_free() {
    let setup = setup(&[("fs.fake.limit.input", "4")]);
    let bulk_copy = setup.fs.bulk_copy().unwrap();
    for (file, files, at_a_time, taken) in [(1, 3, 0, 3), (2, 9, 2, 2), (3, 9, 0, 4), (4, 1, 8, 1)] {
        setup.store.answer(file, Answer::Hangs);
        let mut copying = copy(Arc::clone(&bulk_copy), file, files, at_a_time).boxed();
        poll(&mut copying);
        assert_eq!(setup.store.in_use(Way::In), taken);
        setup.store.answer(file, Answer::Works);
        copying.now_or_never().unwrap().unwrap();
    }
    let stream = block_on(setup.open(5)).unwrap();
    setup.store.answer(6, Answer::Hangs);
    let mut copying = copy(Arc::clone(&bulk_copy), 6, 9, 0).boxed();
    poll(&mut copying);
    assert_eq!(setup.store.in_use(Way::In), 4);
    let mut waiting = setup.open(7);
    poll(&mut waiting);
    drop(stream);
    drop(waiting.now_or_never().unwrap().unwrap());
    // Cancelled, it gives all of them back.
    drop(copying);
    let all: Vec<_> = (8..12).map(|file| block_on(setup.open(file)).unwrap()).collect();
    assert_eq!(setup.store.in_use(Way::In), all.len());
    assert_eq!(
        setup.registry.stream_counts()[0].bytes_read,
        setup.store.state().bytes[0]
    );
}

#[test]
fn without_limits_a_copy_is_left_to_the_plugin() {
    let setup = setup(&[("fs.fake.limit.timeout", "1"), ("fs.fake.limit.total", "-1")]);
    setup.store.answer(1, Answer::Hangs);
    let mut copying = copy(setup.fs.bulk_copy().unwrap(), 1, 9, 0).boxed();
    poll(&mut copying);
    // The number that the caller gave.
    assert_eq!(setup.store.in_use(Way::In), 0);
}
