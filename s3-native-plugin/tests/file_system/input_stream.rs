use bytes::{Bytes, BytesMut};
use plugin_api::{Error, ErrorKind, FileStatus, InputStream, OpenOptions};
use proptest::prelude::*;
use testkit::{Action, Fault, Server};

use crate::fixture::{Fixture, at, pattern, start, start_with};

async fn open(s3: &Fixture, key: &str) -> Box<dyn InputStream> {
    s3.fs.open(&at(key), &OpenOptions::default()).await.unwrap()
}

/// Reads on to the end, in chunks of at most `max` bytes.
async fn rest(stream: &mut dyn InputStream, max: usize) -> Result<Bytes, Error> {
    let mut content = BytesMut::new();
    loop {
        let before = stream.position();
        let chunk = stream.read(max).await?;
        assert!(chunk.len() <= max);
        assert_eq!(stream.position(), before + chunk.len() as u64);
        if chunk.is_empty() {
            return Ok(content.freeze());
        }
        content.extend_from_slice(&chunk);
    }
}

async fn first_error(s3: &Fixture, key: &str) -> Error {
    let mut stream = open(s3, key).await;
    let error = rest(&mut *stream, usize::MAX).await.unwrap_err();
    assert_eq!((error.operation(), error.path()), ("read", at(key).as_str()));
    assert!(
        !error.to_string().contains('\n') && !error.remedy().is_empty(),
        "{error}"
    );
    error
}

#[tokio::test]
async fn a_file_is_read_with_one_request_and_its_status_may_save_another() {
    let s3 = start().await;
    let content = pattern(3 << 20);
    s3.put("file", content.clone());
    let mut stream = open(&s3, "file").await;
    assert_eq!((stream.len(), stream.position()), (3 << 20, 0));
    assert_eq!(s3.server.requests().count("GetObject"), 0, "open is lazy");
    assert!(rest(&mut *stream, 100_000).await.unwrap() == content);
    assert!(stream.read(1).await.unwrap().is_empty());
    assert_eq!(s3.server.requests().count("GetObject"), 1);
    assert_eq!(s3.server.requests().count("HeadObject"), 1);

    let options = OpenOptions {
        status: Some(s3.fs.status(&at("file")).await.unwrap()),
        ..OpenOptions::default()
    };
    s3.server.requests().clear();
    let mut stream = s3.fs.open(&at("file"), &options).await.unwrap();
    assert!(rest(&mut *stream, usize::MAX).await.unwrap() == content);
    assert_eq!(s3.server.requests().total(), 1);
    let get = &s3.server.requests().of("GetObject")[0];
    assert!(get.range().is_none() && get.header("if-match").is_some());
}

#[tokio::test]
async fn an_empty_file_needs_no_get() {
    let s3 = start().await;
    s3.put("empty", "");
    let mut stream = open(&s3, "empty").await;
    assert!(stream.read(10).await.unwrap().is_empty());
    assert_eq!(stream.read_into(&mut [0; 4]).await.unwrap(), 0);
    stream.seek(0).unwrap();
    assert_eq!(s3.server.requests().count("GetObject"), 0);
}

#[tokio::test]
async fn directories_and_nothing_cannot_be_opened() {
    let s3 = start().await;
    s3.put("dir/file", "x");
    for (key, kind) in [
        ("dir", ErrorKind::IsADirectory),
        ("dir/", ErrorKind::IsADirectory),
        ("", ErrorKind::IsADirectory),
        ("nothing", ErrorKind::NotFound),
        ("dir/file/", ErrorKind::NotFound),
    ] {
        let error = s3.fs.open(&at(key), &OpenOptions::default()).await.err().unwrap();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn seeks_make_no_request_and_near_ones_read_on() {
    let s3 = start().await;
    let content = pattern(4 << 20);
    s3.put("file", content.clone());
    let mut stream = open(&s3, "file").await;
    for i in 0..100 {
        let position = i * 1000;
        stream.seek(position as u64).unwrap();
        assert_eq!(
            stream.read(10).await.unwrap(),
            content[position..position + 10],
            "{position}"
        );
    }
    assert_eq!(s3.server.requests().count("GetObject"), 1);
    stream.seek(3 << 20).unwrap();
    stream.seek(1 << 20).unwrap();
    stream.seek(2 << 20).unwrap();
    assert_eq!(stream.read(7).await.unwrap(), content[2 << 20..][..7]);
    assert_eq!(s3.server.requests().count("GetObject"), 2);
    stream.seek(0).unwrap();
    assert_eq!(stream.read(7).await.unwrap(), content[..7]);
    let gets = s3.server.requests().of("GetObject");
    assert_eq!(gets.len(), 3);
    assert_eq!(gets[1].range(), Some("bytes=2097152-"));
    stream.seek(4 << 20).unwrap();
    assert!(stream.read(1).await.unwrap().is_empty());
    let error = stream.seek((4 << 20) + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
    assert_eq!(stream.position(), 4 << 20);
    stream.close().await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(stream.read(1).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_cut_body_is_resumed_where_it_broke() {
    let s3 = start().await;
    let content = pattern(2 << 20);
    s3.put("file", content.clone());
    for cut in [0, 1, 65_536, 1_000_000, (2 << 20) - 1] {
        s3.server.requests().clear();
        let fault = Fault::on("GetObject").times(1).action(Action::CutBodyAfter(cut));
        s3.server.faults().add(fault);
        let mut stream = open(&s3, "file").await;
        assert!(rest(&mut *stream, usize::MAX).await.unwrap() == content, "{cut}");
        let gets = s3.server.requests().of("GetObject");
        assert_eq!(gets.len(), 2, "{cut}");
        let etag = gets[0].header("if-match");
        assert!(etag.is_some() && gets[1].header("if-match") == etag);
        s3.server.faults().clear();
    }
}

#[tokio::test]
async fn a_body_that_is_always_cut_ends_in_an_error_and_never_in_a_short_file() {
    let s3 = start().await;
    s3.put("file", pattern(1 << 20));
    let fault = Fault::on("GetObject").action(Action::CutBodyAfter(10));
    let fault = s3.server.faults().add(fault);
    let error = first_error(&s3, "file").await;
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
    assert_eq!((error.attempts(), fault.hits()), (4, 4));
}

#[tokio::test]
async fn resets_are_survived_and_then_reported() {
    let s3 = start().await;
    s3.put("file", "content");
    let reset = Fault::on("GetObject").action(Action::Reset);
    s3.server.faults().add(reset.clone().times(2));
    let mut stream = open(&s3, "file").await;
    assert_eq!(rest(&mut *stream, 3).await.unwrap(), "content");
    s3.server.faults().add(reset);
    let error = first_error(&s3, "file").await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(
        error.to_string().contains(&s3.server.address().to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    let silent = [("s3.socket.timeout", "400 ms"), ("s3.retry.max-num-retries", "0")];
    let s3 = start_with(Server::builder(), &silent).await;
    s3.put("file", "content");
    let mut stream = open(&s3, "file").await;
    s3.server
        .faults()
        .add(Fault::on("GetObject").times(1).action(Action::BlackHole));
    let error = stream.read(10).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.remedy().contains("s3.socket.timeout"), "{error}");
    assert_eq!(stream.read(10).await.unwrap(), "content", "the stream goes on");
}

#[tokio::test]
async fn a_replaced_or_deleted_file_is_noticed() {
    let s3 = start().await;
    for (replace, when) in [(true, 0), (true, 10), (false, 0), (false, 10)] {
        s3.put("file", pattern(8 << 20));
        let mut stream = open(&s3, "file").await;
        if when > 0 {
            assert_eq!(stream.read(when).await.unwrap().len(), when);
        }
        if replace {
            s3.put("file", pattern((8 << 20) + 1).slice(1..));
        } else {
            s3.server.store().delete(crate::fixture::BUCKET, "file");
        }
        stream.seek(7 << 20).unwrap();
        let error = stream.read(10).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_as_its_status_said_is_never_read_wrongly() {
    let s3 = start().await;
    s3.put("file", "content");
    let known = |len, etag: &str| OpenOptions {
        status: Some(FileStatus::file(at("file"), len).with_etag(etag)),
        ..OpenOptions::default()
    };
    for (options, position) in [
        (known(6, ""), 0),
        (known(8, ""), 0),
        (known(6, ""), 2),
        (known(8, ""), 2),
        (known(100, ""), 50),
        (known(7, "\"another\""), 0),
    ] {
        let mut stream = s3.fs.open(&at("file"), &options).await.unwrap();
        stream.seek(position).unwrap();
        let error = stream.read(10).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{position} {error}");
    }
    let mut stream = s3.fs.open(&at("file"), &known(7, "")).await.unwrap();
    assert_eq!(rest(&mut *stream, 100).await.unwrap(), "content");
    let gone = OpenOptions {
        status: Some(FileStatus::file(at("gone"), 7)),
        ..OpenOptions::default()
    };
    let mut stream = s3.fs.open(&at("gone"), &gone).await.unwrap();
    assert_eq!(stream.read(1).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn only_the_wanted_version_is_opened() {
    let s3 = start().await;
    s3.put("file", "content");
    let etag = s3.fs.status(&at("file")).await.unwrap().etag;
    let wanted = |etag: &str| OpenOptions {
        if_match: etag.to_owned(),
        ..OpenOptions::default()
    };
    let mut stream = s3.fs.open(&at("file"), &wanted(&etag)).await.unwrap();
    assert_eq!(rest(&mut *stream, 100).await.unwrap(), "content");
    let other = s3.fs.open(&at("file"), &wanted("\"other\"")).await.err().unwrap();
    assert_eq!(other.kind(), ErrorKind::Changed, "{other}");
}

#[tokio::test]
async fn a_cancelled_read_loses_nothing() {
    let s3 = start().await;
    let content = pattern(1 << 20);
    s3.put("file", content.clone());
    let mut stream = open(&s3, "file").await;
    let mut read = BytesMut::new();
    let mut cancelled = 0;
    loop {
        let before = stream.position();
        // Polled only now and then: most calls are dropped in the middle.
        let chunk = tokio::select! {
            biased;
            chunk = stream.read(50_000) => Some(chunk.unwrap()),
            () = tokio::task::yield_now() => None,
        };
        match chunk {
            Some(chunk) if chunk.is_empty() => break,
            Some(chunk) => read.extend_from_slice(&chunk),
            None => {
                cancelled += 1;
                assert_eq!(stream.position(), before);
                // Opening starts afresh whenever it is cancelled, so let it get through.
                if cancelled % 3 == 0 {
                    read.extend_from_slice(&stream.read(50_000).await.unwrap());
                }
            }
        }
    }
    assert!(cancelled > 0 && read == content);
}

#[tokio::test]
async fn ranges_come_in_the_order_asked_for_and_neighbours_share_a_request() {
    let s3 = start().await;
    let content = pattern(4 << 20);
    s3.put("file", content.clone());
    let mut stream = open(&s3, "file").await;
    stream.seek(17).unwrap();
    let ranges = [
        3_000_000..3_000_010,
        0..10,
        5..20,
        100..100,
        1000..1500,
        (4 << 20) - 1..4 << 20,
    ];
    let chunks = stream.read_ranges(&ranges).await.unwrap();
    for (range, chunk) in ranges.iter().zip(&chunks) {
        assert!(
            *chunk == content[range.start as usize..range.end as usize],
            "{range:?}"
        );
    }
    assert_eq!(stream.position(), 17);
    assert_eq!(s3.server.requests().count("GetObject"), 3);
    let error = stream
        .read_ranges(&[0..10, (4 << 20) - 1..(4 << 20) + 1])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
    s3.server
        .faults()
        .add(Fault::on("GetObject").times(2).action(Action::CutBodyAfter(3)));
    let again = stream.read_ranges(&ranges).await.unwrap();
    assert!(again == chunks, "cut ranges are resumed");
    s3.put("file", pattern(5));
    let error = stream.read_ranges(&ranges).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
}

#[derive(Clone, Debug)]
enum Step {
    Seek(u64),
    Read(usize),
    ReadInto(usize),
    Ranges(Vec<(u64, u64)>),
    Cut(u64),
}

const LEN: u64 = 700_000;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..=LEN).prop_map(Step::Seek),
        (0..300_000_usize).prop_map(Step::Read),
        (0..300_000_usize).prop_map(Step::ReadInto),
        prop::collection::vec((0..=LEN, 0..50_000_u64), 0..6).prop_map(Step::Ranges),
        (0..LEN).prop_map(Step::Cut),
    ];
    prop::collection::vec(step, 1..30)
}

#[test]
fn any_sequence_of_calls_and_cuts_reads_the_right_bytes() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let s3 = runtime.block_on(start_with(
        Server::builder(),
        &[("s3.retry.max-num-retries", "40")],
    ));
    let content = pattern(LEN as usize);
    s3.put("file", content.clone());
    let config = ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in steps())| {
        s3.server.faults().clear();
        runtime.block_on(run(&s3, &content, steps));
    });
}

async fn run(s3: &Fixture, content: &Bytes, steps: Vec<Step>) {
    let mut stream = open(s3, "file").await;
    for step in steps {
        let position = stream.position() as usize;
        match step {
            Step::Seek(to) => stream.seek(to).unwrap(),
            Step::Cut(at) => {
                let fault = Fault::on("GetObject").times(1).action(Action::CutBodyAfter(at));
                s3.server.faults().add(fault);
            }
            Step::Read(max) => {
                let chunk = stream.read(max).await.unwrap();
                assert!(content[position..].starts_with(&chunk));
                assert_eq!(chunk.is_empty(), max == 0 || position == content.len());
            }
            Step::ReadInto(len) => {
                let mut buffer = vec![0; len];
                let read = stream.read_into(&mut buffer).await.unwrap();
                assert!(content[position..].starts_with(&buffer[..read]));
                assert_eq!(read == 0, len == 0 || position == content.len());
            }
            Step::Ranges(ranges) => {
                let ranges: Vec<_> = ranges
                    .into_iter()
                    .map(|(start, len)| start..(start + len).min(LEN))
                    .collect();
                let chunks = stream.read_ranges(&ranges).await.unwrap();
                for (range, chunk) in ranges.iter().zip(&chunks) {
                    assert!(*chunk == content[range.start as usize..range.end as usize]);
                }
                assert_eq!(stream.position() as usize, position);
            }
        }
    }
}
