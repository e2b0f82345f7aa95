//! What each personality does otherwise than Amazon S3, on the wire.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::{
    ChecksumMode, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier, ServerSideEncryption,
};
use testkit::{Personality, Server};

use crate::client::{BUCKET, put, refusal, start};

/// A server of this personality, and a client that sends no checksum unless told to.
async fn serve(personality: Personality) -> (Server, Client) {
    let (server, client) = start(Server::builder().min_part_size(1).personality(personality)).await;
    let config = client
        .config()
        .to_builder()
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    (server, Client::from_conf(config.build()))
}

/// Uploads these parts and completes the upload, under `If-None-Match` if so wished.
async fn upload(
    client: &Client,
    key: &str,
    parts: &[&str],
    condition: bool,
) -> Result<String, (u16, String)> {
    let create = client.create_multipart_upload().bucket(BUCKET).key(key);
    let id = create.send().await.unwrap().upload_id.unwrap();
    let mut listed = Vec::new();
    for (number, content) in (1..).zip(parts) {
        let part = client
            .upload_part()
            .bucket(BUCKET)
            .key(key)
            .upload_id(&id)
            .part_number(number)
            .body(content.as_bytes().to_vec().into())
            .send()
            .await
            .unwrap();
        listed.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(part.e_tag)
                .build(),
        );
    }
    let parts = CompletedMultipartUpload::builder()
        .set_parts(Some(listed))
        .build();
    let completed = client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key(key)
        .upload_id(&id)
        .multipart_upload(parts)
        .set_if_none_match(condition.then(|| "*".to_owned()))
        .send()
        .await;
    match completed {
        Ok(completed) => Ok(completed.e_tag.unwrap_or_default()),
        refused => Err(refusal(refused)),
    }
}

async fn put_with_checksum(client: &Client) -> Result<(), (u16, String)> {
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key("summed")
        // Of another content: a store that compares it says BadDigest.
        .checksum_crc32_c("AAAAAA==")
        .body(b"content".to_vec().into())
        .send()
        .await;
    match put {
        Ok(_) => Ok(()),
        refused => Err(refusal(refused)),
    }
}

/// A body whose length alone is known, which the SDK sends with aws-chunked framing and a trailer.
async fn put_framed(client: &Client) -> Result<(), (u16, String)> {
    let body = SdkBody::retryable(|| SdkBody::from_body_1_x(content()));
    let config = client
        .config()
        .to_builder()
        .request_checksum_calculation(RequestChecksumCalculation::WhenSupported);
    let put = Client::from_conf(config.build())
        .put_object()
        .bucket(BUCKET)
        .key("framed")
        .content_length(7)
        .body(ByteStream::new(body))
        .send()
        .await;
    match put {
        Ok(_) => Ok(()),
        refused => Err(refusal(refused)),
    }
}

fn content() -> http_body_util::Full<bytes::Bytes> {
    http_body_util::Full::new(bytes::Bytes::from_static(b"content"))
}

async fn put_if_none(client: &Client, key: &str) -> Result<(), (u16, String)> {
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .if_none_match("*")
        .body(b"second".to_vec().into())
        .send()
        .await;
    match put {
        Ok(_) => Ok(()),
        refused => Err(refusal(refused)),
    }
}

async fn delete_if(client: &Client, key: &str) -> Result<(), (u16, String)> {
    let deleted = client
        .delete_object()
        .bucket(BUCKET)
        .key(key)
        .if_match("\"other\"")
        .send()
        .await;
    match deleted {
        Ok(_) => Ok(()),
        refused => Err(refusal(refused)),
    }
}

async fn copy_if(client: &Client, etag: &str) -> Result<(), (u16, String)> {
    let copied = client
        .copy_object()
        .bucket(BUCKET)
        .key("copy")
        .copy_source(format!("{BUCKET}/k"))
        .copy_source_if_match(etag)
        .send()
        .await;
    match copied {
        Ok(_) => Ok(()),
        refused => Err(refusal(refused)),
    }
}

async fn delete_many(
    client: &Client,
    header: Option<(&'static str, &'static str)>,
) -> Result<(), (u16, String)> {
    let key = ObjectIdentifier::builder().key("k").build().unwrap();
    let delete = Delete::builder().objects(key).build().unwrap();
    let deleted = client
        .delete_objects()
        .bucket(BUCKET)
        .delete(delete)
        .customize()
        .mutate_request(move |request| {
            let headers = request.headers_mut();
            headers.remove("x-amz-checksum-crc32");
            headers.remove("x-amz-sdk-checksum-algorithm");
            if let Some((name, value)) = header {
                headers.insert(name, value);
            }
        })
        .send()
        .await;
    match deleted {
        Ok(_) => Ok(()),
        refused => Err(refusal(refused)),
    }
}

fn no(status: u16, code: &str) -> Result<(), (u16, String)> {
    Err((status, code.to_owned()))
}

#[test]
fn every_personality_has_a_name_of_its_own() {
    for personality in Personality::ALL {
        assert_eq!(Personality::from_name(personality.name()), Some(personality));
    }
    assert_eq!(Personality::from_name("aws"), None);
}

#[tokio::test]
async fn conditions_of_writes_are_obeyed_overlooked_or_refused() {
    use Personality::{
        AwsStrict, Ceph, FrameStoring, GcsXml, NoBulkDelete, NoConditionalWrites, OldMinio, R2, SeaweedFs,
        WeakEtags,
    };
    let failed = || no(412, "PreconditionFailed");
    let unknown = || no(501, "NotImplemented");
    for (personality, put_outcome, complete_outcome, delete_outcome) in [
        (AwsStrict, failed(), failed(), failed()),
        (OldMinio, Ok(()), Ok(()), Ok(())),
        (Ceph, failed(), Ok(()), Ok(())),
        (GcsXml, Ok(()), Ok(()), Ok(())),
        (R2, failed(), Ok(()), Ok(())),
        (SeaweedFs, Ok(()), Ok(()), Ok(())),
        (WeakEtags, failed(), failed(), failed()),
        (NoConditionalWrites, unknown(), unknown(), unknown()),
        (NoBulkDelete, failed(), failed(), failed()),
        (FrameStoring, failed(), failed(), failed()),
    ] {
        let (server, client) = serve(personality).await;
        server.store().put(BUCKET, "k", "first");
        assert_eq!(put_if_none(&client, "k").await, put_outcome, "{personality:?}");
        let completed = upload(&client, "k", &["aa", "b"], true).await.map(drop);
        assert_eq!(completed, complete_outcome, "{personality:?}");
        assert_eq!(delete_if(&client, "k").await, delete_outcome, "{personality:?}");
    }
}

#[tokio::test]
async fn the_condition_on_the_source_of_a_copy_is_overlooked_by_some() {
    for personality in Personality::ALL {
        let (server, client) = serve(personality).await;
        server.store().put(BUCKET, "k", "first");
        let overlooks = matches!(personality, Personality::Ceph | Personality::SeaweedFs);
        let expected = if overlooks {
            Ok(())
        } else {
            no(412, "PreconditionFailed")
        };
        assert_eq!(copy_if(&client, "\"other\"").await, expected, "{personality:?}");
    }
}

#[tokio::test]
async fn checksums_are_compared_overlooked_or_refused() {
    for personality in Personality::ALL {
        let (server, client) = serve(personality).await;
        let expected = match personality {
            Personality::OldMinio => no(400, "InvalidArgument"),
            Personality::R2 => no(501, "NotImplemented"),
            Personality::Ceph | Personality::GcsXml | Personality::SeaweedFs => Ok(()),
            _ => no(400, "BadDigest"),
        };
        assert_eq!(put_with_checksum(&client).await, expected, "{personality:?}");
        server.store().put(BUCKET, "k", "first");
        let head = client.head_object().bucket(BUCKET).key("k");
        let head = head.checksum_mode(ChecksumMode::Enabled).send().await;
        match personality {
            Personality::R2 => assert_eq!(refusal(head).0, 501),
            Personality::OldMinio | Personality::Ceph | Personality::GcsXml | Personality::SeaweedFs => {
                assert_eq!(head.unwrap().checksum_crc64_nvme, None, "{personality:?}");
            }
            _ => assert!(head.unwrap().checksum_crc64_nvme.is_some(), "{personality:?}"),
        }
    }
}

#[tokio::test]
async fn framing_is_decoded_refused_or_stored() {
    for personality in Personality::ALL {
        let (server, client) = serve(personality).await;
        let outcome = put_framed(&client).await;
        let content = server.store().get(BUCKET, "framed");
        match personality {
            Personality::OldMinio => assert_eq!(outcome, no(400, "InvalidArgument")),
            Personality::Ceph => assert_eq!(outcome, no(400, "XAmzContentSHA256Mismatch")),
            Personality::R2 => assert_eq!(outcome, no(501, "NotImplemented")),
            Personality::FrameStoring => {
                let content = content.unwrap();
                assert!(content.starts_with(b"7;chunk-signature="), "{content:?}");
            }
            _ => assert_eq!(
                (outcome, content.as_deref()),
                (Ok(()), Some(&b"content"[..])),
                "{personality:?}"
            ),
        }
    }
}

#[tokio::test]
async fn bulk_deletion_wants_a_digest_or_is_not_there() {
    for personality in Personality::ALL {
        let (_server, client) = serve(personality).await;
        let bare = delete_many(&client, None).await;
        let expected = match personality {
            Personality::AwsStrict => no(400, "InvalidRequest"),
            Personality::OldMinio => no(400, "MissingContentMD5"),
            Personality::GcsXml => no(501, "NotImplemented"),
            Personality::NoBulkDelete => no(405, "MethodNotAllowed"),
            _ => Ok(()),
        };
        assert_eq!(bare, expected, "{personality:?}");
    }
    let md5 = Some(("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="));
    for personality in [Personality::AwsStrict, Personality::OldMinio] {
        let (_server, client) = serve(personality).await;
        assert_eq!(delete_many(&client, md5).await, Ok(()), "{personality:?}");
    }
}

#[tokio::test]
async fn parts_of_several_sizes_are_refused_by_r2_alone() {
    for personality in Personality::ALL {
        let (_server, client) = serve(personality).await;
        let completed = upload(&client, "k", &["aa", "b", "c"], false).await.map(drop);
        let expected = if personality == Personality::R2 {
            no(400, "InvalidPart")
        } else {
            Ok(())
        };
        assert_eq!(completed, expected, "{personality:?}");
    }
}

#[tokio::test]
async fn the_tag_of_what_is_made_of_parts_is_opaque_on_some() {
    for personality in Personality::ALL {
        let (server, client) = serve(personality).await;
        upload(&client, "k", &["aa", "bb"], false).await.unwrap();
        let etag = server.store().object(BUCKET, "k").unwrap().etag;
        let is_opaque = matches!(personality, Personality::GcsXml | Personality::R2);
        assert_eq!(etag.ends_with("-2"), !is_opaque, "{personality:?}: {etag}");
    }
}

#[tokio::test]
async fn weak_tags_satisfy_no_condition_and_some_replies_have_none() {
    let (server, client) = serve(Personality::WeakEtags).await;
    server.store().put(BUCKET, "k", "first");
    let head = client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    let weak = head.e_tag.unwrap();
    assert!(weak.starts_with("W/\""), "{weak}");
    let get = || client.get_object().bucket(BUCKET).key("k");
    assert_eq!(get().send().await.unwrap().e_tag, Some(weak.clone()));
    assert_eq!(refusal(get().if_match(&weak).send().await).0, 412);
    let put = client.put_object().bucket(BUCKET).key("other");
    assert_eq!(put.send().await.unwrap().e_tag, None);
    let completed = upload(&client, "large", &["a"], false).await.unwrap();
    assert_eq!(completed.trim_matches('"'), "null");
    let strong = weak.trim_start_matches("W/");
    copy_if(&client, strong).await.unwrap();
    assert_eq!(copy_if(&client, &weak).await, no(412, "PreconditionFailed"));
}

#[tokio::test]
async fn google_copies_no_parts() {
    let (server, client) = serve(Personality::GcsXml).await;
    server.store().put(BUCKET, "k", "first");
    let create = client.create_multipart_upload().bucket(BUCKET).key("copy");
    let id = create.send().await.unwrap().upload_id.unwrap();
    let copy = client
        .upload_part_copy()
        .bucket(BUCKET)
        .key("copy")
        .upload_id(id)
        .part_number(1)
        .copy_source(format!("{BUCKET}/k"));
    assert_eq!(refusal(copy.send().await), (501, "NotImplemented".into()));
}

#[tokio::test]
async fn ceph_stores_in_clear_what_was_to_be_encrypted() {
    let (server, client) = serve(Personality::Ceph).await;
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .server_side_encryption(ServerSideEncryption::Aes256);
    assert_eq!(put.send().await.unwrap().server_side_encryption, None);
    assert_eq!(
        server.store().object(BUCKET, "k").unwrap().encryption.algorithm,
        None
    );
}

#[tokio::test]
async fn nothing_in_seaweed_is_a_file_and_a_directory() {
    let (_server, client) = serve(Personality::SeaweedFs).await;
    put(&client, "dir/file", "1").await;
    put(&client, "dir/", "").await;
    let refused = |key: &str| client.put_object().bucket(BUCKET).key(key).send();
    for key in ["dir/file/below", "dir/file/far/below", "dir/file/"] {
        assert_eq!(
            refusal(refused(key).await),
            (409, "ExistingObjectIsFile".into()),
            "{key}"
        );
    }
    assert_eq!(
        refusal(refused("dir").await),
        (409, "ExistingObjectIsDirectory".into())
    );
    put(&client, "dir2", "1").await;
    put(&client, "dir/file", "2").await;
}
