//! [`Measurements`]: what one plugin has measured so far.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plugin_api::{Host, HostRef, Measurement};

use super::facade::{self, Forwarded};
use crate::metrics::Series;

/// So many series are kept; a plugin that makes labels of paths must not use up the host's memory.
const MAX_SERIES: usize = 10_000;

/// So many labels are sorted without allocating.
const FEW_LABELS: usize = 8;

/// What one plugin has measured so far.
#[derive(Debug, Default)]
pub(crate) struct Measurements {
    /// "" for any plugin.
    plugin_name: String,
    hasher: RandomState,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    count: usize,
    /// By the hash of name and labels, so that nothing is allocated to look up what there is.
    by_hash: HashMap<u64, Vec<Kept>>,
}

#[derive(Debug)]
struct Kept {
    series: Series,
    forwarded: Arc<Forwarded>,
}

impl Measurements {
    /// Those of the plugin with this name.
    pub(crate) fn of_plugin(name: &str) -> Self {
        Self {
            plugin_name: name.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn add(&self, measurement: &Measurement<'_>) {
        let mut few = [("", ""); FEW_LABELS];
        let mut many = Vec::new();
        let labels = if let Some(few) = few.get_mut(..measurement.labels.len()) {
            few.copy_from_slice(measurement.labels);
            few
        } else {
            many.extend_from_slice(measurement.labels);
            &mut many[..]
        };
        labels.sort_unstable();
        let hash = self.hasher.hash_one((measurement.name, &*labels));
        let (forwarded, increment, is_new) = {
            let Known { count, by_hash } = &mut *self.known();
            let is_full = *count >= MAX_SERIES;
            if is_full && !by_hash.contains_key(&hash) {
                return;
            }
            let candidates = by_hash.entry(hash).or_default();
            let found = candidates
                .iter()
                .position(|kept| is_of(&kept.series, measurement.name, labels));
            let index = match found {
                Some(index) => index,
                None if is_full => return,
                None => {
                    *count += 1;
                    let series = Series::new(measurement.name, measurement.kind, labels);
                    let forwarded = Arc::new(Forwarded::new(&self.plugin_name, &series));
                    candidates.push(Kept { series, forwarded });
                    candidates.len() - 1
                }
            };
            let kept = &mut candidates[index];
            let before = kept.series.value;
            if !kept.series.measure(measurement.value) {
                return;
            }
            let increment = kept.series.value.floor() - before.floor();
            (Arc::clone(&kept.forwarded), increment, found.is_none())
        };
        // Without the lock: what comes now is not ours.
        facade::forward(&forwarded, measurement.value, increment, is_new);
    }

    /// All series, in no particular order.
    pub(crate) fn snapshot(&self) -> Vec<Series> {
        let known = self.known();
        let kept = known.by_hash.values().flatten();
        kept.map(|kept| kept.series.clone()).collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_of(series: &Series, name: &str, labels: &[(&str, &str)]) -> bool {
    series.name == name
        && series.labels.len() == labels.len()
        && series
            .labels
            .iter()
            .zip(labels)
            .all(|(known, label)| (known.0.as_str(), known.1.as_str()) == *label)
}

/// A program's own host, whose plugin's measurements are kept as well.
pub(crate) struct Measuring {
    host: HostRef,
    measurements: Arc<Measurements>,
}

impl Measuring {
    pub(crate) fn new(host: HostRef, measurements: Arc<Measurements>) -> Self {
        Self { host, measurements }
    }
}

impl Host for Measuring {
    fn max_level(&self) -> Option<plugin_api::Level> {
        self.host.max_level()
    }
    fn register_callsite(&self, callsite: &plugin_api::Callsite) -> u64 {
        self.host.register_callsite(callsite)
    }
    fn is_enabled(&self, callsite: u64) -> bool {
        self.host.is_enabled(callsite)
    }
    fn event(&self, callsite: u64, parent: u64, fields: &plugin_api::Fields) {
        self.host.event(callsite, parent, fields);
    }
    fn new_span(&self, callsite: u64, parent: u64, fields: &plugin_api::Fields) -> u64 {
        self.host.new_span(callsite, parent, fields)
    }
    fn record(&self, span: u64, fields: &plugin_api::Fields) {
        self.host.record(span, fields);
    }
    fn enter_span(&self, span: u64) {
        self.host.enter_span(span);
    }
    fn exit_span(&self, span: u64) {
        self.host.exit_span(span);
    }
    fn close_span(&self, span: u64) {
        self.host.close_span(span);
    }
    fn measure(&self, measurement: &Measurement<'_>) {
        self.measurements.add(measurement);
        self.host.measure(measurement);
    }
    fn memory_budget(&self) -> u64 {
        self.host.memory_budget()
    }
    fn memory_pressure(&self) -> plugin_api::MemoryPressure {
        self.host.memory_pressure()
    }
}
