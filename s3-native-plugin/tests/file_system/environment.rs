//! What the environment of the process decides. The tests run in a process of their own, whose
//! environment is empty but for what they set.

use std::net::TcpListener;
use std::process::Command;

use plugin_api::{Config, Error, ErrorKind, FileSystem, FileSystemFactory, Result};
use testkit::Server;

use crate::fixture::{BUCKET, at, factory};

const CHILD: &str = "FSPLUG_TEST_CHILD";

/// In the parent, runs the test of this name in a child and returns false; in the child, true.
fn in_child(name: &str, environment: &[(&str, &str)]) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("environment::{name}"), "--nocapture"])
        .env_clear()
        .env(CHILD, "1")
        .env("HOME", "/nonexistent")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

async fn status(pairs: &[(&str, &str)]) -> Result<(), Error> {
    let config = Config::from_pairs(pairs.iter().copied());
    let factory = factory();
    let fs: std::sync::Arc<dyn FileSystem> = factory.create(&at(""), &config).await?;
    fs.status(&at("")).await.map(drop)
}

#[tokio::test]
async fn without_any_credentials_the_first_use_says_what_to_set() {
    let none = [("AWS_EC2_METADATA_DISABLED", "true")];
    if !in_child("without_any_credentials_the_first_use_says_what_to_set", &none) {
        return;
    }
    let error = status(&[("s3.endpoint", "http://127.0.0.1:1")])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert!(error.remedy().contains("'s3.access-key'"), "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[tokio::test]
async fn without_any_region_the_key_is_named() {
    let none = [("AWS_EC2_METADATA_DISABLED", "true")];
    if !in_child("without_any_region_the_key_is_named", &none) {
        return;
    }
    let error = status(&[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    assert!(error.remedy().contains("'s3.region'"), "{error}");
}

#[tokio::test]
async fn static_keys_never_ask_the_instance_metadata() {
    let metadata = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", metadata.local_addr().unwrap());
    let endpoint = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())];
    if in_child("static_keys_never_ask_the_instance_metadata", &endpoint) {
        let keys = [("s3.access-key", "a"), ("s3.secret-key", "b")];
        let error = status(&keys).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        return;
    }
    metadata.set_nonblocking(true).unwrap();
    let asked = metadata.accept();
    assert!(asked.is_err(), "the metadata was asked for: {asked:?}");
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
    ) {
        let store = std::env::var("STORE").unwrap();
        status(&[("s3.endpoint", &store), ("s3.path-style-access", "true")])
            .await
            .unwrap();
    }
}
