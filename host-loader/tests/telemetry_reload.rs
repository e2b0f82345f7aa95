//! A loaded plugin hears of a filter that was changed while it was loaded, without being told by the program. A test of
//! its own, since it sets the subscriber of the process.

#[path = "support/artefacts.rs"]
mod artefacts;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{Config, Location};
use testkit::{Action, Fault, Server};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, registry, reload};

/// Counts the events of the plugin's retries.
#[derive(Clone, Default)]
struct Retries(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Retries {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("s3_native_plugin::retry") {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_filter_that_is_reloaded_reaches_plugins_by_itself() {
    let filter = |text: &str| EnvFilter::builder().parse(text).unwrap();
    let (reloadable, handle) = reload::Layer::new(filter("warn"));
    let retries = Retries::default();
    registry().with(reloadable).with(retries.clone()).init();
    let plugins = artefacts::plugin_directory(&artefacts::plugin());
    let server = Server::builder().bucket("bucket").start_blocking().unwrap();
    server.store().put("bucket", "key", "content");
    let mut config = Config::from_pairs(server.config("s3."));
    config.set("s3.retry.base-delay", "1 ms");
    let file_systems = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(plugins.path())
        .config(config)
        .build()
        .unwrap();
    let path = Location::parse("s3://bucket/key").unwrap();
    let fs = block_on(file_systems.get(&path)).unwrap();
    // Each request is repeated once, which the plugin logs at the level debug.
    let repeat_once = || {
        let error = Action::status(500, "InternalError", "");
        server
            .faults()
            .add(Fault::on("HeadObject").times(1).action(error));
        block_on(fs.status(&path)).unwrap();
    };
    repeat_once();
    assert_eq!(retries.0.load(Ordering::Relaxed), 0);
    for level in ["debug", "trace"] {
        let before = retries.0.load(Ordering::Relaxed);
        handle
            .reload(filter(&format!("warn,s3_native_plugin={level}")))
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while retries.0.load(Ordering::Relaxed) == before {
            assert!(Instant::now() < deadline, "the plugin never heard of '{level}'");
            repeat_once();
        }
        handle.reload(filter("warn")).unwrap();
        block_on(file_systems.telemetry_changed());
        let before = retries.0.load(Ordering::Relaxed);
        repeat_once();
        assert_eq!(retries.0.load(Ordering::Relaxed), before);
    }
}
