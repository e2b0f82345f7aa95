//! What a loaded plugin measures, as the program sees it: in a snapshot, as text for Prometheus and in the recorder of
//! the `metrics` crate.

#![allow(clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small numbers")]

#[path = "support/artefacts.rs"]
mod artefacts;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::metrics::HOST_METRICS;
use host_loader::plugin_api::metrics::{ALL, Metric};
use host_loader::plugin_api::{
    Config, CreateOptions, FileSystemExt as _, Host, Location, Measurement, MetricKind,
};
use host_loader::telemetry::HostTelemetry;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use tempfile::TempDir;
use testkit::{Action, Fault, Server};

static PLUGINS: LazyLock<TempDir> = LazyLock::new(|| artefacts::plugin_directory(&artefacts::plugin()));

fn file_systems(server: &Server, host: Option<Arc<HostTelemetry>>) -> FileSystems {
    let mut config = Config::from_pairs(server.config("s3."));
    config.set("s3.retry.base-delay", "1 ms");
    config.set("s3.retry.throttle.base-delay", "1 ms");
    let mut builder = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(PLUGINS.path())
        .config(config);
    if let Some(host) = host {
        builder = builder.host(host);
    }
    builder.build().unwrap()
}

/// Writes, reads and looks, with two refusals in between.
fn work(server: &Server, file_systems: &FileSystems) {
    let throttle = Fault::on("PutObject")
        .times(2)
        .action(Action::status(503, "SlowDown", ""));
    server.faults().add(throttle);
    let path = Location::parse("s3://bucket/key").unwrap();
    block_on(async {
        let fs = file_systems.get(&path).await.unwrap();
        fs.write_all(&path, "content".into(), &CreateOptions::default())
            .await
            .unwrap();
        assert_eq!(fs.read_all(&path).await.unwrap(), "content");
    });
}

#[test]
fn a_snapshot_has_what_the_server_saw_under_the_name_of_the_plugin() {
    let server = Server::builder().bucket("bucket").start_blocking().unwrap();
    let file_systems = file_systems(&server, None);
    assert!(
        file_systems
            .metrics()
            .of_metric("api_call_count")
            .next()
            .is_none()
    );
    work(&server, &file_systems);
    let metrics = file_systems.metrics();
    let requests = metrics.total("api_call_count", &[]) + metrics.total("retry_count", &[]);
    assert_eq!(requests as u64, server.requests().total());
    let labels = [("plugin", "s3-native"), ("op", "PutObject")];
    assert_eq!(metrics.total("throttle_count", &labels) as u64, 2);
    assert_eq!(metrics.distribution("api_call_duration_ms", &labels).count(), 1);
    assert_eq!(metrics.total("open_file_systems", &[]) as u64, 1);
    let text = file_systems.prometheus();
    for line in [
        "# TYPE fsplug_throttle_count_total counter",
        "fsplug_throttle_count_total{op=\"PutObject\",plugin=\"s3-native\"} 2",
        "fsplug_retry_count_total{op=\"PutObject\",plugin=\"s3-native\",reason=\"throttled\"} 2",
        "# TYPE fsplug_api_call_duration_ms histogram",
        "fsplug_api_call_duration_ms_count{op=\"PutObject\",plugin=\"s3-native\"} 1",
        "fsplug_bytes_received_total{op=\"GetObject\",plugin=\"s3-native\"} 7",
        "fsplug_open_file_systems 1",
    ] {
        assert!(text.lines().any(|it| it == line), "no {line} in\n{text}");
    }
}

#[test]
fn a_host_of_the_programs_own_hears_the_same() {
    let server = Server::builder().bucket("bucket").start_blocking().unwrap();
    let host = Arc::new(HostTelemetry::new());
    let file_systems = file_systems(&server, Some(host.clone()));
    work(&server, &file_systems);
    let calls = |series: &[host_loader::metrics::Series]| {
        let calls = series.iter().filter(|series| series.name == "api_call_count");
        calls.map(|series| series.value as u64).sum::<u64>()
    };
    assert!(calls(&host.measurements()) > 0);
    assert_eq!(
        calls(&host.measurements()),
        calls(file_systems.metrics().series())
    );
}

/// The values of a recorder by name and labels.
#[derive(Default)]
struct Heard(Mutex<BTreeMap<String, f64>>);

struct Cell(&'static Heard, String);

impl Cell {
    fn change(&self, change: impl FnOnce(f64) -> f64) {
        let mut heard = self.0.0.lock().unwrap();
        let value = heard.entry(self.1.clone()).or_default();
        *value = change(*value);
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.change(|it| it + value as f64);
    }
    fn absolute(&self, value: u64) {
        self.change(|it| it.max(value as f64));
    }
}

impl GaugeFn for Cell {
    fn increment(&self, value: f64) {
        self.change(|it| it + value);
    }
    fn decrement(&self, value: f64) {
        self.change(|it| it - value);
    }
    fn set(&self, value: f64) {
        self.change(|_| value);
    }
}

impl HistogramFn for Cell {
    fn record(&self, value: f64) {
        self.change(|it| it + value);
    }
}

struct Recording(&'static Heard);

impl Recording {
    /// A recorder that is broken for one metric.
    fn cell(&self, key: &Key) -> Arc<Cell> {
        assert_ne!(key.name(), "fsplug_broken_total", "no recorder is perfect");
        let labels: Vec<_> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        Arc::new(Cell(self.0, format!("{}{{{}}}", key.name(), labels.join(","))))
    }
}

impl Recorder for Recording {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}

#[test]
fn the_recorder_of_the_process_hears_each_measurement_and_may_panic() {
    let heard: &'static Heard = Box::leak(Box::default());
    let host = HostTelemetry::for_plugin("mock");
    let measure = |name, kind, value, labels: &[(&str, &str)]| {
        host.measure(&Measurement {
            name,
            kind,
            value,
            labels,
        });
    };
    metrics::with_local_recorder(&Recording(heard), || {
        measure("calls", MetricKind::Counter, 1.0, &[("op", "b"), ("a", "x")]);
        measure("calls", MetricKind::Counter, 2.0, &[("a", "x"), ("op", "b")]);
        measure("broken", MetricKind::Counter, 1.0, &[]);
        measure("broken", MetricKind::Counter, 1.0, &[]);
        measure("level", MetricKind::Gauge, 7.0, &[]);
        measure("level", MetricKind::Gauge, 3.0, &[]);
        measure("took_ms", MetricKind::Histogram, 0.5, &[]);
        // What no recorder could do anything with.
        measure("calls", MetricKind::Counter, -1.0, &[("a", "x"), ("op", "b")]);
        measure("level", MetricKind::Gauge, f64::NAN, &[]);
    });
    let heard: Vec<_> = std::mem::take(&mut *heard.0.lock().unwrap())
        .into_iter()
        .collect();
    assert_eq!(
        heard,
        [
            ("fsplug_calls_total{a=x,op=b,plugin=mock}".to_owned(), 3.0),
            ("fsplug_level{plugin=mock}".to_owned(), 3.0),
            ("fsplug_took_ms{plugin=mock}".to_owned(), 0.5),
        ]
    );
    let kept = host.measurements();
    let broken = kept.iter().find(|series| series.name == "broken").unwrap();
    assert_eq!(broken.count, 2);
}

#[test]
fn a_plugin_that_makes_up_labels_does_not_use_up_memory() {
    let host = HostTelemetry::for_plugin("mock");
    for number in 0..20_000 {
        host.measure(&Measurement {
            name: "calls",
            kind: MetricKind::Counter,
            value: 1.0,
            labels: &[("path", &number.to_string())],
        });
    }
    assert_eq!(host.measurements().len(), 10_000);
}

#[test]
fn the_page_of_the_book_has_the_table_of_all_metrics() {
    let row = |metric: &Metric| {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let Metric {
            name, unit, meaning, ..
        } = metric;
        format!(
            "| `{name}` | {kind} | {} | {unit} | {meaning} |",
            labels.join(", ")
        )
    };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let written: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let rows: Vec<_> = ALL.iter().chain(HOST_METRICS).map(row).collect();
    assert_eq!(written, rows);
}
