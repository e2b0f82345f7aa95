//! Inside the store.

use std::time::Duration;

use plugin_api::{Capabilities, ErrorKind, Location};
use testkit::{Action, Fault};

use crate::fixture::{BUCKET, Fixture, connect, location, pattern};
use crate::tree::{copy, request, until};

const ODD_KEYS: &[&str] = &[
    "a+b",
    "a%2Fb",
    "100%",
    "what?x=y&z",
    "hash#tag",
    "spa ce ",
    "é",
    "e\u{301}",
    "日本語",
    "a//b",
    "a/./b",
    "../up",
    "tab\tnew\nline",
    "\"quoted\"&<xml>",
];

#[tokio::test]
async fn odd_keys_are_copied_to_odd_keys_without_a_byte_coming_here() {
    let fixture = Fixture::new().await;
    let requests: Vec<_> = ODD_KEYS
        .iter()
        .enumerate()
        .map(|(number, key)| {
            fixture.server.store().put(BUCKET, key, pattern(100 + number));
            request(location(key), location(&format!("copy/{key}")), 0)
        })
        .collect();
    let reports = copy(&fixture.fs, &requests).await.unwrap();
    for (number, key) in ODD_KEYS.iter().enumerate() {
        assert_eq!(
            fixture.content(&format!("copy/{key}")),
            Some(pattern(100 + number)),
            "{key}"
        );
        assert_eq!(reports.all()[number], (100 + number as u64, 1), "{key}");
    }
    let log = fixture.server.requests();
    assert_eq!(log.count("CopyObject"), ODD_KEYS.len() as u64);
    assert_eq!(log.count("GetObject") + log.count("PutObject"), 0);
}

#[tokio::test]
async fn what_is_too_large_for_one_request_is_copied_in_parts() {
    let fixture = Fixture::new().await;
    let threshold = [("s3.copy.multipart.threshold", "100000")];
    let (_factory, fs) = connect(&fixture.server, BUCKET, &threshold).await;
    fixture.server.store().put(BUCKET, "at", pattern(100_000));
    fixture.server.store().put(BUCKET, "above %+", pattern(1_000_001));
    let requests = [
        request(location("at"), location("copy/at"), 0),
        request(location("above %+"), location("copy/above"), 0),
    ];
    let reports = copy(&fs, &requests).await.unwrap();
    assert_eq!(reports.all(), [(100_000, 1), (1_000_001, 1)]);
    assert_eq!(fixture.content("copy/at"), Some(pattern(100_000)));
    assert_eq!(fixture.content("copy/above"), Some(pattern(1_000_001)));
    let log = fixture.server.requests();
    assert_eq!((log.count("CopyObject"), log.count("UploadPartCopy")), (1, 11));
    assert_eq!(fixture.open_uploads(), 0);
}

#[tokio::test]
async fn another_bucket_of_the_endpoint_can_be_the_source_but_never_the_target() {
    let fixture = Fixture::on(|server| server.bucket("elsewhere")).await;
    fixture.server.store().put("elsewhere", "k%", "content");
    let foreign = Location::parse("s3a://elsewhere/k%").unwrap();
    let bulk = fixture.fs.bulk_copy().unwrap();
    let file = Location::parse("file:///tmp/x").unwrap();
    let ours = location("copy");
    for (source, target, can) in [
        (&foreign, &ours, true),
        (&ours, &file, true),
        (&file, &ours, true),
        (&foreign, &file, false),
        (&ours, &foreign, false),
        (&file, &foreign, false),
        (&file, &file, false),
        (&Location::parse("file://host/x").unwrap(), &ours, false),
        (&Location::parse("hdfs://bucket/x").unwrap(), &ours, false),
    ] {
        assert_eq!(bulk.can_copy(source, target), can, "{source} -> {target}");
        if !can {
            let requests = [request(source.clone(), target.clone(), 0)];
            let error = copy(&fixture.fs, &requests).await.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        }
    }
    copy(&fixture.fs, &[request(foreign, ours, 0)]).await.unwrap();
    assert_eq!(fixture.content("copy"), Some(b"content".to_vec()));
}

#[tokio::test]
async fn a_copy_onto_itself_changes_nothing_and_a_missing_one_is_named() {
    let fixture = Fixture::new().await;
    fixture.server.store().put(BUCKET, "key", "content");
    let reports = copy(&fixture.fs, &[request(location("key"), location("key"), 0)])
        .await
        .unwrap();
    assert_eq!(reports.all(), [(7, 1)]);
    assert_eq!(fixture.server.requests().count("CopyObject"), 0);
    let error = copy(&fixture.fs, &[request(location("no"), location("to"), 0)])
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("s3://bucket/no") && text.contains("s3://bucket/to"),
        "{text}"
    );
}

#[tokio::test]
async fn a_source_that_is_replaced_before_it_is_copied_is_an_error() {
    let fixture = Fixture::new().await;
    fixture.server.store().put(BUCKET, "key", "old");
    let delay = Action::Delay(Duration::from_millis(500));
    fixture.server.faults().add(Fault::on("CopyObject").action(delay));
    let requests = [request(location("key"), location("to"), 0)];
    let replace = async {
        until("the copy is asked for", || {
            fixture.server.requests().count("CopyObject") == 1
        })
        .await;
        fixture.server.store().put(BUCKET, "key", "new");
    };
    let (copied, ()) = tokio::join!(copy(&fixture.fs, &requests), replace);
    let error = copied.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
    assert_eq!(fixture.content("to"), None);
}

#[tokio::test]
async fn an_error_in_a_reply_that_says_success_is_an_error() {
    let fixture = Fixture::new().await;
    fixture.server.store().put(BUCKET, "key", "content");
    fixture
        .server
        .faults()
        .add(Fault::on("CopyObject").action(Action::error_in_200("InternalError")));
    let error = copy(&fixture.fs, &[request(location("key"), location("to"), 0)])
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(fixture.content("to"), None);
}

#[tokio::test]
async fn bulk_copies_that_are_switched_off_are_not_promised() {
    let fixture = Fixture::new().await;
    assert!(fixture.fs.capabilities().contains(Capabilities::BULK_COPY));
    let (_factory, fs) = fixture
        .another_process(&[("s3.bulk-copy.enabled", "false")])
        .await;
    assert!(!fs.capabilities().contains(Capabilities::BULK_COPY));
    let error = fs.bulk_copy().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.remedy().contains("s3.bulk-copy.enabled"), "{error}");
}
