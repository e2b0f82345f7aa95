//! What Ceph RGW does otherwise with uploads in parts, and what is left of the promises there.

use plugin_api::{CreateOptions, ErrorKind, FileSystemExt as _};
use testkit::{Action, Fault};

use super::{begin, begin_with, recommit, through_a_checkpoint};
use crate::fixture::{BUCKET, Fixture, PART, location, pattern};

async fn ceph() -> Fixture {
    Fixture::on(|server| server.ceph_uploads(true)).await
}

#[tokio::test]
async fn a_commit_can_be_repeated_by_anybody() {
    let fixture = ceph().await;
    for len in [2 * PART, 2 * PART + 7] {
        let content = pattern(len);
        let mut stream = begin(&fixture, "k", &content).await;
        let state = stream.persist().await.unwrap();
        stream.close_for_commit().await.unwrap().commit().await.unwrap();
        recommit(&fixture, &state)
            .await
            .commit_after_recovery()
            .await
            .unwrap();
        assert!(fixture.content("k").unwrap() == content);
        let error = fixture.writer().recover(&state).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::UploadGone, "{error}");
    }
}

#[tokio::test]
async fn an_upload_that_was_aborted_is_gone_for_good() {
    let fixture = ceph().await;
    for len in [2 * PART, 2 * PART + 7] {
        let state = begin(&fixture, "k", &pattern(len)).await.persist().await.unwrap();
        fixture.writer().abort(&state).await.unwrap();
        fixture.writer().abort(&state).await.unwrap();
        let error = fixture.writer().recover(&state).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::UploadGone, "{error}");
        let error = recommit(&fixture, &state).await.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UploadGone, "{error}");
        assert_eq!(fixture.content("k"), None);
    }
}

#[tokio::test]
async fn a_file_that_stands_there_is_never_replaced_although_the_store_overlooks_the_condition() {
    let fixture = ceph().await;
    let new = pattern(2 * PART + 7);
    let created = fixture
        .fs
        .create(&location("created"), &CreateOptions::default())
        .await;
    let mut created = created.unwrap();
    created.write(&new).await.unwrap();
    let mut committed = begin_with(&fixture, "committed", &new, &CreateOptions::default()).await;
    let committed = committed.close_for_commit().await.unwrap();
    for key in ["created", "committed"] {
        fixture.server.store().put(BUCKET, key, "theirs");
    }
    let error = created.close().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    let error = committed.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    for key in ["created", "committed"] {
        assert_eq!(fixture.content(key).unwrap(), b"theirs");
    }
    fixture.server.store().delete(BUCKET, "committed");
    committed.commit().await.unwrap();
    assert!(fixture.fs.read_all(&location("committed")).await.unwrap() == new);
}

#[tokio::test]
async fn a_recovered_stream_replaces_the_parts_that_its_state_does_not_cover() {
    let fixture = ceph().await;
    let content = pattern(6 * PART + 7);
    let mut lost = begin(&fixture, "k", &content[..2 * PART]).await;
    let state = lost.persist().await.unwrap();
    lost.write(&vec![0; 3 * PART]).await.unwrap();
    lost.persist().await.unwrap();
    drop(lost);
    let state = through_a_checkpoint(&state);
    let mut stream = fixture.writer().recover(&state).await.unwrap();
    stream.write(&content[2 * PART..]).await.unwrap();
    stream.close_for_commit().await.unwrap().commit().await.unwrap();
    assert!(fixture.content("k").unwrap() == content);
}

#[tokio::test]
async fn a_part_that_was_replaced_by_another_recovery_is_noticed_before_anything_is_published() {
    let fixture = ceph().await;
    let state = begin(&fixture, "k", &pattern(PART))
        .await
        .persist()
        .await
        .unwrap();
    let mut one = fixture.writer().recover(&state).await.unwrap();
    one.write(&vec![1; PART]).await.unwrap();
    let one = one.close_for_commit().await.unwrap();
    let mut other = fixture.writer().recover(&state).await.unwrap();
    other.write(&vec![2; PART]).await.unwrap();
    let other = other.close_for_commit().await.unwrap();
    let error = one.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
    assert_eq!(fixture.content("k"), None);
    other.commit().await.unwrap();
    assert!(fixture.content("k").unwrap() == [pattern(PART), vec![2; PART]].concat());
}

#[tokio::test]
async fn parts_that_cannot_be_left_out_are_named_and_nothing_is_published() {
    let fixture = ceph().await;
    let mut stream = begin(&fixture, "k", &pattern(2 * PART)).await;
    let state = stream.persist().await.unwrap();
    stream.write(&pattern(2 * PART)).await.unwrap();
    stream.persist().await.unwrap();
    let error = recommit(&fixture, &state).await.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("3, 4"), "{error}");
    assert_eq!(fixture.content("k"), None);
}

#[tokio::test]
async fn a_tail_that_a_late_part_replaced_is_stored_anew() {
    let fixture = ceph().await;
    let content = pattern(PART + 7);
    let mut zombie = begin(&fixture, "k", &content).await;
    let committer = recommit(&fixture, &zombie.persist().await.unwrap()).await;
    let denied = Fault::on("CompleteMultipartUpload").times(1);
    let denied = denied.action(Action::status(403, "AccessDenied", "not yet"));
    fixture.server.faults().add(denied);
    let error = committer.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    zombie.write(&pattern(PART)).await.unwrap();
    zombie.persist().await.unwrap();
    committer.commit().await.unwrap();
    assert!(fixture.content("k").unwrap() == content);
}
