//! What limits repetitions: `Retry-After`, the deadline, the tokens, and nought of them.

use std::time::{Duration, Instant, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use plugin_api::{ErrorKind, Retry};
use s3_native_plugin::retry::table::RequestClass;
use s3_native_plugin::retry::token_bucket::TokenBucket;
use testkit::{Action, Fault, Server};

use crate::fixture::{BUCKET, Prepared, client, plain, start};

async fn list(server: &Server, more: &[(&str, &str)]) -> Result<(), plugin_api::Error> {
    let request = Prepared::unprepared(RequestClass::Idempotent);
    request.send(&client(server, more).await).await
}

fn leave_me_alone(retry_after: &str) -> Fault {
    let headers = [("Retry-After", retry_after)];
    Fault::on("ListObjectsV2").action(Action::status_with_headers(503, "SlowDown", &headers))
}

#[tokio::test]
async fn a_service_that_wants_to_be_left_alone_is_left_alone() {
    let server = start().await;
    let in_two_seconds = SystemTime::now() + Duration::from_secs(2);
    let date = DateTime::from(in_two_seconds).fmt(Format::HttpDate).unwrap();
    for (asked, least) in [("1", 1_000), (date.as_str(), 0)] {
        server.faults().add(leave_me_alone(asked).times(1));
        let started = Instant::now();
        list(&server, &[]).await.unwrap();
        assert!(started.elapsed() >= Duration::from_millis(least));
        // Dates have no fractions.
        let early = in_two_seconds - Duration::from_secs(1);
        assert!(least > 0 || SystemTime::now() >= early);
    }
}

#[tokio::test]
async fn a_delay_beyond_the_deadline_is_not_waited_for() {
    let server = start().await;
    let fault = server.faults().add(leave_me_alone("3600"));
    let started = Instant::now();
    let error = list(&server, &[]).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!((fault.hits(), error.attempts()), (1, 1));
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert_eq!(error.retry(), Retry::After(Duration::from_hours(1)));
    assert!(format!("{error:?}").contains("s3.operation.timeout"), "{error:?}");
}

/// Whatever is asked for, silence ends with the deadline.
#[tokio::test]
async fn a_black_hole_is_left_at_the_deadline() {
    let server = start().await;
    server.store().put(BUCKET, "key", "content");
    server.faults().add(Fault::on_any().action(Action::BlackHole));
    let deadline = Duration::from_millis(700);
    let client = client(&server, &[("s3.operation.timeout", "700 ms")]).await;
    let within = |started: Instant, error: plugin_api::Error| {
        let elapsed = started.elapsed();
        assert!(
            elapsed >= deadline && elapsed <= deadline + Duration::from_millis(250),
            "{elapsed:?} {error}"
        );
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.remedy().contains("s3.operation.timeout"), "{error}");
        assert_eq!(error.retry(), Retry::Yes);
    };
    for class in RequestClass::ALL {
        let started = Instant::now();
        let error = Prepared::unprepared(class).send(&client).await.unwrap_err();
        within(started, error);
    }
    let started = Instant::now();
    let get = client.get_object().bucket(BUCKET).key("key").send().await;
    within(started, plain(get).unwrap_err());
    let started = Instant::now();
    let put = client.put_object().bucket(BUCKET).key("key");
    let put = put
        .content_length(4 << 20)
        .body(vec![7; 4 << 20].into())
        .send()
        .await;
    within(started, plain(put).unwrap_err());
}

/// The deadline is that of all attempts together, and a fresh connection is tried before.
#[tokio::test]
async fn silence_is_answered_with_a_fresh_connection() {
    let server = start().await;
    let fault = Fault::on("ListObjectsV2").times(1).action(Action::BlackHole);
    server.faults().add(fault);
    list(&server, &[("s3.socket.timeout", "200 ms")]).await.unwrap();
    let requests = server.requests().of("ListObjectsV2");
    assert_eq!(requests.len(), 2);
    assert_ne!(requests[0].connection, requests[1].connection);
}

#[tokio::test]
async fn no_repetitions_means_none() {
    let server = start().await;
    let fault = Action::status(500, "InternalError", "x");
    let fault = server.faults().add(Fault::on("ListObjectsV2").action(fault));
    let error = list(&server, &[("s3.retry.max-num-retries", "0")])
        .await
        .unwrap_err();
    assert_eq!((fault.hits(), error.attempts()), (1, 1), "{error}");
}

/// However many attempts a request may have, all of them together have few.
#[tokio::test]
async fn repetitions_are_bounded_by_the_successes() {
    let server = start().await;
    let more = [
        ("s3.retry.max-num-retries", "100000"),
        ("s3.retry.base-delay", "0 ms"),
        ("s3.retry.throttle.base-delay", "0 ms"),
    ];
    let client = client(&server, &more).await;
    let fault = Action::status(503, "SlowDown", "x");
    let fault = server.faults().add(Fault::on("ListObjectsV2").action(fault));
    let request = Prepared::unprepared(RequestClass::Idempotent);
    let error = request.send(&client).await.unwrap_err();
    let granted = f64::from(error.attempts() - 1);
    assert!((granted - TokenBucket::CAPACITY).abs() < 0.5, "{error}");
    assert!(format!("{error:?}").contains("too many requests"), "{error:?}");
    let error = request.send(&client).await.unwrap_err();
    assert_eq!(error.attempts(), 1);
    fault.remove();
    for _ in 0..5 {
        request.send(&client).await.unwrap();
    }
    let once = Action::status(500, "InternalError", "x");
    server
        .faults()
        .add(Fault::on("ListObjectsV2").times(1).action(once));
    request.send(&client).await.unwrap();
}
