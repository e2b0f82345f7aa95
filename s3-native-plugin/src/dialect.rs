//! [`Dialect`]: what an S3-compatible endpoint turned out not to understand.
//!
//! Learnt from its refusals and remembered for the life of the factory, so that each costs one request.
//! What makes a promise weaker is logged once, by the name of the endpoint.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use plugin_api::Error;

/// What one endpoint turned out not to understand.
#[derive(Debug)]
pub(crate) struct Dialect {
    endpoint: String,
    refuses_checksums: AtomicBool,
    refuses_full_object_checksums: AtomicBool,
    refuses_checksum_mode: AtomicBool,
    refuses_conditions: AtomicBool,
    refuses_conditional_deletes: AtomicBool,
    refuses_bulk_deletes: AtomicBool,
}

/// The dialects of all endpoints that a factory has to do with.
#[derive(Debug, Default)]
pub(crate) struct Dialects(Mutex<BTreeMap<String, Arc<Dialect>>>);

impl Dialects {
    /// That of an endpoint, or of Amazon S3.
    pub(crate) fn of(&self, endpoint: Option<&str>) -> Arc<Dialect> {
        let endpoint = endpoint.unwrap_or("Amazon S3");
        let mut dialects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let dialect = dialects
            .entry(endpoint.to_owned())
            .or_insert_with(|| Arc::new(Dialect::new(endpoint)));
        Arc::clone(dialect)
    }
}

impl Dialect {
    fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            refuses_checksums: AtomicBool::new(false),
            refuses_full_object_checksums: AtomicBool::new(false),
            refuses_checksum_mode: AtomicBool::new(false),
            refuses_conditions: AtomicBool::new(false),
            refuses_conditional_deletes: AtomicBool::new(false),
            refuses_bulk_deletes: AtomicBool::new(false),
        }
    }

    /// Whether checksum headers may be sent.
    pub(crate) fn takes_checksums(&self) -> bool {
        !self.refuses_checksums.load(Ordering::Relaxed)
    }

    pub(crate) fn forgo_checksums(&self) {
        if !self.refuses_checksums.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                endpoint = %self.endpoint,
                "the store refuses checksum headers; it no longer checks what is uploaded"
            );
        }
    }

    /// Whether an upload in parts may ask for a checksum of the whole object.
    pub(crate) fn takes_full_object_checksums(&self) -> bool {
        !self.refuses_full_object_checksums.load(Ordering::Relaxed)
    }

    pub(crate) fn forgo_full_object_checksums(&self) {
        self.refuses_full_object_checksums.store(true, Ordering::Relaxed);
    }

    /// Whether a read may ask for the checksum of the object.
    pub(crate) fn takes_checksum_mode(&self) -> bool {
        !self.refuses_checksum_mode.load(Ordering::Relaxed)
    }

    pub(crate) fn forgo_checksum_mode(&self) {
        if !self.refuses_checksum_mode.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                endpoint = %self.endpoint,
                "the store refuses to tell checksums; what is read is no longer compared with them"
            );
        }
    }

    /// Whether `If-None-Match` may be sent with a write.
    pub(crate) fn takes_conditions(&self) -> bool {
        !self.refuses_conditions.load(Ordering::Relaxed)
    }

    pub(crate) fn forgo_conditions(&self) {
        if !self.refuses_conditions.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                endpoint = %self.endpoint,
                "the store refuses conditional writes; two writers that create the same file may both succeed"
            );
        }
    }

    /// Whether `If-Match` may be sent with a deletion.
    pub(crate) fn takes_conditional_deletes(&self) -> bool {
        !self.refuses_conditional_deletes.load(Ordering::Relaxed)
    }

    pub(crate) fn forgo_conditional_deletes(&self) {
        if !self.refuses_conditional_deletes.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                endpoint = %self.endpoint,
                "the store refuses conditional deletions; a file that is replaced while it is renamed may be lost"
            );
        }
    }

    /// Whether one request may delete many keys.
    pub(crate) fn takes_bulk_deletes(&self) -> bool {
        !self.refuses_bulk_deletes.load(Ordering::Relaxed)
    }

    /// Costs time but no promise.
    pub(crate) fn forgo_bulk_deletes(&self, why: &Error) {
        if !self.refuses_bulk_deletes.swap(true, Ordering::Relaxed) {
            tracing::info!(
                endpoint = %self.endpoint,
                error = %why,
                "the store refuses bulk deletes; keys are deleted one by one"
            );
        }
    }
}

/// Whether the store does not know a header that was sent, so that a request without it may pass.
pub(crate) fn refuses_header(error: &Error) -> bool {
    error.http_status() == Some(501) || error.service_code() == "NotImplemented"
}

/// Whether the store does not take checksum headers.
pub(crate) fn refuses_checksum(error: &Error) -> bool {
    refuses_header(error)
        || (matches!(error.service_code(), "InvalidRequest" | "InvalidArgument")
            && error.message().to_ascii_lowercase().contains("checksum"))
}

/// Whether the store cannot delete many keys with one request, or not with the checksum that we send.
pub(crate) fn refuses_bulk_delete(error: &Error) -> bool {
    refuses_header(error)
        || error.http_status() == Some(405)
        || matches!(
            error.service_code(),
            "MissingContentMD5" | "InvalidRequest" | "InvalidDigest" | "MethodNotAllowed"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_learnt_counts_for_all_buckets_of_an_endpoint_and_for_no_other() {
        let dialects = Dialects::default();
        let one = dialects.of(Some("http://127.0.0.1:1"));
        one.forgo_conditions();
        assert!(!dialects.of(Some("http://127.0.0.1:1")).takes_conditions());
        assert!(one.takes_checksums() && one.takes_bulk_deletes());
        assert!(dialects.of(Some("http://127.0.0.1:2")).takes_conditions());
        assert!(dialects.of(None).takes_conditions());
    }
}
