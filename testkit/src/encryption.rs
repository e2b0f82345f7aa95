//! [`Encryption`]: what writers ask for, and what buckets and keys make of it.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use s3s::{S3Error, S3ErrorCode, S3Result};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::identity::ACCOUNT;
use crate::operation::Operation;

const ALGORITHM: HeaderName = HeaderName::from_static("x-amz-server-side-encryption");
const KEY: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-aws-kms-key-id");
const CONTEXT: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-context");
const BUCKET_KEY: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-bucket-key-enabled");

/// Operations that say how an object is to be encrypted.
const OPERATIONS: [&str; 3] = ["PutObject", "CopyObject", "CreateMultipartUpload"];

/// Server-side encryption as it was asked for. Nothing is encrypted; it is kept and echoed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Encryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub algorithm: Option<String>,
    /// KMS key id or ARN.
    pub kms_key_id: Option<String>,
    /// Base64 of the JSON encryption context, as sent.
    pub kms_context: Option<String>,
    /// `x-amz-server-side-encryption-bucket-key-enabled`.
    pub bucket_key_enabled: Option<bool>,
}

impl Encryption {
    /// Encryption by this algorithm: `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub fn new(algorithm: impl Into<String>) -> Self {
        Self {
            algorithm: Some(algorithm.into()),
            ..Self::default()
        }
    }

    /// With this KMS key.
    #[must_use]
    pub fn key(mut self, id: impl Into<String>) -> Self {
        self.kms_key_id = Some(id.into());
        self
    }

    /// With this encryption context.
    #[must_use]
    pub fn context(mut self, pairs: &[(&str, &str)]) -> Self {
        let pairs: BTreeMap<_, _> = pairs.iter().copied().collect();
        self.kms_context = Some(STANDARD.encode(serde_json::json!(pairs).to_string()));
        self
    }

    /// The encryption context, decoded; none, if there is none or it is not JSON of text by text.
    pub fn decoded_context(&self) -> Option<BTreeMap<String, String>> {
        let json = STANDARD.decode(self.kms_context.as_ref()?).ok()?;
        serde_json::from_slice(&json).ok()
    }

    fn of(headers: &HeaderMap) -> Self {
        let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
        Self {
            algorithm: text(ALGORITHM),
            kms_key_id: text(KEY),
            kms_context: text(CONTEXT),
            bucket_key_enabled: text(BUCKET_KEY).map(|enabled| enabled == "true"),
        }
    }

    /// Whether this is asked for by `sent`, which may say more.
    fn is_met_by(&self, sent: &Self) -> bool {
        self.algorithm == sent.algorithm
            && (self.kms_key_id.is_none() || self.kms_key_id == sent.kms_key_id)
            && (self.kms_context.is_none() || self.decoded_context() == sent.decoded_context())
    }
}

/// What the buckets and the KMS of a server are set up for.
#[derive(Clone, Debug, Default)]
pub(crate) struct EncryptionRules {
    /// Ids and aliases; if there are none, every key is known.
    pub(crate) keys: Vec<String>,
    /// By bucket.
    pub(crate) defaults: HashMap<String, Encryption>,
    /// By bucket.
    pub(crate) required: HashMap<String, Encryption>,
}

/// Marks a request that has the default encryption of its bucket for want of one of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByDefault;

impl EncryptionRules {
    /// Lets a request that says nothing of encryption say what is the default of its bucket.
    pub(crate) fn apply_default(&self, operation: &Operation, request: &mut http::request::Parts) {
        let default = operation
            .bucket
            .as_ref()
            .and_then(|bucket| self.defaults.get(bucket));
        let Some(default) = default.filter(|_| OPERATIONS.contains(&operation.name)) else {
            return;
        };
        if request.headers.contains_key(ALGORITHM) {
            return;
        }
        let bucket_key = default.bucket_key_enabled.map(|enabled| enabled.to_string());
        let headers = [
            (ALGORITHM, default.algorithm.as_ref()),
            (KEY, default.kms_key_id.as_ref()),
            (BUCKET_KEY, bucket_key.as_ref()),
        ];
        for (name, value) in headers {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                request.headers.insert(name, value);
            }
        }
        request.extensions.insert(ByDefault);
    }

    /// Refuses a request that does not ask for the encryption that its bucket demands, or asks for a key that is
    /// not there.
    pub(crate) fn check(
        &self,
        operation: &str,
        bucket: &str,
        headers: &HeaderMap,
        by_default: bool,
    ) -> S3Result {
        if !OPERATIONS.contains(&operation) {
            return Ok(());
        }
        let asked = Encryption::of(headers);
        if let Some(required) = self.required.get(bucket) {
            // As the conditions of a bucket policy, which look at the request alone.
            let sent = if by_default {
                &Encryption::default()
            } else {
                &asked
            };
            if !required.is_met_by(sent) {
                return Err(S3Error::with_message(S3ErrorCode::AccessDenied, "Access Denied"));
            }
        }
        match &asked.kms_key_id {
            Some(key) if !self.knows(key) => Err(errors::with_status(
                "KMS.NotFoundException",
                StatusCode::BAD_REQUEST,
                format!("Key '{}' does not exist", arn(key)),
            )),
            _ => Ok(()),
        }
    }

    fn knows(&self, key: &str) -> bool {
        self.keys.is_empty() || self.keys.iter().any(|known| arn(known) == arn(key))
    }
}

/// The ARN of a key or alias, without the region, which makes no difference here.
fn arn(key: &str) -> String {
    if let Some(arn) = key.strip_prefix("arn:aws:kms:") {
        let resource = arn.splitn(3, ':').nth(2).unwrap_or(arn);
        return arn_of(resource);
    }
    if key.starts_with("alias/") {
        arn_of(key)
    } else {
        arn_of(&format!("key/{key}"))
    }
}

fn arn_of(resource: &str) -> String {
    format!("arn:aws:kms:*:{ACCOUNT}:{resource}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_id_and_its_arn() {
        let rules = EncryptionRules {
            keys: vec![
                "1234".to_owned(),
                "alias/mine".to_owned(),
                "arn:aws:kms:eu-west-1:123456789012:key/5678".to_owned(),
            ],
            ..EncryptionRules::default()
        };
        for key in [
            "1234",
            "arn:aws:kms:us-east-1:123456789012:key/1234",
            "alias/mine",
            "arn:aws:kms:us-east-1:123456789012:alias/mine",
            "5678",
        ] {
            assert!(rules.knows(key), "{key}");
        }
        for key in ["123", "alias/1234", "mine", "", "arn:aws:kms:", "arn:aws:kms:x:y"] {
            assert!(!rules.knows(key), "{key}");
        }
    }

    #[test]
    fn contexts_are_compared_by_what_they_say() {
        let required = Encryption::new("aws:kms").context(&[("a", "1"), ("b", "2")]);
        let spaced = STANDARD.encode(r#"{ "b": "2", "a": "1" }"#);
        let sent = Encryption {
            kms_context: Some(spaced),
            ..Encryption::new("aws:kms").key("k")
        };
        assert!(required.is_met_by(&sent));
        assert!(!required.is_met_by(&Encryption::new("aws:kms").context(&[("a", "1")])));
        assert!(!required.is_met_by(&Encryption::new("aws:kms:dsse").context(&[("a", "1"), ("b", "2")])));
    }
}
