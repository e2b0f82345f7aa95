//! Reads that fetch ahead.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use plugin_api::{ErrorKind, InputStream, OpenOptions};
use proptest::prelude::*;
use testkit::{Action, Fault};

use crate::fixture::{Ahead, BUFFER, Fixture, LANE, location, pattern, range_of, read_all, start};

async fn timed(s3: &Fixture, ahead: Ahead, content: &Bytes) -> Duration {
    let mut stream = s3.open(ahead).await;
    let begin = Instant::now();
    assert!(read_all(&mut *stream).await == *content);
    begin.elapsed()
}

#[tokio::test]
async fn a_slow_connection_is_helped_by_others_and_a_small_file_needs_none() {
    let s3 = start(&[("s3.read.prefetch.max", "4 mb")]).await;
    let content = pattern(12 << 20, 1);
    s3.put(content.clone());
    s3.server
        .faults()
        .add(Fault::on("GetObject").action(Action::Trickle(12 << 20)));
    let alone = timed(&s3, Ahead::Never, &content).await;
    assert_eq!(s3.gets().len(), 1);
    let measured = timed(&s3, Ahead::Measured, &content).await;
    let told = timed(&s3, Ahead::Always, &content).await;
    assert!(
        measured * 3 < alone * 2 && told * 3 < alone * 2,
        "{alone:?} alone, {measured:?} measured, {told:?} told"
    );
    s3.server.requests().clear();
    let small = pattern(1_400_000, 2);
    s3.put(small.clone());
    timed(&s3, Ahead::Measured, &small).await;
    assert_eq!(s3.gets().len(), 1);
}

#[tokio::test]
async fn the_ranges_ahead_are_disjoint_and_each_is_asked_for_once() {
    let s3 = start(&[]).await;
    let content = pattern(3_333_333, 3);
    s3.put(content.clone());
    assert!(read_all(&mut *s3.open(Ahead::Always).await).await == content);
    let mut ranges: Vec<_> = s3.gets().iter().map(range_of).collect();
    ranges.sort_unstable();
    assert_eq!(ranges[0], (0, None));
    let mut next = BUFFER;
    for (start, end) in &ranges[1..] {
        assert_eq!(*start, next);
        next = end.unwrap();
        assert!(next - start <= LANE);
    }
    assert_eq!(next, 3_333_333);
    let etag = s3.gets()[0].header("if-match").map(str::to_owned);
    assert!(etag.is_some());
    assert!(
        s3.gets()
            .iter()
            .all(|get| get.header("if-match") == etag.as_deref())
    );
}

#[tokio::test]
async fn a_seek_within_what_was_fetched_makes_no_request_and_one_away_ends_it() {
    let s3 = start(&[]).await;
    let content = pattern(16 << 20, 4);
    s3.put(content.clone());
    let mut stream = s3.open(Ahead::Always).await;
    let read_at = async |stream: &mut Box<dyn InputStream>, at: u64| {
        stream.seek(at).unwrap();
        let chunk = stream.read(5_000).await.unwrap();
        assert!(
            content[at as usize..].starts_with(&chunk) && !chunk.is_empty(),
            "{at}"
        );
    };
    read_at(&mut stream, 0).await;
    read_at(&mut stream, BUFFER + 10).await;
    read_at(&mut stream, BUFFER + LANE - 1).await;
    let ends = |gets: &[(u64, Option<u64>)]| gets.iter().filter(|get| get.1.is_none()).count();
    let ranges = || s3.gets().iter().map(range_of).collect::<Vec<_>>();
    read_at(&mut stream, BUFFER + 2 * LANE).await;
    assert_eq!(ends(&ranges()), 1, "{:?}", ranges());
    assert!(ranges().len() <= 1 + 4 + 2, "{:?}", ranges());
    // Away from all of it: a new beginning.
    read_at(&mut stream, 12 << 20).await;
    read_at(&mut stream, 1 << 20).await;
    assert_eq!(ends(&ranges()), 3, "{:?}", ranges());
    stream.close().await.unwrap();
    assert_eq!(stream.read(1).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn without_memory_or_connections_to_spare_a_stream_reads_on_with_one_request() {
    for scarce in [
        ("s3.memory.budget", "400 kb"),
        ("s3.connection.max", "4"),
        ("s3.read.prefetch.max", "0"),
    ] {
        let s3 = start(&[scarce]).await;
        let content = pattern(4 << 20, 5);
        s3.put(content.clone());
        assert!(read_all(&mut *s3.open(Ahead::Always).await).await == content);
        assert_eq!(s3.gets().len(), 1, "{scarce:?}");
    }
    let s3 = start(&[]).await;
    s3.put(pattern(4 << 20, 5));
    let mut options = OpenOptions {
        buffer_size: 100_000,
        ..OpenOptions::default()
    };
    options.extensions.set("read.sequential", "true", true);
    let mut stream = s3.fs.open(&location(), &options).await.unwrap();
    assert_eq!(read_all(&mut *stream).await.len(), 4 << 20);
    assert_eq!(s3.gets().len(), 1);
    options.extensions.set("read.sequential", "perhaps", true);
    let error = s3.fs.open(&location(), &options).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

#[tokio::test]
async fn many_streams_share_the_memory_and_few_connections() {
    let s3 = start(&[("s3.memory.budget", "3 mb"), ("s3.connection.max", "8")]).await;
    let content = pattern(3 << 20, 6);
    s3.put(content.clone());
    let streams = (0..32).map(async |_| {
        let mut stream = s3.open(Ahead::Always).await;
        assert!(read_all(&mut *stream).await == content);
    });
    futures::future::join_all(streams).await;
    // Streams that stand still do not keep the others from reading.
    let mut idle = Vec::new();
    for _ in 0..4 {
        let mut stream = s3.open(Ahead::Always).await;
        stream.seek(1 << 20).unwrap();
        assert!(!stream.read(1).await.unwrap().is_empty());
        idle.push(stream);
    }
    assert!(read_all(&mut *s3.open(Ahead::Always).await).await == content);
}

#[tokio::test]
async fn a_cancelled_read_ahead_loses_nothing() {
    let s3 = start(&[]).await;
    let content = pattern(2 << 20, 7);
    s3.put(content.clone());
    let mut stream = s3.open(Ahead::Always).await;
    let mut read = BytesMut::from(&stream.read(usize::MAX).await.unwrap()[..]);
    let mut cancelled = 0;
    while read.len() < content.len() {
        let before = stream.position();
        tokio::select! {
            biased;
            chunk = stream.read(50_000) => read.extend_from_slice(&chunk.unwrap()),
            () = tokio::task::yield_now() => {
                cancelled += 1;
                assert_eq!(stream.position(), before);
            }
        }
    }
    assert!(cancelled > 0 && read == content);
    assert!(stream.read(1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_that_is_replaced_under_the_ranges_ahead_is_noticed() {
    let s3 = start(&[]).await;
    let content = pattern(4 << 20, 8);
    s3.put(content.clone());
    let mut stream = s3.open(Ahead::Always).await;
    let mut read = BytesMut::from(&stream.read(usize::MAX).await.unwrap()[..]);
    s3.put(pattern(4 << 20, 9));
    let error = loop {
        match stream.read(usize::MAX).await {
            Ok(chunk) => {
                assert!(!chunk.is_empty());
                read.extend_from_slice(&chunk);
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
    assert!(content.starts_with(&read));
    assert_eq!(stream.position(), read.len() as u64);
    assert_eq!(stream.read(1).await.unwrap_err().kind(), ErrorKind::Changed);
}

#[derive(Clone, Debug)]
enum Step {
    Seek(u64),
    /// A small step forward or back.
    Nudge(i64),
    Read(usize),
    Cut(u64, u64),
    Reset(u64),
}

const LEN: u64 = 2_500_000;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => (0..=LEN).prop_map(Step::Seek),
        2 => (-100_000..400_000_i64).prop_map(Step::Nudge),
        6 => (0..300_000_usize).prop_map(Step::Read),
        1 => (0..6_u64, 0..300_000_u64).prop_map(|(number, at)| Step::Cut(number, at)),
        1 => (0..6_u64).prop_map(Step::Reset),
    ];
    prop::collection::vec(step, 1..40)
}

#[test]
fn any_sequence_of_calls_and_faults_reads_the_right_bytes() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let s3 = runtime.block_on(start(&[("s3.retry.max-num-retries", "40")]));
    let content = pattern(LEN as usize, 10);
    s3.put(content.clone());
    let config = ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in steps())| {
        s3.forget();
        runtime.block_on(run(&s3, &content, steps));
    });
}

async fn run(s3: &Fixture, content: &Bytes, steps: Vec<Step>) {
    let mut stream = s3.open(Ahead::Always).await;
    for step in steps {
        let position = stream.position();
        match step {
            Step::Seek(to) => stream.seek(to).unwrap(),
            Step::Nudge(by) => stream.seek(position.saturating_add_signed(by).min(LEN)).unwrap(),
            Step::Cut(number, at) => s3.on_get(number, Action::CutBodyAfter(at)),
            Step::Reset(number) => s3.on_get(number, Action::Reset),
            Step::Read(max) => {
                let chunk = stream.read(max).await.unwrap();
                assert!(content[position as usize..].starts_with(&chunk));
                assert_eq!(chunk.is_empty(), max == 0 || position == LEN);
            }
        }
    }
    let position = stream.position() as usize;
    assert!(read_all(&mut *stream).await == content[position..]);
}
