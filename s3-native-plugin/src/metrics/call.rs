//! [`Call`]: one call of the SDK from its beginning to its end, with all its attempts.

#![allow(clippy::cast_precision_loss, reason = "no body has 2^53 bytes")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use plugin_api::ErrorKind;
use plugin_api::metrics::{API_CALL_COUNT, API_CALL_DURATION, RETRIED_BYTES, RETRY_COUNT, THROTTLE_COUNT};

use super::Metrics;
use crate::retry::table::{self, Failure};

/// The operations that are told apart by name.
const OPERATIONS: [&str; 20] = [
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "DeleteObject",
    "DeleteObjects",
    "GetBucketLifecycleConfiguration",
    "GetBucketLocation",
    "GetObject",
    "HeadBucket",
    "HeadObject",
    "ListBuckets",
    "ListMultipartUploads",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PutObject",
    "RenameObject",
    "UploadPart",
    "UploadPartCopy",
];

/// Any other.
const UNKNOWN: &str = "Unknown";

/// One call of the SDK, however often it is tried. The host is told when this is dropped, which the SDK
/// does at the end of the call, and also when the call is cancelled.
#[derive(Debug)]
pub(crate) struct Call {
    metrics: Arc<Metrics>,
    begun: Instant,
    /// Bytes of the request's body.
    body: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    operation: &'static str,
    status_class: &'static str,
    /// Why the attempt that comes next is made.
    retry: Option<&'static str>,
}

impl Call {
    /// A call that begins now, with so many bytes in the body of its request.
    pub(crate) fn begin(metrics: &Arc<Metrics>, body: u64) -> Arc<Self> {
        Arc::new(Self {
            metrics: Arc::clone(metrics),
            begun: Instant::now(),
            body,
            state: Mutex::new(State {
                operation: UNKNOWN,
                status_class: "unknown",
                retry: None,
            }),
        })
    }

    /// Its operation, as the SDK names it.
    pub(crate) fn is_of(&self, operation: &str) {
        let known = OPERATIONS.iter().find(|known| **known == operation);
        self.state().operation = known.copied().unwrap_or(UNKNOWN);
    }

    /// The name of its operation.
    pub(crate) fn operation(&self) -> &'static str {
        self.state().operation
    }

    /// An attempt begins.
    pub(crate) fn attempt(&self) {
        let mut state = self.state();
        // What comes of it is not known as long as it lasts.
        state.status_class = "unknown";
        if let Some(reason) = state.retry.take() {
            let operation = state.operation;
            drop(state);
            let labels = [("op", operation), ("reason", reason)];
            self.metrics.count(&RETRY_COUNT, &labels);
            if self.body > 0 {
                self.metrics.tell(&RETRIED_BYTES, self.body as f64, &labels[..1]);
            }
        }
    }

    /// The attempt succeeded.
    pub(crate) fn succeeded(&self) {
        self.state().status_class = "2xx";
    }

    /// The attempt failed for a reason that is not in the table.
    pub(crate) fn failed_otherwise(&self) {
        self.state().status_class = "error";
    }

    /// The call as a whole failed. That says nothing new where an attempt did.
    pub(crate) fn ended_in_error(&self) {
        let mut state = self.state();
        if state.status_class == "unknown" {
            state.status_class = "error";
        }
    }

    /// The attempt failed, and is followed by another one or not.
    pub(crate) fn failed(&self, failure: &Failure, is_repeated: bool) {
        let (class, reason) = classes(failure);
        let mut state = self.state();
        state.status_class = class;
        state.retry = is_repeated.then_some(reason);
        let operation = state.operation;
        drop(state);
        if class == THROTTLED {
            self.metrics.count(&THROTTLE_COUNT, &[("op", operation)]);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let (operation, class) = {
            let state = self.state();
            (state.operation, state.status_class)
        };
        let labels = [("op", operation), ("status_class", class)];
        self.metrics.count(&API_CALL_COUNT, &labels);
        self.metrics.took(&API_CALL_DURATION, self.begun, &labels[..1]);
    }
}

const THROTTLED: &str = "throttled";

/// The class of the outcome, and the reason for a repetition.
fn classes(failure: &Failure) -> (&'static str, &'static str) {
    if matches!(failure.status, 429 | 503) || table::find(failure).kind == ErrorKind::Throttled {
        return (THROTTLED, THROTTLED);
    }
    match failure.status / 100 {
        _ if failure.transport.is_some() => ("error", "other"),
        4 => ("4xx", "other"),
        5 => ("5xx", "5xx"),
        // An error behind a status of success is none.
        0 | 2 => ("error", "other"),
        _ => ("other", "other"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_classed_by_its_status_unless_the_store_wants_fewer_requests() {
        let class = |status, code: &str| {
            classes(&Failure {
                status,
                code: code.to_owned(),
                transport: None,
            })
        };
        assert_eq!(class(429, ""), ("throttled", "throttled"));
        assert_eq!(class(503, "ServiceUnavailable"), ("throttled", "throttled"));
        assert_eq!(class(200, "SlowDown"), ("throttled", "throttled"));
        assert_eq!(class(200, "InternalError"), ("error", "other"));
        assert_eq!(class(404, ""), ("4xx", "other"));
        assert_eq!(class(500, "InternalError"), ("5xx", "5xx"));
        assert_eq!(class(301, "PermanentRedirect"), ("other", "other"));
        assert_eq!(class(0, ""), ("error", "other"));
    }
}
