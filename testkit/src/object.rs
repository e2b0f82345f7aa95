//! What a stored object is, apart from its bytes.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3s::dto::Timestamp;
use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::checksums::Checksum;
pub(crate) use crate::encryption::Encryption;

/// An object as tests see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Key, byte for byte.
    pub key: String,
    /// Length of the content.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    /// Number of parts, when it was written by a multipart upload.
    pub parts: Option<usize>,
    /// `Content-Type` as sent by the writer.
    pub content_type: Option<String>,
    /// `Content-Encoding` as sent by the writer, without `aws-chunked`.
    pub content_encoding: Option<String>,
    /// Storage class as sent by the writer.
    pub storage_class: Option<String>,
    /// User metadata without the `x-amz-meta-` prefix.
    pub metadata: BTreeMap<String, String>,
    /// Name and value of the stored checksum, such as `("CRC32", "…")`.
    pub checksum: Option<(&'static str, String)>,
    /// What the writer asked for.
    pub encryption: Encryption,
}

/// Headers that are kept with an object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attributes {
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) storage_class: Option<String>,
    pub(crate) website_redirect_location: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) encryption: Encryption,
}

/// A part of a completed upload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PartOfObject {
    pub(crate) size: u64,
    pub(crate) checksum: Checksum,
}

/// A stored object. Never changed: a write replaces it.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// Name of its record in a folder store.
    pub(crate) id: String,
    pub(crate) etag: String,
    pub(crate) modified: Millis,
    pub(crate) blob: Blob,
    pub(crate) attributes: Attributes,
    pub(crate) checksum: Checksum,
    /// Empty unless written by a multipart upload.
    pub(crate) parts: Vec<PartOfObject>,
}

impl Object {
    pub(crate) fn info(&self, key: &str) -> ObjectInfo {
        ObjectInfo {
            key: key.to_owned(),
            size: self.blob.len(),
            etag: self.etag.clone(),
            parts: (!self.parts.is_empty()).then_some(self.parts.len()),
            content_type: self.attributes.content_type.clone(),
            content_encoding: self.attributes.content_encoding.clone(),
            storage_class: self.attributes.storage_class.clone(),
            metadata: self.attributes.metadata.clone(),
            checksum: Some((self.checksum.algorithm.name(), self.checksum.value.clone())),
            encryption: self.attributes.encryption.clone(),
        }
    }
}

/// Milliseconds since the epoch: the precision of S3's XML dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Millis(u64);

impl Millis {
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since.as_millis() as u64)
    }

    /// So much before this, but not before the epoch.
    pub(crate) fn earlier(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    pub(crate) fn timestamp(self) -> Timestamp {
        Timestamp::from(UNIX_EPOCH + Duration::from_millis(self.0))
    }

    /// As an HTTP date can express it, for comparison with one.
    pub(crate) fn whole_seconds(self) -> Timestamp {
        Timestamp::from(UNIX_EPOCH + Duration::from_secs(self.0 / 1000))
    }
}
