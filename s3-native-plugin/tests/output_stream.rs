//! The plain output stream against a server in this process.

#[path = "support/fixture.rs"]
mod fixture;

use bytes::Bytes;
use fixture::{BUCKET, Fixture, PART, connect, location, pattern};
use plugin_api::{CreateOptions, ErrorKind, Location};
use proptest::prelude::*;
use testkit::{Action, Fault};

async fn write_file(
    fixture: &Fixture,
    key: &str,
    content: &[u8],
    options: &CreateOptions,
) -> plugin_api::Result<plugin_api::FileStatus> {
    let mut stream = fixture.fs.create(&location(key), options).await?;
    stream.write(content).await?;
    stream.close().await
}

#[tokio::test]
async fn a_small_file_is_one_put_with_checksum_and_nonce() {
    let fixture = Fixture::new().await;
    let mut stream = fixture
        .fs
        .create(&location("a b/é"), &CreateOptions::default())
        .await
        .unwrap();
    stream.write(b"hello ").await.unwrap();
    stream.write_bytes(Bytes::from_static(b"world")).await.unwrap();
    stream.flush().await.unwrap();
    stream.sync().await.unwrap();
    assert_eq!(fixture.server.requests().total(), 0);
    assert_eq!(stream.position(), 11);
    let status = stream.close().await.unwrap();
    assert_eq!((status.len, status.location.key()), (11, "a b/é"));
    assert_eq!(stream.close().await.unwrap(), status);
    assert_eq!(fixture.content("a b/é").unwrap(), b"hello world");
    assert_eq!(fixture.server.requests().total(), 1);
    let object = fixture.server.store().object(BUCKET, "a b/é").unwrap();
    assert_eq!(object.metadata["fsplug-nonce"].len(), 32);
    assert_eq!(object.checksum.unwrap().0, "CRC32C");
    let put = &fixture.server.requests().of("PutObject")[0];
    assert_eq!(put.header("x-amz-content-sha256"), Some("UNSIGNED-PAYLOAD"));
    assert_eq!(put.header("if-none-match"), Some("*"));
    assert_eq!(stream.write(b"x").await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn an_empty_file_is_an_object() {
    let fixture = Fixture::new().await;
    let status = write_file(&fixture, "empty", b"", &CreateOptions::default())
        .await
        .unwrap();
    assert_eq!(status.len, 0);
    assert_eq!(fixture.content("empty").unwrap(), b"");
}

#[tokio::test]
async fn a_large_file_goes_out_in_equal_parts_and_keeps_its_checksum() {
    let fixture = Fixture::new().await;
    let content = pattern(5 * PART + 1);
    let status = write_file(&fixture, "large", &content, &CreateOptions::default())
        .await
        .unwrap();
    assert_eq!(status.len, content.len() as u64);
    assert!(status.etag.contains("-6"), "{}", status.etag);
    assert!(fixture.content("large").unwrap() == content);
    let object = fixture.server.store().object(BUCKET, "large").unwrap();
    assert_eq!(object.parts, Some(6));
    assert_eq!(object.checksum.unwrap().0, "CRC32C");
    assert_eq!(fixture.open_uploads(), 0);
    assert_eq!(fixture.server.requests().total(), 1 + 6 + 1);
}

#[test]
fn whatever_the_sizes_of_the_writes_the_bytes_are_the_same() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = runtime.block_on(Fixture::new());
    let part = PART;
    let sizes = prop_oneof![
        0..3_usize,
        1..part,
        part - 1..part + 2,
        2 * part - 1..2 * part + 2,
        part..4 * part,
    ];
    proptest!(
        ProptestConfig::with_cases(48),
        |(writes in prop::collection::vec((sizes, any::<bool>(), any::<bool>()), 0..8))| {
            runtime.block_on(async {
                let content = pattern(writes.iter().map(|(size, ..)| size).sum());
                let mut rest = Bytes::from(content.clone());
                let mut stream =
                    fixture.fs.create(&location("k"), &CreateOptions::overwrite()).await.unwrap();
                for (size, by_chunk, sync) in writes {
                    let chunk = rest.split_to(size);
                    if by_chunk {
                        stream.write_bytes(chunk).await.unwrap();
                    } else {
                        stream.write(&chunk).await.unwrap();
                    }
                    if sync {
                        stream.sync().await.unwrap();
                    }
                }
                prop_assert_eq!(stream.position(), content.len() as u64);
                prop_assert_eq!(stream.close().await.unwrap().len, content.len() as u64);
                prop_assert!(fixture.content("k").unwrap() == content);
                prop_assert_eq!(fixture.open_uploads(), 0);
                Ok(())
            })?;
        }
    );
}

#[tokio::test]
async fn an_abandoned_or_aborted_stream_publishes_nothing_and_leaves_no_upload() {
    let fixture = Fixture::new().await;
    let mut aborted = fixture
        .fs
        .create(&location("k"), &CreateOptions::default())
        .await
        .unwrap();
    aborted.write(&pattern(3 * PART + 5)).await.unwrap();
    aborted.abort().await.unwrap();
    aborted.abort().await.unwrap();
    assert_eq!(fixture.open_uploads(), 0);
    assert_eq!(aborted.close().await.unwrap_err().kind(), ErrorKind::Closed);

    let mut dropped = fixture
        .fs
        .create(&location("k"), &CreateOptions::default())
        .await
        .unwrap();
    dropped.write(&pattern(3 * PART + 5)).await.unwrap();
    dropped.sync().await.unwrap();
    assert_eq!(fixture.open_uploads(), 1);
    drop(dropped);
    fixture.no_upload_is_left().await;
    assert!(fixture.server.store().keys(BUCKET).is_empty());
}

#[tokio::test]
async fn a_write_cancelled_while_the_upload_begins_leaves_no_upload() {
    let fixture = Fixture::new().await;
    let content = pattern(2 * PART);
    for polls in 1..8 {
        let mut stream = fixture
            .fs
            .create(&location("k"), &CreateOptions::default())
            .await
            .unwrap();
        let mut write = Box::pin(stream.write(&content));
        for _ in 0..polls {
            if futures::poll!(&mut write).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(write);
        let later = stream.write(b"x").await;
        assert!(later.is_ok() || later.unwrap_err().kind() == ErrorKind::Cancelled);
        drop(stream);
        // An upload that was begun by now or will be is aborted.
        let requests = fixture.server.requests();
        while requests.count("AbortMultipartUpload") < requests.count("CreateMultipartUpload") {
            tokio::task::yield_now().await;
        }
        fixture.no_upload_is_left().await;
    }
    assert!(fixture.server.store().keys(BUCKET).is_empty());
}

#[tokio::test]
async fn of_racing_writers_that_must_not_overwrite_exactly_one_wins() {
    let fixture = Fixture::new().await;
    for (key, len) in [("small", 10), ("large", 2 * PART + 10)] {
        let content = pattern(len);
        let options = CreateOptions::default();
        let writers = (0..8).map(|_| write_file(&fixture, key, &content, &options));
        let outcomes = futures::future::join_all(writers).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for error in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
        }
        assert!(fixture.content(key).unwrap() == content);
    }
    fixture.no_upload_is_left().await;
}

#[tokio::test]
async fn a_lost_reply_to_our_own_creation_is_a_success_and_anothers_file_is_not() {
    let fixture = Fixture::new().await;
    for (operation, key, len) in [
        ("PutObject", "small", 10),
        ("CompleteMultipartUpload", "large", 2 * PART + 10),
    ] {
        for action in [Action::ApplyThenReset, Action::apply_then_status(503, "SlowDown")] {
            let content = pattern(len);
            fixture.server.store().delete(BUCKET, key);
            let fault = fixture
                .server
                .faults()
                .add(Fault::on(operation).times(1).action(action));
            let status = write_file(&fixture, key, &content, &CreateOptions::default())
                .await
                .unwrap();
            assert_eq!((fault.hits(), status.len), (1, len as u64));
            assert!(!status.etag.is_empty());
            assert!(fixture.content(key).unwrap() == content);
        }
        fixture.server.store().put(BUCKET, key, "another's");
        let error = write_file(&fixture, key, &pattern(len), &CreateOptions::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(!error.remedy().is_empty());
        assert_eq!(fixture.content(key).unwrap(), b"another's");
        write_file(&fixture, key, b"replaced", &CreateOptions::overwrite())
            .await
            .unwrap();
        assert_eq!(fixture.content(key).unwrap(), b"replaced");
    }
    fixture.no_upload_is_left().await;
}

#[tokio::test]
async fn a_conflict_of_conditional_writes_is_tried_again() {
    let fixture = Fixture::new().await;
    let conflict = || Action::status(409, "ConditionalRequestConflict", "try again");
    fixture
        .server
        .faults()
        .add(Fault::on("PutObject").times(2).action(conflict()));
    write_file(&fixture, "small", b"x", &CreateOptions::default())
        .await
        .unwrap();
    fixture
        .server
        .faults()
        .add(Fault::on("CompleteMultipartUpload").times(2).action(conflict()));
    write_file(&fixture, "large", &pattern(2 * PART), &CreateOptions::default())
        .await
        .unwrap();
    assert_eq!(fixture.server.store().keys(BUCKET), ["large", "small"]);
}

#[tokio::test]
async fn an_error_in_a_200_is_tried_again_and_is_an_error_if_it_persists() {
    let fixture = Fixture::new().await;
    let content = pattern(2 * PART);
    let error_in_200 = Fault::on("CompleteMultipartUpload").action(Action::error_in_200("InternalError"));
    fixture.server.faults().add(error_in_200.clone().times(1));
    write_file(&fixture, "once", &content, &CreateOptions::default())
        .await
        .unwrap();
    assert!(fixture.content("once").unwrap() == content);
    fixture.server.faults().add(error_in_200);
    let error = write_file(&fixture, "always", &content, &CreateOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.service_code(), "InternalError", "{error}");
    assert!(fixture.content("always").is_none());
    fixture.no_upload_is_left().await;
}

#[tokio::test]
async fn a_part_that_was_stored_but_answered_with_an_error_is_there_once() {
    let fixture = Fixture::new().await;
    let content = pattern(4 * PART + 7);
    for action in [
        Action::apply_then_status(500, "InternalError"),
        Action::ApplyThenReset,
        Action::Reset,
    ] {
        let fault = fixture
            .server
            .faults()
            .add(Fault::on("UploadPart").part_number(2).times(2).action(action));
        write_file(&fixture, "k", &content, &CreateOptions::overwrite())
            .await
            .unwrap();
        assert_eq!(fault.hits(), 2);
        assert!(fixture.content("k").unwrap() == content);
    }
}

#[tokio::test]
async fn a_part_that_cannot_be_stored_fails_the_stream_for_good() {
    let fixture = Fixture::new().await;
    let denied = Action::status(403, "AccessDenied", "no");
    fixture
        .server
        .faults()
        .add(Fault::on("UploadPart").part_number(2).action(denied));
    let mut stream = fixture
        .fs
        .create(&location("k"), &CreateOptions::default())
        .await
        .unwrap();
    let outcome = match stream.write(&pattern(8 * PART)).await {
        Ok(()) => stream.sync().await,
        error => error,
    };
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!((error.operation(), error.path()), ("UploadPart", "s3://bucket/k"));
    assert_eq!(
        stream.write(b"x").await.unwrap_err().kind(),
        ErrorKind::PermissionDenied
    );
    assert_eq!(
        stream.close().await.unwrap_err().kind(),
        ErrorKind::PermissionDenied
    );
    stream.abort().await.unwrap();
    assert_eq!(fixture.open_uploads(), 0);
    assert!(fixture.content("k").is_none());
}

#[tokio::test]
async fn a_store_without_checksums_or_conditions_is_learnt_once() {
    // What is learnt holds for endpoint and bucket, so this bucket is of this test alone.
    let fixture = Fixture::new().await;
    fixture.server.store().create_bucket("plain");
    let (_factory, fs) = connect(&fixture.server, "plain", &[]).await;
    let write = async |key: &str, content: &[u8]| {
        let path = Location::new("s3", "plain", key).unwrap();
        let mut stream = fs.create(&path, &CreateOptions::default()).await.unwrap();
        stream.write(content).await.unwrap();
        stream.close().await
    };
    // Refuses what has either of the two headers, and then takes the bare request.
    let refused = Action::status(501, "NotImplemented", "a header is not implemented");
    fixture
        .server
        .faults()
        .add(Fault::on("PutObject").times(3).action(refused));
    write("first", b"x").await.unwrap();
    let bare = fixture.server.requests().of("PutObject").pop().unwrap();
    assert_eq!(bare.header("if-none-match"), None);
    assert_eq!(bare.header("x-amz-checksum-crc32c"), None);

    fixture.server.requests().clear();
    write("second", &pattern(2 * PART + 1)).await.unwrap();
    let create = &fixture.server.requests().of("CreateMultipartUpload")[0];
    assert_eq!(create.header("x-amz-checksum-algorithm"), None);
    let error = write("first", b"y").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fixture.server.store().get("plain", "first").unwrap(), "x");
}

#[tokio::test]
async fn many_writers_within_a_tiny_budget_all_finish() {
    let fixture = Fixture::new().await;
    let budget = (2 * PART).to_string();
    let (_factory, fs) = fixture.another_process(&[("s3.memory.budget", &budget)]).await;
    let content = pattern(3 * PART + 100);
    let mut streams = Vec::new();
    for index in 0..12 {
        let path = location(&format!("k{index}"));
        streams.push(fs.create(&path, &CreateOptions::default()).await.unwrap());
    }
    // One task writes to all of them in turn: nobody else could make room.
    for piece in content.chunks(PART / 3) {
        for stream in &mut streams {
            stream.write(piece).await.unwrap();
        }
    }
    for mut stream in streams {
        stream.close().await.unwrap();
    }
    for index in 0..12 {
        assert!(fixture.content(&format!("k{index}")).unwrap() == content);
    }
}

#[tokio::test]
async fn what_cannot_be_a_file_is_refused_before_any_request() {
    let fixture = Fixture::new().await;
    let root = fixture.fs.create(&location(""), &CreateOptions::default()).await;
    assert_eq!(root.err().unwrap().kind(), ErrorKind::IsADirectory);
    let huge = CreateOptions {
        size_hint: (5 << 40) + 1,
        ..CreateOptions::default()
    };
    let huge = fixture.fs.create(&location("k"), &huge).await;
    assert_eq!(huge.err().unwrap().kind(), ErrorKind::InvalidInput);
    let mut unknown = CreateOptions::default();
    unknown.extensions.set("s3.storage-class", "GLACIER", true);
    let unknown = fixture.fs.create(&location("k"), &unknown).await;
    assert_eq!(unknown.err().unwrap().kind(), ErrorKind::Unsupported);
    assert_eq!(fixture.server.requests().total(), 0);
}
