//! A host that keeps what it is told, and a bucket whose plugin tells it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use plugin_api::metrics::ALL;
use plugin_api::{
    Callsite, Config, Fields, FileSystem, FileSystemFactory as _, Host, Level, Location, Measurement,
    MemoryPressure, MetricKind, SilentHost,
};
use s3_native_plugin::S3FileSystemFactory;
use testkit::{Server, ServerBuilder};

pub(crate) const BUCKET: &str = "bucket";

/// The part size of these tests, in bytes.
pub(crate) const PART: usize = 64 << 10;

/// In front of what is not in the table of metrics with its kind and labels.
const UNKNOWN: &str = "not in the table:";

/// What the plugin has measured.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<BTreeMap<String, Measured>>>);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// A total, a level or a sum.
    pub(crate) value: f64,
    pub(crate) count: u64,
    pub(crate) greatest: f64,
}

impl Recorder {
    /// A series by its name and labels, as `name{key=value,key=value}`.
    pub(crate) fn of(&self, series: &str) -> Measured {
        self.0.lock().unwrap().get(series).copied().unwrap_or_default()
    }

    pub(crate) fn value(&self, series: &str) -> u64 {
        self.of(series).value as u64
    }

    /// The sum over all series that begin so.
    pub(crate) fn sum(&self, begin: &str) -> u64 {
        let all = self.0.lock().unwrap();
        let matching = all.iter().filter(|(series, _)| series.starts_with(begin));
        matching.map(|(_, measured)| measured.value as u64).sum()
    }

    /// Those that begin so, with their values.
    pub(crate) fn all(&self, begin: &str) -> Vec<(String, u64)> {
        let all = self.0.lock().unwrap();
        let matching = all.iter().filter(|(series, _)| series.starts_with(begin));
        matching
            .map(|(series, measured)| (series.clone(), measured.value as u64))
            .collect()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

impl Host for Recorder {
    fn max_level(&self) -> Option<Level> {
        None
    }
    fn register_callsite(&self, _: &Callsite) -> u64 {
        0
    }
    fn is_enabled(&self, _: u64) -> bool {
        false
    }
    fn event(&self, _: u64, _: u64, _: &Fields) {}
    fn new_span(&self, _: u64, _: u64, _: &Fields) -> u64 {
        0
    }
    fn record(&self, _: u64, _: &Fields) {}
    fn enter_span(&self, _: u64) {}
    fn exit_span(&self, _: u64) {}
    fn close_span(&self, _: u64) {}

    fn measure(&self, measurement: &Measurement<'_>) {
        let keys: Vec<_> = measurement.labels.iter().map(|(key, _)| *key).collect();
        let is_known = ALL.iter().any(|known| {
            (known.name, known.kind, known.labels) == (measurement.name, measurement.kind, &keys[..])
        });
        let labels: Vec<_> = measurement
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let series = format!("{}{{{}}}", measurement.name, labels.join(","));
        let series = if is_known {
            series
        } else {
            format!("{UNKNOWN} {series}")
        };
        let mut all = self.0.lock().unwrap();
        let measured = all.entry(series).or_default();
        measured.count += 1;
        measured.greatest = measured.greatest.max(measurement.value);
        match measurement.kind {
            MetricKind::Gauge => measured.value = measurement.value,
            MetricKind::Counter | MetricKind::Histogram => measured.value += measurement.value,
        }
    }

    fn memory_budget(&self) -> u64 {
        0
    }
    fn memory_pressure(&self) -> MemoryPressure {
        SilentHost.memory_pressure()
    }
}

/// A server with a bucket, a file system of it, and what the plugin has measured.
pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) recorder: Recorder,
    pub(crate) fs: Arc<dyn FileSystem>,
    pub(crate) factory: S3FileSystemFactory,
}

impl Fixture {
    pub(crate) async fn new(options: &[(&str, &str)]) -> Self {
        Self::on(|server| server, options).await
    }

    pub(crate) async fn on(
        kind: impl FnOnce(ServerBuilder) -> ServerBuilder,
        options: &[(&str, &str)],
    ) -> Self {
        let server = kind(Server::builder().bucket(BUCKET).min_part_size(PART as u64))
            .start_blocking()
            .unwrap();
        let recorder = Recorder::default();
        let factory = S3FileSystemFactory::new(Arc::new(recorder.clone())).unwrap();
        let root = location("");
        let fs = factory.create(&root, &config(&server, options)).await.unwrap();
        Self {
            server,
            recorder,
            fs,
            factory,
        }
    }

    /// The requests that the server got, and those that it was asked for a second time or more often.
    pub(crate) fn assert_counts_are_those_of_the_server(&self) {
        assert_eq!(self.recorder.all(UNKNOWN), []);
        let mut operations: Vec<_> = self
            .server
            .requests()
            .all()
            .into_iter()
            .map(|request| request.operation)
            .collect();
        operations.sort_unstable();
        operations.dedup();
        let labelled = |operation: &str| format!("{{op={operation}");
        let mut requests = 0;
        for operation in operations {
            let calls = self
                .recorder
                .sum(&format!("api_call_count{},", labelled(operation)));
            let repeated = self.recorder.sum(&format!("retry_count{},", labelled(operation)));
            let timed = self
                .recorder
                .of(&format!("api_call_duration_ms{}}}", labelled(operation)))
                .count;
            let served = self.server.requests().count(operation);
            assert_eq!(calls + repeated, served, "{operation}");
            assert_eq!(timed, calls, "{operation}");
            requests += calls + repeated;
        }
        assert_eq!(requests, self.server.requests().total());
        assert_eq!(
            self.recorder.sum("api_call_count") + self.recorder.sum("retry_count"),
            requests
        );
    }
}

/// What reaches the server, with delays that suit a test.
pub(crate) fn config(server: &Server, options: &[(&str, &str)]) -> Config {
    let part = PART.to_string();
    let mut config = Config::from_pairs(server.config("s3."));
    let usual = [
        ("s3.upload.allow-small-parts", "true"),
        ("s3.upload.min.part.size", part.as_str()),
        ("s3.retry.base-delay", "1 ms"),
        ("s3.retry.throttle.base-delay", "1 ms"),
        ("s3.retry.max-backoff", "2 ms"),
        ("s3.runtime.threads", "2"),
    ];
    for (key, value) in usual.iter().chain(options) {
        config.set(*key, *value);
    }
    config
}

pub(crate) fn location(key: &str) -> Location {
    Location::new("s3", BUCKET, key).unwrap()
}
