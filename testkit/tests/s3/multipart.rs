//! Multipart uploads.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart,
};
use testkit::{Server, ServerBuilder};

use crate::client::{BUCKET, get, put, refusal, start};

const KEY: &str = "k";

/// An upload whose parts carry checksums, as those of the SDK do.
struct Upload {
    client: Client,
    id: String,
    algorithm: ChecksumAlgorithm,
}

impl Upload {
    async fn create(client: &Client) -> Self {
        Self::with(client, ChecksumAlgorithm::Crc32, None).await
    }

    async fn with(client: &Client, algorithm: ChecksumAlgorithm, kind: Option<ChecksumType>) -> Self {
        let create = client
            .create_multipart_upload()
            .bucket(BUCKET)
            .key(KEY)
            .checksum_algorithm(algorithm.clone());
        let id = create
            .set_checksum_type(kind)
            .send()
            .await
            .unwrap()
            .upload_id
            .unwrap();
        Self {
            client: client.clone(),
            id,
            algorithm,
        }
    }

    async fn part(&self, number: i32, content: &str) -> CompletedPart {
        let part = self
            .client
            .upload_part()
            .bucket(BUCKET)
            .key(KEY)
            .upload_id(&self.id)
            .part_number(number);
        let part = part
            .checksum_algorithm(self.algorithm.clone())
            .body(content.as_bytes().to_vec().into())
            .send()
            .await
            .unwrap();
        CompletedPart::builder()
            .part_number(number)
            .set_e_tag(part.e_tag)
            .set_checksum_crc32(part.checksum_crc32)
            .set_checksum_sha256(part.checksum_sha256)
            .build()
    }

    fn complete(&self, parts: &[CompletedPart]) -> CompleteMultipartUploadFluentBuilder {
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts.to_vec()))
            .build();
        let complete = self
            .client
            .complete_multipart_upload()
            .bucket(BUCKET)
            .key(KEY)
            .upload_id(&self.id);
        complete.multipart_upload(parts)
    }
}

fn small_parts() -> ServerBuilder {
    Server::builder().min_part_size(4)
}

#[tokio::test]
async fn parts_become_an_object() {
    let (server, client) = start(small_parts()).await;
    let upload = Upload::create(&client).await;
    let second = upload.part(7, "6789").await;
    upload.part(2, "replaced").await;
    let first = upload.part(2, "012345").await;
    upload.part(9, "left out").await;
    assert!(server.store().objects(BUCKET).is_empty());
    let completed = upload.complete(&[first, second]).send().await.unwrap();
    assert!(completed.e_tag().unwrap().ends_with("-2\""));
    assert_eq!(get(&client, KEY).await, b"0123456789");
    assert!(server.store().open_uploads(BUCKET).is_empty());
    assert_eq!(server.store().object(BUCKET, KEY).unwrap().parts, Some(2));
    let range = client
        .get_object()
        .bucket(BUCKET)
        .key(KEY)
        .range("bytes=4-7")
        .send()
        .await
        .unwrap();
    assert_eq!(range.body.collect().await.unwrap().to_vec(), b"4567");
    let part = client
        .get_object()
        .bucket(BUCKET)
        .key(KEY)
        .part_number(2)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (part.parts_count(), part.content_range()),
        (Some(2), Some("bytes 6-9/10"))
    );
}

#[tokio::test]
async fn parts_that_break_a_rule_are_refused() {
    let (server, client) = start(small_parts()).await;
    let upload = Upload::create(&client).await;
    let [a, b, small] = [
        upload.part(1, "aaaa").await,
        upload.part(2, "bbbb").await,
        upload.part(3, "c").await,
    ];
    let refused = async |parts: &[CompletedPart]| refusal(upload.complete(parts).send().await);
    assert_eq!(
        refused(&[a.clone(), small.clone(), upload.part(4, "d").await]).await,
        (400, "EntityTooSmall".into())
    );
    assert_eq!(
        refused(&[b.clone(), a.clone()]).await,
        (400, "InvalidPartOrder".into())
    );
    assert_eq!(
        refused(&[a.clone(), a.clone()]).await,
        (400, "InvalidPartOrder".into())
    );
    let wrong = CompletedPart::builder().part_number(1).e_tag("\"0123\"").build();
    assert_eq!(refused(&[wrong]).await, (400, "InvalidPart".into()));
    let absent = CompletedPart::builder()
        .part_number(5)
        .set_e_tag(a.e_tag.clone())
        .build();
    assert_eq!(refused(&[a.clone(), absent]).await, (400, "InvalidPart".into()));
    assert_eq!(refused(&[]).await, (400, "MalformedXML".into()));
    assert_eq!(server.store().open_uploads(BUCKET).len(), 1);
    upload.complete(&[a, b, small]).send().await.unwrap();
}

#[tokio::test]
async fn a_store_of_equal_parts_takes_no_others() {
    let (server, client) = start(small_parts().equal_parts(true)).await;
    let upload = Upload::create(&client).await;
    let [a, longer, b, short] = [
        upload.part(1, "aaaa").await,
        upload.part(2, "bbbbb").await,
        upload.part(3, "cccc").await,
        upload.part(4, "d").await,
    ];
    for unequal in [
        vec![a.clone(), longer.clone()],
        vec![a.clone(), longer.clone(), b.clone()],
        vec![longer.clone(), b.clone(), short.clone()],
    ] {
        let refused = upload.complete(&unequal).send().await;
        assert_eq!(refusal(refused), (400, "InvalidPart".into()));
    }
    upload.complete(&[a, b, short]).send().await.unwrap();
    assert_eq!(server.store().get(BUCKET, KEY).unwrap(), "aaaaccccd");
    let single = Upload::create(&client).await;
    let part = single.part(1, "x").await;
    single.complete(&[part]).send().await.unwrap();
}

#[tokio::test]
async fn part_numbers_end_where_the_store_says() {
    let (_server, client) = start(small_parts().max_parts(10)).await;
    let upload = Upload::create(&client).await;
    upload.part(10, "aaaa").await;
    let beyond = client
        .upload_part()
        .bucket(BUCKET)
        .key(KEY)
        .upload_id(&upload.id)
        .part_number(11)
        .body(b"bbbb".to_vec().into());
    assert_eq!(refusal(beyond.send().await), (400, "InvalidArgument".into()));
}

#[tokio::test]
async fn the_least_size_of_parts_is_that_of_aws() {
    let (_server, client) = start(Server::builder()).await;
    let upload = Upload::create(&client).await;
    let parts = [upload.part(1, "too small").await, upload.part(2, "x").await];
    assert_eq!(
        refusal(upload.complete(&parts).send().await),
        (400, "EntityTooSmall".into())
    );
}

#[tokio::test]
async fn completing_twice_succeeds_and_changes_nothing() {
    let (server, client) = start(small_parts()).await;
    let upload = Upload::create(&client).await;
    let parts = [upload.part(1, "aaaa").await];
    let first = upload.complete(&parts).send().await.unwrap();
    let second = upload.complete(&parts).send().await.unwrap();
    assert_eq!(first.e_tag(), second.e_tag());
    put(&client, KEY, "newer").await;
    upload.complete(&parts).send().await.unwrap();
    assert_eq!(get(&client, KEY).await, b"newer");
    server.store().delete(BUCKET, KEY);
    upload.complete(&parts).send().await.unwrap();
    assert!(server.store().objects(BUCKET).is_empty());
}

#[tokio::test]
async fn a_server_can_forget_completed_uploads() {
    let (_server, client) = start(small_parts().forget_completed_uploads(true)).await;
    let upload = Upload::create(&client).await;
    let parts = [upload.part(1, "aaaa").await];
    upload.complete(&parts).send().await.unwrap();
    assert_eq!(
        refusal(upload.complete(&parts).send().await),
        (404, "NoSuchUpload".into())
    );
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let (server, client) = start(small_parts()).await;
    let upload = Upload::create(&client).await;
    let parts = [upload.part(1, "aaaa").await];
    let abort = || {
        client
            .abort_multipart_upload()
            .bucket(BUCKET)
            .key(KEY)
            .upload_id(&upload.id)
            .send()
    };
    abort().await.unwrap();
    assert_eq!(refusal(abort().await), (404, "NoSuchUpload".into()));
    assert_eq!(
        refusal(upload.complete(&parts).send().await),
        (404, "NoSuchUpload".into())
    );
    let part = client
        .upload_part()
        .bucket(BUCKET)
        .key(KEY)
        .upload_id(&upload.id)
        .part_number(1)
        .send()
        .await;
    assert_eq!(refusal(part), (404, "NoSuchUpload".into()));
    assert!(server.store().open_uploads(BUCKET).is_empty());
}

#[tokio::test]
async fn of_racing_completions_of_two_uploads_one_wins() {
    let (_server, client) = start(small_parts()).await;
    let mut racers = Vec::new();
    for _ in 0..8 {
        let upload = Upload::create(&client).await;
        let parts = [upload.part(1, &upload.id).await];
        racers.push(upload.complete(&parts).if_none_match("*"));
    }
    let racers: Vec<_> = racers
        .into_iter()
        .map(|racer| tokio::spawn(racer.send()))
        .collect();
    let mut won = 0;
    for racer in racers {
        match racer.await.unwrap() {
            Ok(_) => won += 1,
            lost => assert_eq!(refusal(lost), (412, "PreconditionFailed".into())),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn parts_are_listed_in_pages() {
    let (_server, client) = start(small_parts()).await;
    let upload = Upload::create(&client).await;
    for number in [1, 3, 5, 10_000] {
        upload.part(number, "part").await;
    }
    let (mut numbers, mut marker) = (Vec::new(), None);
    loop {
        let list = client
            .list_parts()
            .bucket(BUCKET)
            .key(KEY)
            .upload_id(&upload.id)
            .max_parts(2);
        let page = list.set_part_number_marker(marker).send().await.unwrap();
        numbers.extend(
            page.parts()
                .iter()
                .map(|p| (p.part_number().unwrap(), p.size().unwrap())),
        );
        if page.is_truncated() != Some(true) {
            break;
        }
        marker = page.next_part_number_marker().map(str::to_owned);
    }
    assert_eq!(numbers, [(1, 4), (3, 4), (5, 4), (10_000, 4)]);
    let beyond = client
        .upload_part()
        .bucket(BUCKET)
        .key(KEY)
        .upload_id(&upload.id)
        .part_number(10_001)
        .send();
    assert_eq!(refusal(beyond.await), (400, "InvalidArgument".into()));
}

#[tokio::test]
async fn uploads_are_listed_in_pages() {
    let (_server, client) = start(small_parts()).await;
    let mut expected = Vec::new();
    for key in ["a", "a", "b/1", "b/2", "c"] {
        let id = client
            .create_multipart_upload()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await
            .unwrap()
            .upload_id;
        expected.push((key.to_owned(), id.unwrap()));
    }
    let (mut found, mut markers) = (Vec::new(), (None, None));
    loop {
        let list = client.list_multipart_uploads().bucket(BUCKET).max_uploads(1);
        let list = list.set_key_marker(markers.0).set_upload_id_marker(markers.1);
        let page = list.send().await.unwrap();
        found.extend(
            page.uploads()
                .iter()
                .map(|u| (u.key().unwrap().to_owned(), u.upload_id().unwrap().to_owned())),
        );
        if page.is_truncated() != Some(true) {
            break;
        }
        markers = (
            page.next_key_marker().map(str::to_owned),
            page.next_upload_id_marker().map(str::to_owned),
        );
    }
    assert_eq!(found, expected);
    let grouped = client
        .list_multipart_uploads()
        .bucket(BUCKET)
        .delimiter("/")
        .send()
        .await
        .unwrap();
    assert_eq!((grouped.uploads().len(), grouped.common_prefixes().len()), (3, 1));
}

#[tokio::test]
async fn checksums_of_uploads_are_composite_or_of_the_whole() {
    let (server, client) = start(small_parts()).await;
    let upload = Upload::with(&client, ChecksumAlgorithm::Sha256, None).await;
    let parts = [upload.part(1, "12345").await, upload.part(2, "6789").await];
    let mut bare = parts.clone();
    bare[1].checksum_sha256 = None;
    assert_eq!(
        refusal(upload.complete(&bare).send().await),
        (400, "InvalidRequest".into())
    );
    let completed = upload.complete(&parts).send().await.unwrap();
    assert_eq!(completed.checksum_type(), Some(&ChecksumType::Composite));
    assert!(completed.checksum_sha256().unwrap().ends_with("-2"));

    let upload = Upload::with(&client, ChecksumAlgorithm::Crc32, Some(ChecksumType::FullObject)).await;
    let parts = [upload.part(1, "12345").await, upload.part(2, "6789").await];
    let wrong = upload.complete(&parts).checksum_crc32("AAAAAA==").send().await;
    assert_eq!(refusal(wrong), (400, "BadDigest".into()));
    // The check value of CRC32.
    upload
        .complete(&parts)
        .checksum_crc32("y/Q5Jg==")
        .send()
        .await
        .unwrap();
    assert_eq!(
        server.store().object(BUCKET, KEY).unwrap().checksum,
        Some(("CRC32", "y/Q5Jg==".into()))
    );
    let head = client
        .head_object()
        .bucket(BUCKET)
        .key(KEY)
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await;
    assert_eq!(head.unwrap().checksum_type(), Some(&ChecksumType::FullObject));

    let upload = Upload::with(&client, ChecksumAlgorithm::Sha256, None).await;
    let part = client
        .upload_part()
        .bucket(BUCKET)
        .key(KEY)
        .upload_id(&upload.id)
        .part_number(1);
    let part = part
        .checksum_algorithm(ChecksumAlgorithm::Crc32)
        .body(b"x".to_vec().into())
        .send()
        .await;
    assert_eq!(refusal(part), (400, "InvalidRequest".into()));
}
