//! Clients of STS, and clients of S3 with temporary keys.

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{Credentials, Region};
use testkit::Server;

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/writer";

/// A client of STS with the first key of a server.
pub(crate) fn sts(server: &Server) -> aws_sdk_sts::Client {
    sts_as(
        server,
        Credentials::new(server.access_key(), server.secret_key(), None, None, "test"),
    )
}

pub(crate) fn sts_as(server: &Server, credentials: Credentials) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version_latest()
        .credentials_provider(credentials)
        .region(Region::new("eu-central-1"))
        .endpoint_url(server.endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled());
    aws_sdk_sts::Client::from_conf(config.build())
}

/// A client of S3 with these credentials.
pub(crate) fn s3_as(server: &Server, credentials: Credentials) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version_latest()
        .credentials_provider(credentials)
        .region(Region::new(server.region().to_owned()))
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled());
    aws_sdk_s3::Client::from_conf(config.build())
}

/// What STS issued, for a client.
pub(crate) fn credentials(issued: Option<&aws_sdk_sts::types::Credentials>) -> Credentials {
    let issued = issued.unwrap();
    Credentials::new(
        issued.access_key_id(),
        issued.secret_access_key(),
        Some(issued.session_token().to_owned()),
        None,
        "test",
    )
}

/// The credentials of a session of the first key of a server.
pub(crate) async fn session(server: &Server) -> Credentials {
    let answer = sts(server).get_session_token().send().await.unwrap();
    credentials(answer.credentials())
}
