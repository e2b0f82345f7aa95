//! Objects and buckets.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier, ServerSideEncryption};
use testkit::Server;

use crate::client::{BUCKET, get, put, refusal, start};

fn odd_keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        "plain",
        "a+b",
        "a%2Fb",
        "%",
        "%25",
        "#",
        "?",
        "a?versionId=1",
        "trailing ",
        " leading",
        "a//b",
        "a/./b",
        "a/../b",
        "/leading",
        "//",
        "d/",
        "e\u{301}",
        "\u{e9}",
        "\u{1f600}",
        "tab\t",
        "control\u{1}",
        "a&b<c>\"'",
        "=",
        "a\\b",
        "~",
        "*",
    ]
    .map(str::to_owned)
    .into();
    keys.push("k".repeat(1024));
    keys.push("\u{e9}".repeat(512));
    keys
}

#[tokio::test]
async fn keys_are_kept_byte_for_byte() {
    let (server, client) = start(Server::builder()).await;
    for key in odd_keys() {
        put(&client, &key, key.as_bytes()).await;
    }
    let mut expected = odd_keys();
    expected.sort();
    assert_eq!(server.store().keys(BUCKET), expected);
    for key in &expected {
        assert_eq!(get(&client, key).await, key.as_bytes(), "{key:?}");
        let head = client.head_object().bucket(BUCKET).key(key).send().await.unwrap();
        assert_eq!(head.content_length, i64::try_from(key.len()).ok(), "{key:?}");
    }
    let logged: Vec<_> = server
        .requests()
        .of("GetObject")
        .into_iter()
        .filter_map(|r| r.key)
        .collect();
    assert_eq!(logged, expected);

    let unwritable = |key: &&String| !key.contains('\u{1}');
    let objects = expected
        .iter()
        .filter(unwritable)
        .map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder()
        .set_objects(Some(objects.collect()))
        .build()
        .unwrap();
    let deleted = client
        .delete_objects()
        .bucket(BUCKET)
        .delete(delete)
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.errors(), []);
    // XML cannot carry a control character: such an object has to be deleted on its own.
    assert_eq!(server.store().keys(BUCKET), ["control\u{1}"]);
    client
        .delete_object()
        .bucket(BUCKET)
        .key("control\u{1}")
        .send()
        .await
        .unwrap();
    assert!(server.store().keys(BUCKET).is_empty());
}

#[tokio::test]
async fn a_key_of_more_than_1024_bytes_is_refused() {
    let (_server, client) = start(Server::builder()).await;
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key("k".repeat(1025))
        .send()
        .await;
    assert_eq!(refusal(put), (400, "KeyTooLongError".into()));
}

#[tokio::test]
async fn ranges_are_cut_from_the_content() {
    let (_server, client) = start(Server::builder()).await;
    put(&client, "k", "0123456789").await;
    put(&client, "empty", "").await;
    for (range, content, header) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=3-5", "345", "bytes 3-5/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
    ] {
        let got = client
            .get_object()
            .bucket(BUCKET)
            .key("k")
            .range(range)
            .send()
            .await
            .unwrap();
        assert_eq!(got.content_range(), Some(header));
        assert_eq!(
            got.body.collect().await.unwrap().to_vec(),
            content.as_bytes(),
            "{range}"
        );
        let head = client
            .head_object()
            .bucket(BUCKET)
            .key("k")
            .range(range)
            .send()
            .await
            .unwrap();
        assert_eq!(head.content_length(), i64::try_from(content.len()).ok());
    }
    for (key, range) in [
        ("k", "bytes=10-"),
        ("k", "bytes=-0"),
        ("empty", "bytes=0-"),
        ("empty", "bytes=-1"),
    ] {
        let got = client
            .get_object()
            .bucket(BUCKET)
            .key(key)
            .range(range)
            .send()
            .await;
        assert_eq!(refusal(got), (416, "InvalidRange".into()), "{key} {range}");
    }
}

#[tokio::test]
async fn what_is_absent_is_named() {
    let (_server, client) = start(Server::builder()).await;
    let got = client.get_object().bucket(BUCKET).key("k").send().await;
    assert_eq!(refusal(got), (404, "NoSuchKey".into()));
    let error = client
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        error.into_service_error().meta().message(),
        Some("The specified key does not exist.")
    );
    let got = client.get_object().bucket("absent").key("k").send().await;
    assert_eq!(refusal(got), (404, "NoSuchBucket".into()));
    let put = client
        .put_object()
        .bucket("absent")
        .key("k")
        .body(vec![0; 4 << 20].into())
        .send()
        .await;
    assert_eq!(refusal(put), (404, "NoSuchBucket".into()));
    let head = client.head_object().bucket(BUCKET).key("k").send().await;
    assert_eq!(refusal(head).0, 404);
    client
        .delete_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn headers_and_metadata_are_kept() {
    let (server, client) = start(Server::builder()).await;
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .content_type("text/plain")
        .content_encoding("gzip")
        .cache_control("no-cache")
        .metadata("nonce", "a b=c")
        .server_side_encryption(ServerSideEncryption::AwsKms)
        .ssekms_key_id("key-1")
        .ssekms_encryption_context("eyJhIjoiYiJ9")
        .body(ByteStream::from_static(b"v"))
        .send()
        .await
        .unwrap();
    assert_eq!(put.ssekms_encryption_context(), Some("eyJhIjoiYiJ9"));
    let head = client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(head.content_type(), Some("text/plain"));
    assert_eq!(head.content_encoding(), Some("gzip"));
    assert_eq!(head.cache_control(), Some("no-cache"));
    assert_eq!(head.metadata().unwrap()["nonce"], "a b=c");
    assert_eq!(head.server_side_encryption(), Some(&ServerSideEncryption::AwsKms));
    assert_eq!(head.ssekms_key_id(), Some("key-1"));
    assert_eq!(head.e_tag(), Some("\"9e3669d19b675bd57058fd4664205d2a\""));
    let stored = server.store().object(BUCKET, "k").unwrap();
    assert_eq!(stored.encryption.kms_context.as_deref(), Some("eyJhIjoiYiJ9"));
    assert_eq!(stored.content_encoding.as_deref(), Some("gzip"));
}

#[tokio::test]
async fn buckets_come_and_go() {
    let (server, client) = start(Server::builder().region("eu-west-1")).await;
    client.create_bucket().bucket("second").send().await.unwrap();
    let again = client.create_bucket().bucket("second").send().await;
    assert_eq!(refusal(again), (409, "BucketAlreadyOwnedByYou".into()));
    let head = client.head_bucket().bucket("second").send().await.unwrap();
    assert_eq!(head.bucket_region(), Some("eu-west-1"));
    let location = client
        .get_bucket_location()
        .bucket("second")
        .send()
        .await
        .unwrap();
    assert_eq!(location.location_constraint().unwrap().as_str(), "eu-west-1");
    let buckets = client.list_buckets().send().await.unwrap();
    let names: Vec<_> = buckets.buckets().iter().filter_map(|b| b.name()).collect();
    assert_eq!(names, [BUCKET, "second"]);
    server.store().put("second", "k", "v");
    let delete = client.delete_bucket().bucket("second").send().await;
    assert_eq!(refusal(delete), (409, "BucketNotEmpty".into()));
    assert!(server.store().delete("second", "k"));
    client.delete_bucket().bucket("second").send().await.unwrap();
    assert_eq!(server.store().buckets(), [BUCKET]);
}
