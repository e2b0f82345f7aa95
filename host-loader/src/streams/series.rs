//! What the streams of a registry have come to, as metrics.

use plugin_api::MetricKind;
use plugin_api::metrics::Metric;

use super::{StreamCounts, Streams};
use crate::metrics::{Series, Source};

/// The label with scheme and authority.
const FILE_SYSTEM: &str = "file_system";

/// A value as it is read from the counts of one file system.
type Read = fn(&StreamCounts) -> f64;

/// Every metric of streams, and how its series are read: each with the value of the label after [`FILE_SYSTEM`],
/// where the metric has one.
pub(crate) const STREAM_METRICS: &[(Metric, &[(&str, Read)])] = &[
    (
        Metric {
            name: "open_streams",
            kind: MetricKind::Gauge,
            labels: &[FILE_SYSTEM, "kind"],
            unit: "streams",
            meaning: "Streams that are open; `kind` is input, output or recoverable.",
        },
        &[
            ("input", |counts| number(counts.open_inputs)),
            ("output", |counts| number(counts.open_outputs)),
            ("recoverable", |counts| number(counts.open_recoverables)),
        ],
    ),
    (
        counter(
            "stream_bytes_read",
            "bytes",
            "Bytes that streams have read, and bulk copies to the local disk.",
        ),
        &[("", |counts| number(counts.bytes_read))],
    ),
    (
        counter(
            "stream_bytes_written",
            "bytes",
            "Bytes that were written to streams, and by bulk copies from the local disk.",
        ),
        &[("", |counts| number(counts.bytes_written))],
    ),
    (
        counter(
            "stream_wait_count",
            "waits",
            "How often opening a stream had to wait since a limit was reached.",
        ),
        &[("", |counts| number(counts.waits))],
    ),
    (
        counter(
            "stream_wait_ms",
            "milliseconds",
            "How long openings have waited for a limit, all together.",
        ),
        &[("", |counts| counts.waited.as_secs_f64() * 1000.0)],
    ),
    (
        counter(
            "stream_refused_count",
            "waits",
            "Waits for a limit that were refused in the end: the time was up, or the file system was closed.",
        ),
        &[("", |counts| number(counts.refused))],
    ),
    (
        counter(
            "stream_reclaimed_count",
            "streams",
            "Streams that were ended since they made no progress while others waited.",
        ),
        &[("", |counts| number(counts.reclaimed))],
    ),
];

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
            for (metric, values) in STREAM_METRICS {
                for (label, read) in *values {
                    let labels: Vec<_> = metric
                        .labels
                        .iter()
                        .copied()
                        .zip([counts.root.as_str(), label])
                        .collect();
                    let mut series = Series::new(metric.name, metric.kind, &labels);
                    series.measure(read(&counts));
                    all.push(series);
                }
            }
        }
        all
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to eight pebibytes")]
fn number(count: u64) -> f64 {
    count as f64
}
