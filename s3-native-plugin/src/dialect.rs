//! [`Dialect`]: what an S3-compatible endpoint turned out not to understand, or to overlook.
//!
//! Learnt from its refusals and from trials, and remembered for the life of the factory, so that
//! each costs a request or two. What makes a promise of the book weaker is logged once, by the number of the
//! promise, the name of the endpoint and the key that governs it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use plugin_api::Error;

use crate::settings::{Compatibility, Switch};

/// What one endpoint turned out to be like.
#[derive(Debug)]
pub(crate) struct Dialect {
    endpoint: String,
    keys: Compatibility,
    refuses_checksums: AtomicBool,
    refuses_full_object_checksums: AtomicBool,
    refuses_checksum_mode: AtomicBool,
    refuses_bulk_deletes: AtomicBool,
    demands_equal_parts: AtomicBool,
    tells_weak_tags: AtomicBool,
    conditions: [Knowledge; Condition::COUNT],
}

/// A kind of request whose condition some stores overlook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// `If-None-Match` of `PutObject`.
    Put,
    /// `If-None-Match` of `CompleteMultipartUpload`.
    Complete,
    /// `If-Match` of `DeleteObject`.
    Delete,
    /// `x-amz-copy-source-if-match`.
    Copy,
}

impl Condition {
    const COUNT: usize = 4;

    /// What no longer holds if the store does not obey it.
    fn loss(self) -> &'static str {
        match self {
            Self::Put => "S-20: two writers that create the same file may both succeed",
            Self::Complete => "S-20: two writers that create the same large file may both succeed",
            Self::Delete => "S-44: a file that is replaced while it is renamed may be lost",
            Self::Copy => "S-44: a copy may be of a file that has replaced the one that was looked at",
        }
    }
}

/// What is known of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Obedience {
    /// Nothing yet.
    Unknown,
    Obeyed,
    /// A trial did not show it. It may be sent, and is not relied upon.
    Unproven,
    /// Refused, or overlooked: it is not sent.
    Lost,
}

#[derive(Debug)]
struct Knowledge {
    obedience: AtomicU8,
    /// Whether a trial is under way.
    is_tried: AtomicBool,
}

/// The right to try a condition, until it is dropped.
#[derive(Debug)]
pub(crate) struct Trial<'a>(&'a AtomicBool);

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The dialects of all endpoints that a factory has to do with.
#[derive(Debug, Default)]
pub(crate) struct Dialects(Mutex<HashMap<String, Vec<Arc<Dialect>>>>);

impl Dialects {
    /// That of an endpoint, or of Amazon S3. Who says something else about it learns by themselves.
    pub(crate) fn of(&self, endpoint: Option<&str>, keys: Compatibility) -> Arc<Dialect> {
        let name = endpoint.unwrap_or("Amazon S3");
        let mut dialects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = dialects.entry(name.to_owned()).or_default();
        if let Some(dialect) = known.iter().find(|dialect| dialect.keys == keys) {
            return Arc::clone(dialect);
        }
        let dialect = Arc::new(Dialect::new(name, endpoint.is_none(), keys));
        known.push(Arc::clone(&dialect));
        dialect
    }
}

impl Dialect {
    fn new(endpoint: &str, is_amazon: bool, keys: Compatibility) -> Self {
        let obedience = match keys.conditional_writes {
            Switch::Auto if is_amazon => Obedience::Obeyed,
            Switch::Auto => Obedience::Unknown,
            Switch::On => Obedience::Obeyed,
            Switch::Off => Obedience::Lost,
        };
        let conditions = std::array::from_fn(|_| Knowledge {
            obedience: AtomicU8::new(obedience as u8),
            is_tried: AtomicBool::new(false),
        });
        Self {
            endpoint: endpoint.to_owned(),
            refuses_checksums: AtomicBool::new(!keys.checksums),
            refuses_full_object_checksums: AtomicBool::new(false),
            refuses_checksum_mode: AtomicBool::new(!keys.checksums),
            refuses_bulk_deletes: AtomicBool::new(!keys.batch_deletes),
            demands_equal_parts: AtomicBool::new(keys.equal_parts == Switch::On),
            tells_weak_tags: AtomicBool::new(false),
            conditions,
            keys,
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
                "the store refuses checksum headers and no longer checks what is uploaded (S-24); \
                 's3.checksum-validation.enabled' = false spares it the question"
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
                "the store refuses to tell checksums, and what is read is no longer compared with them (S-56); \
                 's3.checksum-validation.enabled' = false spares it the question"
            );
        }
    }

    /// What is known of a condition.
    pub(crate) fn obedience(&self, condition: Condition) -> Obedience {
        match self.conditions[condition as usize]
            .obedience
            .load(Ordering::Relaxed)
        {
            0 => Obedience::Unknown,
            1 => Obedience::Obeyed,
            2 => Obedience::Unproven,
            _ => Obedience::Lost,
        }
    }

    /// Whether `If-None-Match` decides which of several writers creates a file, as far as is known.
    pub(crate) fn decides_races(&self) -> bool {
        [Condition::Put, Condition::Complete]
            .into_iter()
            .all(|condition| matches!(self.obedience(condition), Obedience::Unknown | Obedience::Obeyed))
    }

    /// The right to try a condition of which nothing is known, if nobody else is doing so. A trial that comes to
    /// nothing may be repeated.
    pub(crate) fn begin_trial(&self, condition: Condition) -> Option<Trial<'_>> {
        let tried = &self.conditions[condition as usize].is_tried;
        (self.obedience(condition) == Obedience::Unknown && !tried.swap(true, Ordering::Relaxed))
            .then_some(Trial(tried))
    }

    /// What a reply has shown.
    pub(crate) fn learn(&self, condition: Condition, shown: Obedience) {
        let before = self.conditions[condition as usize]
            .obedience
            .swap(shown as u8, Ordering::Relaxed);
        if before != shown as u8 && shown != Obedience::Obeyed {
            let how = match shown {
                Obedience::Unproven => "does not show that it obeys",
                _ => "does not obey",
            };
            tracing::warn!(
                endpoint = %self.endpoint,
                "the store {how} the condition of {condition:?} requests, so that this is not kept: {}; \
                 's3.conditional-writes' governs it",
                condition.loss()
            );
        }
    }

    /// The store does not know `If-None-Match`, with whatever request: one loss, which is told once.
    pub(crate) fn lose_conditions_of_writes(&self) {
        let complete = &self.conditions[Condition::Complete as usize].obedience;
        complete.store(Obedience::Lost as u8, Ordering::Relaxed);
        self.learn(Condition::Put, Obedience::Lost);
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
                "the store refuses bulk deletes, and keys are deleted one by one (S-37); \
                 's3.delete.batch.enabled' = false spares it the question"
            );
        }
    }

    /// Whether the parts of new uploads have to be equal.
    pub(crate) fn demands_equal_parts(&self) -> bool {
        self.demands_equal_parts.load(Ordering::Relaxed)
    }

    /// The store has refused unequal parts.
    pub(crate) fn demand_equal_parts(&self) {
        if self.keys.equal_parts == Switch::Auto && !self.demands_equal_parts.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                endpoint = %self.endpoint,
                "the store refuses an upload with parts of several sizes; files that are begun from now on have \
                 equal ones (S-71); set 's3.upload.equal-parts' to true, or each process loses a file to learn it"
            );
        }
    }

    /// An entity tag as the store told it, in the one form in which tags are compared; "" if it told none.
    pub(crate) fn entity_tag(&self, told: Option<&str>) -> String {
        let told = told.unwrap_or_default().trim();
        let strong = told.strip_prefix("W/").unwrap_or(told);
        if strong.len() < told.len() && !self.tells_weak_tags.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                endpoint = %self.endpoint,
                "the store tells weak entity tags, which no condition can rely upon: versions are compared by what \
                 replies tell, and what is not kept is S-44: a file that is replaced while it is renamed may be \
                 lost; no key governs it"
            );
        }
        match strong.trim_matches('"') {
            "" | "null" => String::new(),
            _ => strong.to_owned(),
        }
    }

    /// The tag that a condition may demand, if it may demand one at all.
    pub(crate) fn pin(&self, etag: &str) -> Option<String> {
        (!etag.is_empty() && !self.tells_weak_tags.load(Ordering::Relaxed)).then(|| etag.to_owned())
    }
}

/// An entity tag that no object has: it is no digest.
pub(crate) const NO_TAG: &str = "\"fsplug-no-such-tag\"";

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
    use plugin_api::Config;

    use super::*;

    const ONE: Option<&str> = Some("http://127.0.0.1:1");

    fn keys(pairs: &[(&str, &str)]) -> Compatibility {
        Compatibility::read(&Config::from_pairs(pairs.iter().copied())).unwrap()
    }

    #[test]
    fn what_is_learnt_counts_for_all_buckets_of_an_endpoint_and_for_no_other() {
        let (dialects, keys) = (Dialects::default(), keys(&[]));
        let one = dialects.of(ONE, keys);
        one.learn(Condition::Put, Obedience::Lost);
        assert!(!dialects.of(ONE, keys).decides_races());
        assert!(one.takes_checksums() && one.takes_bulk_deletes());
        let other = dialects.of(Some("http://127.0.0.1:2"), keys);
        assert_eq!(other.obedience(Condition::Put), Obedience::Unknown);
        assert_eq!(
            dialects.of(None, keys).obedience(Condition::Put),
            Obedience::Obeyed
        );
    }

    #[test]
    fn keys_decide_without_a_trial() {
        let dialects = Dialects::default();
        for (value, expected) in [("true", Obedience::Obeyed), ("false", Obedience::Lost)] {
            let dialect = dialects.of(ONE, keys(&[("s3.conditional-writes", value)]));
            assert_eq!(dialect.obedience(Condition::Complete), expected);
            assert!(dialect.begin_trial(Condition::Complete).is_none());
        }
        let bare = keys(&[
            ("s3.checksum-validation.enabled", "false"),
            ("s3.delete.batch.enabled", "false"),
            ("s3.upload.equal-parts", "true"),
        ]);
        let bare = dialects.of(ONE, bare);
        assert!(!bare.takes_checksums() && !bare.takes_checksum_mode() && !bare.takes_bulk_deletes());
        assert!(bare.demands_equal_parts());
        let unequal = dialects.of(ONE, keys(&[("s3.upload.equal-parts", "false")]));
        unequal.demand_equal_parts();
        assert!(!unequal.demands_equal_parts());
    }

    #[test]
    fn one_trial_is_made_at_a_time() {
        let dialect = Dialects::default().of(ONE, keys(&[]));
        let trial = dialect.begin_trial(Condition::Copy);
        assert!(trial.is_some() && dialect.begin_trial(Condition::Copy).is_none());
        assert!(dialect.begin_trial(Condition::Put).is_some());
        drop(trial);
        assert!(dialect.begin_trial(Condition::Copy).is_some());
        dialect.learn(Condition::Copy, Obedience::Obeyed);
        assert!(dialect.begin_trial(Condition::Copy).is_none());
    }

    #[test]
    fn a_tag_has_one_form_and_pins_nothing_once_one_was_weak() {
        let dialect = Dialects::default().of(ONE, keys(&[]));
        assert_eq!(dialect.entity_tag(Some("\"a\"")), "\"a\"");
        assert_eq!(dialect.pin("\"a\""), Some("\"a\"".to_owned()));
        for none in [None, Some(""), Some("\"\""), Some("null"), Some("\"null\"")] {
            assert_eq!(dialect.entity_tag(none), "");
        }
        assert_eq!(dialect.pin(""), None);
        assert_eq!(dialect.entity_tag(Some("W/\"a\"")), "\"a\"");
        assert_eq!(dialect.pin("\"a\""), None);
    }
}
