//! Names of buckets, and keys on the wire.

use plugin_api::{CreateOptions, FileSystemExt, ListOptions, Location};

use crate::fixture::{BUCKET, Fixture, connect, location};

#[tokio::test]
async fn buckets_with_underscores_dots_and_capitals_are_addressed_in_the_path() {
    for bucket in ["my_bucket", "a.b.c", "logs_2026.eu-1", "Old_Bucket.9"] {
        let fixture = Fixture::on(|server| server.bucket(bucket)).await;
        let (_factory, fs) = connect(&fixture.server, bucket, &[("s3.rename.directories", "true")]).await;
        let at = |key: &str| Location::new("s3", bucket, key).unwrap();
        assert!(fs.status(&at("")).await.unwrap().is_directory(), "{bucket}");
        fs.write_all(&at("d/a b+%"), "x".into(), &CreateOptions::default())
            .await
            .unwrap();
        // The protocol layer of the embedded server takes only names of today for sources of copies.
        if bucket == "a.b.c" {
            fs.rename(&at("d"), &at("e")).await.unwrap();
            fs.rename(&at("e"), &at("d")).await.unwrap();
        }
        let listed = fs.list_all(&at(""), &ListOptions::recursive()).await.unwrap();
        assert_eq!(listed[0].location.as_str(), format!("s3://{bucket}/d/a b+%"));
        assert_eq!(fs.read_all(&listed[0].location).await.unwrap(), "x");
        assert!(fs.delete(&at(""), true).await.unwrap());
        assert!(fixture.server.store().keys(bucket).is_empty());
    }
}

#[tokio::test]
async fn listings_ask_for_encoded_keys_and_copies_send_encoded_sources() {
    let fixture = Fixture::new().await;
    let key = "a b/+%2F?#é\u{1}/e\u{301}~";
    fixture.server.store().put(BUCKET, key, "x");
    let listed = fixture
        .fs
        .list_all(&location(""), &ListOptions::recursive())
        .await
        .unwrap();
    assert_eq!(listed[0].location.key(), key);
    let list = &fixture.server.requests().of("ListObjectsV2")[0];
    assert!(list.target.contains("encoding-type=url"), "{}", list.target);
    fixture.fs.rename(&location(key), &location("to")).await.unwrap();
    let copy = &fixture.server.requests().of("CopyObject")[0];
    assert_eq!(
        copy.header("x-amz-copy-source"),
        Some("bucket/a%20b/%2B%252F%3F%23%C3%A9%01/e%CC%81~")
    );
}

#[tokio::test]
async fn the_longest_keys_are_listed_deleted_by_page_and_copied() {
    let fixture = Fixture::new().await;
    let (_factory, fs) = fixture
        .another_process(&[("s3.rename.directories", "true")])
        .await;
    let keys: Vec<String> = (0..30).map(|i| format!("d/{i:02}{}", "é".repeat(510))).collect();
    for key in &keys {
        assert_eq!(key.len(), 1024);
        fixture.server.store().put(BUCKET, key, "x");
    }
    let listed = fs
        .list_all(&location("d"), &ListOptions::default())
        .await
        .unwrap();
    let listed: Vec<&str> = listed.iter().map(|entry| entry.location.key()).collect();
    assert_eq!(listed, keys);
    // A target that would make the keys longer than S3 allows changes nothing.
    let error = fs.rename(&location("d"), &location("dd")).await.unwrap_err();
    assert_eq!(error.kind(), plugin_api::ErrorKind::InvalidPath, "{error}");
    assert_eq!(fixture.server.store().keys(BUCKET), keys);
    fs.rename(&location("d"), &location("e")).await.unwrap();
    assert!(fs.delete(&location("e"), true).await.unwrap());
    assert!(fixture.server.store().keys(BUCKET).is_empty());
}
