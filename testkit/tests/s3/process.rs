//! The server as a process.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use aws_sdk_s3::config::{Credentials, Region};
use aws_sdk_s3::types::ServerSideEncryption;

use crate::client::refusal;
use crate::identities::{ROLE, credentials};
use crate::tls::https;

#[test]
fn a_process_tells_where_it_listens_and_ends_with_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let port_file = folder.path().join("port");
    let mut child = Command::new(env!("CARGO_BIN_EXE_testkit"))
        .args([
            "serve",
            "--port",
            "0",
            "--bucket",
            "bucket",
            "--etag",
            "random",
            "--exit-with-stdin",
            "--port-file",
        ])
        .arg(&port_file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .trim()
        .strip_prefix("listening on http://")
        .unwrap()
        .to_owned();
    let port = std::fs::read_to_string(&port_file).unwrap();
    assert_eq!(address, format!("127.0.0.1:{}", port.trim()));
    std::net::TcpStream::connect(address).unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn a_process_has_roles_regions_keys_and_tls() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let role = format!("{ROLE},external-id=of-the-customer");
    let mut child = Command::new(env!("CARGO_BIN_EXE_testkit"))
        .args(["serve", "--bucket-region", "far-bucket=eu-west-1"])
        .args([
            "--role",
            &role,
            "--kms-key",
            "alias/mine",
            "--clock-offset",
            "-60",
        ])
        .args(["--session-life", "900", "--public-bucket", "open-data"])
        .args(["--instance-metadata", "--exit-with-stdin", "--tls", "--ca-file"])
        .arg(&ca_file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let endpoint = line().strip_prefix("listening on ").unwrap().to_owned();
    assert!(endpoint.starts_with("https://127.0.0.1:"), "{endpoint}");
    let metadata = line().strip_prefix("instance metadata on ").unwrap().to_owned();
    assert!(metadata.starts_with("http://127.0.0.1:"), "{metadata}");

    let pem = std::fs::read_to_string(&ca_file).unwrap();
    let http = https(&pem);
    let keys = Credentials::new(testkit::ACCESS_KEY, testkit::SECRET_KEY, None, None, "test");
    let sts = aws_sdk_sts::Config::builder()
        .behavior_version_latest()
        .credentials_provider(keys)
        .region(Region::new("us-east-1"))
        .endpoint_url(&endpoint)
        .http_client(http.clone())
        .build();
    let sts = aws_sdk_sts::Client::from_conf(sts);
    let assume = || sts.assume_role().role_arn(ROLE).role_session_name("job");
    assert_eq!(refusal(assume().send().await), (403, "AccessDenied".into()));
    let assumed = assume().external_id("of-the-customer").send().await.unwrap();
    let s3 = aws_sdk_s3::Config::builder()
        .behavior_version_latest()
        .credentials_provider(credentials(assumed.credentials()))
        .region(Region::new("eu-west-1"))
        .endpoint_url(&endpoint)
        .force_path_style(true)
        .http_client(http)
        .build();
    let s3 = aws_sdk_s3::Client::from_conf(s3);
    let put = |key: &str| {
        s3.put_object()
            .bucket("far-bucket")
            .key("k")
            .server_side_encryption(ServerSideEncryption::AwsKms)
            .ssekms_key_id(key)
            .send()
    };
    put("alias/mine").await.unwrap();
    assert_eq!(
        refusal(put("alias/other").await),
        (400, "KMS.NotFoundException".into())
    );
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn flags_that_cannot_be_read_are_refused_by_name() {
    for (flag, value) in [
        ("--role", "writer"),
        ("--role", "arn:aws:iam::123456789012:role/writer,password=hidden"),
        ("--bucket-region", "bucket"),
        ("--bucket-region", "=eu-west-1"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_testkit"))
            .args(["serve", flag, value])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{flag} {value}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(flag), "{said}");
    }
}
