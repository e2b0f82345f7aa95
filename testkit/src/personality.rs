//! [`Personality`]: the stores that a server can behave like.

use crate::deviations::{BulkDelete, Checksums, Chunks, Conditions, Deviations, EntityTags};
use crate::store::Settings;

/// A store that the server behaves like, in what clients have to cope with. Apart from the deviations that
/// are named here it remains the server that it is.
///
/// What is said about a version of a store holds for that one; the current one may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Personality {
    /// Amazon S3 with everything that it refuses: `DeleteObjects` without a digest too, as its API reference
    /// demands one. Small parts, wrong digests, wrong order, part numbers beyond 10,000 and long keys are
    /// refused by every personality.
    AwsStrict,
    /// `MinIO` of about 2021 and gateways of its time. Trailers fail with `XAmzContentSHA256Mismatch` and
    /// `DeleteObjects` without `Content-MD5` with `MissingContentMD5` (minio issues 20875 and 20849);
    /// conditions of writes are overlooked. `MinIO` itself overlooks checksum headers of that time, others
    /// refuse them: the harder case is taken, in the words of Backblaze B2.
    OldMinio,
    /// Ceph RGW 16.2, as observed on the real one: uploads in parts as with
    /// [`ceph_uploads`](crate::ServerBuilder::ceph_uploads); trailers fail with `XAmzContentSHA256Mismatch`;
    /// checksums are neither compared nor kept; `If-Match` of deletions and of the sources of copies and SSE
    /// are overlooked.
    Ceph,
    /// The XML API of Google Cloud Storage: no `DeleteObjects` (which it has only had for a while), no
    /// `UploadPartCopy`, no preconditions of multipart uploads and no MD5 for what they make (so its
    /// documentation); `If-None-Match` is none of the headers that its writes know (`x-goog-if-generation-match`
    /// is), nor are checksum headers.
    GcsXml,
    /// Cloudflare R2: all parts of an upload but the last have the same size (so its documentation), 501 on
    /// checksum headers and on aws-chunked framing (cloudflare-docs issues 4508 and 6133), opaque entity tags
    /// for what is made of parts (uploads before June 2023), conditions only on `PutObject`.
    R2,
    /// `SeaweedFS` before version 4: keys are paths of its filer, so that a file is never also a directory
    /// (seaweedfs issue 1938); conditions are overlooked; no checksums are kept.
    SeaweedFs,
    /// A store behind a proxy that compresses, which turns entity tags into weak ones, and a gateway that
    /// leaves them out: weak in replies to reads and to `UploadPart`, missing, empty or `null` in others. A
    /// weak tag never satisfies `If-Match` (RFC 9110, 13.1.1).
    WeakEtags,
    /// Answers 501 to every condition of a write, as `OpenStack` Swift 2.30 does.
    NoConditionalWrites,
    /// Answers 405 to `DeleteObjects`.
    NoBulkDelete,
    /// Takes aws-chunked framing for content, as `NVIDIA` `AIStore` does (aistore issue 263).
    FrameStoring,
}

impl Personality {
    /// Every personality.
    pub const ALL: [Self; 10] = [
        Self::AwsStrict,
        Self::OldMinio,
        Self::Ceph,
        Self::GcsXml,
        Self::R2,
        Self::SeaweedFs,
        Self::WeakEtags,
        Self::NoConditionalWrites,
        Self::NoBulkDelete,
        Self::FrameStoring,
    ];

    /// The name in kebab-case, such as `gcs-xml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AwsStrict => "aws-strict",
            Self::OldMinio => "old-minio",
            Self::Ceph => "ceph",
            Self::GcsXml => "gcs-xml",
            Self::R2 => "r2",
            Self::SeaweedFs => "seaweed-fs",
            Self::WeakEtags => "weak-etags",
            Self::NoConditionalWrites => "no-conditional-writes",
            Self::NoBulkDelete => "no-bulk-delete",
            Self::FrameStoring => "frame-storing",
        }
    }

    /// The personality of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|personality| personality.name() == name)
    }

    /// Makes a server behave so.
    pub(crate) fn apply(self, settings: &mut Settings) {
        settings.deviations = self.deviations();
        settings.ceph_uploads |= self == Self::Ceph;
        settings.equal_parts |= self == Self::R2;
    }

    fn deviations(self) -> Deviations {
        let aws = Deviations::default();
        match self {
            Self::AwsStrict => Deviations {
                bulk_delete: BulkDelete::WithDigest,
                ..aws
            },
            Self::OldMinio => Deviations {
                checksums: Checksums::Unsupported,
                chunks: Chunks::NoTrailers,
                put_conditions: Conditions::Overlooked,
                complete_conditions: Conditions::Overlooked,
                delete_conditions: Conditions::Overlooked,
                bulk_delete: BulkDelete::WithMd5,
                ..aws
            },
            Self::Ceph => Deviations {
                checksums: Checksums::Unknown,
                chunks: Chunks::NoTrailers,
                complete_conditions: Conditions::Overlooked,
                delete_conditions: Conditions::Overlooked,
                copy_conditions: Conditions::Overlooked,
                no_encryption: true,
                ..aws
            },
            Self::GcsXml => Deviations {
                checksums: Checksums::Unknown,
                put_conditions: Conditions::Overlooked,
                complete_conditions: Conditions::Overlooked,
                delete_conditions: Conditions::Overlooked,
                bulk_delete: BulkDelete::NotImplemented,
                no_part_copy: true,
                opaque_tags_of_parts: true,
                ..aws
            },
            Self::R2 => Deviations {
                checksums: Checksums::NotImplemented,
                chunks: Chunks::NotImplemented,
                complete_conditions: Conditions::Overlooked,
                delete_conditions: Conditions::Overlooked,
                opaque_tags_of_parts: true,
                ..aws
            },
            Self::SeaweedFs => Deviations {
                checksums: Checksums::Unknown,
                put_conditions: Conditions::Overlooked,
                complete_conditions: Conditions::Overlooked,
                delete_conditions: Conditions::Overlooked,
                copy_conditions: Conditions::Overlooked,
                tree: true,
                ..aws
            },
            Self::WeakEtags => Deviations {
                entity_tags: EntityTags::Weakened,
                ..aws
            },
            Self::NoConditionalWrites => Deviations {
                put_conditions: Conditions::NotImplemented,
                complete_conditions: Conditions::NotImplemented,
                delete_conditions: Conditions::NotImplemented,
                ..aws
            },
            Self::NoBulkDelete => Deviations {
                bulk_delete: BulkDelete::MethodNotAllowed,
                ..aws
            },
            Self::FrameStoring => Deviations {
                chunks: Chunks::Stored,
                ..aws
            },
        }
    }
}
