//! [`Deviations`]: in what a server differs from Amazon S3, as a few switches that the operations consult.

use http::{HeaderMap, HeaderValue, header};

use crate::operation::Operation;

/// In what a server differs from Amazon S3; by default in nothing.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a deviation of its own")]
pub(crate) struct Deviations {
    pub(crate) checksums: Checksums,
    pub(crate) chunks: Chunks,
    /// `If-None-Match` and `If-Match` of `PutObject`, and of the target of `CopyObject`.
    pub(crate) put_conditions: Conditions,
    /// The same of `CompleteMultipartUpload`.
    pub(crate) complete_conditions: Conditions,
    /// `If-Match` of `DeleteObject`.
    pub(crate) delete_conditions: Conditions,
    /// `x-amz-copy-source-if-match` and its like.
    pub(crate) copy_conditions: Conditions,
    pub(crate) bulk_delete: BulkDelete,
    /// `UploadPartCopy` answers 501.
    pub(crate) no_part_copy: bool,
    pub(crate) entity_tags: EntityTags,
    /// The entity tag of an object made of parts says nothing of these.
    pub(crate) opaque_tags_of_parts: bool,
    /// `x-amz-server-side-encryption` is overlooked.
    pub(crate) no_encryption: bool,
    /// Keys are paths of a tree, in which nothing is both a file and a directory.
    pub(crate) tree: bool,
}

/// What becomes of checksum headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Checksums {
    #[default]
    Verified,
    /// Overlooked: neither compared nor kept.
    Unknown,
    /// Those of uploads are refused as Backblaze B2 does, and nothing is kept.
    Unsupported,
    /// Refused on every request, as Cloudflare R2 does.
    NotImplemented,
}

/// What becomes of bodies with aws-chunked framing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Chunks {
    #[default]
    Decoded,
    /// Those with a trailer are refused, since the name of the scheme is taken for a digest.
    NoTrailers,
    NotImplemented,
    /// The framing is taken for content.
    Stored,
}

/// What becomes of conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Conditions {
    #[default]
    Obeyed,
    Overlooked,
    NotImplemented,
}

/// What becomes of `DeleteObjects`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BulkDelete {
    #[default]
    Served,
    /// Only with `Content-MD5` or a checksum header.
    WithDigest,
    /// Only with `Content-MD5`.
    WithMd5,
    MethodNotAllowed,
    NotImplemented,
}

/// How entity tags are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EntityTags {
    #[default]
    Strong,
    /// Weak in replies to GET, HEAD and `UploadPart`, missing in those to `PutObject`, `null` in those to
    /// `CompleteMultipartUpload`, and empty in those to `CopyObject`.
    Weakened,
}

/// An answer that says no before the request is looked at any closer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    fn not_implemented(what: &str) -> Self {
        Self::new(501, "NotImplemented", format!("{what} not implemented"))
    }

    fn of_header(name: &str, headers: &HeaderMap) -> Self {
        let value = headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let value = value.unwrap_or_default();
        Self::not_implemented(&format!("Header '{name}' with value '{value}'"))
    }
}

impl Deviations {
    /// Why a request is refused, if it is for one of these.
    pub(crate) fn refusal(&self, operation: &Operation, headers: &HeaderMap) -> Option<Refusal> {
        self.refused_checksum(operation, headers)
            .or_else(|| self.refused_chunks(headers))
            .or_else(|| self.refused_condition(operation, headers))
            .or_else(|| match operation.name {
                "DeleteObjects" => self.refused_bulk_delete(headers),
                "UploadPartCopy" if self.no_part_copy => Some(Refusal::not_implemented("UploadPartCopy")),
                _ => None,
            })
    }

    fn refused_checksum(&self, operation: &Operation, headers: &HeaderMap) -> Option<Refusal> {
        let name = checksum_header(headers)?;
        match self.checksums {
            Checksums::Unsupported if is_upload(operation) => Some(Refusal::new(
                400,
                "InvalidArgument",
                format!("Unsupported header '{name}' received for this API call."),
            )),
            Checksums::NotImplemented => Some(Refusal::of_header(name, headers)),
            _ => None,
        }
    }

    fn refused_chunks(&self, headers: &HeaderMap) -> Option<Refusal> {
        let scheme = chunk_scheme(headers)?;
        match self.chunks {
            Chunks::NoTrailers if scheme.ends_with("-TRAILER") => Some(Refusal::new(
                400,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )),
            Chunks::NotImplemented => Some(Refusal::not_implemented(scheme)),
            _ => None,
        }
    }

    fn refused_condition(&self, operation: &Operation, headers: &HeaderMap) -> Option<Refusal> {
        let conditions = match operation.name {
            "PutObject" | "CopyObject" => self.put_conditions,
            "CompleteMultipartUpload" => self.complete_conditions,
            "DeleteObject" => self.delete_conditions,
            _ => return None,
        };
        let name = ["if-none-match", "if-match"]
            .into_iter()
            .find(|name| headers.contains_key(*name))?;
        (conditions == Conditions::NotImplemented).then(|| Refusal::of_header(name, headers))
    }

    fn refused_bulk_delete(&self, headers: &HeaderMap) -> Option<Refusal> {
        let has_md5 = headers.contains_key("content-md5");
        match self.bulk_delete {
            BulkDelete::WithDigest if !has_md5 && checksum_header(headers).is_none() => Some(Refusal::new(
                400,
                "InvalidRequest",
                "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
            )),
            BulkDelete::WithMd5 if !has_md5 => Some(Refusal::new(
                400,
                "MissingContentMD5",
                "Missing required header for this request: Content-Md5.",
            )),
            BulkDelete::MethodNotAllowed => Some(Refusal::new(
                405,
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
            )),
            BulkDelete::NotImplemented => Some(Refusal::not_implemented("DeleteObjects")),
            _ => None,
        }
    }

    /// Whether every condition of a write counts.
    pub(crate) fn obeys_conditions(&self) -> bool {
        [
            self.put_conditions,
            self.complete_conditions,
            self.delete_conditions,
            self.copy_conditions,
        ]
        .iter()
        .all(|conditions| *conditions == Conditions::Obeyed)
            && self.entity_tags == EntityTags::Strong
    }

    /// Whether the framing of this request's body becomes content.
    pub(crate) fn stores_framing(&self, headers: &HeaderMap) -> bool {
        self.chunks == Chunks::Stored && chunk_scheme(headers).is_some()
    }

    /// Changes the headers of an answer.
    pub(crate) fn alter(&self, operation: &Operation, headers: &mut HeaderMap) {
        if self.checksums != Checksums::Verified {
            let names: Vec<_> = headers
                .keys()
                .filter(|name| name.as_str().starts_with("x-amz-checksum-"))
                .cloned()
                .collect();
            for name in names {
                headers.remove(name);
            }
        }
        if self.entity_tags == EntityTags::Strong {
            return;
        }
        match operation.name {
            "PutObject" => {
                headers.remove(header::ETAG);
            }
            "GetObject" | "HeadObject" | "UploadPart" => {
                let weak = headers
                    .get(header::ETAG)
                    .and_then(|etag| HeaderValue::from_str(&format!("W/{}", etag.to_str().ok()?)).ok());
                if let Some(weak) = weak {
                    headers.insert(header::ETAG, weak);
                }
            }
            _ => {}
        }
    }
}

fn is_upload(operation: &Operation) -> bool {
    matches!(
        operation.name,
        "PutObject" | "UploadPart" | "CreateMultipartUpload" | "CompleteMultipartUpload" | "CopyObject"
    )
}

/// The first header that is about a checksum.
fn checksum_header(headers: &HeaderMap) -> Option<&str> {
    headers
        .keys()
        .map(http::HeaderName::as_str)
        .find(|name| name.starts_with("x-amz-checksum-") || *name == "x-amz-sdk-checksum-algorithm")
}

/// The scheme of a body with framing, such as `STREAMING-UNSIGNED-PAYLOAD-TRAILER`.
fn chunk_scheme(headers: &HeaderMap) -> Option<&str> {
    let digest = headers.get("x-amz-content-sha256")?.to_str().ok()?;
    digest.starts_with("STREAMING-").then_some(digest)
}
