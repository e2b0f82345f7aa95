//! Server-side copies.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, MetadataDirective};
use testkit::Server;

use crate::client::{BUCKET, refusal, start};

/// As the SDK expects a copy source: encoded by the caller.
fn encoded(key: &str) -> String {
    let hex = |byte: u8| match byte {
        b'/' | b'a'..=b'z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    format!("{BUCKET}/{}", key.bytes().map(hex).collect::<String>())
}

#[tokio::test]
async fn a_copy_of_an_odd_key_is_that_of_the_right_object() {
    let (server, client) = start(Server::builder()).await;
    for key in [
        "a+b",
        "a b",
        "a%2Fb",
        "a/b",
        "q?versionId=null",
        "q#x",
        "\u{e9}",
        "e\u{301}",
        "//x",
    ] {
        server.store().put(BUCKET, key, key.to_owned());
        let copy = client
            .copy_object()
            .bucket(BUCKET)
            .key("copy")
            .copy_source(encoded(key))
            .send()
            .await
            .unwrap();
        assert_eq!(server.store().get(BUCKET, "copy").unwrap(), key, "{key}");
        let etag = copy
            .copy_object_result()
            .unwrap()
            .e_tag()
            .unwrap()
            .trim_matches('"')
            .to_owned();
        assert_eq!(server.store().object(BUCKET, key).unwrap().etag, etag);
    }
}

#[tokio::test]
async fn a_copy_keeps_or_replaces_metadata() {
    let (server, client) = start(Server::builder()).await;
    client
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .metadata("m", "1")
        .send()
        .await
        .unwrap();
    let copy = || client.copy_object().bucket(BUCKET).copy_source("bucket/k");
    copy().key("kept").send().await.unwrap();
    assert_eq!(server.store().object(BUCKET, "kept").unwrap().metadata["m"], "1");
    let itself = copy().key("k").send().await;
    assert_eq!(refusal(itself), (400, "InvalidRequest".into()));
    copy()
        .key("k")
        .metadata("m", "2")
        .metadata_directive(MetadataDirective::Replace)
        .send()
        .await
        .unwrap();
    assert_eq!(server.store().object(BUCKET, "k").unwrap().metadata["m"], "2");
    let conditional = copy().key("c").copy_source_if_match("\"0123\"").send().await;
    assert_eq!(refusal(conditional), (412, "PreconditionFailed".into()));
    let absent = client
        .copy_object()
        .bucket(BUCKET)
        .key("c")
        .copy_source("bucket/absent")
        .send()
        .await;
    assert_eq!(refusal(absent), (404, "NoSuchKey".into()));
}

#[tokio::test]
async fn parts_are_copied_from_ranges() {
    let (server, client) = start(Server::builder().min_part_size(1)).await;
    server.store().put(BUCKET, "source", "0123456789");
    let create = client.create_multipart_upload().bucket(BUCKET).key("k");
    let id = create.send().await.unwrap().upload_id.unwrap();
    let copy = |number: i32, range: &str| {
        let copy = client
            .upload_part_copy()
            .bucket(BUCKET)
            .key("k")
            .upload_id(&id)
            .part_number(number);
        copy.copy_source("bucket/source").copy_source_range(range).send()
    };
    let mut parts = Vec::new();
    for (number, range) in [(1, "bytes=5-9"), (2, "bytes=0-1")] {
        let result = copy(number, range).await.unwrap().copy_part_result.unwrap();
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(result.e_tag);
        parts.push(part.set_checksum_crc32(result.checksum_crc32).build());
    }
    assert_eq!(
        refusal(copy(3, "bytes=5-10").await),
        (400, "InvalidArgument".into())
    );
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id);
    complete.multipart_upload(parts).send().await.unwrap();
    assert_eq!(server.store().get(BUCKET, "k").unwrap(), "5678901");
}
