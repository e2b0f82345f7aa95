//! What clients see of each fault.

use std::time::{Duration, Instant};

use testkit::{Action, Fault, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{BUCKET, get, presigned_get, put, refusal, start};

/// Everything that the server sends until the connection ends, and how it ended.
pub(crate) async fn raw_get(server: &Server, target: &str) -> (Vec<u8>, std::io::Result<()>) {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let host = server.address();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer).await.map(drop);
    (answer, end)
}

pub(crate) fn body(answer: &[u8]) -> &[u8] {
    let at = answer
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .expect("an answer has a head");
    &answer[at + 4..]
}

#[tokio::test]
async fn a_status_is_sent_and_nothing_applied() {
    let (server, client) = start(Server::builder()).await;
    let slow =
        Fault::on("PutObject")
            .key_contains("x")
            .action(Action::status(503, "SlowDown", "Reduce your rate."));
    let fault = server.faults().add(slow.skip(1).times(2));
    let put = |key: &str| {
        client
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .body(vec![1; 1 << 20].into())
            .send()
    };
    put("x0").await.unwrap();
    put("other").await.unwrap();
    assert_eq!(refusal(put("x1").await), (503, "SlowDown".into()));
    assert_eq!(refusal(put("x2").await), (503, "SlowDown".into()));
    put("x3").await.unwrap();
    assert_eq!(fault.hits(), 2);
    assert_eq!(server.store().keys(BUCKET), ["other", "x0", "x3"]);
    let log = server.requests().of("PutObject");
    assert_eq!(
        log.iter().filter_map(|r| r.status).collect::<Vec<_>>(),
        [200, 200, 503, 503, 200]
    );
}

#[tokio::test]
async fn a_reset_before_the_effect_leaves_none() {
    let (server, client) = start(Server::builder()).await;
    server.faults().add(Fault::on("PutObject").times(1));
    let lost = client
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap_err();
    assert!(lost.raw_response().is_none());
    assert!(server.store().objects(BUCKET).is_empty());
    put(&client, "k", "v").await;
}

#[tokio::test]
async fn a_lost_answer_leaves_the_effect() {
    let (server, client) = start(Server::builder()).await;
    server
        .faults()
        .add(Fault::on("PutObject").times(1).action(Action::ApplyThenReset));
    let put = || {
        client
            .put_object()
            .bucket(BUCKET)
            .key("k")
            .if_none_match("*")
            .body(b"v".to_vec().into())
            .send()
    };
    let lost = put().await.unwrap_err();
    assert!(lost.raw_response().is_none());
    assert_eq!(server.requests().of("PutObject")[0].status, None);
    assert_eq!(server.store().get(BUCKET, "k").unwrap(), "v");
    assert_eq!(refusal(put().await), (412, "PreconditionFailed".into()));
}

#[tokio::test]
async fn the_connection_is_reset_and_not_just_closed() {
    let (server, client) = start(Server::builder()).await;
    put(&client, "k", "v").await;
    let target = presigned_get(&client, "k").await;
    for action in [Action::Reset, Action::ApplyThenReset] {
        server
            .faults()
            .add(Fault::on("GetObject").times(1).action(action));
        let (answer, end) = raw_get(&server, &target).await;
        assert_eq!(answer, b"");
        assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn an_error_is_sent_after_the_effect() {
    let (server, client) = start(Server::builder()).await;
    server
        .faults()
        .add(Fault::on("PutObject").action(Action::apply_then_status(500, "InternalError")));
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .body(b"v".to_vec().into())
        .send()
        .await;
    assert_eq!(refusal(put), (500, "InternalError".into()));
    assert_eq!(server.store().get(BUCKET, "k").unwrap(), "v");
}

#[tokio::test]
async fn a_body_is_cut_where_asked() {
    let (server, client) = start(Server::builder()).await;
    server.store().put(BUCKET, "k", vec![7; 1 << 20]);
    let target = presigned_get(&client, "k").await;
    for len in [0, 1, 200_000] {
        server
            .faults()
            .add(Fault::on("GetObject").times(1).action(Action::CutBodyAfter(len)));
        let (answer, end) = raw_get(&server, &target).await;
        end.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        assert_eq!(body(&answer).len() as u64, len);
        assert_eq!(server.requests().of("GetObject").last().unwrap().sent, len);
    }
    assert_eq!(body(&raw_get(&server, &target).await.0).len(), 1 << 20);
}

#[tokio::test]
async fn one_bit_is_flipped() {
    let (server, client) = start(Server::builder()).await;
    let content = vec![7; 300_000];
    server.store().put(BUCKET, "k", content.clone());
    let target = presigned_get(&client, "k").await;
    let fault = server
        .faults()
        .add(Fault::on("GetObject").action(Action::FlipBit(200_001)));
    let (answer, _) = raw_get(&server, &target).await;
    let wrong: Vec<_> = (0..content.len())
        .filter(|&i| body(&answer)[i] != content[i])
        .collect();
    assert_eq!((wrong, body(&answer).len()), (vec![200_001], content.len()));
    // The checksum that the SDK verifies tells.
    let got = client.get_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert!(got.body.collect().await.is_err());
    fault.remove();
    assert_eq!(get(&client, "k").await, content);
}

#[tokio::test]
async fn an_error_hides_behind_a_status_of_200() {
    let (server, client) = start(Server::builder()).await;
    put(&client, "k", "v").await;
    server.faults().add(
        Fault::on("CopyObject")
            .times(1)
            .action(Action::error_in_200("InternalError")),
    );
    let copy = || {
        client
            .copy_object()
            .bucket(BUCKET)
            .key("copy")
            .copy_source("bucket/k")
            .send()
    };
    assert_eq!(refusal(copy().await).1, "InternalError");
    assert_eq!(server.requests().of("CopyObject")[0].status, Some(200));
    assert_eq!(server.store().keys(BUCKET), ["k"]);
    copy().await.unwrap();
}

#[tokio::test]
async fn an_answer_is_delayed_or_never_comes() {
    let (server, client) = start(Server::builder()).await;
    put(&client, "k", "v").await;
    let delay = Duration::from_millis(50);
    server
        .faults()
        .add(Fault::on("GetObject").times(1).action(Action::Delay(delay)));
    let started = Instant::now();
    get(&client, "k").await;
    assert!(started.elapsed() >= delay);
    server
        .faults()
        .add(Fault::on("GetObject").key("k").action(Action::BlackHole));
    let get = client.get_object().bucket(BUCKET).key("k").send();
    assert!(tokio::time::timeout(delay, get).await.is_err());
    // A stuck request does not keep the server.
    server.shutdown().await;
}

#[test]
fn a_server_runs_under_plain_tests() {
    let server = Server::builder().bucket(BUCKET).start_blocking().unwrap();
    server.store().put(BUCKET, "k", "v");
    assert_eq!(
        server.config("s3.")[0],
        ("s3.endpoint".to_owned(), server.endpoint())
    );
    assert_eq!(server.requests().total(), 0);
}
