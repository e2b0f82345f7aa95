//! What goes wrong on the way down, and what is left of it.

use std::fs;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use plugin_api::{CopyOptions, ErrorKind, NoProgress};
use testkit::{Action, Fault};

use crate::fixture::{BUCKET, Fixture, connect, location, pattern};
use crate::tree::{AtFirst, copy, down, files, request, tree, until};

#[tokio::test]
async fn a_missing_source_ends_the_rest_names_both_ends_and_leaves_no_temporary() {
    let fixture = Fixture::new().await;
    let target = tempfile::tempdir().unwrap();
    fixture.server.store().put(BUCKET, "there", "content");
    copy(&fixture.fs, &[down("there", target.path(), "there")])
        .await
        .unwrap();
    // All of them are on their way and would be for ever.
    let hole = Fault::on("GetObject")
        .key_contains("stuck")
        .action(Action::BlackHole);
    fixture.server.faults().add(hole);
    let mut requests: Vec<_> = (0..10)
        .map(|number| {
            down(
                &format!("stuck{number}"),
                target.path(),
                &format!("stuck{number}"),
            )
        })
        .collect();
    requests.push(down("missing", target.path(), "missing"));
    let error = copy(&fixture.fs, &requests).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("s3://bucket/missing") && text.contains("/missing')"),
        "{text}"
    );
    assert!(!text.contains('\n'));
    assert_eq!(files(target.path()), ["there"], "what was complete stays");
}

#[tokio::test]
async fn a_failure_starts_nothing_new() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = connect(&fixture.server, BUCKET, &[("s3.bulk-copy.max-concurrent", "1")]).await;
    let target = tempfile::tempdir().unwrap();
    let requests: Vec<_> = (0..50)
        .map(|number| down(&format!("no/{number}"), target.path(), &format!("{number}")))
        .collect();
    let error = copy(&fs, &requests).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(fixture.server.requests().total(), 1);
}

#[tokio::test]
async fn a_dropped_copy_leaves_nothing_and_stops() {
    let fixture = Fixture::new().await;
    let target = tempfile::tempdir().unwrap();
    fixture.server.store().put(BUCKET, "large", pattern(32 << 20));
    fixture.server.store().put(BUCKET, "stuck", pattern(1));
    let hole = Fault::on("GetObject").key("stuck").action(Action::BlackHole);
    fixture.server.faults().add(hole);
    // The last range of the large file never comes.
    let last = Fault::on("GetObject")
        .key("large")
        .skip(3)
        .action(Action::BlackHole);
    fixture.server.faults().add(last);
    let mut large = down("large", target.path(), "large");
    large.size_hint = 32 << 20;
    let requests = [large, down("stuck", target.path(), "stuck")];
    let bulk = fixture.fs.bulk_copy().unwrap();
    {
        let options = CopyOptions::default();
        let mut copying = pin!(bulk.copy_files(&requests, &options, Box::new(NoProgress)));
        let mut poll = async || {
            poll_fn(|context| {
                assert!(copying.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
        };
        poll().await;
        until("the copy runs", || {
            fixture.server.requests().count("GetObject") == 5
        })
        .await;
        poll().await;
    }
    // Both permits and temporary files come back: the next copy finds all as it was.
    fixture.server.faults().clear();
    until("a temporary file was left", || tree(target.path()).is_empty()).await;
    copy(&fixture.fs, &requests).await.unwrap();
    assert_eq!(files(target.path()), ["large", "stuck"]);
}

#[tokio::test]
async fn a_source_that_is_replaced_in_the_middle_is_an_error_and_no_target() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = connect(&fixture.server, BUCKET, &[("s3.bulk-copy.max-concurrent", "1")]).await;
    let target = tempfile::tempdir().unwrap();
    for hint in [0, 32 << 20] {
        fixture.server.store().put(BUCKET, "key", pattern(32 << 20));
        let store = fixture.server.store().clone();
        let replace = AtFirst::new(move || store.put(BUCKET, "key", "another"));
        // The second range is asked for, and looked at only once the first one has been reported.
        let late = Action::Delay(Duration::from_millis(500));
        fixture.server.faults().clear();
        fixture
            .server
            .faults()
            .add(Fault::on("GetObject").skip(1).times(1).action(late));
        let requests = [request(
            location("key"),
            crate::tree::local(target.path(), "file"),
            hint,
        )];
        let copied = fs.bulk_copy().unwrap();
        let error = copied
            .copy_files(&requests, &CopyOptions::default(), Box::new(replace))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
        assert!(error.to_string().contains("s3://bucket/key"), "{error}");
        assert!(tree(target.path()).is_empty());
    }
}

#[tokio::test]
async fn a_cut_body_is_resumed_with_one_more_request_each() {
    let fixture = Fixture::new().await;
    let target = tempfile::tempdir().unwrap();
    fixture.server.store().put(BUCKET, "small", pattern(2 << 20));
    fixture.server.store().put(BUCKET, "large", pattern(24 << 20));
    let mut large = down("large", target.path(), "large");
    large.size_hint = 24 << 20;
    for (at, key) in [(0, "small"), (1 << 20, "small"), (5_000_000, "large")] {
        let cut = Fault::on("GetObject")
            .key(key)
            .times(1)
            .action(Action::CutBodyAfter(at));
        fixture.server.faults().add(cut);
    }
    let requests = [large, down("small", target.path(), "small")];
    let reports = copy(&fixture.fs, &requests).await.unwrap();
    assert_eq!(reports.all(), [(24 << 20, 1), (2 << 20, 1)]);
    assert!(fs::read(target.path().join("small")).unwrap() == pattern(2 << 20));
    assert!(fs::read(target.path().join("large")).unwrap() == pattern(24 << 20));
    assert_eq!(fixture.server.requests().count("GetObject"), 3 + 1 + 3);
}

#[tokio::test]
async fn a_body_that_is_always_cut_ends_with_an_error() {
    let fixture = Fixture::new().await;
    let target = tempfile::tempdir().unwrap();
    fixture.server.store().put(BUCKET, "key", pattern(100));
    fixture
        .server
        .faults()
        .add(Fault::on("GetObject").action(Action::CutBodyAfter(0)));
    let error = copy(&fixture.fs, &[down("key", target.path(), "file")])
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::Unavailable),
        "{error:?}"
    );
    assert!(tree(target.path()).is_empty());
}

#[tokio::test]
async fn one_flipped_bit_is_found_in_a_small_file_and_in_any_range_of_a_large_one() {
    let fixture = Fixture::new().await;
    let target = tempfile::tempdir().unwrap();
    fixture.server.store().put(BUCKET, "small", pattern(1000));
    fixture.server.store().put(BUCKET, "large", pattern(20 << 20));
    for (key, hint, skip) in [
        ("small", 0, 0),
        ("large", 20 << 20, 0),
        ("large", 20 << 20, 2),
        ("large", 0, 1),
    ] {
        fixture.server.faults().clear();
        let flip = Fault::on("GetObject")
            .key(key)
            .skip(skip)
            .times(1)
            .action(Action::FlipBit(999));
        fixture.server.faults().add(flip);
        let mut requests = [down(key, target.path(), "file")];
        requests[0].size_hint = hint;
        let error = copy(&fixture.fs, &requests).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{key} {error}");
        assert!(tree(target.path()).is_empty(), "{key}");
    }
}

#[tokio::test]
async fn a_store_that_knows_no_checksums_is_asked_again_without_and_remembered() {
    let fixture = Fixture::new().await;
    let target = tempfile::tempdir().unwrap();
    fixture.server.store().put(BUCKET, "key", pattern(1000));
    let refusal = Action::status(
        501,
        "NotImplemented",
        "A header you provided implies functionality",
    );
    fixture
        .server
        .faults()
        .add(Fault::on("GetObject").times(1).action(refusal));
    for name in ["a", "b"] {
        copy(&fixture.fs, &[down("key", target.path(), name)])
            .await
            .unwrap();
    }
    let asked: Vec<bool> = fixture
        .server
        .requests()
        .of("GetObject")
        .iter()
        .map(|get| get.header("x-amz-checksum-mode").is_some())
        .collect();
    assert_eq!(asked, [true, false, false]);
}
