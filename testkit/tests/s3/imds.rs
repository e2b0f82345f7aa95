//! Credentials of instances and containers.

use std::time::Duration;

use aws_config::imds;
use aws_config::provider_config::ProviderConfig;
use aws_sdk_s3::config::ProvideCredentials as _;
use testkit::{InstanceMetadata, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{BUCKET, refusal, start};
use crate::identities::s3_as;

fn imds_client(endpoint: &str) -> imds::Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    imds::Client::builder()
        .configure(&ProviderConfig::without_region().with_http_client(http))
        .endpoint(endpoint)
        .unwrap()
        .max_attempts(1)
        .build()
}

/// The whole answer to a request whose connection ends with it.
async fn raw(metadata: &InstanceMetadata, request: &str) -> String {
    let endpoint = metadata.endpoint();
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (line, headers) = request.split_once('\n').unwrap_or((request, ""));
    let request = format!("{line} HTTP/1.1\nHost: x\nConnection: close\n{headers}\n\n");
    // The last header may be none, and an empty line ends them.
    let request = request.replace("\n\n\n", "\n\n").replace('\n', "\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn an_instance_gets_credentials_and_its_region() {
    let (server, _) = start(Server::builder()).await;
    let metadata = InstanceMetadata::builder(&server)
        .role("worker")
        .region("eu-west-1")
        .start()
        .unwrap();
    let client = imds_client(&metadata.endpoint());
    let provider = imds::credentials::ImdsCredentialsProvider::builder()
        .imds_client(client.clone())
        .build();
    let credentials = provider.provide_credentials().await.unwrap();
    let listed = s3_as(&server, credentials)
        .list_objects_v2()
        .bucket(BUCKET)
        .send();
    listed.await.unwrap();
    let region = client.get("/latest/meta-data/placement/region").await.unwrap();
    assert_eq!(region.as_ref(), "eu-west-1");
    assert_eq!(
        metadata.requests(),
        [
            "PUT /latest/api/token",
            "GET /latest/meta-data/iam/security-credentials/",
            "GET /latest/meta-data/iam/security-credentials/worker",
            "GET /latest/meta-data/placement/region",
        ]
    );
    let [session] = &server.sessions()[..] else {
        panic!("one session: {:?}", server.sessions());
    };
    assert_eq!(session.issued_by, "InstanceMetadata");
    assert!(session.arn.contains(":assumed-role/worker/"), "{}", session.arn);
    assert_eq!(session.requests, 1);
}

#[tokio::test]
async fn sessions_of_an_instance_end_like_others() {
    let (server, _) = start(Server::builder()).await;
    let metadata = InstanceMetadata::builder(&server).start().unwrap();
    let provider = imds::credentials::ImdsCredentialsProvider::builder()
        .imds_client(imds_client(&metadata.endpoint()))
        .build();
    let credentials = provider.provide_credentials().await.unwrap();
    server.expire_sessions();
    let listed = s3_as(&server, credentials)
        .list_objects_v2()
        .bucket(BUCKET)
        .send();
    assert_eq!(refusal(listed.await), (400, "ExpiredToken".into()));
}

#[tokio::test]
async fn nothing_is_told_without_a_token() {
    let (server, _) = start(Server::builder()).await;
    let metadata = InstanceMetadata::builder(&server).start().unwrap();
    let path = "GET /latest/meta-data/placement/region";
    assert!(raw(&metadata, path).await.starts_with("HTTP/1.1 401"));
    let forged = format!("{path}\nx-aws-ec2-metadata-token: forged");
    assert!(raw(&metadata, &forged).await.starts_with("HTTP/1.1 401"));
    let ttl = "x-aws-ec2-metadata-token-ttl-seconds";
    for refused in ["0", "21601", "soon"] {
        let asked = format!("PUT /latest/api/token\n{ttl}: {refused}");
        assert!(
            raw(&metadata, &asked).await.starts_with("HTTP/1.1 400"),
            "{refused}"
        );
    }
    let answer = raw(&metadata, &format!("PUT /latest/api/token\n{ttl}: 60")).await;
    let token = answer.rsplit("\r\n").next().unwrap();
    let asked = format!("{path}\nx-aws-ec2-metadata-token: {token}");
    assert!(raw(&metadata, &asked).await.starts_with("HTTP/1.1 200"));
    metadata.expire_tokens();
    assert!(raw(&metadata, &asked).await.starts_with("HTTP/1.1 401"));
    assert!(server.sessions().is_empty());
}

#[tokio::test]
async fn an_instance_without_a_role_has_no_credentials() {
    let (server, _) = start(Server::builder()).await;
    let metadata = InstanceMetadata::builder(&server).no_role().start().unwrap();
    let provider = imds::credentials::ImdsCredentialsProvider::builder()
        .imds_client(imds_client(&metadata.endpoint()))
        .build();
    provider.provide_credentials().await.unwrap_err();
}

#[tokio::test]
async fn a_black_hole_takes_requests_and_never_answers() {
    let (server, _) = start(Server::builder()).await;
    let metadata = InstanceMetadata::builder(&server).black_hole().start().unwrap();
    let http = aws_smithy_http_client::Builder::new().build_http();
    let client = imds::Client::builder()
        .configure(&ProviderConfig::without_region().with_http_client(http))
        .endpoint(metadata.endpoint())
        .unwrap()
        .max_attempts(1)
        .read_timeout(Duration::from_millis(50))
        .build();
    let region = client.get("/latest/meta-data/placement/region").await;
    region.unwrap_err();
    assert_eq!(metadata.requests(), ["PUT /latest/api/token"]);
}

#[tokio::test]
async fn a_container_gets_credentials_for_its_token() {
    let (server, _) = start(Server::builder()).await;
    let metadata = InstanceMetadata::builder(&server)
        .container_token("pod-token")
        .duration(Duration::from_mins(20))
        .start()
        .unwrap();
    let uri = metadata.container_credentials_uri();
    let path = uri.strip_prefix(&metadata.endpoint()).unwrap();
    assert!(
        raw(&metadata, &format!("GET {path}"))
            .await
            .starts_with("HTTP/1.1 401")
    );
    let wrong = format!("GET {path}\nAuthorization: other");
    assert!(raw(&metadata, &wrong).await.starts_with("HTTP/1.1 401"));

    let answer = raw(&metadata, &format!("GET {path}\nAuthorization: pod-token")).await;
    let document = answer.rsplit("\r\n").next().unwrap();
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    let field = |name: &str| document[name].as_str().unwrap().to_owned();
    let credentials = aws_sdk_s3::config::Credentials::new(
        field("AccessKeyId"),
        field("SecretAccessKey"),
        Some(field("Token")),
        None,
        "test",
    );
    let listed = s3_as(&server, credentials)
        .list_objects_v2()
        .bucket(BUCKET)
        .send();
    listed.await.unwrap();
    let [session] = &server.sessions()[..] else {
        panic!("one session: {:?}", server.sessions());
    };
    assert_eq!(session.issued_by, "ContainerCredentials");
    assert_eq!(session.duration, Duration::from_mins(20));
}
