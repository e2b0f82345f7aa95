//! Credentials of the process's environment. The tests run in a process of their own, whose environment
//! is empty but for what they set.

use std::io::Write as _;

use plugin_api::{Config, ErrorKind, FileSystem, FileSystemFactory as _, Location, Result};
use testkit::{InstanceMetadata, Role, Server};

use crate::child;
use crate::fixture::{BUCKET, factory};

const ARN: &str = "arn:aws:iam::123456789012:role/pod";

/// Runs the test of this name in a child that has a region.
async fn in_child(name: &str, environment: &[(&str, &str)]) -> bool {
    let region = ("AWS_REGION", "us-east-1");
    child::in_child(
        &format!("environment::{name}"),
        &[environment, &[region]].concat(),
    )
    .await
}

fn server() -> Server {
    let role = Role::new(ARN).web_identity_token("token-of-the-pod");
    Server::builder()
        .bucket(BUCKET)
        .role(role)
        .start_blocking()
        .unwrap()
}

/// Looks at the root of the bucket, with what the child's environment and these pairs say.
async fn status(pairs: &[(&str, &str)]) -> Result<()> {
    let mut config = Config::from_pairs(pairs.iter().copied());
    config.set("s3.endpoint", std::env::var("STORE").unwrap());
    let root = Location::new("s3", BUCKET, "").unwrap();
    let factory = factory();
    let fs: std::sync::Arc<dyn FileSystem> = factory.create(&root, &config).await?;
    fs.status(&root).await.map(drop)
}

fn issued_by(server: &Server) -> Vec<&'static str> {
    server
        .sessions()
        .into_iter()
        .map(|session| session.issued_by)
        .collect()
}

/// The configuration that Hadoop's users have on Kubernetes, and the default chain.
#[tokio::test]
async fn the_web_identity_of_a_pod_is_used_by_its_java_name_and_by_default() {
    let server = server();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"token-of-the-pod").unwrap();
    let endpoint = server.endpoint();
    let environment = [
        ("STORE", endpoint.as_str()),
        ("AWS_ENDPOINT_URL_STS", endpoint.as_str()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.path().to_str().unwrap()),
        ("AWS_ROLE_ARN", ARN),
        ("AWS_ROLE_SESSION_NAME", "pod"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let name = "the_web_identity_of_a_pod_is_used_by_its_java_name_and_by_default";
    if in_child(name, &environment).await {
        let class = "com.amazonaws.auth.WebIdentityTokenCredentialsProvider";
        status(&[("fs.s3a.aws.credentials.provider", class)])
            .await
            .unwrap();
        status(&[]).await.unwrap();
        return;
    }
    assert_eq!(issued_by(&server), ["AssumeRoleWithWebIdentity"; 2]);
    assert!(
        server
            .sessions()
            .iter()
            .all(|session| session.name.as_deref() == Some("pod"))
    );
}

#[tokio::test]
async fn the_metadata_of_an_instance_gives_credentials_by_its_second_version() {
    let server = server();
    let metadata = InstanceMetadata::builder(&server).start().unwrap();
    let (endpoint, metadata_endpoint) = (server.endpoint(), metadata.endpoint());
    let environment = [
        ("STORE", endpoint.as_str()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata_endpoint.as_str()),
    ];
    let name = "the_metadata_of_an_instance_gives_credentials_by_its_second_version";
    if in_child(name, &environment).await {
        let class = "software.amazon.awssdk.auth.credentials.InstanceProfileCredentialsProvider";
        status(&[("fs.s3.aws.credentials.provider", class)])
            .await
            .unwrap();
        return;
    }
    assert_eq!(issued_by(&server), ["InstanceMetadata"]);
    assert!(
        metadata.requests()[0].starts_with("PUT /latest/api/token"),
        "{:?}",
        metadata.requests()
    );
}

#[tokio::test]
async fn the_agent_of_a_container_gives_credentials() {
    let server = server();
    let agent = InstanceMetadata::builder(&server)
        .container_token("Bearer x")
        .start()
        .unwrap();
    let (endpoint, uri) = (server.endpoint(), agent.container_credentials_uri());
    let environment = [
        ("STORE", endpoint.as_str()),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer x"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    if in_child("the_agent_of_a_container_gives_credentials", &environment).await {
        status(&[("fs.s3.aws.credentials.provider", "ContainerCredentialsProvider")])
            .await
            .unwrap();
        return;
    }
    assert_eq!(server.sessions().len(), 1);
}

#[tokio::test]
async fn a_black_hole_in_the_place_of_the_metadata_is_given_up_and_never_met_with_static_keys() {
    let server = server();
    let metadata = InstanceMetadata::builder(&server).black_hole().start().unwrap();
    let (endpoint, metadata_endpoint) = (server.endpoint(), metadata.endpoint());
    let environment = [
        ("STORE", endpoint.as_str()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata_endpoint.as_str()),
        ("KEY", server.access_key()),
        ("SECRET", server.secret_key()),
    ];
    let name = "a_black_hole_in_the_place_of_the_metadata_is_given_up_and_never_met_with_static_keys";
    if in_child(name, &environment).await {
        let variable = |name| std::env::var(name).unwrap();
        let keys = [
            ("s3.access-key", variable("KEY")),
            ("s3.secret-key", variable("SECRET")),
        ];
        let keys = keys.each_ref().map(|(key, value)| (*key, value.as_str()));
        status(&keys).await.unwrap();
        println!("asked-with-keys");
        let error = status(&[]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
        return;
    }
    // Only the second one asked: for a token, and again as often as the SDK repeats it.
    let asked = metadata.requests();
    assert!(
        asked
            .iter()
            .all(|request| request.starts_with("PUT /latest/api/token")),
        "{asked:?}"
    );
    assert!((1..=4).contains(&asked.len()), "{asked:?}");
}

#[tokio::test]
async fn nobody_is_anonymous_unless_asked_for_and_then_nothing_is_signed() {
    let server = Server::builder().public_bucket(BUCKET).start_blocking().unwrap();
    let endpoint = server.endpoint();
    let environment = [
        ("STORE", endpoint.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    if in_child(
        "nobody_is_anonymous_unless_asked_for_and_then_nothing_is_signed",
        &environment,
    )
    .await
    {
        assert_eq!(status(&[]).await.unwrap_err().kind(), ErrorKind::Unauthenticated);
        let class = "org.apache.hadoop.fs.s3a.AnonymousAWSCredentialsProvider";
        for pair in [
            ("fs.s3a.aws.credentials.provider", class),
            (
                "fs.s3a.aws.credentials.provider",
                "EnvironmentVariableCredentialsProvider,AnonymousCredentialsProvider",
            ),
            ("s3.anonymous-credentials", "true"),
        ] {
            status(&[pair]).await.unwrap();
        }
        return;
    }
    let requests = server.requests().all();
    assert_eq!(requests.len(), 3);
    assert!(
        requests
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[tokio::test]
async fn providers_are_asked_in_the_order_of_the_list() {
    let server = server();
    let endpoint = server.endpoint();
    let environment = [
        ("STORE", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", server.access_key()),
        ("AWS_SECRET_ACCESS_KEY", server.secret_key()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    if in_child("providers_are_asked_in_the_order_of_the_list", &environment).await {
        let keys = [("s3.access-key", "of"), ("s3.secret-key", "nobody")];
        let list = |names| [&keys[..], &[("fs.s3.aws.credentials.provider", names)]].concat();
        // Not there, so the next one is asked.
        status(&list(
            "WebIdentityTokenFileCredentialsProvider,EnvironmentVariableCredentialsProvider",
        ))
        .await
        .unwrap();
        let wrong = status(&list(
            "SimpleAWSCredentialsProvider,EnvironmentVariableCredentialsProvider",
        ))
        .await;
        assert_eq!(wrong.unwrap_err().kind(), ErrorKind::PermissionDenied);
        let wrong = status(&list("ContainerCredentialsProvider")).await;
        assert_eq!(wrong.unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
}
