//! Conditional reads and writes: `If-Match`, `If-None-Match` and their dates.

use http::HeaderMap;
use s3s::S3Result;
use s3s::dto::{ETag, ETagCondition, Timestamp};

use crate::errors;
use crate::object::Object;

/// What a write demands of the object it replaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteConditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
}

impl WriteConditions {
    /// Checked under the lock under which the write takes effect.
    pub(crate) fn check(&self, existing: Option<&Object>) -> S3Result {
        match &self.if_none_match {
            Some(ETagCondition::Any) if existing.is_some() => return Err(errors::precondition_failed()),
            // AWS supports only the asterisk on writes.
            Some(ETagCondition::ETag(_)) => return Err(errors::not_implemented()),
            _ => {}
        }
        match (&self.if_match, existing) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(errors::no_such_key()),
            (Some(wanted), Some(object)) if matches_strongly(wanted, object) => Ok(()),
            (Some(_), Some(_)) => Err(errors::precondition_failed()),
        }
    }
}

/// What a read, or a copy of its source, demands.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadConditions {
    pub(crate) matching: Option<ETagCondition>,
    pub(crate) not_matching: Option<ETagCondition>,
    pub(crate) modified_since: Option<Timestamp>,
    pub(crate) unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    /// For GET and HEAD, which answer 304 when nothing changed.
    pub(crate) fn check(&self, object: &Object) -> S3Result {
        match self.evaluate(object) {
            Outcome::Holds => Ok(()),
            Outcome::Failed => Err(errors::precondition_failed()),
            Outcome::NotModified => {
                let mut error = errors::not_modified();
                let mut headers = HeaderMap::new();
                if let Ok(etag) = format!("\"{}\"", object.etag).parse() {
                    headers.insert(http::header::ETAG, etag);
                }
                error.set_headers(headers);
                Err(error)
            }
        }
    }

    /// For copies, which know only 412.
    pub(crate) fn check_copy_source(&self, object: &Object) -> S3Result {
        match self.evaluate(object) {
            Outcome::Holds => Ok(()),
            Outcome::Failed | Outcome::NotModified => Err(errors::precondition_failed()),
        }
    }

    fn evaluate(&self, object: &Object) -> Outcome {
        let modified = object.modified.whole_seconds();
        // An entity tag decides over the date of the same direction (RFC 9110, 13.2.2).
        match (&self.matching, &self.unmodified_since) {
            (Some(wanted), _) if !matches_strongly(wanted, object) => return Outcome::Failed,
            (None, Some(since)) if modified > *since => return Outcome::Failed,
            _ => {}
        }
        match (&self.not_matching, &self.modified_since) {
            (Some(unwanted), _) if matches(unwanted, object) => Outcome::NotModified,
            (None, Some(since)) if modified <= *since => Outcome::NotModified,
            _ => Outcome::Holds,
        }
    }
}

enum Outcome {
    Holds,
    Failed,
    NotModified,
}

/// As `If-Match` compares: a weak tag is never the same (RFC 9110, 13.1.1).
fn matches_strongly(condition: &ETagCondition, object: &Object) -> bool {
    !matches!(condition, ETagCondition::ETag(ETag::Weak(_))) && matches(condition, object)
}

fn matches(condition: &ETagCondition, object: &Object) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == object.etag,
    }
}
