//! A server that goes on where one on the same folder stopped.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use testkit::Server;

use crate::client::{BUCKET, get, put, start};

fn data_files(folder: &tempfile::TempDir) -> usize {
    std::fs::read_dir(folder.path().join("data")).unwrap().count()
}

async fn copy_part(client: &Client, id: &str, number: i32, source: &str) -> CompletedPart {
    let copy = client
        .upload_part_copy()
        .bucket(BUCKET)
        .key("u")
        .upload_id(id)
        .part_number(number);
    let copied = copy
        .copy_source(source)
        .copy_source_range("bytes=2-5")
        .send()
        .await
        .unwrap();
    let etag = copied.copy_part_result.unwrap().e_tag;
    CompletedPart::builder()
        .part_number(number)
        .set_e_tag(etag)
        .build()
}

async fn complete(client: &Client, id: &str, parts: &[CompletedPart]) -> Option<String> {
    let parts = CompletedMultipartUpload::builder()
        .set_parts(Some(parts.to_vec()))
        .build();
    let complete = client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("u")
        .upload_id(id);
    complete.multipart_upload(parts).send().await.unwrap().e_tag
}

#[tokio::test]
async fn objects_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = start(Server::builder().folder(folder.path())).await;
    client
        .put_object()
        .bucket(BUCKET)
        .key("a//\u{e9}%")
        .metadata("m", "1")
        .send()
        .await
        .unwrap();
    put(&client, "k", "overwritten").await;
    put(&client, "k", "0123456789").await;
    put(&client, "deleted", "x").await;
    client
        .delete_object()
        .bucket(BUCKET)
        .key("deleted")
        .send()
        .await
        .unwrap();
    client
        .copy_object()
        .bucket(BUCKET)
        .key("copy")
        .copy_source("bucket/k")
        .send()
        .await
        .unwrap();
    let before = server.store().objects(BUCKET);
    assert_eq!(server.store().keys(BUCKET), ["a//\u{e9}%", "copy", "k"]);
    assert_eq!(data_files(&folder), 1);
    server.shutdown().await;

    let (server, client) = start(Server::builder().folder(folder.path())).await;
    assert_eq!(server.store().objects(BUCKET), before);
    server.store().delete(BUCKET, "k");
    assert_eq!(get(&client, "copy").await, b"0123456789");
    server.store().delete(BUCKET, "copy");
    assert_eq!(data_files(&folder), 0);
}

#[tokio::test]
async fn uploads_go_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let builder = || Server::builder().min_part_size(4).folder(folder.path());
    let (server, client) = start(builder()).await;
    let id = client
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("u")
        .send()
        .await
        .unwrap()
        .upload_id
        .unwrap();
    put(&client, "source", "0123456789").await;
    let first = copy_part(&client, &id, 1, "bucket/source").await;
    let before = server.store().open_uploads(BUCKET);
    server.shutdown().await;

    let (server, client) = start(builder()).await;
    assert_eq!(server.store().open_uploads(BUCKET), before);
    put(&client, "source", "abcdefgh").await;
    let parts = [first, copy_part(&client, &id, 2, "bucket/source").await];
    let etag = complete(&client, &id, &parts).await;
    assert_eq!(get(&client, "u").await, b"2345cdef");
    drop(server);

    let (server, client) = start(builder()).await;
    assert_eq!(get(&client, "u").await, b"2345cdef");
    assert_eq!(complete(&client, &id, &parts).await, etag);
    assert!(server.store().delete(BUCKET, "u"));
    assert!(server.store().delete(BUCKET, "source"));
    assert_eq!(data_files(&folder), 0);
}

#[tokio::test]
async fn a_damaged_record_costs_no_data() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = start(Server::builder().folder(folder.path())).await;
    put(&client, "a", "1").await;
    put(&client, "b", "2").await;
    server.shutdown().await;
    let records = folder.path().join("buckets/bucket/objects");
    let last = std::fs::read_dir(&records)
        .unwrap()
        .map(|e| e.unwrap().path())
        .max()
        .unwrap();
    let intact = std::fs::read(&last).unwrap();
    std::fs::write(&last, "{").unwrap();
    assert!(Server::builder().folder(folder.path()).start().await.is_err());
    std::fs::write(&last, intact).unwrap();
    let (_server, client) = start(Server::builder().folder(folder.path())).await;
    assert_eq!(get(&client, "a").await, b"1");
    assert_eq!(get(&client, "b").await, b"2");
}
