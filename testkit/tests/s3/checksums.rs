//! Checksums of objects and requests.

use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use testkit::Server;

use crate::client::{BUCKET, get, put, refusal, start};

#[tokio::test]
async fn each_algorithm_is_verified_and_returned() {
    let (server, client) = start(Server::builder()).await;
    for algorithm in ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] {
        let algorithm = ChecksumAlgorithm::from(algorithm);
        let put = client
            .put_object()
            .bucket(BUCKET)
            .key("k")
            .checksum_algorithm(algorithm.clone());
        put.body(ByteStream::from_static(b"content"))
            .send()
            .await
            .unwrap();
        let stored = server.store().object(BUCKET, "k").unwrap().checksum.unwrap();
        assert_eq!(stored.0, algorithm.as_str());
        let got = client
            .get_object()
            .bucket(BUCKET)
            .key("k")
            .checksum_mode(ChecksumMode::Enabled);
        let got = got.send().await.unwrap();
        let sent = [
            got.checksum_crc32(),
            got.checksum_crc32_c(),
            got.checksum_crc64_nvme(),
            got.checksum_sha1(),
            got.checksum_sha256(),
        ];
        assert_eq!(sent.into_iter().flatten().collect::<Vec<_>>(), [stored.1]);
        assert_eq!(got.body.collect().await.unwrap().to_vec(), b"content");
    }
}

#[tokio::test]
async fn a_wrong_checksum_is_refused() {
    let (server, client) = start(Server::builder()).await;
    let put = || {
        client
            .put_object()
            .bucket(BUCKET)
            .key("k")
            .body(ByteStream::from_static(b"content"))
    };
    assert_eq!(
        refusal(put().checksum_crc32("AAAAAA==").send().await),
        (400, "BadDigest".into())
    );
    assert_eq!(
        refusal(put().checksum_crc64_nvme("AAAAAAAAAAA=").send().await),
        (400, "BadDigest".into())
    );
    assert_eq!(
        refusal(put().checksum_crc32("AAA=").send().await),
        (400, "InvalidRequest".into())
    );
    let md5 = put().content_md5("AAAAAAAAAAAAAAAAAAAAAA==").send().await;
    assert_eq!(refusal(md5), (400, "BadDigest".into()));
    assert_eq!(
        refusal(put().content_md5("AAA=").send().await),
        (400, "InvalidDigest".into())
    );
    assert!(server.store().objects(BUCKET).is_empty());
}

#[tokio::test]
async fn a_streamed_body_carries_its_checksum_in_the_trailer() {
    let (server, client) = start(Server::builder()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![7; 300_000]).unwrap();
    let body = ByteStream::from_path(file.path()).await.unwrap();
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .checksum_algorithm(ChecksumAlgorithm::Sha256);
    put.body(body).send().await.unwrap();
    let request = &server.requests().of("PutObject")[0];
    assert_eq!(request.header("x-amz-trailer"), Some("x-amz-checksum-sha256"));
    let stored = server.store().object(BUCKET, "k").unwrap();
    assert_eq!((stored.size, stored.checksum.unwrap().0), (300_000, "SHA256"));
    assert_eq!(stored.content_encoding, None);
}

#[tokio::test]
async fn an_object_without_a_checksum_of_the_client_gets_crc64nvme() {
    let (server, client) = start(Server::builder()).await;
    let config = client.config().to_builder();
    let config = config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    let config = config.response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    let plain = aws_sdk_s3::Client::from_conf(config.build());
    put(&plain, "k", "123456789").await;
    let stored = server.store().object(BUCKET, "k").unwrap();
    assert_eq!(stored.checksum, Some(("CRC64NVME", "rosUhgp5mIg=".into())));
    let got = plain.get_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(got.checksum_crc64_nvme(), None);
    assert_eq!(get(&client, "k").await, b"123456789");
}
