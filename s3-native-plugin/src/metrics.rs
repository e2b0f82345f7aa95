//! [`Metrics`]: what the plugin measures, told to the host as it happens.
//!
//! No measurement allocates, and what comes in chunks is told by the mebibyte.

mod call;
mod traffic;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use plugin_api::metrics::{IN_FLIGHT_PARTS, Metric, OPEN_UPLOADS};
use plugin_api::{HostRef, Measurement};

pub(crate) use call::Call;
pub(crate) use traffic::Traffic;

/// What the plugin measures; one for a factory, so that its gauges are those of all its clients.
pub(crate) struct Metrics {
    host: HostRef,
    in_flight_parts: Mutex<u32>,
    open_uploads: Mutex<u32>,
}

/// One of the gauges.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gauge {
    InFlightParts,
    OpenUploads,
}

/// Counts in a gauge until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    metrics: Arc<Metrics>,
    gauge: Gauge,
}

impl Metrics {
    /// Those that this host is told.
    pub(crate) fn new(host: HostRef) -> Arc<Self> {
        Arc::new(Self {
            host,
            in_flight_parts: Mutex::default(),
            open_uploads: Mutex::default(),
        })
    }

    #[cfg(test)]
    /// Those that nobody is told.
    pub(crate) fn unheard() -> Arc<Self> {
        Self::new(Arc::new(plugin_api::SilentHost))
    }

    /// Tells the host an increment, a level or a sample.
    pub(crate) fn tell(&self, metric: &Metric, value: f64, labels: &[(&str, &str)]) {
        self.host.measure(&Measurement {
            name: metric.name,
            kind: metric.kind,
            value,
            labels,
        });
    }

    /// Tells the host that something happened once more.
    pub(crate) fn count(&self, metric: &Metric, labels: &[(&str, &str)]) {
        self.tell(metric, 1.0, labels);
    }

    /// Tells the host how many milliseconds have gone by.
    pub(crate) fn took(&self, metric: &Metric, since: Instant, labels: &[(&str, &str)]) {
        self.tell(metric, since.elapsed().as_secs_f64() * 1000.0, labels);
    }

    /// Counts one more in a gauge, until what is returned is dropped.
    pub(crate) fn one_more(self: &Arc<Self>, gauge: Gauge) -> Counted {
        self.change(gauge, |level| level + 1);
        Counted {
            metrics: Arc::clone(self),
            gauge,
        }
    }

    fn change(&self, gauge: Gauge, change: fn(u32) -> u32) {
        let (level, metric) = match gauge {
            Gauge::InFlightParts => (&self.in_flight_parts, &IN_FLIGHT_PARTS),
            Gauge::OpenUploads => (&self.open_uploads, &OPEN_UPLOADS),
        };
        // Under the lock, so that the level that is told last is the last one.
        let mut level = level.lock().unwrap_or_else(PoisonError::into_inner);
        *level = change(*level);
        self.tell(metric, f64::from(*level), &[]);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.metrics.change(self.gauge, |level| level.saturating_sub(1));
    }
}
