//! What is found out about a store that is not Amazon S3, and the keys that decide instead.

use plugin_api::{Capabilities, CreateOptions, ErrorKind, FileSystem, FileSystemExt as _, Result};
use testkit::Personality;

use crate::fixture::{BUCKET, Fixture, PART, location, pattern};

const AUTO: (&str, &str) = ("s3.conditional-writes", "auto");

async fn create(fs: &dyn FileSystem, key: &str, content: &[u8]) -> Result<()> {
    let content = content.to_vec().into();
    fs.write_all(&location(key), content, &CreateOptions::default())
        .await
        .map(drop)
}

#[tokio::test]
async fn a_store_that_obeys_conditions_is_tried_once_and_then_trusted() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(&[AUTO]).await;
    let requests = fixture.server.requests();
    create(&*fs, "first", b"small").await.unwrap();
    assert_eq!(
        (requests.count("HeadObject"), requests.count("PutObject")),
        (1, 2)
    );
    requests.clear();
    create(&*fs, "second", b"small").await.unwrap();
    assert_eq!(requests.total(), 1);
    create(&*fs, "large", &pattern(PART + 1)).await.unwrap();
    assert_eq!(requests.count("CompleteMultipartUpload"), 2);
    requests.clear();
    create(&*fs, "larger", &pattern(PART + 1)).await.unwrap();
    assert_eq!(
        (requests.total(), requests.count("CompleteMultipartUpload")),
        (4, 1)
    );
    assert!(fs.capabilities().contains(Capabilities::ATOMIC_CREATE));
    assert_eq!(fixture.content("first").unwrap(), b"small");
}

#[tokio::test]
async fn a_store_that_overlooks_conditions_replaces_no_file_and_is_claimed_no_more() {
    for personality in [Personality::OldMinio, Personality::GcsXml, Personality::SeaweedFs] {
        let fixture = Fixture::on(|server| server.personality(personality)).await;
        fixture.server.store().put(BUCKET, "there", "theirs");
        for content in [&b"small"[..], &pattern(PART + 1)] {
            let error = create(&*fixture.fs, "there", content).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
        }
        assert!(fixture.fs.capabilities().contains(Capabilities::ATOMIC_CREATE));
        create(&*fixture.fs, "new", b"ours").await.unwrap();
        assert!(!fixture.fs.capabilities().contains(Capabilities::ATOMIC_CREATE));
        assert_eq!(fixture.content("there").unwrap(), b"theirs");
        assert_eq!(fixture.content("new").unwrap(), b"ours");
        fixture.server.requests().clear();
        create(&*fixture.fs, "newer", b"ours").await.unwrap();
        // Not all requests: the upload that was given up above may be aborted only now.
        let requests = fixture.server.requests();
        assert_eq!(
            (requests.count("HeadObject"), requests.count("PutObject")),
            (1, 1)
        );
        assert_eq!(requests.of("PutObject")[0].header("if-none-match"), None);
    }
}

#[tokio::test]
async fn a_file_moves_whether_the_conditions_of_copies_and_deletions_are_obeyed_or_not() {
    for personality in Personality::ALL {
        let fixture = Fixture::on(|server| server.personality(personality)).await;
        let (_factory, fs) = fixture.another_process(&[AUTO]).await;
        for key in ["one", "two"] {
            create(&*fs, key, key.as_bytes()).await.unwrap();
            let moved = format!("moved-{key}");
            fs.rename(&location(key), &location(&moved)).await.unwrap();
            assert_eq!(fixture.content(key), None, "{personality:?}");
            assert_eq!(
                fixture.content(&moved).unwrap(),
                key.as_bytes(),
                "{personality:?}"
            );
        }
    }
}

#[tokio::test]
async fn conditions_are_not_sent_if_a_key_says_so() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture
        .another_process(&[("s3.conditional-writes", "false")])
        .await;
    assert!(!fs.capabilities().contains(Capabilities::ATOMIC_CREATE));
    create(&*fs, "file", b"small").await.unwrap();
    create(&*fs, "large", &pattern(PART + 1)).await.unwrap();
    let error = create(&*fs, "file", b"other").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    fs.rename(&location("file"), &location("moved")).await.unwrap();
    for operation in [
        "PutObject",
        "CompleteMultipartUpload",
        "CopyObject",
        "DeleteObject",
    ] {
        let sent = fixture.server.requests().of(operation);
        assert!(!sent.is_empty(), "{operation}");
        for request in sent {
            for header in ["if-none-match", "if-match", "x-amz-copy-source-if-match"] {
                assert_eq!(request.header(header), None, "{operation}");
            }
        }
    }
}

#[tokio::test]
async fn checksums_are_neither_sent_nor_asked_for_if_a_key_says_so() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture
        .another_process(&[("s3.checksum-validation.enabled", "false")])
        .await;
    create(&*fs, "small", b"small").await.unwrap();
    create(&*fs, "large", &pattern(PART + 1)).await.unwrap();
    assert_eq!(fs.read_all(&location("small")).await.unwrap(), "small");
    for operation in ["PutObject", "CreateMultipartUpload", "UploadPart", "GetObject"] {
        for request in fixture.server.requests().of(operation) {
            for header in [
                "x-amz-checksum-crc32c",
                "x-amz-checksum-algorithm",
                "x-amz-checksum-mode",
            ] {
                assert_eq!(request.header(header), None, "{operation}");
            }
        }
    }
}

#[tokio::test]
async fn bulk_deletions_have_the_size_that_a_key_says_or_are_not_made() {
    for (key, value, bulk, single) in [
        ("s3.delete.batch-size", "2", 3, 0),
        ("s3.delete.batch.enabled", "false", 0, 5),
    ] {
        let fixture = Fixture::new().await;
        let (_factory, fs) = fixture.another_process(&[(key, value)]).await;
        for number in 0..5 {
            fixture.server.store().put(BUCKET, &format!("dir/{number}"), "x");
        }
        assert!(fs.delete(&location("dir"), true).await.unwrap());
        assert!(fixture.server.store().keys(BUCKET).is_empty());
        let requests = fixture.server.requests();
        let counts = (requests.count("DeleteObjects"), requests.count("DeleteObject"));
        assert_eq!(counts, (bulk, single), "{key}");
    }
}

#[tokio::test]
async fn a_store_that_refuses_unequal_parts_costs_one_file_unless_a_key_says_so() {
    // So many parts that the last ones grow.
    let content = pattern(70 * PART);
    for (value, costs) in [("auto", true), ("true", false)] {
        let fixture = Fixture::on(|server| server.personality(Personality::R2)).await;
        let (_factory, fs) = fixture.another_process(&[("s3.upload.equal-parts", value)]).await;
        let first = create(&*fs, "first", &content).await;
        assert_eq!(first.is_err(), costs, "{value}");
        if let Err(error) = first {
            assert!(error.remedy().contains("'s3.upload.equal-parts'"), "{error}");
            assert_eq!(fixture.content("first"), None);
        }
        create(&*fs, "second", &content).await.unwrap();
        assert!(fixture.content("second").unwrap() == content);
    }
}
