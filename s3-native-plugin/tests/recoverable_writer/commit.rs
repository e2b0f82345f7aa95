//! `close_for_commit`, `recover_for_commit` and `commit`.

use plugin_api::{CreateOptions, ErrorKind, WriteMode};
use testkit::{Action, EtagKind, Fault};

use super::{begin, begin_with, recommit};
use crate::fixture::{BUCKET, Fixture, PART, location, pattern};

/// One file without an upload and one with.
const LENGTHS: [usize; 2] = [10, 2 * PART + 10];

#[tokio::test]
async fn nothing_can_be_seen_before_the_commit_and_everything_after() {
    let fixture = Fixture::new().await;
    for len in LENGTHS {
        let content = pattern(len);
        let mut stream = begin(&fixture, "k", &content).await;
        stream.flush().await.unwrap();
        let committer = stream.close_for_commit().await.unwrap();
        assert!(fixture.content("k").is_none());
        for error in [
            stream.write(b"x").await.unwrap_err(),
            stream.persist().await.unwrap_err(),
            stream.close_for_commit().await.err().unwrap(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Closed);
        }
        stream.close().await.unwrap();
        committer.commit().await.unwrap();
        assert!(fixture.content("k").unwrap() == content);
        assert_eq!(fixture.open_uploads(), 0);
        fixture.server.store().delete(BUCKET, "k");
    }
}

#[tokio::test]
async fn a_file_without_a_byte_is_an_empty_object() {
    let fixture = Fixture::new().await;
    let mut stream = begin(&fixture, "k", b"").await;
    let committer = stream.close_for_commit().await.unwrap();
    let state = committer.recoverable().unwrap();
    drop(committer);
    recommit(&fixture, &state)
        .await
        .commit_after_recovery()
        .await
        .unwrap();
    assert_eq!(fixture.content("k").unwrap(), b"");
}

#[tokio::test]
async fn a_state_with_a_tail_is_committed_with_its_tail_and_nothing_else() {
    for tail in [0, 1, PART - 1] {
        let fixture = Fixture::new().await;
        let content = pattern(2 * PART + tail);
        let mut stream = begin(&fixture, "k", &content).await;
        let state = stream.persist().await.unwrap();
        stream.write(&pattern(3 * PART)).await.unwrap();
        drop(stream);
        let committer = recommit(&fixture, &state).await;
        assert_eq!(committer.recoverable().unwrap(), state);
        committer.commit().await.unwrap();
        assert!(fixture.content("k").unwrap() == content);
        // In the same process, and again in two others.
        committer.commit().await.unwrap();
        recommit(&fixture, &state).await.commit().await.unwrap();
        recommit(&fixture, &state)
            .await
            .commit_after_recovery()
            .await
            .unwrap();
        assert!(fixture.content("k").unwrap() == content);
    }
}

#[tokio::test]
async fn any_number_of_commits_in_any_process_is_one() {
    // Among them a store that forgets completed uploads, and one whose entity tags say nothing.
    for (forget, etag) in [
        (false, EtagKind::Md5),
        (true, EtagKind::Md5),
        (true, EtagKind::Random),
    ] {
        let fixture = Fixture::on(|server| server.forget_completed_uploads(forget).etag(etag)).await;
        for len in LENGTHS {
            for options in [CreateOptions::default(), CreateOptions::overwrite()] {
                let content = pattern(len);
                let mut stream = begin_with(&fixture, "k", &content, &options).await;
                let committer = stream.close_for_commit().await.unwrap();
                let state = committer.recoverable().unwrap();
                for _ in 0..2 {
                    committer.commit().await.unwrap();
                    committer.commit_after_recovery().await.unwrap();
                    let recovered = recommit(&fixture, &state).await;
                    recovered.commit_after_recovery().await.unwrap();
                    recovered.commit().await.unwrap();
                }
                assert!(fixture.content("k").unwrap() == content);
                let modified = fixture.server.requests().of("PutObject");
                assert!(modified.iter().filter(|put| put.status == Some(200)).count() <= 1);
                fixture.server.store().delete(BUCKET, "k");
                fixture.server.requests().clear();
            }
        }
    }
}

#[tokio::test]
async fn a_commit_without_faults_makes_no_extra_request() {
    let fixture = Fixture::new().await;
    for (options, len, requests) in [
        (CreateOptions::overwrite(), 10, 1),
        (CreateOptions::overwrite(), 2 * PART + 10, 1 + 3 + 1),
        (CreateOptions::default(), 10, 1),
        (CreateOptions::default(), 2 * PART + 10, 1 + 3 + 1),
    ] {
        for persist in [false, true] {
            fixture.server.store().delete(BUCKET, "k");
            fixture.server.requests().clear();
            let mut stream = begin_with(&fixture, "k", &pattern(len), &options).await;
            if persist {
                stream.persist().await.unwrap();
            }
            stream.close_for_commit().await.unwrap().commit().await.unwrap();
            // What may replace a file looks whether an earlier state of ours was published there.
            let looks = u64::from(persist && len == 10 && options.mode == WriteMode::Overwrite);
            assert_eq!(fixture.server.requests().count("HeadObject"), looks);
            assert_eq!(fixture.server.requests().total(), requests + looks);
        }
    }
}

#[tokio::test]
async fn a_stream_that_may_replace_does_not_replace_what_its_own_older_state_has_published() {
    let fixture = Fixture::new().await;
    for len in LENGTHS {
        for recover in [false, true] {
            let mut stream = begin_with(&fixture, "k", b"older", &CreateOptions::overwrite()).await;
            let older = stream.persist().await.unwrap();
            stream.write(&pattern(len)).await.unwrap();
            let newer = stream.persist().await.unwrap();
            recommit(&fixture, &older).await.commit().await.unwrap();
            let committer = if recover {
                recommit(&fixture, &newer).await
            } else {
                stream.close_for_commit().await.unwrap()
            };
            for _ in 0..2 {
                let error = committer.commit().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            }
            assert_eq!(fixture.content("k").unwrap(), b"older");
            fixture.server.store().delete(BUCKET, "k");
        }
    }
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_is_a_success() {
    for forget in [false, true] {
        for action in [
            Action::ApplyThenReset,
            Action::apply_then_status(500, "InternalError"),
            Action::apply_then_status(503, "SlowDown"),
            // The status arrives, and the body that says what became of it does not.
            Action::CutBodyAfter(20),
            Action::ResetBodyAfter(0),
        ] {
            // Lost once, so that a repetition meets its own effect; and lost every time.
            for times in [1, 1000] {
                for len in LENGTHS {
                    for options in [CreateOptions::default(), CreateOptions::overwrite()] {
                        let fixture = Fixture::on(|server| server.forget_completed_uploads(forget)).await;
                        let content = pattern(len);
                        let mut stream = begin_with(&fixture, "k", &content, &options).await;
                        let committer = stream.close_for_commit().await.unwrap();
                        for operation in ["PutObject", "CompleteMultipartUpload"] {
                            let fault = Fault::on(operation).times(times).action(action.clone());
                            fixture.server.faults().add(fault);
                        }
                        committer.commit().await.unwrap();
                        assert!(fixture.content("k").unwrap() == content);
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_that_is_cut_short_does_not_count() {
    // Such a store refuses what was done before, with a status that means many things.
    let fixture = Fixture::on(|server| server.forget_completed_uploads(true)).await;
    let content = pattern(PART + 10);
    let mut stream = begin(&fixture, "k", &content).await;
    let unfinished = stream.persist().await.unwrap();
    let committer = stream.close_for_commit().await.unwrap();
    committer.commit().await.unwrap();
    let finished = committer.recoverable().unwrap();
    for times in [1, 1000] {
        let cut = Action::CutBodyAfter(20);
        let fault = Fault::on("CompleteMultipartUpload")
            .times(times)
            .action(cut.clone());
        let fault = fixture.server.faults().add(fault);
        recommit(&fixture, &finished)
            .await
            .commit_after_recovery()
            .await
            .unwrap();
        assert!(fault.hits() > 0);
        assert!(fixture.content("k").unwrap() == content);
    }
    let cut = Fault::on("ListParts").times(1).action(Action::CutBodyAfter(20));
    fixture.server.faults().add(cut);
    let error = fixture.writer().recover(&unfinished).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UploadGone, "{error}");
}

#[tokio::test]
async fn a_commit_that_failed_can_be_made_again() {
    let fixture = Fixture::new().await;
    for (operation, len) in [("PutObject", 10), ("CompleteMultipartUpload", 2 * PART + 10)] {
        for action in [
            Action::Reset,
            Action::status(503, "SlowDown", "later"),
            Action::status(403, "AccessDenied", "no"),
            Action::error_in_200("InternalError"),
        ] {
            if operation == "PutObject" && matches!(action, Action::ErrorIn200(_)) {
                continue;
            }
            let content = pattern(len);
            // What is to be replaced stands there: it is no proof of anything.
            fixture.server.store().put(BUCKET, "k", "old");
            let mut stream = begin(&fixture, "k", &content).await;
            let committer = stream.close_for_commit().await.unwrap();
            let fault = fixture.server.faults().add(Fault::on(operation).action(action));
            let error = committer.commit().await.unwrap_err();
            assert!(
                !matches!(error.kind(), ErrorKind::Conflict | ErrorKind::UploadGone),
                "{error}"
            );
            assert_eq!(fixture.content("k").unwrap(), b"old");
            fault.remove();
            let state = committer.recoverable().unwrap();
            drop(committer);
            recommit(&fixture, &state)
                .await
                .commit_after_recovery()
                .await
                .unwrap();
            assert!(fixture.content("k").unwrap() == content);
        }
    }
}

#[tokio::test]
async fn anothers_object_is_a_conflict_and_left_alone() {
    let fixture = Fixture::new().await;
    // Must not be replaced: with and without an upload.
    for len in LENGTHS {
        let mut stream = begin_with(&fixture, "k", &pattern(len), &CreateOptions::default()).await;
        let committer = stream.close_for_commit().await.unwrap();
        fixture.server.store().put(BUCKET, "k", "another's");
        for _ in 0..2 {
            let error = committer.commit().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(error.to_string().contains("s3://bucket/k"), "{error}");
        }
        assert_eq!(fixture.content("k").unwrap(), b"another's");
        // The data is not lost: once the other is gone, the commit succeeds.
        fixture.server.store().delete(BUCKET, "k");
        committer.commit().await.unwrap();
        assert!(fixture.content("k").unwrap() == pattern(len));
        fixture.server.store().delete(BUCKET, "k");
    }
    // May be replaced, but the upload is gone: existence proves nothing.
    let mut stream = begin(&fixture, "k", &pattern(2 * PART)).await;
    let committer = stream.close_for_commit().await.unwrap();
    let state = committer.recoverable().unwrap();
    fixture.writer().abort(&state).await.unwrap();
    let error = committer.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UploadGone, "{error}");
    fixture.server.store().put(BUCKET, "k", "another's");
    let error = committer.commit_after_recovery().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(fixture.content("k").unwrap(), b"another's");
}

#[tokio::test]
async fn a_commit_repeated_after_a_foreign_replacement_does_not_bring_ours_back() {
    let fixture = Fixture::on(|server| server.forget_completed_uploads(true)).await;
    for len in LENGTHS {
        let mut stream = begin_with(&fixture, "k", &pattern(len), &CreateOptions::default()).await;
        let committer = stream.close_for_commit().await.unwrap();
        committer.commit().await.unwrap();
        fixture.server.store().put(BUCKET, "k", "newer");
        let state = committer.recoverable().unwrap();
        let error = recommit(&fixture, &state)
            .await
            .commit_after_recovery()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert_eq!(fixture.content("k").unwrap(), b"newer");
        fixture.server.store().delete(BUCKET, "k");
    }
}

#[tokio::test]
async fn a_server_error_for_an_upload_that_is_gone_is_told_as_such() {
    let fixture = Fixture::new().await;
    let mut stream = begin(&fixture, "k", &pattern(2 * PART)).await;
    let committer = stream.close_for_commit().await.unwrap();
    fixture
        .writer()
        .abort(&committer.recoverable().unwrap())
        .await
        .unwrap();
    // As Ceph answers.
    let internal = Action::status(500, "InternalError", "already in progress");
    fixture
        .server
        .faults()
        .add(Fault::on("CompleteMultipartUpload").action(internal));
    assert_eq!(
        committer.commit().await.unwrap_err().kind(),
        ErrorKind::UploadGone
    );
}

#[tokio::test]
async fn a_store_that_refuses_strays_gets_them_named() {
    let fixture = Fixture::new().await;
    let mut stream = begin(&fixture, "k", &pattern(2 * PART)).await;
    let state = stream.persist().await.unwrap();
    stream.write(&pattern(2 * PART)).await.unwrap();
    stream.persist().await.unwrap();
    let refused = Action::status(400, "InvalidPart", "as Ceph answers");
    fixture
        .server
        .faults()
        .add(Fault::on("CompleteMultipartUpload").action(refused));
    let error = recommit(&fixture, &state).await.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("3, 4"), "{error}");
}

#[tokio::test]
async fn concurrent_commits_of_one_state_agree() {
    for forget in [false, true] {
        let fixture = Fixture::on(|server| server.forget_completed_uploads(forget)).await;
        for len in LENGTHS {
            let content = pattern(len);
            let mut stream = begin(&fixture, "k", &content).await;
            let state = stream.persist().await.unwrap();
            drop(stream);
            let commits = (0..6).map(|_| async { recommit(&fixture, &state).await.commit().await });
            for outcome in futures::future::join_all(commits).await {
                outcome.unwrap();
            }
            assert!(fixture.content("k").unwrap() == content);
            fixture.server.store().delete(BUCKET, "k");
        }
    }
}

#[tokio::test]
async fn media_type_and_key_survive_recovery() {
    let fixture = Fixture::new().await;
    let key = "a//b/%2F +é";
    for len in LENGTHS {
        let options = CreateOptions {
            content_type: "text/x-test".into(),
            ..CreateOptions::overwrite()
        };
        let mut stream = begin_with(&fixture, key, &pattern(len), &options).await;
        let state = stream.persist().await.unwrap();
        assert_eq!(fixture.writer().inspect(&state).unwrap().location, location(key));
        recommit(&fixture, &state).await.commit().await.unwrap();
        let object = fixture.server.store().object(BUCKET, key).unwrap();
        assert_eq!(object.content_type.as_deref(), Some("text/x-test"));
    }
}
