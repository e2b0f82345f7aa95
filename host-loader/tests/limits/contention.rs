//! Many threads and few streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use futures::FutureExt;
use host_loader::blocking::block_on;
use host_loader::plugin_api::{CreateOptions, FileSystem, InputStream, OpenOptions, OutputStream};

use crate::clock::ManualClock;
use crate::fake_store::{Answer, FakeStore, Way, path};

const THREADS: usize = 61;

enum Stream {
    Input(Box<dyn InputStream>),
    Output(Box<dyn OutputStream>),
}

fn open(fs: &dyn FileSystem, way: Way, file: u64) -> Stream {
    match way {
        Way::In => Stream::Input(block_on(fs.open(&path(file), &OpenOptions::default())).unwrap()),
        Way::Out => Stream::Output(block_on(fs.create(&path(file), &CreateOptions::default())).unwrap()),
    }
}

fn use_and_close(stream: Stream) {
    match stream {
        Stream::Input(mut stream) => {
            block_on(stream.read(100)).unwrap();
            thread::yield_now();
            block_on(stream.close()).unwrap();
        }
        Stream::Output(mut stream) => {
            block_on(stream.write(&[0; 7])).unwrap();
            thread::yield_now();
            block_on(stream.close()).unwrap();
        }
    }
}

/// 61 threads use 20 streams each; the thread's number says which way. All of them wait for the first streams, which
/// are these.
fn contend(pairs: &[(&str, &str)], first: &[Way], way: fn(usize) -> Way) -> FakeStore {
    let store = FakeStore::new(&ManualClock::new());
    let registry = store.registry(pairs);
    let fs = block_on(registry.get(&path(0))).unwrap();
    let next = AtomicU64::new(0);
    let number = || next.fetch_add(1, Ordering::Relaxed);
    let streams: Vec<Stream> = first.iter().map(|way| open(&*fs, *way, number())).collect();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (fs, number) = (&*fs, &number);
            scope.spawn(move || {
                for _ in 0..20 {
                    use_and_close(open(fs, way(thread), number()));
                }
            });
        }
        while registry.stream_counts()[0].waiting < THREADS as u64 {
            thread::yield_now();
        }
        streams.into_iter().for_each(use_and_close);
    });
    let state = store.state();
    let [inputs, outputs] = [&state.begun[0], &state.begun[1]];
    assert_eq!(inputs.len() + outputs.len(), THREADS * 20 + first.len());
    assert_eq!((state.in_use, state.published.len()), ([0, 0], outputs.len()));
    let counts = registry.stream_counts().remove(0);
    assert_eq!([counts.bytes_read, counts.bytes_written], state.bytes);
    assert!(counts.waits >= THREADS as u64 && counts.waiting == 0);
    drop(state);
    store
}

fn alternating(thread: usize) -> Way {
    [Way::In, Way::Out][thread % 2]
}

#[test]
fn sixty_one_readers_share_two_input_streams() {
    let store = contend(&[("fs.fake.limit.input", "2")], &[Way::In; 2], |_| Way::In);
    assert_eq!(store.state().peak, [2, 0]);
}

#[test]
fn sixty_one_writers_share_two_output_streams() {
    let store = contend(&[("fs.fake.limit.output", "2")], &[Way::Out; 2], |_| Way::Out);
    assert_eq!(store.state().peak, [0, 2]);
}

#[test]
fn sixty_one_readers_and_writers_share_two_streams_of_each_kind() {
    let pairs = [("fs.fake.limit.input", "2"), ("fs.fake.limit.output", "2")];
    let store = contend(&pairs, &[Way::In, Way::In, Way::Out, Way::Out], alternating);
    assert_eq!(store.state().peak, [2, 2]);
}

#[test]
fn sixty_one_readers_and_writers_share_two_streams_in_total() {
    let store = contend(&[("fs.fake.limit.total", "2")], &[Way::In, Way::Out], alternating);
    assert_eq!(store.state().total_peak, 2);
}

/// As above, but openings fail and are given up in the queue and before they are polled, and streams are dropped.
#[test]
fn sixty_one_threads_that_fail_and_give_up_lose_no_credit() {
    let store = FakeStore::new(&ManualClock::new());
    let registry = store.registry(&[("fs.fake.limit.total", "3"), ("fs.fake.limit.output", "2")]);
    let fs = block_on(registry.get(&path(0))).unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let (store, fs) = (&store, &*fs);
            scope.spawn(move || {
                for round in 0..200 {
                    let file = thread * 1_000 + round;
                    let (target, options) = (path(file), CreateOptions::default());
                    let read_options = OpenOptions::default();
                    // A number that has nothing to do with that of the others.
                    let mut opening = match file.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61 {
                        0 => {
                            store.answer(file, Answer::Fails);
                            assert!(block_on(fs.create(&target, &options)).is_err());
                            continue;
                        }
                        1 | 2 => fs
                            .open(&target, &read_options)
                            .map(|opened| opened.map(drop))
                            .boxed(),
                        _ => fs
                            .create(&target, &options)
                            .map(|created| created.map(drop))
                            .boxed(),
                    };
                    store.state().let_go.insert(file);
                    if round % 3 == 0 {
                        // Polled once at most.
                        let _ = (&mut opening).now_or_never();
                        continue;
                    }
                    block_on(opening).unwrap();
                }
            });
        }
    });
    assert_eq!(store.state().in_use, [0, 0]);
    assert!(store.state().total_peak <= 3 && store.state().peak[1] <= 2);
    assert!(registry.open_streams().is_empty());
    let fs: Arc<dyn FileSystem> = fs;
    let read = |file| block_on(async { fs.open(&path(file), &OpenOptions::default()).await }).unwrap();
    let all: Vec<_> = (0..3).map(|file| read(file + 1_000_000)).collect();
    let fourth = path(2_000_000);
    assert!(fs.open(&fourth, &OpenOptions::default()).now_or_never().is_none());
    drop(all);
}
