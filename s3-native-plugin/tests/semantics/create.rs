//! `create` of a file that must not replace another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use plugin_api::{
    Capabilities, CreateOptions, ErrorKind, FileSystem, FileSystemExt, FileSystemFactory, Result, WriteMode,
};
use testkit::{Action, Fault};
use tracing::field::{Field, Visit};
use tracing::span;

use crate::fixture::{BUCKET, Fixture, PART, location, pattern};

/// Writes a file that is all of one byte, and tells it.
async fn create(fs: &dyn FileSystem, key: &str, byte: u8, len: usize) -> Result<u8> {
    let options = CreateOptions {
        mode: WriteMode::NoOverwrite,
        ..CreateOptions::default()
    };
    fs.write_all(&location(key), vec![byte; len].into(), &options)
        .await?;
    Ok(byte)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_racing_writers_exactly_one_wins_in_each_of_1000_rounds() {
    let fixture = Fixture::new().await;
    let (_factory, other) = fixture.another_process(&[]).await;
    let mut wins = [0; 2];
    for round in 0..1000 {
        let key = format!("file-{round}");
        // Now and then by completing an upload, and now and then against a single request.
        let len = |writer: usize| match (round + writer) % 10 {
            0 => PART + 1,
            _ if round % 10 == 0 => PART + 1,
            _ => 10,
        };
        let writers = [fixture.fs.clone(), other.clone()];
        let tasks: Vec<_> = (0..2)
            .zip(writers)
            .map(|(writer, fs)| {
                let (key, len) = (key.clone(), len(writer));
                tokio::spawn(async move { create(&*fs, &key, writer as u8, len).await })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(byte) => winners.push(byte),
                Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}"),
            }
        }
        let [winner] = winners[..] else {
            panic!("round {round}: the winners are {winners:?}");
        };
        wins[usize::from(winner)] += 1;
        let content = fixture.content(&key).unwrap();
        assert_eq!(content.len(), len(usize::from(winner)));
        assert!(content.iter().all(|&byte| byte == winner), "round {round}");
    }
    assert_eq!(wins[0] + wins[1], 1000);
    fixture.no_upload_is_left().await;
}

#[tokio::test]
async fn every_lost_reply_to_our_own_creation_is_settled_and_nobody_elses_file_is_taken_for_ours() {
    for len in [10, PART + 10] {
        for action in [
            Action::ApplyThenReset,
            Action::apply_then_status(500, "InternalError"),
            Action::apply_then_status(503, "SlowDown"),
        ] {
            let fixture = Fixture::new().await;
            for operation in ["PutObject", "CompleteMultipartUpload"] {
                let lost = Fault::on(operation).times(1).action(action.clone());
                fixture.server.faults().add(lost);
            }
            create(&*fixture.fs, "mine", 1, len).await.unwrap();
            assert_eq!(fixture.content("mine").unwrap(), vec![1; len]);
            fixture.server.faults().clear();
            let error = create(&*fixture.fs, "mine", 1, len).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
            fixture.no_upload_is_left().await;
        }
    }
}

#[tokio::test]
async fn a_conflict_with_another_request_is_tried_again_and_then_told() {
    for (len, operation) in [(10, "PutObject"), (PART + 10, "CompleteMultipartUpload")] {
        let fixture = Fixture::new().await;
        let conflict = Action::status(409, "ConditionalRequestConflict", "another request");
        let fault = Fault::on(operation).action(conflict);
        let passing = fixture.server.faults().add(fault.clone().times(2));
        create(&*fixture.fs, "file", 1, len).await.unwrap();
        assert_eq!(passing.hits(), 2);
        fixture.server.faults().add(fault);
        let error = create(&*fixture.fs, "other", 1, len).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(fixture.content("other").is_none());
        fixture.no_upload_is_left().await;
    }
}

/// Counts the warnings that name the endpoint.
struct Warnings {
    endpoint: String,
    count: Arc<AtomicUsize>,
}

impl Visit for &Warnings {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "endpoint" && format!("{value:?}").contains(&self.endpoint) {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut visitor = self;
        event.record(&mut visitor);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn without_conditional_writes_the_weaker_promise_is_claimed_no_more_and_told_once() {
    for operation in ["PutObject", "CompleteMultipartUpload"] {
        let fixture = Fixture::new().await;
        let (factory, fs) = fixture.another_process(&[]).await;
        let count = Arc::new(AtomicUsize::new(0));
        let _default = tracing::subscriber::set_default(Warnings {
            endpoint: fixture.server.endpoint(),
            count: count.clone(),
        });
        let refusal = Action::status(501, "NotImplemented", "If-None-Match is not implemented");
        // A put is refused for its checksum too, as far as the client can tell.
        let times = if operation == "PutObject" { 2 } else { 1 };
        let refused = Fault::on(operation).times(times).action(refusal);
        fixture.server.faults().add(refused);
        assert!(fs.capabilities().contains(Capabilities::ATOMIC_CREATE));
        let len = if operation == "PutObject" { 10 } else { PART + 10 };
        create(&*fs, "first", 1, len).await.unwrap();
        assert!(!fs.capabilities().contains(Capabilities::ATOMIC_CREATE));
        assert_eq!(count.load(Ordering::Relaxed), 1);

        // What is there already is still seen, by asking.
        fixture.server.requests().clear();
        for (key, len) in [("first", 10), ("first", PART + 10)] {
            let error = create(&*fs, key, 2, len).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
        }
        create(&*fs, "second", 2, 10).await.unwrap();
        assert_eq!(fixture.content("first").unwrap(), vec![1; len]);
        for put in fixture.server.requests().of("PutObject") {
            assert!(put.header("if-none-match").is_none());
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);

        // A file system that is made later by the same factory knows.
        let config = plugin_api::Config::from_pairs(fixture.server.config("s3."));
        let later = factory.create(&location(""), &config).await.unwrap();
        assert!(!later.capabilities().contains(Capabilities::ATOMIC_CREATE));
    }
}

#[tokio::test]
async fn overwriting_is_one_request_that_looks_at_nothing_and_leaves_no_gap() {
    let fixture = Fixture::new().await;
    fixture.server.store().put(BUCKET, "file/child", "x");
    for content in [pattern(10), pattern(20)] {
        fixture.server.requests().clear();
        fixture
            .fs
            .write_all(
                &location("file"),
                content.clone().into(),
                &CreateOptions::overwrite(),
            )
            .await
            .unwrap();
        assert_eq!(fixture.content("file").unwrap(), content);
        assert_eq!(fixture.server.requests().total(), 1);
    }
    assert_eq!(fixture.server.store().keys(BUCKET), ["file", "file/child"]);
}
