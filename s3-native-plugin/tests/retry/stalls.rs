//! Transfers that are slow, and transfers that are stalled.

use std::time::{Duration, Instant};

use plugin_api::ErrorKind;
use testkit::{Action, Fault, Server};

use crate::fixture::{BUCKET, client, plain, start};

/// The content of an object, or why it did not come whole.
async fn read(server: &Server, timeout: &str) -> Result<bytes::Bytes, String> {
    let more = [("s3.socket.timeout", timeout), ("s3.operation.timeout", "1 s")];
    let client = client(server, &more).await;
    let get = client
        .get_object()
        .bucket(BUCKET)
        .key("key")
        .send()
        .await
        .unwrap();
    match get.body.collect().await {
        Ok(content) => Ok(content.into_bytes()),
        Err(error) => Err(format!("{error:?}")),
    }
}

#[tokio::test]
async fn a_peer_that_sends_16_kib_a_second_is_served_to_the_end() {
    let server = start().await;
    let content: Vec<u8> = (0..64_u32 << 10).map(|i| ((i * 31) >> 3) as u8).collect();
    server.store().put(BUCKET, "key", content.clone());
    let slow = Fault::on("GetObject").action(Action::Trickle(16 << 10));
    server.faults().add(slow);
    // Longer in all than any of the timeouts.
    let started = Instant::now();
    assert_eq!(read(&server, "1 s").await.unwrap(), content);
    assert!(started.elapsed() > Duration::from_secs(3));
}

#[tokio::test]
async fn a_peer_that_drips_is_given_up() {
    let server = start().await;
    server.store().put(BUCKET, "key", vec![7; 64 << 10]);
    server
        .faults()
        .add(Fault::on("GetObject").action(Action::Trickle(500)));
    let started = Instant::now();
    let error = read(&server, "1 s").await.unwrap_err();
    assert!(error.contains("NoProgress"), "{error}");
    let elapsed = started.elapsed();
    assert!(
        elapsed >= Duration::from_secs(1) && elapsed < Duration::from_millis(2_500),
        "{elapsed:?}"
    );
}

/// A reader that takes its time is not a peer that does.
#[tokio::test]
async fn a_slow_reader_is_no_stalled_peer() {
    let server = start().await;
    server.store().put(BUCKET, "key", vec![7; 8 << 20]);
    let client = client(&server, &[("s3.socket.timeout", "50 ms")]).await;
    let get = client
        .get_object()
        .bucket(BUCKET)
        .key("key")
        .send()
        .await
        .unwrap();
    let (mut body, mut len) = (get.body, 0);
    let mut pauses = 0;
    while let Some(frame) = body.next().await {
        len += frame.unwrap().len();
        if pauses < 5 {
            pauses += 1;
            // More than the timeout passes while nobody reads.
            tokio::time::pause();
            tokio::time::advance(Duration::from_millis(120)).await;
            tokio::time::resume();
        }
    }
    assert_eq!(len, 8 << 20);
}

/// The server is silent longer than any of its answers takes, but not longer than the timeout.
#[tokio::test]
async fn a_copy_that_takes_its_time_succeeds() {
    let server = start().await;
    server.store().put(BUCKET, "key", "content");
    let client = client(&server, &[("s3.socket.timeout", "2 s")]).await;
    let silence = Action::Delay(Duration::from_millis(900));
    server.faults().add(Fault::on("CopyObject").action(silence));
    let copy = client.copy_object().bucket(BUCKET).key("copy");
    plain(copy.copy_source("bucket/key").send().await).unwrap();
    assert_eq!(server.requests().count("CopyObject"), 1);
}

#[tokio::test]
async fn a_reply_that_stops_is_given_up_after_the_timeout() {
    let server = start().await;
    server.store().put(BUCKET, "key", vec![7; 1 << 20]);
    // One byte a second comes too late.
    server
        .faults()
        .add(Fault::on("GetObject").action(Action::Trickle(1)));
    let started = Instant::now();
    let error = read(&server, "400 ms").await.unwrap_err();
    assert!(error.contains("NoProgress"), "{error}");
    let elapsed = started.elapsed();
    assert!(
        elapsed >= Duration::from_millis(400) && elapsed <= Duration::from_millis(900),
        "{elapsed:?}"
    );
    let small = client(
        &server,
        &[("s3.socket.timeout", "200 ms"), ("s3.retry.max-num-retries", "0")],
    )
    .await;
    server
        .faults()
        .add(Fault::on("PutObject").action(Action::BlackHole));
    let started = Instant::now();
    let put = small
        .put_object()
        .bucket(BUCKET)
        .key("x")
        .body(vec![7; 4096].into());
    let error = plain(put.send().await).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(
        started.elapsed() <= Duration::from_millis(450),
        "{:?}",
        started.elapsed()
    );
}
