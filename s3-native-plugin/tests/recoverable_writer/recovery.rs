//! persist and recover.

use plugin_api::{CreateOptions, ErrorKind, Recoverable, RecoverableCondition};
use testkit::{Action, Fault};

use super::{begin, recommit, through_a_checkpoint};
use crate::fixture::{BUCKET, Fixture, PART, location, pattern};

#[tokio::test]
async fn persisted_bytes_survive_drop_and_close_and_later_ones_are_dropped() {
    let fixture = Fixture::new().await;
    for (key, by_close) in [("dropped", false), ("closed", true)] {
        let content = pattern(4 * PART + 9);
        let kept = 2 * PART + 7;
        let mut stream = begin(&fixture, key, &content[..kept]).await;
        let state = stream.persist().await.unwrap();
        stream.write(b"these bytes are never persisted").await.unwrap();
        stream.write(&pattern(2 * PART)).await.unwrap();
        if by_close {
            stream.close().await.unwrap();
            stream.close().await.unwrap();
            assert_eq!(stream.write(b"x").await.unwrap_err().kind(), ErrorKind::Closed);
        } else {
            drop(stream);
        }
        assert_eq!(fixture.open_uploads(), 1);
        assert!(fixture.content(key).is_none());

        let (_factory, fs) = fixture.another_process(&[]).await;
        let writer = fs.recoverable_writer().unwrap();
        let mut stream = writer.recover(&through_a_checkpoint(&state)).await.unwrap();
        assert_eq!(
            (stream.position(), stream.location()),
            (kept as u64, location(key))
        );
        stream.write(&content[kept..]).await.unwrap();
        stream.close_for_commit().await.unwrap().commit().await.unwrap();
        assert!(fixture.content(key).unwrap() == content);
        assert_eq!(fixture.open_uploads(), 0);
    }
}

#[tokio::test]
async fn an_upload_that_was_never_persisted_is_aborted_by_drop_and_close() {
    let fixture = Fixture::new().await;
    let dropped = begin(&fixture, "k", &pattern(2 * PART + 1)).await;
    assert_eq!(fixture.open_uploads(), 1);
    drop(dropped);
    fixture.no_upload_is_left().await;

    let mut closed = begin(&fixture, "k", &pattern(2 * PART + 1)).await;
    closed.close().await.unwrap();
    assert_eq!(fixture.open_uploads(), 0);

    // Persisted before the upload was begun: no state knows of it.
    let mut early = begin(&fixture, "k", b"x").await;
    early.persist().await.unwrap();
    early.write(&pattern(2 * PART)).await.unwrap();
    early.close().await.unwrap();
    assert_eq!(fixture.open_uploads(), 0);

    // Finished, but neither committed nor kept anywhere.
    let mut finished = begin(&fixture, "k", &pattern(2 * PART + 1)).await;
    drop(finished.close_for_commit().await.unwrap());
    fixture.no_upload_is_left().await;
    assert!(fixture.server.store().keys(BUCKET).is_empty());
}

#[tokio::test]
async fn a_recovered_stream_never_aborts_its_upload() {
    let fixture = Fixture::new().await;
    let content = pattern(PART + 1);
    let mut stream = begin(&fixture, "k", &content).await;
    let state = stream.persist().await.unwrap();
    drop(stream);
    let mut recovered = fixture.writer().recover(&state).await.unwrap();
    recovered.write(&pattern(PART)).await.unwrap();
    recovered.close().await.unwrap();
    drop(fixture.writer().recover(&state).await.unwrap());
    let committer = fixture
        .writer()
        .recover(&state)
        .await
        .unwrap()
        .close_for_commit()
        .await
        .unwrap();
    drop(committer);
    assert_eq!(fixture.server.requests().count("AbortMultipartUpload"), 0);
    recommit(&fixture, &state).await.commit().await.unwrap();
    assert!(fixture.content("k").unwrap() == content);
}

#[tokio::test]
async fn a_small_file_needs_no_upload_to_be_recoverable() {
    let fixture = Fixture::new().await;
    let mut stream = begin(&fixture, "k", b"").await;
    let empty = stream.persist().await.unwrap();
    stream.write(b"hello").await.unwrap();
    let state = stream.persist().await.unwrap();
    assert_eq!(fixture.server.requests().total(), 0);
    drop(stream);
    for (state, content) in [(empty, &b"!"[..]), (state, b"hello!")] {
        let mut stream = fixture.writer().recover(&state).await.unwrap();
        stream.write(b"!").await.unwrap();
        stream.close_for_commit().await.unwrap().commit().await.unwrap();
        assert_eq!(fixture.content("k").unwrap(), content);
        fixture.server.store().delete(BUCKET, "k");
    }
    assert_eq!(fixture.server.requests().count("CreateMultipartUpload"), 0);
}

#[tokio::test]
async fn two_recoveries_of_one_state_share_no_part_and_only_one_commits() {
    let content = pattern(PART + 10);
    // Either kind of store: one that remembers completed uploads, and one that does not.
    for forget in [false, true] {
        let fixture = Fixture::on(|server| server.forget_completed_uploads(forget)).await;
        let mut stream = begin(&fixture, "k", &content).await;
        let state = stream.persist().await.unwrap();
        drop(stream);
        let mut zombie = fixture.writer().recover(&state).await.unwrap();
        zombie.write(&vec![1; 2 * PART]).await.unwrap();
        let zombie = zombie.close_for_commit().await.unwrap();
        let mut second = fixture.writer().recover(&state).await.unwrap();
        second.write(&vec![2; 2 * PART]).await.unwrap();
        let second = second.close_for_commit().await.unwrap();

        second.commit().await.unwrap();
        let expected = [&content[..], &vec![2; 2 * PART]].concat();
        assert!(fixture.content("k").unwrap() == expected);
        let error = zombie.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains("another recovery"), "{error}");
        assert!(fixture.content("k").unwrap() == expected);
        second.commit_after_recovery().await.unwrap();
        recommit(&fixture, &second.recoverable().unwrap())
            .await
            .commit_after_recovery()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_part_replaced_by_a_zombie_is_noticed_before_anything_is_written() {
    let fixture = Fixture::new().await;
    let mut stream = begin(&fixture, "k", &pattern(2 * PART + 1)).await;
    let state = stream.persist().await.unwrap();
    drop(stream);
    let upload = fixture.server.store().open_uploads(BUCKET).remove(0);
    zombie_part(&fixture, &upload.upload_id, 2).await;
    fixture.server.requests().clear();
    let condition = fixture.writer().verify(&state).await.unwrap();
    assert!(
        matches!(&condition, RecoverableCondition::Damaged(why) if why.contains("part 2")),
        "{condition:?}"
    );
    let error = fixture.writer().recover(&state).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Changed);
    assert!(error.to_string().contains("part 2"), "{error}");
    let committer = recommit(&fixture, &state).await;
    assert_eq!(committer.commit().await.unwrap_err().kind(), ErrorKind::Changed);
    let requests = fixture.server.requests();
    assert_eq!(
        requests.total(),
        requests.count("ListParts") + requests.count("HeadObject")
    );
}

#[tokio::test]
async fn a_part_of_a_predecessor_that_arrives_after_the_recovery_does_no_harm() {
    let fixture = Fixture::new().await;
    let content = pattern(4 * PART + 1);
    let mut stream = begin(&fixture, "k", &content[..2 * PART]).await;
    let state = stream.persist().await.unwrap();
    drop(stream);
    let upload = fixture.server.store().open_uploads(BUCKET).remove(0);
    let mut recovered = fixture.writer().recover(&state).await.unwrap();
    recovered.write(&content[2 * PART..]).await.unwrap();
    recovered.persist().await.unwrap();
    for number in 3..20 {
        zombie_part(&fixture, &upload.upload_id, number).await;
    }
    recovered
        .close_for_commit()
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    assert!(fixture.content("k").unwrap() == content);
}

async fn zombie_part(fixture: &Fixture, upload_id: &str, number: i32) {
    let part = sdk_client(fixture)
        .upload_part()
        .bucket(BUCKET)
        .key("k")
        .upload_id(upload_id);
    part.part_number(number)
        .body(vec![0; PART].into())
        .send()
        .await
        .unwrap();
}

/// A client that is not the plugin's.
pub(super) fn sdk_client(fixture: &Fixture) -> aws_sdk_s3::Client {
    let server = &fixture.server;
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(aws_sdk_s3::config::Region::new(server.region().to_owned()))
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(aws_credential_types::Credentials::new(
            server.access_key(),
            server.secret_key(),
            None,
            None,
            "test",
        ));
    aws_sdk_s3::Client::from_conf(config.build())
}

#[tokio::test]
async fn an_upload_that_is_gone_is_told_from_one_that_was_committed() {
    let fixture = Fixture::new().await;
    let content = pattern(PART + 1);
    let mut stream = begin(&fixture, "k", &content).await;
    let state = stream.persist().await.unwrap();
    let committer = stream.close_for_commit().await.unwrap();
    committer.commit().await.unwrap();
    let error = fixture.writer().recover(&state).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UploadGone);
    assert!(error.to_string().contains("already committed"), "{error}");

    let mut small = begin(&fixture, "small", b"x").await;
    let small_state = small.persist().await.unwrap();
    small.close_for_commit().await.unwrap().commit().await.unwrap();
    let error = fixture.writer().recover(&small_state).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UploadGone);
    assert!(error.to_string().contains("already committed"), "{error}");

    let mut stream = begin(&fixture, "gone", &content).await;
    let state = stream.persist().await.unwrap();
    let info = fixture.writer().inspect(&state).unwrap();
    fixture.writer().abort(&state).await.unwrap();
    fixture.writer().abort(&state).await.unwrap();
    assert_eq!(fixture.open_uploads(), 0);
    let error = fixture.writer().recover(&state).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UploadGone);
    let text = error.to_string();
    for part in [
        info.upload_id.as_str(),
        "s3://bucket/gone",
        "AbortIncompleteMultipartUpload",
        "expired",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn an_upload_that_is_gone_is_named_with_its_age_and_with_the_endpoint_it_was_at() {
    let fixture = Fixture::new().await;
    let mut stream = begin(&fixture, "k", &pattern(PART + 1)).await;
    let state = stream.persist().await.unwrap();
    drop(stream);
    // The same store by another name, which does not have the upload any more.
    let other = fixture.server.endpoint().replace("127.0.0.1", "localhost");
    let (_factory, fs) = fixture.another_process(&[("s3.endpoint", &other)]).await;
    let writer = fs.recoverable_writer().unwrap();
    drop(writer.recover(&state).await.unwrap());
    fixture.writer().abort(&state).await.unwrap();
    for (writer, is_other) in [(fixture.writer(), false), (writer, true)] {
        let committer = writer.recover_for_commit(&state).await.unwrap();
        for error in [
            writer.recover(&state).await.err().unwrap(),
            committer.commit().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::UploadGone, "{error}");
            let text = error.to_string();
            assert!(text.contains("begun ") && text.contains(" seconds ago"), "{text}");
            for endpoint in [other.clone(), fixture.server.endpoint()] {
                assert_eq!(text.contains(&format!("'{endpoint}'")), is_other, "{text}");
            }
        }
    }
}

#[tokio::test]
async fn a_newer_state_works_although_an_older_one_was_recovered_and_written_to() {
    let fixture = Fixture::new().await;
    for (key, older, newer) in [("small", 5, 10), ("large", PART + 5, 3 * PART + 9)] {
        let content = pattern(newer + 100);
        let mut stream = begin(&fixture, key, &content[..older]).await;
        let older = stream.persist().await.unwrap();
        stream
            .write(&content[stream.position() as usize..newer])
            .await
            .unwrap();
        let newer_state = stream.persist().await.unwrap();
        drop(stream);
        let mut stream = fixture.writer().recover(&older).await.unwrap();
        stream.write(&vec![0; 2 * PART]).await.unwrap();
        stream.persist().await.unwrap();
        stream.close().await.unwrap();
        let mut stream = fixture.writer().recover(&newer_state).await.unwrap();
        stream.write(&content[newer..]).await.unwrap();
        stream.close_for_commit().await.unwrap().commit().await.unwrap();
        assert!(fixture.content(key).unwrap() == content);
    }
}

#[tokio::test]
async fn damaged_foreign_and_newer_state_is_refused_before_any_request() {
    let fixture = Fixture::new().await;
    let mut stream = begin(&fixture, "k", b"x").await;
    let state = stream.persist().await.unwrap();
    let mut flipped = state.bytes().to_vec();
    flipped[40] ^= 1;
    let damaged = Recoverable::new(state.version(), flipped);
    let newer = Recoverable::new(state.version() + 1, state.bytes().clone());
    let writer = fixture.writer();
    for (state, kind) in [(&damaged, ErrorKind::Corrupt), (&newer, ErrorKind::Unsupported)] {
        assert_eq!(writer.recover(state).await.err().unwrap().kind(), kind);
        assert_eq!(writer.recover_for_commit(state).await.err().unwrap().kind(), kind);
        assert_eq!(writer.abort(state).await.unwrap_err().kind(), kind);
        assert_eq!(writer.inspect(state).unwrap_err().kind(), kind);
    }
    let mut bytes = state.bytes().to_vec();
    let name = bytes.windows(6).position(|window| window == b"bucket").unwrap();
    bytes[name] = b'p';
    let end = bytes.len() - 4;
    let checksum = crc32c::crc32c(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    let foreign = Recoverable::new(state.version(), bytes);
    let error = writer.recover(&foreign).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error.to_string().contains("'pucket'") && error.to_string().contains("'bucket'"),
        "{error}"
    );
    assert_eq!(fixture.server.requests().total(), 0);
}

#[tokio::test]
async fn a_cancelled_persist_changes_nothing() {
    let fixture = Fixture::new().await;
    let content = pattern(3 * PART + 1);
    let mut stream = begin(&fixture, "k", &content).await;
    let mut persist = stream.persist();
    drop(futures::poll!(&mut persist));
    drop(persist);
    stream.write(b"!").await.unwrap();
    let state = stream.persist().await.unwrap();
    recommit(&fixture, &state).await.commit().await.unwrap();
    assert!(fixture.content("k").unwrap() == [&content[..], b"!"].concat());
}

#[tokio::test]
async fn an_error_of_a_part_in_the_background_shows_at_persist_and_old_state_stays_good() {
    let fixture = Fixture::new().await;
    let content = pattern(PART + 5);
    let mut stream = begin(&fixture, "k", &content).await;
    let state = stream.persist().await.unwrap();
    let denied = Action::status(403, "AccessDenied", "no");
    let fault = fixture
        .server
        .faults()
        .add(Fault::on("UploadPart").action(denied));
    let outcome = match stream.write(&pattern(PART)).await {
        Ok(()) => stream.persist().await.map(drop),
        error => error,
    };
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert!(stream.close_for_commit().await.is_err());
    stream.close().await.unwrap();
    fault.remove();
    assert_eq!(fixture.open_uploads(), 1);
    recommit(&fixture, &state).await.commit().await.unwrap();
    assert!(fixture.content("k").unwrap() == content);
}

#[tokio::test]
async fn a_part_that_was_stored_although_it_failed_is_sent_again_under_its_number() {
    let fixture = Fixture::new().await;
    let content = pattern(3 * PART + 5);
    let lost = Action::apply_then_status(500, "InternalError");
    let fault = Fault::on("UploadPart").part_number(2).times(1).action(lost);
    fixture.server.faults().add(fault);
    let mut stream = begin(&fixture, "k", &content).await;
    let state = stream.persist().await.unwrap();
    drop(stream);
    assert_eq!(fixture.server.requests().count("UploadPart"), 4);
    let upload = fixture.server.store().open_uploads(BUCKET).remove(0);
    assert_eq!(
        upload.parts,
        [(1, PART as u64), (2, PART as u64), (3, PART as u64)]
    );
    recommit(&fixture, &state).await.commit().await.unwrap();
    assert!(fixture.content("k").unwrap() == content);
}

#[tokio::test]
async fn a_long_tail_becomes_a_part_so_that_state_stays_small() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture
        .another_process(&[("s3.upload.min.part.size", "16 mb")])
        .await;
    let writer = fs.recoverable_writer().unwrap();
    let content = pattern(6 << 20);
    let mut stream = writer
        .open(&location("k"), &CreateOptions::default())
        .await
        .unwrap();
    stream.write(&content).await.unwrap();
    let state = stream.persist().await.unwrap();
    assert!(state.bytes().len() < 1024);
    stream.write(&content).await.unwrap();
    stream.close_for_commit().await.unwrap().commit().await.unwrap();
    assert!(fixture.content("k").unwrap() == [&content[..], &content].concat());
}
