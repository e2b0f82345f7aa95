//! Faults as data: which requests they hit, and what happens to these. Faults can be written as text, too:
//! see [`Rules`].

mod action;
mod chance;
mod installed;
mod language;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::operation::Operation;

pub use action::Action;
pub(crate) use installed::{Decision, Kill};
pub use installed::{FaultHandle, Faults, Hit, Hits};
pub use language::{RuleError, Rules};

/// Marks a `GetObject` whose range or conditions are not to be seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overlook {
    pub(crate) range: bool,
    pub(crate) conditions: bool,
}

/// A rule: of the requests that match, the first `skip` pass, and of the rest the next `times` are hit.
///
/// Only requests count that no fault before this one has decided about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    operation: Option<Cow<'static, str>>,
    key: Option<String>,
    key_contains: Option<String>,
    part_number: Option<u16>,
    skip: u64,
    times: Option<u64>,
    every: Option<u64>,
    /// Of a million.
    chance: Option<u32>,
    action: Action,
}

impl Fault {
    /// Hits one operation, named as in the API of S3 or STS, such as `UploadPart`. The action is a reset unless set.
    ///
    /// # Panics
    /// If the server knows no such operation: the fault would silently hit nothing.
    pub fn on(operation: impl Into<Cow<'static, str>>) -> Self {
        let operation = operation.into();
        assert!(reach(&operation).is_some(), "no operation is named {operation:?}");
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
            every: None,
            chance: None,
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

    /// Of the matching requests behind those that are skipped, only the `nth`, the `2 * nth`th and so on.
    ///
    /// # Panics
    /// If `nth` is 0.
    #[must_use]
    pub fn every(mut self, nth: u64) -> Self {
        assert_ne!(nth, 0, "every 0th request is none");
        self.every = Some(nth);
        self
    }

    /// Only as many of a million as this, at random: by the seed that the fault is
    /// [added](Faults::add_rules) with and by what the request is, not by the order in which requests arrive.
    ///
    /// # Panics
    /// If it is 0 or more than a million.
    #[must_use]
    pub fn chance(mut self, millionths: u32) -> Self {
        assert!(
            (1..=chance::MILLION).contains(&millionths),
            "{millionths} of a million cannot be hit"
        );
        self.chance = Some(millionths);
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
        let has_target = match self.action {
            Action::SwapObject(_) | Action::RemoveObject => key.is_some(),
            Action::ExpireUpload => operation.upload_id.is_some(),
            _ => true,
        };
        has_target
            && self.operation.as_ref().is_none_or(|name| name == operation.name)
            && self.key.as_deref().is_none_or(|wanted| key == Some(wanted))
            && self
                .key_contains
                .as_deref()
                .is_none_or(|text| key.is_some_and(|key| key.contains(text)))
            && self
                .part_number
                .is_none_or(|number| operation.part_number == Some(number))
    }

    /// Why this could never hit a request, if so.
    fn impossible(&self) -> Option<String> {
        let name = self.operation.as_deref()?;
        let reach = reach(name)?;
        let cannot = |what: &str, which: &[&str]| Some(format!("{name} {what}; {} can", which.join(", ")));
        if reach < Reach::Object {
            let has_key = self.key.is_some() || self.key_contains.is_some();
            if has_key || matches!(self.action, Action::SwapObject(_) | Action::RemoveObject) {
                return cannot("is not for a key", &operations(Reach::Object));
            }
        }
        if self.action == Action::ExpireUpload && reach < Reach::Upload {
            return cannot("is not for an upload", &operations(Reach::Upload));
        }
        if self.part_number.is_some() && reach < Reach::Part && !READS.contains(&name) {
            let parts = [operations(Reach::Part), READS.to_vec()].concat();
            return cannot("has no part number", &parts);
        }
        if matches!(self.action, Action::IgnoreRange | Action::IgnoreConditions) && name != "GetObject" {
            return cannot("is always exact", &["GetObject"]);
        }
        None
    }
}

/// What a request can name at most. Who names a part names its upload, and who names that names a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Bucket,
    Object,
    Upload,
    Part,
}

/// Operations that faults can be put on.
const OPERATIONS: [(&str, Reach); 24] = [
    ("AbortMultipartUpload", Reach::Upload),
    ("AssumeRole", Reach::Bucket),
    ("AssumeRoleWithWebIdentity", Reach::Bucket),
    ("CompleteMultipartUpload", Reach::Upload),
    ("CopyObject", Reach::Object),
    ("CreateBucket", Reach::Bucket),
    ("CreateMultipartUpload", Reach::Object),
    ("DeleteBucket", Reach::Bucket),
    ("DeleteObject", Reach::Object),
    ("DeleteObjects", Reach::Bucket),
    ("GetBucketLocation", Reach::Bucket),
    ("GetCallerIdentity", Reach::Bucket),
    ("GetObject", Reach::Object),
    ("GetSessionToken", Reach::Bucket),
    ("HeadBucket", Reach::Bucket),
    ("HeadObject", Reach::Object),
    ("ListBuckets", Reach::Bucket),
    ("ListMultipartUploads", Reach::Bucket),
    ("ListObjects", Reach::Bucket),
    ("ListObjectsV2", Reach::Bucket),
    ("ListParts", Reach::Upload),
    ("PutObject", Reach::Object),
    ("UploadPart", Reach::Part),
    ("UploadPartCopy", Reach::Part),
];

/// Operations that may ask for one part of an object.
const READS: [&str; 2] = ["GetObject", "HeadObject"];

fn reach(operation: &str) -> Option<Reach> {
    let known = OPERATIONS.iter().find(|(name, _)| *name == operation);
    known.map(|(_, reach)| *reach)
}

/// The operations that name at least so much.
fn operations(least: Reach) -> Vec<&'static str> {
    let known = OPERATIONS.iter().filter(|(_, reach)| *reach >= least);
    known.map(|(name, _)| *name).collect()
}
