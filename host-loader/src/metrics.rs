//! Metrics: what plugins and the host have measured, as a program wants to see it.
//!
//! [`FileSystems::metrics`](crate::FileSystems::metrics) takes a [`Snapshot`], which
//! [`prometheus`](Snapshot::prometheus) writes in the text format that Prometheus reads. The names of the
//! metrics that plugins share are in [`plugin_api::metrics`].

mod distribution;
mod prometheus;
mod series;

pub use distribution::Distribution;
pub use series::{Series, Snapshot};

pub(crate) use prometheus::exported_name;
pub(crate) use series::Source;

use plugin_api::MetricKind;
use plugin_api::metrics::{self, Metric};

use crate::streams::STREAM_METRICS;

/// File systems that have been made and are in use.
pub(crate) const OPEN_FILE_SYSTEMS: Metric = Metric {
    name: "open_file_systems",
    kind: MetricKind::Gauge,
    labels: &[],
    unit: "file systems",
    meaning: "File systems that were made, one for each scheme and authority.",
};

/// What the host itself measures. These have no label `plugin`.
pub const HOST_METRICS: &[Metric] = &{
    let mut all = [OPEN_FILE_SYSTEMS; 1 + STREAM_METRICS.len()];
    let mut index = 0;
    while index < STREAM_METRICS.len() {
        all[1 + index] = STREAM_METRICS[index].0;
        index += 1;
    }
    all
};

/// What is known of a metric by its name.
pub(crate) fn known(name: &str) -> Option<&'static Metric> {
    let mut all = metrics::ALL.iter().chain(HOST_METRICS);
    all.find(|metric| metric.name == name)
}
