//! Who may do what: signatures of known keys may do everything, unsigned requests what is public.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderValue, StatusCode};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::encryption::{ByDefault, EncryptionRules};
use crate::errors;
use crate::identity::Identity;
use crate::operation::percent_decode;

/// The secrets of the known access keys.
pub(crate) struct Keys(pub(crate) Identity);

#[async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.0.secret(access_key).ok_or_else(|| {
            errors::with_status(
                "InvalidAccessKeyId",
                StatusCode::FORBIDDEN,
                "The AWS Access Key Id you provided does not exist in our records.",
            )
        })
    }
}

/// What unsigned requests may do to a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Public {
    Read,
    ReadWrite,
}

pub(crate) type PublicBuckets = HashMap<String, Public>;

/// Refuses unsigned requests, except for public buckets, and writes without the encryption that is demanded.
pub(crate) struct Access {
    pub(crate) public: PublicBuckets,
    pub(crate) encryption: Arc<EncryptionRules>,
}

impl Access {
    fn is_public(&self, cx: &S3AccessContext<'_>) -> bool {
        let bucket = match cx.s3_path() {
            S3Path::Root => return false,
            S3Path::Bucket { bucket } | S3Path::Object { bucket, .. } => bucket,
        };
        let Some(public) = self.public.get(&**bucket) else {
            return false;
        };
        let reads = matches!(
            cx.s3_op().name(),
            "GetBucketLocation" | "GetObject" | "HeadBucket" | "HeadObject" | "ListObjects" | "ListObjectsV2"
        );
        let source = cx.headers().get("x-amz-copy-source");
        reads || (*public == Public::ReadWrite && source.is_none_or(|source| self.may_be_copied(source)))
    }

    /// Whether the source of a copy, `/bucket/key` or `bucket/key`, may be read by everybody.
    fn may_be_copied(&self, source: &HeaderValue) -> bool {
        let source = percent_decode(source.to_str().unwrap_or_default());
        let source = source.strip_prefix('/').unwrap_or(&source);
        let bucket = source.split('/').next().unwrap_or_default();
        self.public.contains_key(bucket)
    }
}

#[async_trait]
impl S3Access for Access {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        if cx.credentials().is_none() && !self.is_public(cx) {
            return Err(S3Error::with_message(S3ErrorCode::AccessDenied, "Access Denied"));
        }
        let by_default = cx.extensions_mut().get::<ByDefault>().is_some();
        match cx.s3_path() {
            S3Path::Object { bucket, .. } => {
                self.encryption
                    .check(cx.s3_op().name(), bucket, cx.headers(), by_default)
            }
            S3Path::Root | S3Path::Bucket { .. } => Ok(()),
        }
    }
}
