//! Faults as data: which requests they hit, and what happens to these.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::operation::Operation;

/// What happens to a request that a fault hits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// Answer with an error, without doing what was asked: status, code and message.
    Status(u16, Cow<'static, str>, Cow<'static, str>),
    /// [`Self::Status`] with these headers besides, such as `Retry-After`.
    StatusWithHeaders(u16, Cow<'static, str>, Vec<(String, String)>),
    /// Reset the connection without doing what was asked.
    Reset,
    /// Do what was asked, then reset the connection in place of an answer.
    ApplyThenReset,
    /// Do what was asked, then answer with an error: status and code.
    ApplyThenStatus(u16, Cow<'static, str>),
    /// Wait before the request is handled, then go on with the next fault that hits it, if any.
    Delay(Duration),
    /// Send this many bytes of the body of the answer, then close the connection.
    CutBodyAfter(u64),
    /// Send the body of the answer at this many bytes a second, in small pieces.
    Trickle(u64),
    /// Do what was asked, answer, and then close the connection without having announced it.
    CloseAfterAnswer,
    /// Answer 200 with an error of this code as body, without doing what was asked: as `CopyObject`,
    /// `UploadPartCopy` and `CompleteMultipartUpload` report what fails after they sent the status.
    ErrorIn200(Cow<'static, str>),
    /// Read nothing and answer nothing.
    BlackHole,
    /// Flip the lowest bit of the byte at this offset of the body of the answer.
    FlipBit(u64),
    /// Send this many bytes of the body of the answer, then reset the connection. The peer may not get all of
    /// them.
    ResetBodyAfter(u64),
    /// Answer a `GetObject` for a range with the whole object, as a store without ranges does.
    IgnoreRange,
    /// Answer a `GetObject` whatever its conditions, as a store without them does.
    IgnoreConditions,
    /// Shift the numbers of the `Content-Range` of the answer by so much; the bytes stay those asked for.
    WrongContentRange(i64),
}

/// Marks a `GetObject` whose range or conditions are not to be seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overlook {
    pub(crate) range: bool,
    pub(crate) conditions: bool,
}

impl Action {
    /// [`Action::Status`] without conversions.
    pub fn status(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Status(status, code.into(), message.into())
    }

    /// [`Action::StatusWithHeaders`] without conversions.
    pub fn status_with_headers(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        headers: &[(&str, &str)],
    ) -> Self {
        let headers = headers
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Self::StatusWithHeaders(status, code.into(), headers.collect())
    }

    /// [`Action::ApplyThenStatus`] without conversions.
    pub fn apply_then_status(status: u16, code: impl Into<Cow<'static, str>>) -> Self {
        Self::ApplyThenStatus(status, code.into())
    }

    /// [`Action::ErrorIn200`] without conversions.
    pub fn error_in_200(code: impl Into<Cow<'static, str>>) -> Self {
        Self::ErrorIn200(code.into())
    }
}

/// A rule: of the requests that match, the first `skip` pass, the next `times` are hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    operation: Option<Cow<'static, str>>,
    key: Option<String>,
    key_contains: Option<String>,
    part_number: Option<u16>,
    skip: u64,
    times: Option<u64>,
    action: Action,
}

impl Fault {
    /// Hits one operation, named as in the API of S3, such as `UploadPart`. The action is a reset unless set.
    ///
    /// # Panics
    /// If the server knows no such operation: the fault would silently hit nothing.
    pub fn on(operation: impl Into<Cow<'static, str>>) -> Self {
        let operation = operation.into();
        assert!(
            OPERATIONS.contains(&operation.as_ref()),
            "no operation is named {operation:?}"
        );
        Self {
            operation: Some(operation),
            ..Self::on_any()
        }
    }

    /// Hits every operation. The action is a reset unless set.
    pub fn on_any() -> Self {
        Self {
            operation: None,
            key: None,
            key_contains: None,
            part_number: None,
            skip: 0,
            times: None,
            action: Action::Reset,
        }
    }

    /// Only requests for this key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Only requests for keys that contain this text.
    #[must_use]
    pub fn key_contains(mut self, text: impl Into<String>) -> Self {
        self.key_contains = Some(text.into());
        self
    }

    /// Only requests for this part number.
    #[must_use]
    pub fn part_number(mut self, number: u16) -> Self {
        self.part_number = Some(number);
        self
    }

    /// Lets this many matching requests pass first.
    #[must_use]
    pub fn skip(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Hits this many requests; all, unless set.
    #[must_use]
    pub fn times(mut self, requests: u64) -> Self {
        self.times = Some(requests);
        self
    }

    /// What happens.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    fn matches(&self, operation: &Operation) -> bool {
        let key = operation.key.as_deref();
        self.operation.as_ref().is_none_or(|name| name == operation.name)
            && self.key.as_deref().is_none_or(|wanted| key == Some(wanted))
            && self
                .key_contains
                .as_deref()
                .is_none_or(|text| key.is_some_and(|key| key.contains(text)))
            && self
                .part_number
                .is_none_or(|number| operation.part_number == Some(number))
    }
}

/// Operations that faults can be put on.
const OPERATIONS: [&str; 20] = [
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateBucket",
    "CreateMultipartUpload",
    "DeleteBucket",
    "DeleteObject",
    "DeleteObjects",
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
    "UploadPart",
    "UploadPartCopy",
];

/// The faults of a server.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Arc<Rule>>>>,
}

#[derive(Debug)]
struct Rule {
    fault: Fault,
    matched: AtomicU64,
    hit: AtomicU64,
}

impl Faults {
    /// Adds a fault behind those that are there; the first that hits a request decides.
    pub fn add(&self, fault: Fault) -> FaultHandle {
        let rule = Arc::new(Rule {
            fault,
            matched: AtomicU64::new(0),
            hit: AtomicU64::new(0),
        });
        self.rules.lock().push(Arc::clone(&rule));
        FaultHandle {
            rule,
            rules: Arc::clone(&self.rules),
        }
    }

    /// Removes all faults; requests that were hit already stay so.
    pub fn clear(&self) {
        self.rules.lock().clear();
    }

    /// How long to wait with a request, and what to do to it.
    pub(crate) fn decide(&self, operation: &Operation) -> (Duration, Option<Action>) {
        let mut delay = Duration::ZERO;
        for rule in self
            .rules
            .lock()
            .iter()
            .filter(|rule| rule.fault.matches(operation))
        {
            // Under the lock, so that of concurrent requests exactly `times` are hit.
            let index = rule.matched.fetch_add(1, Ordering::Relaxed);
            let is_hit = index >= rule.fault.skip
                && rule
                    .fault
                    .times
                    .is_none_or(|times| index - rule.fault.skip < times);
            if !is_hit {
                continue;
            }
            rule.hit.fetch_add(1, Ordering::Relaxed);
            match &rule.fault.action {
                Action::Delay(more) => delay += *more,
                action => return (delay, Some(action.clone())),
            }
        }
        (delay, None)
    }
}

/// An added fault.
#[derive(Clone, Debug)]
pub struct FaultHandle {
    rule: Arc<Rule>,
    rules: Arc<Mutex<Vec<Arc<Rule>>>>,
}

impl FaultHandle {
    /// How many requests it has hit.
    pub fn hits(&self) -> u64 {
        self.rule.hit.load(Ordering::Relaxed)
    }

    /// Removes the fault.
    pub fn remove(&self) {
        self.rules.lock().retain(|rule| !Arc::ptr_eq(rule, &self.rule));
    }
}
