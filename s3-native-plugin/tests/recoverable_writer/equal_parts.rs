//! Stores that demand parts of one size, and stores that allow few parts.

use plugin_api::{CreateOptions, ErrorKind, FileSystem, FileSystemExt as _, RecoverableWriter};

use super::through_a_checkpoint;
use crate::fixture::{Fixture, PART, location, pattern};

const EQUAL: (&str, &str) = ("s3.upload.equal-parts", "true");

/// From this part on parts grow unless they must not: 17 × 63² > 64 KiB.
const GROWING: usize = 70 * PART;

async fn publish(writer: &dyn RecoverableWriter, content: &[u8], step: usize, crash: bool) {
    let options = CreateOptions::overwrite();
    let mut stream = writer.open(&location("k"), &options).await.unwrap();
    for piece in content.chunks(step) {
        stream.write(piece).await.unwrap();
        let state = through_a_checkpoint(&stream.persist().await.unwrap());
        if crash {
            stream = writer.recover(&state).await.unwrap();
        }
    }
    stream.close_for_commit().await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn parts_stay_equal_over_writes_persists_and_recoveries_of_odd_sizes() {
    let fixture = Fixture::on(|server| server.equal_parts(true)).await;
    let (_factory, fs) = fixture.another_process(&[EQUAL]).await;
    let writer = fs.recoverable_writer().unwrap();
    for len in [0, 1, PART - 1, PART, PART + 1, 5 * PART, 5 * PART + 77] {
        for step in [PART / 3, PART - 1, PART, PART + 1, 3 * PART + 5] {
            for crash in [false, true] {
                publish(&*writer, &pattern(len), step, crash).await;
                assert!(
                    fixture.content("k").unwrap() == pattern(len),
                    "{len} in steps of {step}"
                );
            }
        }
    }
    assert_eq!(fixture.open_uploads(), 0);
}

#[tokio::test]
async fn a_state_is_committed_on_a_store_of_equal_parts_with_any_tail() {
    let fixture = Fixture::on(|server| server.equal_parts(true)).await;
    let (_factory, fs) = fixture.another_process(&[EQUAL]).await;
    let writer = fs.recoverable_writer().unwrap();
    for tail in [0, 1, PART - 1] {
        let content = pattern(3 * PART + tail);
        let options = CreateOptions::overwrite();
        let mut stream = writer.open(&location("k"), &options).await.unwrap();
        stream.write(&content).await.unwrap();
        let state = stream.persist().await.unwrap();
        // Whoever goes on from it keeps the size, whatever is configured there.
        drop(stream);
        let (_factory, other) = fixture
            .another_process(&[("s3.upload.min.part.size", "100000")])
            .await;
        let other = other.recoverable_writer().unwrap();
        let mut stream = other.recover(&state).await.unwrap();
        stream.write(&content).await.unwrap();
        stream.persist().await.unwrap();
        stream.close().await.unwrap();
        let mut stream = other.recover(&state).await.unwrap();
        stream.write(&content).await.unwrap();
        stream.close_for_commit().await.unwrap().commit().await.unwrap();
        assert!(fixture.content("k").unwrap() == [&content[..], &content].concat());
    }
}

#[tokio::test]
async fn a_long_tail_stays_in_the_state_where_parts_must_be_equal() {
    let fixture = Fixture::on(|server| server.equal_parts(true)).await;
    let (_factory, fs) = fixture
        .another_process(&[EQUAL, ("s3.upload.min.part.size", "8 mb")])
        .await;
    let writer = fs.recoverable_writer().unwrap();
    let content = pattern(6 << 20);
    let mut stream = writer
        .open(&location("k"), &CreateOptions::default())
        .await
        .unwrap();
    stream.write(&content).await.unwrap();
    let state = stream.persist().await.unwrap();
    assert!(state.bytes().len() > content.len());
    assert_eq!(fixture.server.requests().total(), 0);
    drop(stream);
    let mut stream = writer.recover(&state).await.unwrap();
    stream.write(&content).await.unwrap();
    stream.close_for_commit().await.unwrap().commit().await.unwrap();
    assert!(fixture.content("k").unwrap() == [&content[..], &content].concat());
}

async fn write_plain(fs: &dyn FileSystem, key: &str, content: &[u8]) -> plugin_api::Result<()> {
    let options = CreateOptions::overwrite();
    fs.write_all(&location(key), content.to_vec().into(), &options)
        .await
        .map(drop)
}

#[tokio::test]
async fn plain_streams_and_renames_in_parts_pass_a_store_of_equal_parts() {
    let fixture = Fixture::on(|server| server.equal_parts(true)).await;
    let threshold = PART.to_string();
    let (_factory, fs) = fixture
        .another_process(&[EQUAL, ("s3.copy.multipart.threshold", &threshold)])
        .await;
    for len in [GROWING, GROWING + 1, GROWING - 1, 2 * PART + 5] {
        write_plain(&*fs, "k", &pattern(len)).await.unwrap();
        assert!(fixture.content("k").unwrap() == pattern(len));
        fixture.server.requests().clear();
        fs.rename(&location("k"), &location("moved")).await.unwrap();
        assert!(fixture.server.requests().count("UploadPartCopy") > 1);
        assert!(fixture.content("moved").unwrap() == pattern(len));
    }
}

#[tokio::test]
async fn a_store_of_equal_parts_that_gets_others_refuses_and_the_error_names_the_key() {
    let fixture = Fixture::on(|server| server.equal_parts(true)).await;
    let error = write_plain(&*fixture.fs, "k", &pattern(GROWING))
        .await
        .unwrap_err();
    assert!(error.remedy().contains("'s3.upload.equal-parts'"), "{error}");
    assert!(fixture.content("k").is_none());
}

#[tokio::test]
async fn a_file_that_equal_parts_cannot_hold_is_refused_before_any_request() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture.another_process(&[EQUAL]).await;
    let options = CreateOptions {
        size_hint: 10_000 * PART as u64 + 1,
        ..CreateOptions::default()
    };
    for error in [
        fs.create(&location("k"), &options).await.err().unwrap(),
        fs.recoverable_writer()
            .unwrap()
            .open(&location("k"), &options)
            .await
            .err()
            .unwrap(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.remedy().contains("'s3.upload.min.part.size'"), "{error}");
    }
    assert_eq!(fixture.server.requests().total(), 0);
}

#[tokio::test]
async fn on_a_store_of_ten_parts_a_file_is_whole_or_refused_before_a_part_too_many_is_sent() {
    let fixture = Fixture::on(|server| server.max_parts(10)).await;
    let few = ("s3.upload.max.parts", "10");
    let (_factory, fs) = fixture.another_process(&[EQUAL, few]).await;
    let writer = fs.recoverable_writer().unwrap();
    for tail in [0, 1, PART - 1] {
        publish(&*writer, &pattern(9 * PART + tail), 2 * PART, true).await;
        assert!(fixture.content("k").unwrap() == pattern(9 * PART + tail));
    }
    write_plain(&*fs, "k", &pattern(10 * PART)).await.unwrap();
    fixture.server.requests().clear();
    let error = write_plain(&*fs, "k", &pattern(10 * PART + 1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains("more than the 10 parts"), "{error}");
    assert!(fixture.server.requests().count("UploadPart") <= 10);
    assert!(fixture.content("k").unwrap() == pattern(10 * PART));
    fixture.no_upload_is_left().await;
    // Parts that may grow do.
    let (_factory, fs) = fixture.another_process(&[few]).await;
    write_plain(&*fs, "k", &pattern(40 << 20)).await.unwrap();
    assert!(fixture.content("k").unwrap() == pattern(40 << 20));
}
