//! What the environment of the process decides. The tests run in a process of their own, whose
//! environment is empty but for what they set.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use plugin_api::{Config, Error, ErrorKind, FileSystem, FileSystemFactory, Location, Result};
use testkit::Server;

use crate::child;
use crate::fixture::{BUCKET, factory};

/// Runs the test of this name in a child.
async fn in_child(name: &str, environment: &[(&str, &str)]) -> bool {
    child::in_child(&format!("environment::{name}"), environment).await
}

async fn status(pairs: &[(&str, &str)]) -> Result<(), Error> {
    status_of(BUCKET, pairs).await
}

async fn status_of(bucket: &str, pairs: &[(&str, &str)]) -> Result<(), Error> {
    let config = Config::from_pairs(pairs.iter().copied());
    let factory = factory();
    let root = Location::new("s3", bucket, "").unwrap();
    let fs: std::sync::Arc<dyn FileSystem> = factory.create(&root, &config).await?;
    fs.status(&root).await.map(drop)
}

#[tokio::test]
async fn without_any_credentials_the_first_use_says_what_to_set() {
    let none = [("AWS_EC2_METADATA_DISABLED", "true")];
    if !in_child("without_any_credentials_the_first_use_says_what_to_set", &none).await {
        return;
    }
    let error = status(&[("s3.endpoint", "http://127.0.0.1:1")])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert!(error.remedy().contains("'s3.access-key'"), "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
}

/// Where the first request goes: the proxy of the environment is asked for a way there, and refuses.
async fn asked_of_proxy(name: &str, environment: &[(&str, &str)]) -> Option<String> {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    // Ends with the process, if nobody comes.
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = proxy.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream.try_clone().unwrap())
            .read_line(&mut line)
            .unwrap();
        stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
        line
    });
    let environment = [environment, &[("HTTPS_PROXY", url.as_str())]].concat();
    if in_child(name, &environment).await {
        return None;
    }
    let line = asked.join().unwrap();
    Some(line.split(' ').nth(1).unwrap().to_owned())
}

const KEYS: [(&str, &str); 3] = [
    ("s3.access-key", "a"),
    ("s3.secret-key", "b"),
    ("s3.retry.max-num-retries", "0"),
];

/// In the child; in the parent where the request went.
async fn first_request(name: &str, environment: &[(&str, &str)], pairs: &[(&str, &str)]) -> Option<String> {
    let asked = asked_of_proxy(name, environment).await;
    if asked.is_none() {
        let error = status(&[&KEYS[..], pairs].concat()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
    asked
}

#[tokio::test]
async fn without_any_region_a_bucket_is_looked_for_in_us_east_1() {
    let name = "without_any_region_a_bucket_is_looked_for_in_us_east_1";
    if let Some(asked) = first_request(name, &[], &[]).await {
        assert_eq!(asked, "bucket.s3.us-east-1.amazonaws.com:443");
    }
}

#[tokio::test]
async fn the_region_of_the_environment_counts_unless_one_is_configured() {
    let name = "the_region_of_the_environment_counts_unless_one_is_configured";
    let region = [("AWS_REGION", "ap-south-1")];
    if let Some(asked) = first_request(name, &region, &[]).await {
        assert_eq!(asked, "bucket.s3.ap-south-1.amazonaws.com:443");
    }
}

#[tokio::test]
async fn the_variants_of_amazons_endpoints_are_used_if_asked_for() {
    let name = "the_variants_of_amazons_endpoints_are_used_if_asked_for";
    let pairs = [
        ("s3.region", "us-west-2"),
        ("s3.dual-stack", "true"),
        ("s3.fips", "true"),
    ];
    if let Some(asked) = first_request(name, &[], &pairs).await {
        assert_eq!(asked, "bucket.s3-fips.dualstack.us-west-2.amazonaws.com:443");
    }
}

#[tokio::test]
async fn an_accelerated_bucket_is_reached_by_its_own_endpoint() {
    let name = "an_accelerated_bucket_is_reached_by_its_own_endpoint";
    let pairs = [("s3.region", "us-west-2"), ("s3.accelerate", "true")];
    if let Some(asked) = first_request(name, &[], &pairs).await {
        assert_eq!(asked, "bucket.s3-accelerate.amazonaws.com:443");
    }
}

#[tokio::test]
async fn a_bucket_is_reached_through_its_access_point() {
    let name = "a_bucket_is_reached_through_its_access_point";
    let arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/logs";
    let pairs = [
        ("s3.region", "us-west-2"),
        ("s3.bucket.bucket.access-point.arn", arn),
    ];
    if let Some(asked) = first_request(name, &[], &pairs).await {
        assert_eq!(
            asked,
            "logs-123456789012.s3-accesspoint.eu-west-1.amazonaws.com:443"
        );
    }
}

#[tokio::test]
async fn a_directory_bucket_is_asked_for_a_session_in_its_zone() {
    let name = "a_directory_bucket_is_asked_for_a_session_in_its_zone";
    match asked_of_proxy(name, &[]).await {
        Some(asked) => {
            assert_eq!(
                asked,
                "logs--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com:443"
            );
        }
        None => drop(status_of("logs--use1-az4--x-s3", &KEYS).await.unwrap_err()),
    }
}

#[tokio::test]
async fn an_endpoint_of_a_vpc_gets_the_bucket_in_front() {
    let name = "an_endpoint_of_a_vpc_gets_the_bucket_in_front";
    let url = "https://bucket.vpce-1a2b-3c4d.s3.us-east-2.vpce.amazonaws.com";
    if let Some(asked) = first_request(name, &[], &[("s3.endpoint", url)]).await {
        assert_eq!(
            asked,
            "bucket.bucket.vpce-1a2b-3c4d.s3.us-east-2.vpce.amazonaws.com:443"
        );
    }
}

#[tokio::test]
async fn static_keys_never_ask_the_instance_metadata() {
    let metadata = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", metadata.local_addr().unwrap());
    let name = "static_keys_never_ask_the_instance_metadata";
    let endpoint = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())];
    if first_request(name, &endpoint, &[]).await.is_some() {
        metadata.set_nonblocking(true).unwrap();
        let asked = metadata.accept();
        assert!(asked.is_err(), "the metadata was asked for: {asked:?}");
    }
}

#[tokio::test]
async fn credentials_of_the_environment_are_used_without_keys() {
    let server = Server::builder().bucket(BUCKET).start().await.unwrap();
    let endpoint = server.endpoint();
    let environment = [
        ("AWS_ACCESS_KEY_ID", server.access_key()),
        ("AWS_SECRET_ACCESS_KEY", server.secret_key()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("STORE", endpoint.as_str()),
    ];
    if in_child(
        "credentials_of_the_environment_are_used_without_keys",
        &environment,
    )
    .await
    {
        let store = std::env::var("STORE").unwrap();
        status(&[("s3.endpoint", &store), ("s3.path-style-access", "true")])
            .await
            .unwrap();
    }
}
