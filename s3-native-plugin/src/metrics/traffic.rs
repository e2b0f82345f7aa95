//! [`Traffic`]: bytes of one request or reply.

#![allow(clippy::cast_precision_loss, reason = "no body has 2^53 bytes")]

use std::sync::Arc;

use plugin_api::metrics::{BYTES_RECEIVED, Metric};

use super::Metrics;

/// So many bytes are gathered before the host is told.
const TOLD_AT_ONCE: u64 = 1 << 20;

/// Bytes of the bodies of one operation, told at the latest when this is dropped.
#[derive(Debug)]
pub(crate) struct Traffic {
    metrics: Arc<Metrics>,
    operation: &'static str,
    metric: &'static Metric,
    untold: u64,
}

impl Traffic {
    pub(crate) fn new(metrics: &Arc<Metrics>, operation: &'static str, metric: &'static Metric) -> Self {
        Self {
            metrics: Arc::clone(metrics),
            operation,
            metric,
            untold: 0,
        }
    }

    /// Of the reply to such a request.
    pub(crate) fn received(metrics: &Arc<Metrics>, operation: &'static str) -> Self {
        Self::new(metrics, operation, &BYTES_RECEIVED)
    }

    /// So many bytes more.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.untold += bytes;
        if self.untold >= TOLD_AT_ONCE {
            self.tell();
        }
    }

    fn tell(&mut self) {
        let bytes = std::mem::take(&mut self.untold);
        if bytes > 0 {
            self.metrics
                .tell(self.metric, bytes as f64, &[("op", self.operation)]);
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.tell();
    }
}
