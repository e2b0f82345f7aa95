//! What `--stats` prints at the end: what a command asked of stores, as they bill it, and how long that took.

#![allow(clippy::cast_sign_loss, reason = "counters do not fall")]

use std::collections::BTreeSet;

use host_loader::metrics::Snapshot;
use host_loader::plugin_api::metrics::{
    API_CALL_COUNT, API_CALL_DURATION, BYTES_RECEIVED, BYTES_SENT, RETRIED_BYTES, RETRY_COUNT,
    STREAM_REOPEN_COUNT, THROTTLE_COUNT,
};
use serde::Serialize;

use crate::table;

/// What a command asked of stores.
#[derive(Debug, Serialize)]
pub(crate) struct Stats {
    operations: Vec<Operation>,
    /// Requests of class A: PUT, COPY, POST and LIST.
    class_a: u64,
    /// Requests of class B: GET, HEAD and all others.
    class_b: u64,
    /// Requests that cost nothing: DELETE and the end of an upload without a file.
    free: u64,
    bytes_received: u64,
    bytes_sent: u64,
    /// Of the bytes that were sent, those that had been sent before.
    retried_bytes: u64,
    /// Reads that broke and went on with another request.
    stream_reopens: u64,
}

#[derive(Debug, Serialize)]
struct Operation {
    #[serde(rename = "operation")]
    name: String,
    class: &'static str,
    /// Every request, repetitions included.
    requests: u64,
    retries: u64,
    throttled: u64,
    mean_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

/// The line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    stats: &'a Stats,
}

impl Stats {
    /// What has been measured so far.
    pub(crate) fn of(metrics: &Snapshot) -> Self {
        let names: BTreeSet<&str> = metrics
            .of_metric(API_CALL_COUNT.name)
            .map(|series| series.label("op"))
            .collect();
        let operations: Vec<Operation> = names
            .into_iter()
            .map(|name| Operation::of(metrics, name))
            .collect();
        let requests = |class: &str| {
            let of_class = operations.iter().filter(|operation| operation.class == class);
            of_class.map(|operation| operation.requests).sum()
        };
        let total = |name| metrics.total(name, &[]) as u64;
        Self {
            class_a: requests("A"),
            class_b: requests("B"),
            free: requests("free"),
            bytes_received: total(BYTES_RECEIVED.name),
            bytes_sent: total(BYTES_SENT.name),
            retried_bytes: total(RETRIED_BYTES.name),
            stream_reopens: total(STREAM_REOPEN_COUNT.name),
            operations,
        }
    }

    /// As one line of JSON.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(&Line { stats: self }).expect("numbers and names are always JSON")
    }

    /// As a table, line by line.
    pub(crate) fn to_lines(&self) -> Vec<String> {
        let mut rows = vec![
            [
                "operation",
                "class",
                "requests",
                "retries",
                "throttled",
                "mean ms",
                "p50 ms",
                "p99 ms",
                "max ms",
            ]
            .map(str::to_owned),
        ];
        rows.extend(self.operations.iter().map(|operation| {
            let millis = |value: f64| format!("{value:.1}");
            [
                operation.name.clone(),
                operation.class.to_owned(),
                operation.requests.to_string(),
                operation.retries.to_string(),
                operation.throttled.to_string(),
                millis(operation.mean_ms),
                millis(operation.p50_ms),
                millis(operation.p99_ms),
                millis(operation.max_ms),
            ]
        }));
        let mut lines = table::aligned(&rows);
        lines.push(format!(
            "requests: {} of class A (PUT, COPY, POST, LIST), {} of class B (GET, HEAD, others), {} free (DELETE)",
            self.class_a, self.class_b, self.free
        ));
        lines.push(format!(
            "bytes: {} received, {} sent, {} of them again; reads resumed: {}",
            self.bytes_received, self.bytes_sent, self.retried_bytes, self.stream_reopens
        ));
        lines
    }
}

impl Operation {
    fn of(metrics: &Snapshot, name: &str) -> Self {
        let labels = [("op", name)];
        let total = |metric| metrics.total(metric, &labels) as u64;
        let retries = total(RETRY_COUNT.name);
        let durations = metrics.distribution(API_CALL_DURATION.name, &labels);
        Self {
            name: name.to_owned(),
            class: billing_class(name),
            requests: total(API_CALL_COUNT.name) + retries,
            retries,
            throttled: total(THROTTLE_COUNT.name),
            mean_ms: durations.mean().unwrap_or_default(),
            p50_ms: durations.quantile(0.5).unwrap_or_default(),
            p99_ms: durations.quantile(0.99).unwrap_or_default(),
            max_ms: durations.max().unwrap_or_default(),
        }
    }
}

/// The class in which Amazon S3, and most stores like it, bill an operation.
fn billing_class(operation: &str) -> &'static str {
    match operation {
        "AbortMultipartUpload" | "DeleteObject" | "DeleteObjects" => "free",
        "CompleteMultipartUpload"
        | "CopyObject"
        | "CreateMultipartUpload"
        | "PutObject"
        | "UploadPart"
        | "UploadPartCopy" => "A",
        list if list.starts_with("List") => "A",
        _ => "B",
    }
}
