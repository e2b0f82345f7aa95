//! What is said of streams that are open.

use std::time::Duration;

use futures_executor::block_on;
use host_loader::StreamKind;
use host_loader::plugin_api::{CreateOptions, OpenOptions};
use tracing::Instrument;

use crate::clock::ManualClock;
use crate::fake_store::{FakeStore, MOVED, path};
use crate::log::Log;

#[test]
fn a_stream_that_is_open_at_shutdown_is_logged_with_where_it_was_opened() {
    let clock = ManualClock::new();
    let store = FakeStore::new(&clock);
    let registry = store.registry(&[]);
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .without_time()
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        block_on(async {
            let fs = registry.get(&path(0)).await.unwrap();
            let options = CreateOptions::default();
            let span = tracing::info_span!("restore");
            let read_options = OpenOptions::default();
            let first = path(1);
            let mut input = fs.open(&first, &read_options).instrument(span).await.unwrap();
            input.read(100).await.unwrap();
            let mut closed = fs.create(&path(2), &options).await.unwrap();
            closed.close().await.unwrap();
            drop(fs.create(&path(3), &options).await.unwrap());
            clock.pass(Duration::from_secs(90));
            let forgotten = fs
                .recoverable_writer()
                .unwrap()
                .open(&path(4), &options)
                .await
                .unwrap();
            std::mem::forget(forgotten);

            let open = registry.open_streams();
            assert_eq!(open.len(), 2);
            assert_eq!((&open[0].location, open[0].kind), (&path(1), StreamKind::Input));
            assert_eq!((open[0].age, open[0].bytes), (Duration::from_secs(90), MOVED));
            assert!(open[0].span.starts_with("restore (") && open[0].span.contains("leaks.rs:"));
            assert_eq!(
                (&open[1].location, open[1].kind),
                (&path(4), StreamKind::Recoverable)
            );

            let metrics = registry.metrics();
            let total = |name, kind| metrics.total(name, &[("file_system", "fake://store/"), kind]);
            assert!((total("open_streams", ("kind", "input")) - 1.0).abs() < 0.5);
            assert!((total("open_streams", ("kind", "output"))).abs() < 0.5);
            assert_eq!(
                metrics.total("stream_bytes_read", &[]).to_string(),
                MOVED.to_string()
            );

            registry.shutdown(Duration::ZERO).await.unwrap();
            drop(input);
            assert_eq!(registry.open_streams().len(), 1);
        });
    });
    let text = log.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("left open")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(
        lines[0].contains("WARN")
            && lines[0]
                .contains("fake://store/1: input stream, open for 90.0s, 7 bytes, opened in restore ("),
        "{text}"
    );
    assert!(
        lines[1]
            .contains("fake://store/4: recoverable stream, open for 0.0ns, 0 bytes; set FSPLUG_BACKTRACE=1"),
        "{text}"
    );
}
