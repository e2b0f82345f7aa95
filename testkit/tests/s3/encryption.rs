//! Keys, default encryption, and buckets that demand encryption.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::ServerSideEncryption as Sse;
use testkit::{Encryption, Server};

use crate::client::{BUCKET, put, refusal, start};

const KEY: &str = "1234abcd";
const ARN: &str = "arn:aws:kms:us-east-1:123456789012:key/1234abcd";

/// `{"team":"x"}`
const CONTEXT: &str = "eyJ0ZWFtIjoieCJ9";

fn denied() -> (u16, String) {
    (403, "AccessDenied".into())
}

async fn put_with(client: &Client, key: Option<&str>) -> Option<(u16, String)> {
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .server_side_encryption(Sse::AwsKms)
        .set_ssekms_key_id(key.map(str::to_owned))
        .send()
        .await;
    put.is_err().then(|| refusal(put))
}

#[tokio::test]
async fn a_key_that_is_not_there_is_refused_on_every_verb() {
    let (server, client) = start(Server::builder().kms_key(KEY).kms_key("alias/mine")).await;
    for known in [Some(KEY), Some(ARN), Some("alias/mine"), None] {
        assert_eq!(put_with(&client, known).await, None, "{known:?}");
        let stored = server.store().object(BUCKET, "k").unwrap().encryption;
        assert_eq!(stored.algorithm.as_deref(), Some("aws:kms"));
        assert_eq!(stored.kms_key_id.as_deref(), known);
    }
    let missing = Some((400, "KMS.NotFoundException".to_owned()));
    for unknown in [
        "other",
        "alias/other",
        "arn:aws:kms:us-east-1:123456789012:key/other",
    ] {
        assert_eq!(put_with(&client, Some(unknown)).await, missing, "{unknown}");
    }
    let create = client.create_multipart_upload().bucket(BUCKET).key("k");
    let create = create.server_side_encryption(Sse::AwsKms).ssekms_key_id("other");
    assert_eq!(Some(refusal(create.send().await)), missing);
    let copy = client
        .copy_object()
        .bucket(BUCKET)
        .key("copy")
        .copy_source("bucket/k");
    let copy = copy.server_side_encryption(Sse::AwsKms).ssekms_key_id("other");
    assert_eq!(Some(refusal(copy.send().await)), missing);
    assert_eq!(server.store().keys(BUCKET), ["k"]);
}

#[tokio::test]
async fn any_key_will_do_unless_keys_are_named() {
    let (_server, client) = start(Server::builder()).await;
    assert_eq!(put_with(&client, Some("whatever")).await, None);
}

#[tokio::test]
async fn what_asks_for_nothing_is_encrypted_as_the_bucket_says() {
    let default = Encryption::new("aws:kms").key(ARN);
    let (server, client) = start(Server::builder().default_encryption(BUCKET, default.clone())).await;
    put(&client, "k", "v").await;
    assert_eq!(server.store().object(BUCKET, "k").unwrap().encryption, default);
    let head = client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(head.ssekms_key_id(), Some(ARN));
    assert_eq!(
        server.requests().of("PutObject")[0].header("x-amz-server-side-encryption"),
        None
    );

    let create = client.create_multipart_upload().bucket(BUCKET).key("parts");
    create.clone().send().await.unwrap();
    create.server_side_encryption(Sse::Aes256).send().await.unwrap();
    let mut uploads = server.store().open_uploads(BUCKET).into_iter();
    assert_eq!(uploads.next().unwrap().encryption, default);
    assert_eq!(uploads.next().unwrap().encryption, Encryption::new("AES256"));
}

#[tokio::test]
async fn a_bucket_may_demand_an_encryption_on_every_verb() {
    let required = Encryption::new("aws:kms").key(ARN).context(&[("team", "x")]);
    // A default is no excuse.
    let builder = Server::builder()
        .require_encryption(BUCKET, required.clone())
        .default_encryption(BUCKET, required.clone());
    let (server, client) = start(builder).await;
    server.store().put(BUCKET, "source", "v");
    let wrong = [
        (None, None, None),
        (Some(Sse::Aes256), None, None),
        (Some(Sse::AwsKms), None, None),
        (Some(Sse::AwsKms), Some(KEY), Some(CONTEXT)),
        (Some(Sse::AwsKms), Some(ARN), None),
        (Some(Sse::AwsKms), Some(ARN), Some("eyJ0ZWFtIjoieSJ9")),
        (Some(Sse::AwsKmsDsse), Some(ARN), Some(CONTEXT)),
    ];
    let right = (Some(Sse::AwsKms), Some(ARN), Some(CONTEXT));
    for (algorithm, key, context) in wrong.into_iter().chain([right.clone()]) {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let is_right = (algorithm.clone(), key, context) == right;
        let put = client
            .put_object()
            .bucket(BUCKET)
            .key("put")
            .set_server_side_encryption(algorithm.clone())
            .set_ssekms_key_id(text(key))
            .set_ssekms_encryption_context(text(context))
            .send()
            .await;
        let copy = client
            .copy_object()
            .bucket(BUCKET)
            .key("copy")
            .copy_source("bucket/source")
            .set_server_side_encryption(algorithm.clone())
            .set_ssekms_key_id(text(key))
            .set_ssekms_encryption_context(text(context))
            .send()
            .await;
        let create = client
            .create_multipart_upload()
            .bucket(BUCKET)
            .key("parts")
            .set_server_side_encryption(algorithm.clone())
            .set_ssekms_key_id(text(key))
            .set_ssekms_encryption_context(text(context))
            .send()
            .await;
        if is_right {
            put.unwrap();
            copy.unwrap();
            create.unwrap();
        } else {
            let which = format!("{algorithm:?} {key:?} {context:?}");
            assert_eq!(refusal(put), denied(), "{which}");
            assert_eq!(refusal(copy), denied(), "{which}");
            assert_eq!(refusal(create), denied(), "{which}");
        }
    }
    for key in ["put", "copy"] {
        let stored = server.store().object(BUCKET, key).unwrap().encryption;
        assert_eq!(stored.kms_key_id.as_deref(), Some(ARN), "{key}");
        assert_eq!(stored.decoded_context(), required.decoded_context(), "{key}");
    }
    let upload = server.store().open_uploads(BUCKET).remove(0);
    assert_eq!(upload.encryption.decoded_context(), required.decoded_context());
}
