//! The way to the store.

use std::fs;
use std::net::TcpListener;

use plugin_api::{Config, Outcome};

use crate::fixture::{Diagnosis, WRITES, config, diagnose, diagnose_in_haste, start};

/// The stages behind the first answer.
const BEHIND_ANSWER: &[&str] = &["clock", "region", "bucket", "list"];

async fn at(endpoint: &str) -> Diagnosis {
    let config = Config::from_pairs([
        ("s3.endpoint", endpoint),
        ("s3.access-key", "ACCESSKEY00CANARY"),
        ("s3.secret-key", "secret-canary"),
    ]);
    diagnose_in_haste(&config).await
}

#[tokio::test]
async fn nothing_is_wrong_with_a_plain_server() {
    let server = start(|server| server).await;
    let all = diagnose(&server, &[]).await;
    all.assert_wrong(&[]);
    all.assert("config", Outcome::Passed, &server.endpoint(), "");
    all.assert("config", Outcome::Passed, "bucket in the path", "");
    all.assert("tls", Outcome::Skipped, "http://", "");
    all.assert("identity", Outcome::Skipped, "no STS is known", "");
    all.assert("encryption", Outcome::Skipped, "'s3.sse.type'", "");
    all.assert("multipart", Outcome::Passed, "unequal", "");
    let passed = all.0.iter().filter(|probe| probe.outcome == Outcome::Passed);
    assert_eq!(passed.count(), all.0.len() - 3, "{:?}", all.0);
}

#[tokio::test]
async fn a_wrong_host_is_told_at_dns() {
    let all = at("http://no-such-host.invalid:9000").await;
    all.assert_wrong(&["dns"]);
    let probe = all.stage("dns");
    assert!(probe.remedy.contains("'s3.endpoint'"), "{probe:?}");
    all.assert_skipped(&["tcp", "tls", "answer"], "needs dns");
    all.assert_skipped(BEHIND_ANSWER, "needs dns");
    all.assert_skipped(WRITES, "needs dns");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_told_at_tcp() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let all = at(&endpoint).await;
    all.assert_wrong(&["tcp"]);
    all.assert(
        "tcp",
        Outcome::Failed,
        "refused",
        "check the port in 's3.endpoint'",
    );
    all.assert_skipped(WRITES, "needs tcp");
}

#[tokio::test]
async fn a_plain_server_that_is_asked_for_tls_is_told_at_tls() {
    let server = start(|server| server).await;
    let all = at(&server.endpoint().replace("http://", "https://")).await;
    all.assert_wrong(&["tls"]);
    all.assert(
        "tls",
        Outcome::Failed,
        "no TLS with",
        "write 's3.endpoint' with http://",
    );
    all.assert_skipped(BEHIND_ANSWER, "needs tls");
}

#[tokio::test]
async fn a_server_of_tls_that_is_asked_in_the_clear_is_told_at_the_answer() {
    let server = start(testkit::ServerBuilder::tls).await;
    let all = at(&server.endpoint().replace("https://", "http://")).await;
    all.assert_wrong(&["answer"]);
    all.assert("answer", Outcome::Failed, "", "write 's3.endpoint' with https://");
}

#[tokio::test]
async fn a_certificate_counts_if_its_authority_is_in_the_bundle() {
    let server = start(testkit::ServerBuilder::tls).await;
    let stranger = start(testkit::ServerBuilder::tls).await;
    let directory = tempfile::tempdir().unwrap();
    let bundle = |name: &str, server: &testkit::Server| {
        let path = directory.path().join(name);
        fs::write(&path, server.ca_certificate_pem().unwrap()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (own, other) = (bundle("own.pem", &server), bundle("other.pem", &stranger));

    let all = diagnose(&server, &[("s3.tls.ca-bundle", &own)]).await;
    all.assert_wrong(&[]);
    all.assert("tls", Outcome::Passed, "TLS 1.3", "");

    let all = diagnose(&server, &[("s3.tls.ca-bundle", &other)]).await;
    all.assert_wrong(&["tls"]);
    all.assert("tls", Outcome::Failed, "certificate", "set 's3.tls.ca-bundle'");
    all.assert_skipped(WRITES, "needs tls");
}

#[tokio::test]
async fn a_server_that_takes_connections_and_never_answers_is_given_up_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for (scheme, stage) in [("http", "answer"), ("https", "tls")] {
        let start = std::time::Instant::now();
        let all = at(&format!("{scheme}://{}", listener.local_addr().unwrap())).await;
        all.assert_wrong(&[stage]);
        all.assert(stage, Outcome::Failed, "no answer within 1s", "check");
        all.assert_skipped(WRITES, &format!("needs {stage}"));
        // Only this stage waited.
        assert!(all.stage(stage).took * 2 > start.elapsed(), "{:?}", all.0);
    }
}

#[tokio::test]
async fn what_is_no_store_is_told_at_the_answer() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let console = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            // A client that goes away is no failure of the server.
            if stream.read(&mut request).await.is_ok() {
                let answer = b"HTTP/1.1 404 Not Found\r\nserver: nginx\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                drop(stream.write_all(answer).await);
            }
        }
    });
    let all = at(&endpoint).await;
    console.abort();
    all.assert("answer", Outcome::Warning, "HTTP 404 from nginx", "'s3.endpoint'");
    all.assert("bucket", Outcome::Failed, "no such bucket", "create the bucket");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_and_does_not_keep_the_rest_from_working() {
    for (offset, found) in [
        (1_200, "20 min behind the store"),
        (-1_200, "20 min ahead of the store"),
    ] {
        let server = start(|server| server.clock_offset(offset)).await;
        let all = diagnose(&server, &[]).await;
        all.assert_wrong(&["clock"]);
        all.assert("clock", Outcome::Warning, found, "set the clock of this machine");
        all.assert(
            "clock",
            Outcome::Warning,
            "signed again with that of the store",
            "",
        );
    }
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_told_at_once() {
    let server = start(|server| server).await;
    for (key, value) in [
        ("s3.sse.type", "rot13"),
        ("s3.endpoint", "ftp://example.com"),
        ("s3.tls.ca-bundle", "/nonexistent/ca.pem"),
    ] {
        // The certificates are looked at where they are used.
        let endpoint = server.endpoint().replace("http://", "https://");
        let mut config = config(&server, &[("s3.endpoint", &endpoint)]);
        config.set(key, value);
        let all = diagnose_in_haste(&config).await;
        all.assert_wrong(&["config"]);
        all.assert("config", Outcome::Failed, key, "");
        all.assert_skipped(&["dns", "credentials"], "needs config");
        all.assert_skipped(WRITES, "needs config");
    }
}
