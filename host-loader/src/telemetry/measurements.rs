//! Counters, gauges and histograms of a plugin.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use plugin_api::{Measurement, MetricKind};

/// So many series are kept; a plugin that makes labels of paths must not use up the host's memory.
const MAX_SERIES: usize = 10_000;

/// One metric with one set of labels, as measured so far.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MeasuredSeries {
    /// The name of the metric.
    pub name: String,
    /// What it measures.
    pub kind: MetricKind,
    /// Labels by key, sorted.
    pub labels: Vec<(String, String)>,
    /// How many measurements there were.
    pub count: u64,
    /// A counter's total, a gauge's level, the sum of a histogram's samples.
    pub value: f64,
}

#[derive(Default)]
pub(super) struct Measurements(Mutex<HashMap<Key, MeasuredSeries>>);

type Key = (String, Vec<(String, String)>);

impl Measurements {
    pub(super) fn add(&self, measurement: &Measurement<'_>) {
        let mut labels: Vec<_> = measurement
            .labels
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        labels.sort_unstable();
        let key = (measurement.name.to_owned(), labels);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_SERIES && !all.contains_key(&key) {
            return;
        }
        let series = all
            .entry(key)
            .or_insert_with_key(|(name, labels)| MeasuredSeries {
                name: name.clone(),
                kind: measurement.kind,
                labels: labels.clone(),
                count: 0,
                value: 0.0,
            });
        series.count += 1;
        series.value = match series.kind {
            MetricKind::Gauge => measurement.value,
            MetricKind::Counter | MetricKind::Histogram => series.value + measurement.value,
        };
    }

    pub(super) fn snapshot(&self) -> Vec<MeasuredSeries> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().cloned().collect()
    }
}
