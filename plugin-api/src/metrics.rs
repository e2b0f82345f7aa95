//! Names and meanings of metrics that plugins share, so that a host shows those of all in one way.
//!
//! A plugin measures whatever it likes with [`Host::measure`](crate::Host::measure). What is among
//! [`ALL`] it should call by its name here. Hosts add the plugin's name as the label `plugin`.

use crate::MetricKind;

/// A metric that plugins share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// What it is called in a [`Measurement`](crate::Measurement).
    pub name: &'static str,
    /// What it measures.
    pub kind: MetricKind,
    /// The keys of its labels.
    pub labels: &'static [&'static str],
    /// What is counted, such as `bytes`.
    pub unit: &'static str,
    /// What it means, in one sentence.
    pub meaning: &'static str,
}

macro_rules! metrics {
    ($($constant:ident: $name:literal, $kind:ident [$($label:literal),*], $unit:literal, $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $constant: Metric = Metric {
                name: $name,
                kind: MetricKind::$kind,
                labels: &[$($label),*],
                unit: $unit,
                meaning: $meaning,
            };
        )*

        /// All of them.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    API_CALL_COUNT: "api_call_count", Counter ["op", "status_class"], "calls",
        "Calls of the store by operation, each counted once however often it was tried, with the outcome of the last try.";
    API_CALL_DURATION: "api_call_duration_ms", Histogram ["op"], "milliseconds",
        "How long calls took, with all tries and the pauses between them; the content of a download is not part of it.";
    RETRY_COUNT: "retry_count", Counter ["op", "reason"], "requests",
        "Requests that were sent once more, with what the try before failed from.";
    THROTTLE_COUNT: "throttle_count", Counter ["op"], "requests",
        "Tries that the store refused since there were too many: status 429 or 503, or a code that says so.";
    BYTES_RECEIVED: "bytes_received", Counter ["op"], "bytes",
        "Bytes of the bodies of replies.";
    BYTES_SENT: "bytes_sent", Counter ["op"], "bytes",
        "Bytes of the bodies of requests, those of repetitions included.";
    RETRIED_BYTES: "retried_bytes", Counter ["op"], "bytes",
        "Bytes of the bodies of requests that were sent once more.";
    STREAM_REOPEN_COUNT: "stream_reopen_count", Counter [], "requests",
        "Reads that broke in the middle of a reply and went on at the same byte with another request.";
    IN_FLIGHT_PARTS: "in_flight_parts", Gauge [], "parts",
        "Parts of files that are on their way to the store.";
    OPEN_UPLOADS: "open_uploads", Gauge [], "uploads",
        "Multipart uploads that open streams and committers work on.";
    CONNECTION_WAIT: "connection_wait_ms", Histogram [], "milliseconds",
        "How long requests waited for one of the connections, if all were in use.";
    MEMORY_WAIT: "memory_wait_ms", Histogram [], "milliseconds",
        "How long streams waited for buffers, if the memory budget was used up.";
    CREDENTIAL_REFRESH_COUNT: "credential_refresh_count", Counter ["result"], "refreshes",
        "How often the provider of credentials was asked, the first time included; `result` is ok or error.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_legal_wherever_metrics_are_kept() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
        for name in names {
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{name}"
            );
        }
    }
}
