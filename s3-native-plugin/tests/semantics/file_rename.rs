//! `rename` of a file: what the copy keeps, and what becomes of the source.

use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use plugin_api::{CreateOptions, ErrorKind, FileSystemExt};
use testkit::{Action, Fault};

use crate::fixture::{BUCKET, Fixture, location, pattern};

const IN_PARTS: &[(&str, &str)] = &[
    ("s3.copy.multipart.threshold", "100000"),
    ("s3.retry.max-num-retries", "0"),
];

fn client(fixture: &Fixture) -> aws_sdk_s3::Client {
    let server = &fixture.server;
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(
            server.access_key(),
            server.secret_key(),
            None,
            None,
            "test",
        ))
        .region(Region::new(server.region().to_owned()))
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled());
    aws_sdk_s3::Client::from_conf(config.build())
}

#[tokio::test]
async fn a_copy_in_one_request_or_in_parts_keeps_headers_and_metadata() {
    let fixture = Fixture::new().await;
    let (_factory, in_parts) = fixture.another_process(IN_PARTS).await;
    let content = pattern(450_000);
    for fs in [&fixture.fs, &in_parts] {
        client(&fixture)
            .put_object()
            .bucket(BUCKET)
            .key("from")
            .content_type("text/csv")
            .content_encoding("gzip")
            .content_language("cs")
            .content_disposition("inline")
            .cache_control("no-store")
            .metadata("owner", "somebody")
            .body(ByteStream::from(content.clone()))
            .send()
            .await
            .unwrap();
        fs.rename(&location("from"), &location("to")).await.unwrap();
        assert_eq!(fixture.server.store().keys(BUCKET), ["to"]);
        let head = client(&fixture).head_object().bucket(BUCKET).key("to");
        let head = head.send().await.unwrap();
        assert_eq!(head.content_type(), Some("text/csv"));
        assert_eq!(head.content_encoding(), Some("gzip"));
        assert_eq!(head.content_language(), Some("cs"));
        assert_eq!(head.content_disposition(), Some("inline"));
        assert_eq!(head.cache_control(), Some("no-store"));
        assert_eq!(head.metadata().unwrap()["owner"], "somebody");
        assert!(fixture.content("to").unwrap() == content);
        assert!(fs.delete(&location("to"), false).await.unwrap());
    }
    assert_eq!(fixture.server.requests().count("UploadPartCopy"), 5);
}

#[tokio::test]
async fn a_copy_in_parts_whose_last_reply_is_lost_is_settled_by_looking() {
    for forget in [false, true] {
        let fixture = Fixture::on(|server| server.forget_completed_uploads(forget)).await;
        let content = pattern(250_000);
        for retries in ["0", "2"] {
            let options = [IN_PARTS[0], ("s3.retry.max-num-retries", retries)];
            let (_factory, fs) = fixture.another_process(&options).await;
            for action in [
                Action::ApplyThenReset,
                Action::apply_then_status(500, "InternalError"),
                Action::apply_then_status(503, "SlowDown"),
            ] {
                fixture.server.store().put(BUCKET, "from", content.clone());
                let lost = Fault::on("CompleteMultipartUpload").times(1).action(action);
                fixture.server.faults().add(lost);
                fs.rename(&location("from"), &location("to")).await.unwrap();
                assert_eq!(fixture.server.store().keys(BUCKET), ["to"]);
                assert!(fixture.content("to").unwrap() == content);
                fixture.no_upload_is_left().await;
            }
        }
    }
}

#[tokio::test]
async fn a_copy_in_parts_that_was_not_made_is_never_taken_for_an_older_one() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(IN_PARTS).await;
    let content = pattern(250_000);
    // What stands at the target is the same file, copied in the same way earlier.
    fixture.server.store().put(BUCKET, "from", content.clone());
    fs.rename(&location("from"), &location("to")).await.unwrap();
    fixture.server.store().put(BUCKET, "from", content.clone());
    let failing = Fault::on("CompleteMultipartUpload");
    let failing = failing.action(Action::status(500, "InternalError", "no"));
    let failing = fixture.server.faults().add(failing);
    let error = fs.rename(&location("from"), &location("to")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(fixture.content("from").unwrap() == content);
    fixture.no_upload_is_left().await;
    failing.remove();
    fs.rename(&location("from"), &location("to")).await.unwrap();
    assert_eq!(fixture.server.store().keys(BUCKET), ["to"]);
}

#[tokio::test]
async fn a_cancelled_copy_in_parts_leaves_the_source_and_no_upload() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(IN_PARTS).await;
    fixture.server.store().put(BUCKET, "from", pattern(250_000));
    let stuck = Fault::on("UploadPartCopy").action(Action::BlackHole);
    fixture.server.faults().add(stuck);
    let (from, to) = (location("from"), location("to"));
    tokio::select! {
        renamed = fs.rename(&from, &to) => panic!("{renamed:?}"),
        () = async {
            while fixture.server.requests().count("UploadPartCopy") == 0 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    fixture.no_upload_is_left().await;
    assert_eq!(fixture.server.store().keys(BUCKET), ["from"]);
}

#[tokio::test]
async fn a_source_that_is_replaced_before_it_is_deleted_is_left_alone() {
    let fixture = Fixture::new().await;
    fixture.server.store().put(BUCKET, "from", "old");
    // The deletion takes its time, so that there is a moment before it.
    let slow = Fault::on("DeleteObject").action(Action::Delay(Duration::from_secs(1)));
    fixture.server.faults().add(slow.times(1));
    let foreign = async {
        while fixture.server.requests().count("DeleteObject") == 0 {
            tokio::task::yield_now().await;
        }
        fixture.server.store().put(BUCKET, "from", "new");
    };
    let (from, to) = (location("from"), location("to"));
    let (renamed, ()) = tokio::join!(fixture.fs.rename(&from, &to), foreign);
    let error = renamed.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
    assert_eq!(fixture.content("from").unwrap(), b"new");
    assert_eq!(fixture.content("to").unwrap(), b"old");
}

#[tokio::test]
async fn a_store_without_conditional_deletions_is_learnt_once_and_files_still_move() {
    for refusal in [
        Action::status(501, "NotImplemented", "no such header"),
        // It compares in its own way, and is wrong.
        Action::status(412, "PreconditionFailed", "no"),
    ] {
        let fixture = Fixture::new().await;
        let refused = Fault::on("DeleteObject").times(1).action(refusal);
        fixture.server.faults().add(refused);
        for to in ["b", "c"] {
            fixture.server.store().put(BUCKET, "a", "x");
            fixture.fs.rename(&location("a"), &location(to)).await.unwrap();
        }
        assert_eq!(fixture.server.store().keys(BUCKET), ["b", "c"]);
        let deletions = fixture.server.requests().of("DeleteObject");
        let conditions: Vec<bool> = deletions
            .iter()
            .map(|request| request.header("if-match").is_some())
            .collect();
        assert_eq!(conditions, [true, false, false]);
    }
}

#[tokio::test]
async fn a_deletion_whose_reply_is_lost_is_a_success() {
    let fixture = Fixture::new().await;
    fixture.server.store().put(BUCKET, "a", "x");
    let lost = Fault::on("DeleteObject").times(1).action(Action::ApplyThenReset);
    fixture.server.faults().add(lost);
    fixture.fs.rename(&location("a"), &location("b")).await.unwrap();
    assert_eq!(fixture.server.store().keys(BUCKET), ["b"]);
}

#[tokio::test]
async fn a_file_replaces_the_target_and_its_copy_is_pinned_to_what_was_looked_at() {
    let fixture = Fixture::new().await;
    let options = CreateOptions::default();
    for key in ["from", "to"] {
        fixture
            .fs
            .write_all(&location(key), key.into(), &options)
            .await
            .unwrap();
    }
    fixture
        .fs
        .rename(&location("from"), &location("to"))
        .await
        .unwrap();
    assert_eq!(fixture.content("to").unwrap(), b"from");
    let copy = &fixture.server.requests().of("CopyObject")[0];
    assert!(copy.header("x-amz-copy-source-if-match").is_some());
    fixture.server.store().put(BUCKET, "from", "x");
    let replaced = Fault::on("CopyObject").action(Action::status(412, "PreconditionFailed", "no"));
    fixture.server.faults().add(replaced);
    let error = fixture
        .fs
        .rename(&location("from"), &location("to"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
    assert!(fixture.content("from").is_some());
}
