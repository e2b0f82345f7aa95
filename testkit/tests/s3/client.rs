//! Clients of a server: the SDK without retries, and bare HTTP.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use testkit::{Server, ServerBuilder};

pub(crate) const BUCKET: &str = "bucket";

pub(crate) async fn start(builder: ServerBuilder) -> (Server, Client) {
    let server = builder.bucket(BUCKET).start().await.unwrap();
    let client = client(&server, server.access_key(), server.secret_key(), server.region());
    (server, client)
}

pub(crate) fn client(server: &Server, access_key: &str, secret_key: &str, region: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version_latest()
        .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"))
        .region(Region::new(region.to_owned()))
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

/// Status and code of a refused request.
pub(crate) fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E, HttpResponse>>,
) -> (u16, String) {
    let error = result.expect_err("the request has to be refused");
    let status = error
        .raw_response()
        .unwrap_or_else(|| panic!("no answer: {error:?}"))
        .status()
        .as_u16();
    (status, error.code().unwrap_or_default().to_owned())
}

pub(crate) async fn put(client: &Client, key: &str, content: impl Into<Vec<u8>>) -> String {
    let body = ByteStream::from(content.into());
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .body(body)
        .send()
        .await
        .unwrap();
    put.e_tag.unwrap()
}

pub(crate) async fn get(client: &Client, key: &str) -> Vec<u8> {
    let got = client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    got.body.collect().await.unwrap().to_vec()
}

/// A request signed in its URL, for bare HTTP.
pub(crate) async fn presigned_get(client: &Client, key: &str) -> String {
    let expires = aws_sdk_s3::presigning::PresigningConfig::expires_in(std::time::Duration::from_mins(1));
    let request = client
        .get_object()
        .bucket(BUCKET)
        .key(key)
        .presigned(expires.unwrap())
        .await
        .unwrap();
    let uri = request.uri();
    uri[uri.find("/bucket").unwrap()..].to_owned()
}
