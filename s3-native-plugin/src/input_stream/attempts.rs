//! [`Attempts`]: how often a read may be resumed, and how long to wait before.

use std::sync::Arc;
use std::time::Duration;

use plugin_api::metrics::STREAM_REOPEN_COUNT;
use plugin_api::{Error, Result, Retry};

use crate::bucket::Bucket;
use crate::metrics::Metrics;

/// How often a read may be resumed, and how long to wait before.
#[derive(Debug)]
pub(super) struct Attempts {
    metrics: Arc<Metrics>,
    limit: u32,
    base_delay: Duration,
    max_delay: Duration,
    /// Failures since the last real progress.
    failures: u32,
    received: u64,
    /// Bytes that count as progress: a server that breaks after each byte must not keep us for ever.
    progress: u64,
}

impl Attempts {
    pub(super) fn new(bucket: &Bucket) -> Self {
        Self {
            metrics: bucket.metrics.clone(),
            limit: bucket.settings.max_retries,
            base_delay: bucket.settings.retry_base_delay,
            max_delay: bucket.settings.retry_max_backoff,
            failures: 0,
            received: 0,
            progress: bucket.settings.read_buffer_size as u64,
        }
    }

    pub(super) fn progress(&mut self, bytes: usize) {
        self.received += bytes as u64;
        if self.received >= self.progress {
            self.failures = 0;
        }
    }

    /// Counts a failure; the error itself once there were too many.
    pub(super) fn failed(&mut self, error: Error) -> Result<()> {
        self.received = 0;
        self.failures += 1;
        if self.failures > self.limit || error.retry() == Retry::No {
            return Err(error.with_attempts(self.failures));
        }
        self.metrics.count(&STREAM_REOPEN_COUNT, &[]);
        tracing::debug!(%error, "the read is resumed");
        Ok(())
    }

    /// The first resumption is immediate; from the second on it waits, longer each time.
    pub(super) async fn wait(&self) {
        if self.failures > 1 {
            let longest = self
                .base_delay
                .saturating_mul(1 << (self.failures - 2).min(16))
                .min(self.max_delay);
            tokio::time::sleep(longest.mul_f64(rand::random())).await;
        }
    }
}
