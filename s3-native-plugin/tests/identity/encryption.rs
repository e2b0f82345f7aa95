//! Every verb that writes asks for the encryption that is configured: the server denies it otherwise.

use plugin_api::{CopyOptions, CopyRequest, CreateOptions, FileSystem, FileSystemExt as _, NoProgress};
use testkit::Encryption;

use crate::fixture::{BUCKET, Fixture, PART, connect, location, pattern};

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789abc";

/// A small file, one of parts, a recoverable one, a renamed and a copied one.
async fn write_in_every_way(fs: &dyn FileSystem) {
    let created = CreateOptions::default();
    fs.write_all(&location("small"), "content".into(), &created)
        .await
        .unwrap();
    fs.write_all(&location("parts"), pattern(3 * PART).into(), &created)
        .await
        .unwrap();
    let writer = fs.recoverable_writer().unwrap();
    let mut stream = writer.open(&location("recoverable"), &created).await.unwrap();
    stream.write(&pattern(2 * PART)).await.unwrap();
    stream.persist().await.unwrap();
    let committer = stream.close_for_commit().await.unwrap();
    committer.commit().await.unwrap();
    fs.rename(&location("small"), &location("renamed")).await.unwrap();
    let request = CopyRequest {
        source: location("parts"),
        target: location("copied"),
        size_hint: 0,
    };
    let copy = fs.bulk_copy().unwrap();
    let progress = Box::new(NoProgress);
    copy.copy_files(&[request], &CopyOptions::default(), progress)
        .await
        .unwrap();
}

const WRITTEN: [&str; 4] = ["copied", "parts", "recoverable", "renamed"];

#[tokio::test]
async fn sse_kms_with_key_and_context_goes_with_every_write_and_rename_and_copy() {
    let context = [("department", "finance"), ("project", "reports")];
    let required = Encryption::new("aws:kms").key(KEY).context(&context);
    let fixture = Fixture::on(|server| server.kms_key(KEY).require_encryption(BUCKET, required)).await;
    // Copies of 128 KiB in parts, since an upload for a copy needs the headers too.
    let options = [
        ("s3.sse.type", "SSE_KMS"),
        ("s3.sse.kms.key-id", KEY),
        (
            "s3.sse.kms.encryption-context",
            "department:finance,project:reports",
        ),
        ("s3.copy.multipart.threshold", "131072"),
    ];
    let (_factory, fs) = connect(&fixture.server, BUCKET, &options).await;
    write_in_every_way(&*fs).await;
    assert_eq!(fixture.server.store().keys(BUCKET), WRITTEN);
    // What is not asked for is denied, so that the above proves something.
    let (_factory, plain) = connect(&fixture.server, BUCKET, &[]).await;
    let denied = plain
        .write_all(&location("x"), "x".into(), &CreateOptions::default())
        .await;
    assert_eq!(
        denied.unwrap_err().kind(),
        plugin_api::ErrorKind::PermissionDenied
    );
}

#[tokio::test]
async fn each_algorithm_is_asked_for_by_its_name_also_for_one_bucket_alone() {
    for (kind, algorithm) in [
        ("sse-s3", "AES256"),
        ("sse-kms", "aws:kms"),
        ("dsse-kms", "aws:kms:dsse"),
    ] {
        let required = Encryption::new(algorithm);
        let fixture = Fixture::on(|server| server.require_encryption(BUCKET, required)).await;
        let (_factory, fs) = connect(&fixture.server, BUCKET, &[("s3.bucket.bucket.sse.type", kind)]).await;
        write_in_every_way(&*fs).await;
        for key in WRITTEN {
            let object = fixture.server.store().object(BUCKET, key).unwrap();
            assert_eq!(object.encryption.algorithm.as_deref(), Some(algorithm), "{key}");
        }
    }
}

#[tokio::test]
async fn a_key_that_kms_does_not_know_is_told_and_nothing_is_written() {
    let fixture = Fixture::on(|server| server.kms_key(KEY)).await;
    let options = [("s3.sse.type", "sse-kms"), ("s3.sse.kms.key-id", "alias/missing")];
    let (_factory, fs) = connect(&fixture.server, BUCKET, &options).await;
    let error = fs
        .write_all(&location("a"), "a".into(), &CreateOptions::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("s3.sse.kms.key-id"), "{error}");
    assert_eq!(error.service_code(), "KMS.NotFoundException");
    assert!(fixture.server.store().keys(BUCKET).is_empty());
}
