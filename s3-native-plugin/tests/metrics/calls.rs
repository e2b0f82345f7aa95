//! Calls, repetitions and bytes.

use std::pin::pin;
use std::task::{Context, Waker};

use plugin_api::{CreateOptions, FileSystemExt as _};
use testkit::{Action, Fault};

use crate::recorder::{Fixture, PART, location};

#[tokio::test]
async fn every_call_is_counted_once_with_its_operation_and_outcome() {
    let fixture = Fixture::new(&[]).await;
    let (fs, recorder) = (&fixture.fs, &fixture.recorder);
    let options = CreateOptions::default();
    fs.write_all(&location("small"), "content".into(), &options)
        .await
        .unwrap();
    fs.write_all(&location("large"), vec![7; 3 * PART].into(), &options)
        .await
        .unwrap();
    assert_eq!(fs.read_all(&location("large")).await.unwrap().len(), 3 * PART);
    fs.status(&location("none")).await.unwrap_err();
    fs.rename(&location("small"), &location("moved")).await.unwrap();
    fs.delete(&location("moved"), false).await.unwrap();
    fixture.assert_counts_are_those_of_the_server();
    assert_eq!(
        recorder.value("api_call_count{op=UploadPart,status_class=2xx}"),
        3
    );
    assert_eq!(
        recorder.value("api_call_count{op=CompleteMultipartUpload,status_class=2xx}"),
        1
    );
    // A HEAD of what is not there is an answer, and a 4xx.
    let heads = fixture.server.requests().of("HeadObject");
    let missing = heads.iter().filter(|request| request.status == Some(404)).count();
    assert!(missing > 0);
    assert_eq!(
        recorder.value("api_call_count{op=HeadObject,status_class=4xx}"),
        missing as u64
    );
    assert_eq!(recorder.sum("retry_count") + recorder.sum("throttle_count"), 0);
}

#[tokio::test]
async fn repetitions_and_refusals_are_counted_by_their_reason_and_the_call_by_its_last_attempt() {
    let fixture = Fixture::new(&[("s3.retry.max-num-retries", "3")]).await;
    let (fs, recorder) = (&fixture.fs, &fixture.recorder);
    fixture.server.store().put("bucket", "key", "content");
    let head = |times: u64, action| {
        let fault = Fault::on("HeadObject").key("key").times(times).action(action);
        fixture.server.faults().add(fault)
    };
    // As often as the attempts allow, then once too often.
    for (status, code, class, reason) in [
        (503, "SlowDown", "throttled", "throttled"),
        (429, "", "throttled", "throttled"),
        (500, "InternalError", "5xx", "5xx"),
    ] {
        for (times, outcome) in [(2, "2xx"), (4, class)] {
            recorder.clear();
            fixture.server.requests().clear();
            let fault = head(times, Action::status(status, code, ""));
            let result = fs.status(&location("key")).await;
            fault.remove();
            assert_eq!(result.is_ok(), outcome == "2xx", "{status}: {result:?}");
            fixture.assert_counts_are_those_of_the_server();
            let count = format!("api_call_count{{op=HeadObject,status_class={outcome}}}");
            assert_eq!(recorder.all("api_call_count"), [(count, 1)], "{status}");
            let retries = format!("retry_count{{op=HeadObject,reason={reason}}}");
            assert_eq!(recorder.all("retry_count"), [(retries, times.min(3))], "{status}");
            let throttles = if class == "throttled" { times } else { 0 };
            assert_eq!(
                recorder.value("throttle_count{op=HeadObject}"),
                throttles,
                "{status}"
            );
        }
    }
    // No reply at all.
    recorder.clear();
    let fault = head(10, Action::Reset);
    fs.status(&location("key")).await.unwrap_err();
    fault.remove();
    assert_eq!(
        recorder.value("api_call_count{op=HeadObject,status_class=error}"),
        1
    );
    assert_eq!(recorder.value("retry_count{op=HeadObject,reason=other}"), 3);
}

#[tokio::test]
async fn bytes_are_those_of_the_wire_and_repeated_ones_are_told_apart() {
    let fixture = Fixture::new(&[]).await;
    let (fs, recorder) = (&fixture.fs, &fixture.recorder);
    let content = vec![7; 3 * PART];
    let fault = Fault::on("UploadPart").part_number(2).times(2);
    fixture
        .server
        .faults()
        .add(fault.action(Action::status(500, "InternalError", "")));
    fs.write_all(&location("key"), content.into(), &CreateOptions::default())
        .await
        .unwrap();
    assert_eq!(recorder.value("bytes_sent{op=UploadPart}"), 5 * PART as u64);
    assert_eq!(recorder.value("retried_bytes{op=UploadPart}"), 2 * PART as u64);
    assert_eq!(recorder.sum("retried_bytes"), 2 * PART as u64);
    assert_eq!(fs.read_all(&location("key")).await.unwrap().len(), 3 * PART);
    let sent: u64 = fixture.server.requests().all().iter().map(|it| it.sent).sum();
    assert_eq!(recorder.sum("bytes_received"), sent);
    assert_eq!(recorder.value("bytes_received{op=GetObject}"), 3 * PART as u64);
}

#[tokio::test]
async fn a_read_that_breaks_is_counted_where_it_goes_on() {
    let fixture = Fixture::new(&[]).await;
    fixture.server.store().put("bucket", "key", vec![7; 3 * PART]);
    let fault = Fault::on("GetObject")
        .times(2)
        .action(Action::CutBodyAfter(PART as u64));
    fixture.server.faults().add(fault);
    let read = fixture.fs.read_all(&location("key")).await.unwrap();
    assert_eq!(read.len(), 3 * PART);
    assert_eq!(fixture.recorder.value("stream_reopen_count{}"), 2);
    assert_eq!(fixture.server.requests().count("GetObject"), 3);
    fixture.assert_counts_are_those_of_the_server();
}

#[tokio::test]
async fn a_call_that_is_given_up_is_counted_with_an_unknown_outcome() {
    let fixture = Fixture::new(&[]).await;
    fixture
        .server
        .faults()
        .add(Fault::on("HeadObject").action(Action::BlackHole));
    {
        let path = location("key");
        let mut status = pin!(fixture.fs.status(&path));
        let mut nobody = Context::from_waker(Waker::noop());
        while fixture.server.requests().count("HeadObject") == 0 {
            assert!(status.as_mut().poll(&mut nobody).is_pending());
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(
        fixture.recorder.all("api_call_count"),
        [("api_call_count{op=HeadObject,status_class=unknown}".to_owned(), 1)]
    );
}
