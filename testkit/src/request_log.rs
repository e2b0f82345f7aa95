//! The log of requests, from which tests tell what a client really did.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use http::{HeaderMap, Method};
use parking_lot::Mutex;

use crate::faults::Action;
use crate::operation::Operation;

/// Requests that are kept; counts go on beyond.
const CAPACITY: usize = 1 << 16;

/// A request as it was received, and what became of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// Name of the operation as in the API of S3 or STS, such as `UploadPart`; `Unknown` for any other.
    pub operation: &'static str,
    /// HTTP method.
    pub method: Method,
    /// Path and query as sent.
    pub target: String,
    /// Bucket, decoded.
    pub bucket: Option<String>,
    /// Key, decoded.
    pub key: Option<String>,
    /// Upload id of multipart operations.
    pub upload_id: Option<String>,
    /// Part number of multipart operations.
    pub part_number: Option<u16>,
    /// Headers as sent; those of the signature included.
    pub headers: HeaderMap,
    /// Status of the answer; none while there is no answer, and if none is ever sent.
    pub status: Option<u16>,
    /// Bytes of the body of the answer that were handed to the connection so far.
    pub sent: u64,
    /// The fault that decided about it, apart from delays; if none did, the last that changed the store.
    pub fault: Option<Action>,
    /// Which connection it came on, counted from zero.
    pub connection: u64,
}

impl RecordedRequest {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The `Range` header.
    pub fn range(&self) -> Option<&str> {
        self.header("range")
    }
}

/// The log of a server.
#[derive(Clone, Debug, Default)]
pub struct RequestLog {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Arc<Entry>>,
    counts: HashMap<&'static str, u64>,
}

/// What is filled in while a request is handled.
#[derive(Debug)]
pub(crate) struct Entry {
    request: RecordedRequest,
    status: AtomicU16,
    pub(crate) sent: AtomicU64,
}

impl Entry {
    pub(crate) fn answered(&self, status: http::StatusCode) {
        self.status.store(status.as_u16(), Ordering::Release);
    }
}

impl RequestLog {
    /// The last requests in the order in which they arrived, at most 65,536.
    pub fn all(&self) -> Vec<RecordedRequest> {
        self.inner
            .lock()
            .entries
            .iter()
            .map(|entry| snapshot(entry))
            .collect()
    }

    /// Those of one operation.
    pub fn of(&self, operation: &str) -> Vec<RecordedRequest> {
        let inner = self.inner.lock();
        inner
            .entries
            .iter()
            .filter(|e| e.request.operation == operation)
            .map(|entry| snapshot(entry))
            .collect()
    }

    /// How many requests for an operation arrived since the start or the last [`Self::clear`].
    pub fn count(&self, operation: &str) -> u64 {
        self.inner.lock().counts.get(operation).copied().unwrap_or(0)
    }

    /// How many requests arrived since the start or the last [`Self::clear`].
    pub fn total(&self) -> u64 {
        self.inner.lock().counts.values().sum()
    }

    /// Forgets all requests.
    pub fn clear(&self) {
        *self.inner.lock() = Inner::default();
    }

    pub(crate) fn record(
        &self,
        operation: Operation,
        request: &http::request::Parts,
        fault: Option<Action>,
        connection: u64,
    ) -> Arc<Entry> {
        let target = request
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string);
        let entry = Arc::new(Entry {
            request: RecordedRequest {
                operation: operation.name,
                method: request.method.clone(),
                target,
                bucket: operation.bucket,
                key: operation.key,
                upload_id: operation.upload_id,
                part_number: operation.part_number,
                headers: request.headers.clone(),
                status: None,
                sent: 0,
                fault,
                connection,
            },
            status: AtomicU16::new(0),
            sent: AtomicU64::new(0),
        });
        let mut inner = self.inner.lock();
        *inner.counts.entry(entry.request.operation).or_default() += 1;
        if inner.entries.len() == CAPACITY {
            inner.entries.pop_front();
        }
        inner.entries.push_back(Arc::clone(&entry));
        entry
    }
}

fn snapshot(entry: &Entry) -> RecordedRequest {
    let status = entry.status.load(Ordering::Acquire);
    RecordedRequest {
        status: (status != 0).then_some(status),
        sent: entry.sent.load(Ordering::Relaxed),
        ..entry.request.clone()
    }
}
