//! What the streams of a registry have come to, as metrics.

use plugin_api::MetricKind;
use plugin_api::metrics::Metric;

use super::Streams;
use crate::metrics::{Series, Source};

/// The label with scheme and authority.
const FILE_SYSTEM: &str = "file_system";

/// Streams that are open.
pub(crate) const OPEN_STREAMS: Metric = Metric {
    name: "open_streams",
    kind: MetricKind::Gauge,
    labels: &[FILE_SYSTEM, "kind"],
    unit: "streams",
    meaning: "Streams that are open; `kind` is input, output or recoverable.",
};

/// Bytes that were read.
pub(crate) const STREAM_BYTES_READ: Metric = counter(
    "stream_bytes_read",
    "bytes",
    "Bytes that streams have read, and bulk copies to the local disk.",
);

/// Bytes that were written.
pub(crate) const STREAM_BYTES_WRITTEN: Metric = counter(
    "stream_bytes_written",
    "bytes",
    "Bytes that were written to streams, and by bulk copies from the local disk.",
);

/// Waits for a limit.
pub(crate) const STREAM_WAIT_COUNT: Metric = counter(
    "stream_wait_count",
    "waits",
    "How often opening a stream had to wait since a limit was reached.",
);

/// Time in such waits.
pub(crate) const STREAM_WAIT_MS: Metric = counter(
    "stream_wait_ms",
    "milliseconds",
    "How long openings have waited for a limit, all together.",
);

/// Waits in vain.
pub(crate) const STREAM_REFUSED_COUNT: Metric = counter(
    "stream_refused_count",
    "waits",
    "Waits for a limit that ended without a stream.",
);

/// Streams that were taken from their users.
pub(crate) const STREAM_RECLAIMED_COUNT: Metric = counter(
    "stream_reclaimed_count",
    "streams",
    "Streams that were ended since they made no progress while others waited.",
);

const fn counter(name: &'static str, unit: &'static str, meaning: &'static str) -> Metric {
    Metric {
        name,
        kind: MetricKind::Counter,
        labels: &[FILE_SYSTEM],
        unit,
        meaning,
    }
}

impl Source for Streams {
    fn series(&self) -> Vec<Series> {
        let mut all = Vec::new();
        for counts in self.counts() {
            let root = counts.root.as_str();
            let mut add = |metric: &Metric, labels: &[(&str, &str)], value: f64| {
                let mut series = Series::new(metric.name, metric.kind, labels);
                series.measure(value);
                all.push(series);
            };
            for (kind, open) in [
                ("input", counts.open_inputs),
                ("output", counts.open_outputs),
                ("recoverable", counts.open_recoverables),
            ] {
                add(
                    &OPEN_STREAMS,
                    &[(FILE_SYSTEM, root), ("kind", kind)],
                    number(open),
                );
            }
            let labels = [(FILE_SYSTEM, root)];
            add(&STREAM_BYTES_READ, &labels, number(counts.bytes_read));
            add(&STREAM_BYTES_WRITTEN, &labels, number(counts.bytes_written));
            add(&STREAM_WAIT_COUNT, &labels, number(counts.waits));
            add(&STREAM_WAIT_MS, &labels, counts.waited.as_secs_f64() * 1000.0);
            add(&STREAM_REFUSED_COUNT, &labels, number(counts.refused));
            add(&STREAM_RECLAIMED_COUNT, &labels, number(counts.reclaimed));
        }
        all
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to eight pebibytes")]
fn number(count: u64) -> f64 {
    count as f64
}
