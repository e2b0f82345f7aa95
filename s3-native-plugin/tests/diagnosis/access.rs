//! Who asks, and what they may do.

use plugin_api::{Config, ErrorKind, Outcome};
use testkit::{Role, Server};

use crate::fixture::{BUCKET, WRITES, config, diagnose, diagnose_in_haste, start};

#[tokio::test]
async fn a_bucket_in_another_region_is_found_there() {
    let server = Server::builder()
        .bucket_in(BUCKET, "eu-west-3")
        .start()
        .await
        .unwrap();
    let all = diagnose(&server, &[]).await;
    all.assert_wrong(&["region"]);
    all.assert(
        "region",
        Outcome::Warning,
        "'eu-west-3'",
        "set 's3.region' to 'eu-west-3'",
    );
    diagnose(&server, &[("s3.region", "eu-west-3")])
        .await
        .assert_wrong(&[]);
}

#[tokio::test]
async fn a_wrong_secret_is_told_from_a_wrong_key_and_neither_is_shown() {
    let server = start(|server| server).await;
    for (key, found) in [
        ("s3.secret-key", "the secret key is wrong"),
        ("s3.access-key", "does not know the access key"),
    ] {
        let all = diagnose(&server, &[(key, "wrong-canary-value")]).await;
        all.assert_wrong(&["bucket"]);
        all.assert("bucket", Outcome::Failed, found, &format!("'{key}'"));
        assert_eq!(
            all.stage("bucket").error.as_ref().unwrap().kind(),
            ErrorKind::PermissionDenied
        );
        all.assert_skipped(WRITES, "needs bucket");
    }
}

#[tokio::test]
async fn a_missing_bucket_is_told_with_the_code_that_says_so() {
    let server = Server::builder().bucket("other").start().await.unwrap();
    let all = diagnose(&server, &[]).await;
    all.assert_wrong(&["bucket"]);
    all.assert(
        "bucket",
        Outcome::Failed,
        "no such bucket 'bucket'",
        "create the bucket",
    );
    let error = all.stage("bucket").error.as_ref().unwrap();
    assert_eq!(error.service_code(), "NoSuchBucket");
}

#[tokio::test]
async fn whoever_assumes_a_role_is_named_by_sts() {
    let arn = "arn:aws:iam::123456789012:role/writer";
    let server = start(|server| server.role(Role::new(arn))).await;
    let endpoint = server.endpoint();
    let more = [
        ("s3.assume-role.arn", arn),
        ("s3.assume-role.sts.endpoint", endpoint.as_str()),
    ];
    let all = diagnose(&server, &more).await;
    all.assert_wrong(&[]);
    all.assert("credentials", Outcome::Passed, "a session in the role", "");
    all.assert("identity", Outcome::Passed, "assumed-role/writer", "");

    let refused = [
        ("s3.assume-role.arn", "arn:aws:iam::123456789012:role/stranger"),
        more[1],
    ];
    let all = diagnose(&server, &refused).await;
    all.assert_wrong(&["credentials"]);
    all.assert("credentials", Outcome::Failed, "no credentials", "sts:AssumeRole");
    all.assert_skipped(&["identity", "bucket"], "needs credentials");
}

#[tokio::test]
async fn whoever_is_nobody_is_told_so() {
    let server = Server::builder().public_bucket(BUCKET).start().await.unwrap();
    let config = Config::from_pairs([
        ("s3.endpoint", server.endpoint().as_str()),
        ("s3.anonymous-credentials", "true"),
    ]);
    let all = diagnose_in_haste(&config).await;
    all.assert("credentials", Outcome::Passed, "not signed", "");
    all.assert("list", Outcome::Passed, "", "");
    all.assert("put", Outcome::Failed, "access denied", "s3:PutObject");
}

/// The operation that is denied, the stage that tells it, and the right that is missing.
const DENIED: &[(&str, &str, &str)] = &[
    ("ListObjectsV2", "list", "s3:ListBucket"),
    ("PutObject", "put", "s3:PutObject"),
    ("GetObject", "get", "s3:GetObject"),
    ("CopyObject", "copy", "s3:GetObject and s3:PutObject"),
    ("CompleteMultipartUpload", "multipart", "s3:PutObject"),
    ("ListParts", "list-parts", "s3:ListMultipartUploadParts"),
    (
        "ListMultipartUploads",
        "list-uploads",
        "s3:ListBucketMultipartUploads",
    ),
];

#[tokio::test]
async fn a_right_that_is_missing_is_named_by_the_stage_that_needs_it() {
    for (operation, stage, right) in DENIED {
        let server = start(|server| server).await;
        let rule = format!("op={operation} -> status:403:AccessDenied");
        server.faults().add_rules(&rule, 1).unwrap();
        let all = diagnose(&server, &[]).await;
        all.assert(
            stage,
            Outcome::Failed,
            "HTTP 403 AccessDenied",
            &format!("allow {right} on"),
        );
        let first = all.0.iter().find(|probe| probe.outcome == Outcome::Failed);
        assert_eq!(first.unwrap().stage, *stage, "{:?}", all.0);
    }
}

#[tokio::test]
async fn a_listing_that_is_denied_keeps_nobody_from_writing() {
    let server = start(|server| server).await;
    let rules = "op=ListObjectsV2 -> status:403:AccessDenied; op=HeadBucket -> status:403:AccessDenied";
    server.faults().add_rules(rules, 1).unwrap();
    let all = diagnose(&server, &[]).await;
    all.assert_wrong(&["bucket", "list"]);
    all.assert(
        "bucket",
        Outcome::Warning,
        "HeadBucket is refused",
        "s3:ListBucket",
    );
}

#[tokio::test]
async fn what_may_not_be_deleted_is_named() {
    let server = start(|server| server).await;
    let rules = "op=DeleteObject -> status:403:AccessDenied; op=DeleteObjects -> status:403:AccessDenied";
    server.faults().add_rules(rules, 1).unwrap();
    let config = config(&server, &[]);
    let all = diagnose_in_haste(&config).await;
    all.assert_wrong(&["bulk-delete", "delete", "clean-up"]);
    for stage in ["bulk-delete", "delete", "clean-up"] {
        all.assert(stage, Outcome::Failed, "", "allow s3:DeleteObject on");
    }
    let probe = all.stage("clean-up");
    let left = server.store().keys(BUCKET);
    assert_eq!(left.len(), 4, "{left:?}");
    for key in left {
        assert!(probe.found.contains(&format!("s3://{BUCKET}/{key}")), "{probe:?}");
    }
    assert!(
        probe
            .remedy
            .contains("fsplug rm -r s3://bucket/some/dir/.fsplug-doctor-"),
        "{probe:?}"
    );
}

#[tokio::test]
async fn an_upload_that_may_not_be_aborted_is_named() {
    let server = start(|server| server).await;
    let rule = "op=AbortMultipartUpload -> status:403:AccessDenied";
    server.faults().add_rules(rule, 1).unwrap();
    let all = diagnose_in_haste(&config(&server, &[])).await;
    all.assert_wrong(&["abort-upload", "clean-up"]);
    all.assert(
        "abort-upload",
        Outcome::Failed,
        "",
        "allow s3:AbortMultipartUpload on",
    );
    let left = server.store().open_uploads(BUCKET);
    assert_eq!(left.len(), 1);
    all.assert(
        "clean-up",
        Outcome::Failed,
        &left[0].upload_id,
        "s3:AbortMultipartUpload",
    );
}

#[tokio::test]
async fn a_key_of_kms_that_is_missing_is_told_by_its_setting() {
    let server = start(|server| server.kms_key("there")).await;
    let more = [("s3.sse.type", "sse-kms"), ("s3.sse.kms.key-id", "absent")];
    let all = diagnose(&server, &more).await;
    all.assert(
        "put",
        Outcome::Failed,
        "KMS.NotFoundException",
        "'s3.sse.kms.key-id'",
    );
    let more = [("s3.sse.type", "sse-kms"), ("s3.sse.kms.key-id", "there")];
    let all = diagnose(&server, &more).await;
    all.assert_wrong(&[]);
    all.assert("encryption", Outcome::Passed, "aws:kms", "");
}
