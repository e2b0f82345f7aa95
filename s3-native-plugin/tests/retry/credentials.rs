//! Credentials that the service no longer takes. The tests run in a process of their own, whose
//! environment names a provider that the parent plays.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use plugin_api::{Config, ErrorKind};
use s3_native_plugin::internals;
use s3_native_plugin::retry::table::{Action, RequestClass, TABLE, When};
use testkit::{Action as Fault, Fault as Rule, Server};

use crate::child;
use crate::fixture::{BUCKET, Prepared, plain, start};

/// Runs the test of this name in a child without instance metadata.
async fn in_child(name: &str, environment: &[(&str, &str)]) -> bool {
    let none = ("AWS_EC2_METADATA_DISABLED", "true");
    child::in_child(&format!("credentials::{name}"), &[environment, &[none]].concat()).await
}

/// A provider as containers have one, and how often it was asked.
fn provider() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/credentials", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    // Ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            counter.fetch_add(1, Ordering::SeqCst);
            let body = format!(
                "{{\"AccessKeyId\":\"{}\",\"SecretAccessKey\":\"{}\",\"Token\":\"\",\"Expiration\":\"2099-01-01T00:00:00Z\"}}",
                testkit::ACCESS_KEY,
                testkit::SECRET_KEY
            );
            let mut stream = stream;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            drop(stream.write_all((head + &body).as_bytes()));
        }
    });
    (url, asked)
}

async fn client(server: &Server) -> aws_sdk_s3::Client {
    let mut config = Config::from_pairs([("s3.path-style-access", "true"), ("s3.retry.base-delay", "1 ms")]);
    config.set("s3.endpoint", server.endpoint());
    internals::client(&config).await.unwrap()
}

/// The codes of the rows that ask for other credentials.
fn codes() -> impl Iterator<Item = (u16, &'static str)> {
    TABLE.iter().filter_map(|row| match row.when {
        When::Code(status, code) if row.actions == [Action::RefreshCredentials; 3] => Some((status, code)),
        _ => None,
    })
}

#[tokio::test]
async fn credentials_that_are_over_are_asked_for_again_once() {
    let (url, asked) = provider();
    let environment = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str())];
    if !in_child("credentials_that_are_over_are_asked_for_again_once", &environment).await {
        let cells = codes().count() * RequestClass::ALL.len();
        // At first, for the one such reply, for the second one, and for the crowd.
        assert_eq!(asked.load(Ordering::SeqCst), 3 * cells + 2);
        return;
    }
    let server = start().await;
    for (status, code) in codes() {
        for class in RequestClass::ALL {
            let client = client(&server).await;
            let fault = || Rule::on_any().action(Fault::status(status, code, "The token is over."));
            for (times, success) in [(1, true), (9, false)] {
                let request = Prepared::on(&server, class, &format!("{code} {class:?} {times}")).await;
                server.requests().clear();
                let rule = server.faults().add(fault().times(times));
                let result = request.send(&client).await;
                rule.remove();
                assert_eq!(result.is_ok(), success, "{result:?}");
                assert_eq!(server.requests().count(request.operation), 2);
                if let Err(error) = result {
                    assert_eq!(
                        (error.kind(), error.attempts()),
                        (ErrorKind::PermissionDenied, 2),
                        "{error}"
                    );
                }
            }
        }
    }
    // A crowd that finds out at the same time asks once.
    let client = client(&server).await;
    let delay = Rule::on_any().action(Fault::Delay(std::time::Duration::from_millis(100)));
    server.faults().add(delay);
    let expired = Fault::status(400, "ExpiredToken", "The token is over.");
    server.faults().add(Rule::on_any().times(32).action(expired));
    let lists = (0..32).map(|_| client.list_objects_v2().bucket(BUCKET).send());
    for list in futures::future::join_all(lists).await {
        plain(list).unwrap();
    }
}

#[tokio::test]
async fn without_credentials_nothing_is_sent_and_nothing_repeated() {
    if !in_child("without_credentials_nothing_is_sent_and_nothing_repeated", &[]).await {
        return;
    }
    let server = start().await;
    let client = client(&server).await;
    for class in RequestClass::ALL {
        let error = Prepared::unprepared(class).send(&client).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts()),
            (ErrorKind::Unauthenticated, 1),
            "{error}"
        );
    }
    assert_eq!(server.requests().total(), 0);
}
