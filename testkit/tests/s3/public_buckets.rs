//! Buckets that unsigned requests may use.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Region;
use aws_sdk_s3::config::retry::RetryConfig;
use testkit::Server;

use crate::client::{BUCKET, refusal, start};

const OPEN: &str = "open-data";

fn nobody(server: &Server) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version_latest()
        .allow_no_auth()
        .region(Region::new(server.region().to_owned()))
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

#[tokio::test]
async fn everybody_may_read_a_public_bucket_and_nothing_else() {
    let (server, _) = start(Server::builder().public_bucket(OPEN)).await;
    for bucket in [OPEN, BUCKET] {
        server.store().put(bucket, "k", "v");
    }
    let nobody = nobody(&server);
    let got = nobody.get_object().bucket(OPEN).key("k").send().await.unwrap();
    assert_eq!(&got.body.collect().await.unwrap().to_vec(), b"v");
    let listed = nobody.list_objects_v2().bucket(OPEN).send().await.unwrap();
    assert_eq!(listed.key_count(), Some(1));
    assert_eq!(server.requests().of("GetObject")[0].header("authorization"), None);

    let denied = (403, "AccessDenied".to_owned());
    let put = nobody.put_object().bucket(OPEN).key("new").send().await;
    assert_eq!(refusal(put), denied);
    let delete = nobody.delete_object().bucket(OPEN).key("k").send().await;
    assert_eq!(refusal(delete), denied);
    let get = nobody.get_object().bucket(BUCKET).key("k").send().await;
    assert_eq!(refusal(get), denied);
    assert_eq!(refusal(nobody.list_buckets().send().await), denied);
    assert_eq!(server.store().keys(OPEN), ["k"]);
}

#[tokio::test]
async fn everybody_may_write_a_public_bucket_if_that_is_allowed() {
    let (server, _) = start(Server::builder().public_writable_bucket(OPEN)).await;
    server.store().put(BUCKET, "secret", "v");
    let nobody = nobody(&server);
    let put = nobody.put_object().bucket(OPEN).key("k").body(vec![1].into());
    put.send().await.unwrap();
    let copy = |source: &str| {
        nobody
            .copy_object()
            .bucket(OPEN)
            .key("copy")
            .copy_source(source)
            .send()
    };
    assert_eq!(refusal(copy("bucket/secret").await), (403, "AccessDenied".into()));
    assert_eq!(
        refusal(copy("%62ucket/secret").await),
        (403, "AccessDenied".into())
    );
    copy("open-data/k").await.unwrap();
    assert_eq!(server.store().keys(OPEN), ["copy", "k"]);
}

#[tokio::test]
async fn everybody_is_told_the_region_of_a_bucket() {
    let (server, _) = start(Server::builder().bucket_in("far-bucket", "eu-west-1")).await;
    let head = nobody(&server).head_bucket().bucket("far-bucket").send().await;
    let error = head.unwrap_err();
    let response = error.raw_response().unwrap();
    assert_eq!(response.status().as_u16(), 403);
    assert_eq!(response.headers().get("x-amz-bucket-region"), Some("eu-west-1"));
}
