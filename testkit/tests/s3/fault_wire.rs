//! Half closed connections and shortened answers, on the wire.

use testkit::{Action, Fault, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{BUCKET, get, presigned_get, refusal, start};
use crate::faults::{body, raw_get};

/// More than the buffers of a connection hold: it is only sent if somebody reads it.
const LARGE: usize = 32 << 20;

#[tokio::test]
async fn a_connection_half_closed_before_the_answer_takes_the_request_and_says_nothing() {
    let (server, _) = start(Server::builder()).await;
    server
        .faults()
        .add(Fault::on("PutObject").action(Action::HalfClose));
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!("PUT /{BUCKET}/k HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"");
    stream.write_all(&vec![0; LARGE]).await.unwrap();
    assert!(server.store().keys(BUCKET).is_empty());
    assert_eq!(server.requests().of("PutObject")[0].status, None);
}

#[tokio::test]
async fn a_connection_half_closed_in_the_body_still_takes_what_is_sent() {
    let (server, client) = start(Server::builder()).await;
    server.store().put(BUCKET, "k", vec![7; 1 << 20]);
    let target = presigned_get(&client, "k").await;
    for len in [0, 1, 200_000] {
        let fault = Fault::on("GetObject").times(1);
        server.faults().add(fault.action(Action::HalfCloseBodyAfter(len)));
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        assert_eq!(body(&answer).len() as u64, len);
        stream.write_all(&vec![0; LARGE]).await.unwrap();
    }
    assert_eq!(get(&client, "k").await.len(), 1 << 20);
    // A half closed connection that the client keeps open does not keep the server.
    server
        .faults()
        .add(Fault::on("GetObject").action(Action::HalfClose));
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream
        .write_all(b"GET /bucket/k HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    server.shutdown().await;
}

#[tokio::test]
async fn a_truncated_answer_is_well_formed_and_short() {
    let (server, client) = start(Server::builder()).await;
    server.store().put(BUCKET, "k", vec![7; 300_000]);
    let target = presigned_get(&client, "k").await;
    for (limit, expected) in [(0, 0), (1, 1), (200_001, 200_001), (1 << 30, 300_000)] {
        let fault = Fault::on("GetObject").times(1);
        server.faults().add(fault.action(Action::Truncate(limit)));
        let (answer, end) = raw_get(&server, &target).await;
        end.unwrap();
        let head = String::from_utf8_lossy(&answer[..answer.len() - body(&answer).len()]).to_lowercase();
        assert!(
            head.contains(&format!("content-length: {expected}\r\n")),
            "{head}"
        );
        assert_eq!(body(&answer).len(), expected);
    }
    let lengths = server
        .requests()
        .of("GetObject")
        .into_iter()
        .map(|request| request.sent);
    assert_eq!(lengths.collect::<Vec<_>>(), [0, 1, 200_001, 300_000]);

    // The same connection serves the next request: nothing of the body is left over on it.
    server.faults().add(
        Fault::on("GetObject")
            .key("k")
            .times(1)
            .action(Action::Truncate(9)),
    );
    let short = client
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .range("bytes=0-99")
        .send();
    assert_eq!(
        short.await.unwrap().body.collect().await.unwrap().to_vec(),
        [7; 9]
    );
    assert_eq!(get(&client, "k").await.len(), 300_000);
    let log = server.requests().of("GetObject");
    let [.., short, whole] = &log[..] else {
        unreachable!("six requests were sent")
    };
    assert_eq!(short.connection, whole.connection);

    // What has no body announces the shorter length all the same.
    server
        .faults()
        .add(Fault::on("HeadObject").action(Action::Truncate(9)));
    let head = client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(head.content_length, Some(9));
}

#[tokio::test]
async fn an_error_document_can_be_truncated_too() {
    let (server, client) = start(Server::builder()).await;
    server
        .faults()
        .add(Fault::on("GetObject").action(Action::Truncate(40)));
    let missing = client.get_object().bucket(BUCKET).key("none").send().await;
    assert_eq!(refusal(missing).0, 404);
    assert_eq!(server.requests().of("GetObject")[0].sent, 40);
}
