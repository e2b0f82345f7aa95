//! [`Target`]: the object that a writer is to publish, and [`Nonce`], by which it is recognised.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_sdk_s3::operation::create_multipart_upload::builders::CreateMultipartUploadFluentBuilder;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use plugin_api::{Error, ErrorKind, Location, WriteMode};

use crate::bucket::Bucket;
use crate::dialect::Dialect;

/// The key of the user metadata that holds the nonce.
pub(super) const NONCE_METADATA: &str = "fsplug-nonce";

/// 128 random bits in the metadata of an object, from the first request on. After a lost reply they
/// tell our own object from another at the same key, which neither length nor existence can.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nonce([u8; 16]);

impl Nonce {
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({self})")
    }
}

/// The object that a writer is to publish.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) location: Location,
    pub(crate) mode: WriteMode,
    /// The media type, or "" for the store's default.
    pub(crate) content_type: String,
    /// The headers of the object that this one is a copy of, in parts.
    pub(crate) copied: Option<Box<HeadObjectOutput>>,
    /// [`None`] for an upload that another writer has begun without one.
    pub(crate) nonce: Option<Nonce>,
    /// The endpoint that the state names from which this was recovered, if it is not the bucket's own.
    pub(crate) other_endpoint: Option<String>,
    /// What it is called when something else stands at the key: [`ErrorKind::AlreadyExists`] for a
    /// plain output stream, [`ErrorKind::Conflict`] for a commit.
    pub(crate) taken: ErrorKind,
}

impl Target {
    pub(crate) fn new(
        bucket: &Arc<Bucket>,
        location: Location,
        mode: WriteMode,
        nonce: impl Into<Option<Nonce>>,
        taken: ErrorKind,
    ) -> Self {
        Self {
            bucket: Arc::clone(bucket),
            location,
            mode,
            content_type: String::new(),
            copied: None,
            nonce: nonce.into(),
            other_endpoint: None,
            taken,
        }
    }

    pub(crate) fn key(&self) -> &str {
        self.location.key()
    }

    /// What is known about the store's dialect.
    pub(crate) fn dialect(&self) -> &Dialect {
        &self.bucket.dialect
    }

    /// The media type, unless the store shall choose.
    pub(crate) fn media_type(&self) -> Option<String> {
        (!self.content_type.is_empty()).then(|| self.content_type.clone())
    }

    /// The user metadata by which the object is recognised.
    pub(super) fn metadata(&self) -> Option<HashMap<String, String>> {
        let nonce = self.nonce?;
        Some(HashMap::from([(NONCE_METADATA.to_owned(), nonce.to_string())]))
    }

    /// The headers that the object is to have: those of the object it is a copy of, or our own.
    pub(super) fn attributes(
        &self,
        call: CreateMultipartUploadFluentBuilder,
    ) -> CreateMultipartUploadFluentBuilder {
        let Some(source) = &self.copied else {
            return call
                .set_content_type(self.media_type())
                .set_metadata(self.metadata());
        };
        let expires = source
            .expires_string()
            .and_then(|text| DateTime::from_str(text, DateTimeFormat::HttpDate).ok());
        let mut metadata = source.metadata().cloned().unwrap_or_default();
        metadata.extend(self.metadata().unwrap_or_default());
        call.set_metadata(Some(metadata))
            .set_content_type(source.content_type().map(str::to_owned))
            .set_content_encoding(source.content_encoding().map(str::to_owned))
            .set_content_disposition(source.content_disposition().map(str::to_owned))
            .set_content_language(source.content_language().map(str::to_owned))
            .set_cache_control(source.cache_control().map(str::to_owned))
            .set_expires(expires)
    }

    /// An error about this object.
    pub(crate) fn error(
        &self,
        operation: &'static str,
        kind: ErrorKind,
        message: impl Into<String>,
    ) -> Error {
        Error::new(kind, message)
            .with_operation(operation)
            .with_path(&self.location)
    }
}

/// A CRC32C as headers and bodies write it.
pub(crate) fn encode_crc32c(crc32c: u32) -> String {
    aws_smithy_types::base64::encode(crc32c.to_be_bytes())
}
