//! What is left behind: nothing.

use std::time::{Duration, Instant};

use plugin_api::{DiagnosisOptions, FileSystemFactory as _, Outcome};
use testkit::Server;

use crate::fixture::{
    BUCKET, Diagnosis, WAY, WRITES, config, diagnose, diagnose_in_haste, factory, root, start,
};

/// Waits until what runs in the background has removed everything.
async fn nothing_is_left(server: &Server) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !server.store().keys(BUCKET).is_empty() || !server.store().open_uploads(BUCKET).is_empty() {
        assert!(Instant::now() < deadline, "something was left");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_there_before_is_not_touched() {
    let server = start(|server| server).await;
    server.store().put(BUCKET, "some/dir/file", "content");
    server
        .store()
        .put(BUCKET, "some/dir/.fsplug-doctor-0/object", "content");
    diagnose(&server, &[]).await.assert_wrong(&[]);
    assert_eq!(server.store().keys(BUCKET).len(), 2);
}

#[tokio::test]
async fn a_request_that_is_never_answered_costs_its_stage_and_leaves_nothing() {
    for (operation, selector, stage) in [
        ("PutObject", "key~=object", "put"),
        // That of the whole upload has more time than is needed here.
        ("CreateMultipartUpload", "key~=open", "open-upload"),
        ("CopyObject", "key~=copy", "copy"),
        ("AbortMultipartUpload", "key~=open", "abort-upload"),
    ] {
        let server = start(|server| server).await;
        // Once: the clean-up has to get through.
        let rule = format!("op={operation},{selector},times=1 -> black-hole");
        server.faults().add_rules(&rule, 1).unwrap();
        let all = diagnose_in_haste(&config(&server, &[])).await;
        all.assert(
            stage,
            Outcome::Failed,
            "no answer within 1s",
            "check that the store is up",
        );
        nothing_is_left(&server).await;
    }
}

#[tokio::test]
async fn an_upload_whose_id_was_never_told_is_found_and_aborted() {
    let server = start(|server| server).await;
    server
        .faults()
        .add_rules("op=CreateMultipartUpload,key~=open -> lose-reply", 1)
        .unwrap();
    let all = diagnose_in_haste(&config(&server, &[])).await;
    assert_eq!(all.stage("open-upload").outcome, Outcome::Failed);
    all.assert("clean-up", Outcome::Passed, "nothing is left", "");
    assert_eq!(server.store().open_uploads(BUCKET).len(), 0);
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_nothing_behind() {
    for operation in ["CopyObject", "ListParts", "CompleteMultipartUpload"] {
        let server = start(|server| server).await;
        let rule = format!("op={operation} -> black-hole");
        server.faults().add_rules(&rule, 1).unwrap();
        let (factory, config) = (factory(), config(&server, &[]));
        let (root, options) = (root(BUCKET), DiagnosisOptions::default());
        let diagnosis = factory.diagnose(&root, &config, &options);
        let arrived = async {
            while server.requests().count(operation) == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = diagnosis => panic!("it cannot end"),
            () = arrived => {}
        }
        nothing_is_left(&server).await;
    }
}

#[tokio::test]
async fn whoever_only_reads_writes_nothing() {
    let server = start(|server| server).await;
    let config = config(&server, &[]);
    let options = DiagnosisOptions::default().read_only(true);
    let probes = factory()
        .diagnose(&root(BUCKET), &config, &options)
        .await
        .unwrap();
    let all = Diagnosis::checked(probes, &config);
    all.assert_wrong(&[]);
    let writes: Vec<&str> = WRITES
        .iter()
        .copied()
        .filter(|stage| *stage != "list-uploads")
        .collect();
    all.assert_skipped(&writes, "only reads were asked for");
    all.assert("list-uploads", Outcome::Passed, "", "");
    assert!(
        WAY.iter()
            .all(|stage| all.stage(stage).outcome != Outcome::Failed)
    );
    let methods = server.requests().all();
    assert!(
        methods
            .iter()
            .all(|request| matches!(request.method.as_str(), "GET" | "HEAD"))
    );
}
