//! Signatures.

use testkit::Server;

use crate::client::{BUCKET, client, get, put, refusal, start};

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let (server, _) = start(Server::builder()).await;
    let intruder = client(&server, server.access_key(), "wrong", server.region());
    let result = intruder.list_objects_v2().bucket(BUCKET).send().await;
    assert_eq!(refusal(result), (403, "SignatureDoesNotMatch".into()));
}

#[tokio::test]
async fn an_unknown_key_is_refused() {
    let (server, _) = start(Server::builder()).await;
    let intruder = client(&server, "unknown", server.secret_key(), server.region());
    let put = intruder
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .body(vec![7; 1 << 20].into())
        .send()
        .await;
    assert_eq!(refusal(put), (403, "InvalidAccessKeyId".into()));
    assert!(server.store().objects(BUCKET).is_empty());
}

#[tokio::test]
async fn a_signature_for_another_region_is_refused() {
    let (server, _) = start(Server::builder().region("eu-west-1")).await;
    let stray = client(&server, server.access_key(), server.secret_key(), "us-east-1");
    let error = stray.list_objects_v2().bucket(BUCKET).send().await.unwrap_err();
    assert_eq!(
        error.raw_response().unwrap().headers().get("x-amz-bucket-region"),
        Some("eu-west-1")
    );
    let result = stray.list_objects_v2().bucket(BUCKET).send().await;
    assert_eq!(refusal(result), (400, "AuthorizationHeaderMalformed".into()));
}

#[tokio::test]
async fn each_of_several_keys_is_accepted() {
    let (server, first) = start(Server::builder().credentials("one", "1").credentials("two", "2")).await;
    put(&first, "k", "v").await;
    assert_eq!(
        get(&client(&server, "two", "2", server.region()), "k").await,
        b"v"
    );
}
