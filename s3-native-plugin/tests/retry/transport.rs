//! Every cell of the table that is about a failure of the connection, on the wire.

use std::net::SocketAddr;

use plugin_api::ErrorKind;
use s3_native_plugin::internals;
use s3_native_plugin::retry::TransportFailure;
use s3_native_plugin::retry::table::{RequestClass, Row, TABLE, When};
use testkit::{Action, Fault};
use tokio::net::{TcpSocket, TcpStream};

use crate::fixture::{BUCKET, Prepared, RETRIES, client, config_of, start};
use crate::raw_server::RawServer;

fn row(failure: TransportFailure) -> &'static Row {
    TABLE
        .iter()
        .find(|row| row.when == When::Transport(failure))
        .expect("every failure has a row")
}

fn attempts(row: &Row, class: RequestClass) -> u32 {
    if row.action(class).is_transient() {
        RETRIES + 1
    } else {
        1
    }
}

/// A failure that the embedded server plays.
async fn played(failure: TransportFailure, action: Action, more: &[(&str, &str)]) {
    let server = start().await;
    server.store().put(BUCKET, "key", "content");
    let row = row(failure);
    for class in RequestClass::ALL {
        let client = client(&server, more).await;
        let request = Prepared::on(&server, class, &format!("{class:?}")).await;
        let fault = Fault::on(request.operation).action(action.clone());
        server.requests().clear();
        let rule = server.faults().add(fault);
        let error = request.send(&client).await.unwrap_err();
        rule.remove();
        // A completion whose reply was lost meets its own effect when it is repeated, which its sender
        // finds out: here that is as good as the failure itself.
        let expected = attempts(row, class);
        let met_itself =
            error.kind() == ErrorKind::PreconditionFailed || error.kind() == ErrorKind::UploadGone;
        if class == RequestClass::Conditional && met_itself {
            assert_eq!(error.attempts(), 2, "{error}");
        } else {
            assert_eq!(
                (
                    error.kind(),
                    error.attempts(),
                    server.requests().count(request.operation)
                ),
                (row.kind, expected, u64::from(expected)),
                "{failure:?} × {class:?}: {error}"
            );
        }
        assert!(!error.to_string().contains('\n'), "{error}");

        let request = Prepared::on(&server, class, &format!("{class:?} once")).await;
        let fault = Fault::on(request.operation).times(1).action(action.clone());
        server.requests().clear();
        let rule = server.faults().add(fault);
        let result = request.send(&client).await;
        rule.remove();
        let sent = server.requests().count(request.operation);
        assert_eq!(
            sent,
            u64::from(expected.min(2)),
            "{failure:?} × {class:?}: {result:?}"
        );
    }
}

/// A failure that needs another server, or none.
async fn against(failure: TransportFailure, endpoint: &str, more: &[(&str, &str)], raw: Option<&RawServer>) {
    let row = row(failure);
    for class in RequestClass::ALL {
        let client = internals::client(&config_of(endpoint, more)).await.unwrap();
        let before = raw.map_or(0, RawServer::requests);
        let error = Prepared::unprepared(class).send(&client).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts()),
            (row.kind, attempts(row, class)),
            "{failure:?} × {class:?}: {error:?}"
        );
        if let Some(raw) = raw {
            assert_eq!(
                raw.requests() - before,
                attempts(row, class),
                "{failure:?} × {class:?}"
            );
        }
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn a_reset_connection() {
    played(TransportFailure::ConnectionReset, Action::Reset, &[]).await;
}

#[tokio::test]
async fn an_answer_that_never_comes() {
    let more = [("s3.socket.timeout", "150 ms")];
    played(TransportFailure::NoReply, Action::BlackHole, &more).await;
}

#[tokio::test]
async fn an_answer_that_is_cut() {
    played(TransportFailure::ReplyCut, Action::CutBodyAfter(20), &[]).await;
}

#[tokio::test]
async fn an_answer_that_is_no_answer() {
    for (failure, answer) in [
        (TransportFailure::ConnectionClosed, &b""[..]),
        (TransportFailure::NotHttp, b"220 mail.example.com ESMTP\r\n\r\n"),
        (
            TransportFailure::ReplyUnreadable,
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\n<nonsense",
        ),
    ] {
        let raw = RawServer::answering(answer).await;
        against(failure, &raw.endpoint, &[], Some(&raw)).await;
    }
}

#[tokio::test]
async fn nobody_listens() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    against(
        TransportFailure::ConnectionRefused,
        &format!("http://{port}"),
        &[],
        None,
    )
    .await;
}

#[tokio::test]
async fn a_server_that_takes_no_connections() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Fills the queue of connections that nobody accepts; what does not fit in hangs.
    let mut queued = Vec::new();
    for _ in 0..8 {
        let connecting = TcpStream::connect(address);
        match tokio::time::timeout(std::time::Duration::from_millis(100), connecting).await {
            Ok(stream) => queued.push(stream.unwrap()),
            Err(_) => break,
        }
    }
    assert!(queued.len() < 8);
    let more = [("s3.connection.timeout", "100 ms")];
    against(
        TransportFailure::ConnectTimeout,
        &format!("http://{address}"),
        &more,
        None,
    )
    .await;
}

#[tokio::test]
async fn a_server_without_tls() {
    let server = start().await;
    let endpoint = format!("https://{}", server.address());
    against(TransportFailure::Tls, &endpoint, &[], None).await;
    assert_eq!(server.requests().total(), 0);
}

#[tokio::test]
async fn a_name_that_nobody_knows() {
    // Whether the resolver says "no" or "not now" depends on where this runs.
    let client = internals::client(&config_of("http://no-such-host.invalid:9000", &[]))
        .await
        .unwrap();
    let error = Prepared::unprepared(RequestClass::Idempotent)
        .send(&client)
        .await
        .unwrap_err();
    let failure = if error.to_string().contains("Temporary failure") {
        TransportFailure::NameResolution
    } else {
        TransportFailure::UnknownHost
    };
    against(failure, "http://no-such-host.invalid:9000", &[], None).await;
}

#[tokio::test]
async fn no_connection_is_free() {
    let server = start().await;
    server.store().put(BUCKET, "key", vec![7; 64 << 20]);
    let more = [("s3.connection.max", "1"), ("s3.connection.timeout", "100 ms")];
    let row = row(TransportFailure::NoFreeConnection);
    for class in RequestClass::ALL {
        let request = Prepared::on(&server, class, "other").await;
        let client = client(&server, &more).await;
        let open = client
            .get_object()
            .bucket(BUCKET)
            .key("key")
            .send()
            .await
            .unwrap();
        server.requests().clear();
        let error = request.send(&client).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (row.kind, 1), "{error}");
        assert_eq!(server.requests().total(), 0);
        drop(open);
    }
}

/// The server closed a connection that waits in the pool: nobody notices, and nothing is done twice.
#[tokio::test]
async fn a_pooled_connection_that_was_closed_is_replaced_without_a_trace() {
    let server = start().await;
    let client = client(&server, &[]).await;
    for round in 0..50 {
        let closing = Fault::on("ListObjectsV2")
            .times(1)
            .action(Action::CloseAfterAnswer);
        server.faults().add(closing);
        client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
        let key = format!("key-{round}");
        let put = client.put_object().bucket(BUCKET).key(&key).if_none_match("*");
        put.body(vec![7; 100_000].into()).send().await.unwrap();
    }
    // Had any of them been carried out twice, its condition would have failed.
    assert_eq!(server.store().keys(BUCKET).len(), 50);
}
