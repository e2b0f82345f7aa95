//! Gauges, waits and credentials.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use plugin_api::{CreateOptions, FileSystemExt as _, FileSystemFactory as _, Location, OpenOptions};
use testkit::{Action, Fault};

use crate::recorder::{Fixture, PART, config, location};

#[tokio::test]
async fn gauges_count_over_all_clients_of_the_plugin_and_end_at_nothing() {
    let fixture = Fixture::on(|server| server.bucket("other"), &[]).await;
    let recorder = &fixture.recorder;
    // Other settings, and so another client.
    let config = config(&fixture.server, &[("s3.connection.max", "7")]);
    let root = Location::new("s3a", "other", "").unwrap();
    let other = fixture.factory.create(&root, &config).await.unwrap();
    fixture
        .server
        .faults()
        .add(Fault::on("UploadPart").action(Action::BlackHole));
    let options = CreateOptions::default();
    let mut streams = vec![
        fixture.fs.create(&location("key"), &options).await.unwrap(),
        other.create(&root.with_key("key"), &options).await.unwrap(),
    ];
    for stream in &mut streams {
        stream.write(&vec![7; 2 * PART]).await.unwrap();
    }
    while fixture.server.requests().count("UploadPart") < 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(recorder.value("open_uploads{}"), 2);
    assert_eq!(recorder.value("in_flight_parts{}"), 4);
    for stream in &mut streams {
        stream.abort().await.unwrap();
    }
    drop(streams);
    assert_eq!(recorder.of("open_uploads{}").value, 0.0);
    assert_eq!(recorder.of("in_flight_parts{}").value, 0.0);
    assert_eq!(recorder.of("open_uploads{}").greatest, 2.0);
    // What was cancelled has no outcome.
    assert_eq!(
        recorder.value("api_call_count{op=UploadPart,status_class=unknown}"),
        4
    );
    fixture.assert_counts_are_those_of_the_server();
}

#[tokio::test]
async fn who_waits_for_a_connection_or_for_memory_is_timed_and_nobody_else() {
    let budget = PART.to_string();
    let options = [("s3.connection.max", "1"), ("s3.memory.budget", budget.as_str())];
    let fixture = Fixture::new(&options).await;
    let recorder = &fixture.recorder;
    fixture.server.store().put("bucket", "key", vec![7; 64 * PART]);
    let mut stream = fixture
        .fs
        .open(&location("key"), &OpenOptions::default())
        .await
        .unwrap();
    stream.read(1).await.unwrap();
    assert_eq!(recorder.of("connection_wait_ms{}").count, 0);
    // The stream has the only connection until it is closed.
    {
        let path = location("key");
        let mut status = pin!(fixture.fs.status(&path));
        assert!(
            status
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        stream.close().await.unwrap();
        status.await.unwrap();
    }
    assert_eq!(recorder.of("connection_wait_ms{}").count, 1);
    assert_eq!(recorder.of("memory_wait_ms{}").count, 0);
    let delay = Action::Delay(Duration::from_millis(20));
    fixture.server.faults().add(Fault::on("UploadPart").action(delay));
    fixture
        .fs
        .write_all(
            &location("new"),
            vec![7; 3 * PART].into(),
            &CreateOptions::default(),
        )
        .await
        .unwrap();
    let waited = recorder.of("memory_wait_ms{}");
    assert!(waited.count > 0 && waited.greatest < 60_000.0, "{waited:?}");
}

#[tokio::test]
async fn asking_for_credentials_is_counted_with_its_result() {
    let fixture = Fixture::new(&[]).await;
    fixture.fs.status(&location("key")).await.unwrap_err();
    fixture.fs.status(&location("key")).await.unwrap_err();
    assert_eq!(
        fixture.recorder.all("credential_refresh_count"),
        [("credential_refresh_count{result=ok}".to_owned(), 1)]
    );
}

#[tokio::test]
async fn each_metric_of_the_table_is_measured() {
    let budget = PART.to_string();
    let options = [("s3.connection.max", "1"), ("s3.memory.budget", budget.as_str())];
    let fixture = Fixture::new(&options).await;
    let faults = fixture.server.faults();
    for (operation, action) in [
        ("GetObject", Action::CutBodyAfter(1)),
        ("UploadPart", Action::status(503, "SlowDown", "")),
    ] {
        faults.add(Fault::on(operation).times(1).action(action));
    }
    faults.add(Fault::on("UploadPart").action(Action::Delay(Duration::from_millis(20))));
    let content = vec![7; 64 * PART];
    let options = CreateOptions::default();
    fixture
        .fs
        .write_all(&location("key"), content.into(), &options)
        .await
        .unwrap();
    fixture.fs.read_all(&location("key")).await.unwrap();
    let mut stream = fixture
        .fs
        .open(&location("key"), &OpenOptions::default())
        .await
        .unwrap();
    stream.read(1).await.unwrap();
    let path = location("key");
    let mut status = pin!(fixture.fs.status(&path));
    assert!(
        status
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    drop(stream);
    status.await.unwrap();
    for metric in plugin_api::metrics::ALL {
        let series = fixture.recorder.all(&format!("{}{{", metric.name));
        assert!(!series.is_empty(), "{} was not measured", metric.name);
    }
}
