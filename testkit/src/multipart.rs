//! Multipart uploads: their parts, and the rules by which these become an object.

use std::collections::BTreeMap;

use s3s::S3Result;
use s3s::crypto::{Checksum as _, Md5};
use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::checksums::{self, Algorithm, Checksum, Kind};
use crate::errors;
use crate::object::{Attributes, Encryption, Millis, PartOfObject};

/// An open upload as tests see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadInfo {
    /// Key of the object to be.
    pub key: String,
    /// Upload id.
    pub upload_id: String,
    /// Number and size of the stored parts.
    pub parts: Vec<(u16, u64)>,
    /// What `CreateMultipartUpload` asked for.
    pub encryption: Encryption,
}

/// An open upload.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) initiated: Millis,
    pub(crate) attributes: Attributes,
    /// What `CreateMultipartUpload` announced.
    pub(crate) checksum: Option<(Algorithm, Kind)>,
    pub(crate) parts: BTreeMap<u16, Part>,
}

/// A stored part. A later one of the same number replaces it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) etag: String,
    pub(crate) modified: Millis,
    pub(crate) blob: Blob,
    pub(crate) checksum: Checksum,
}

/// What a second `CompleteMultipartUpload` for the same upload is answered with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Completed {
    pub(crate) key: String,
    pub(crate) etag: String,
    pub(crate) checksum: Checksum,
    pub(crate) attributes: Attributes,
}

/// A part as `CompleteMultipartUpload` lists it.
#[derive(Clone, Debug)]
pub(crate) struct ListedPart {
    pub(crate) number: i32,
    pub(crate) etag: String,
    pub(crate) checksum: Option<(Algorithm, String)>,
}

/// The body and headers of `CompleteMultipartUpload`.
#[derive(Clone, Debug, Default)]
pub(crate) struct CompleteRequest {
    pub(crate) parts: Vec<ListedPart>,
    pub(crate) object_size: Option<i64>,
    pub(crate) checksum: Option<(Algorithm, String)>,
    pub(crate) kind: Option<String>,
}

/// What the listed parts make.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub(crate) blob: Blob,
    pub(crate) etag: String,
    pub(crate) checksum: Checksum,
    pub(crate) parts: Vec<PartOfObject>,
}

impl Upload {
    /// The algorithm of the checksums of parts: S3 falls back to CRC64NVME over the whole object.
    pub(crate) fn algorithm_and_kind(&self) -> (Algorithm, Kind) {
        self.checksum.unwrap_or((Algorithm::Crc64Nvme, Kind::FullObject))
    }

    /// A part may only carry the checksum that was announced.
    pub(crate) fn check_algorithm(&self, sent: Option<Algorithm>) -> S3Result {
        let announced = self.checksum.map(|(algorithm, _)| algorithm);
        match sent {
            Some(sent)
                if announced != Some(sent) && (announced.is_some() || sent != Algorithm::Crc64Nvme) =>
            {
                let announced = announced.map_or("null", Algorithm::name).to_lowercase();
                let sent = sent.name().to_lowercase();
                Err(errors::invalid_request(format!(
                    "Checksum Type mismatch occurred, expected checksum Type: {announced}, actual checksum Type: \
                     {sent}"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Checks the listed parts, in the order in which S3 reports what is wrong with them.
    pub(crate) fn assemble(
        &self,
        request: &CompleteRequest,
        min_part_size: u64,
        equal_parts: bool,
    ) -> S3Result<Assembled> {
        if request.parts.is_empty() {
            return Err(errors::malformed_xml());
        }
        if !request.parts.is_sorted_by(|a, b| a.number < b.number) {
            return Err(errors::invalid_part_order());
        }
        let (algorithm, kind) = self.algorithm_and_kind();
        let mut chosen = Vec::with_capacity(request.parts.len());
        for listed in &request.parts {
            let part = u16::try_from(listed.number).ok().and_then(|n| self.parts.get(&n));
            let part = part
                .filter(|p| p.etag == listed.etag)
                .ok_or_else(errors::invalid_part)?;
            match &listed.checksum {
                Some((sent, value)) if (*sent, value) != (algorithm, &part.checksum.value) => {
                    return Err(errors::invalid_part());
                }
                None if kind == Kind::Composite => {
                    let name = algorithm.name().to_lowercase();
                    let number = listed.number;
                    return Err(errors::invalid_request(format!(
                        "The upload was created using a {name} checksum. The complete request must include the \
                         checksum for each part. It was missing for part {number} in the request."
                    )));
                }
                _ => {}
            }
            chosen.push(part);
        }
        if chosen.iter().rev().skip(1).any(|p| p.blob.len() < min_part_size) {
            return Err(errors::entity_too_small());
        }
        if equal_parts && !are_equal(&chosen) {
            return Err(errors::unequal_parts());
        }
        let blob = Blob::concat(chosen.iter().map(|p| &p.blob));
        if request
            .object_size
            .is_some_and(|size| size != blob.len().cast_signed())
        {
            return Err(errors::invalid_request(
                "The provided 'x-amz-mp-object-size' header does not match what was computed.",
            ));
        }
        let checksum = checksums::combine(
            algorithm,
            kind,
            chosen.iter().map(|p| (&p.checksum, p.blob.len())),
        );
        check_announced(request, &checksum)?;
        Ok(Assembled {
            etag: etag_of_parts(chosen.iter().map(|p| p.etag.as_str())),
            parts: chosen
                .iter()
                .map(|p| PartOfObject {
                    size: p.blob.len(),
                    checksum: p.checksum.clone(),
                })
                .collect(),
            blob,
            checksum,
        })
    }
}

/// Whether all parts have the same size, but for the last, which may be shorter.
fn are_equal(parts: &[&Part]) -> bool {
    let size = parts.first().map_or(0, |part| part.blob.len());
    let (last, others) = match parts.split_last() {
        Some((last, others)) => (last.blob.len(), others),
        None => return true,
    };
    last <= size && others.iter().all(|part| part.blob.len() == size)
}

fn check_announced(request: &CompleteRequest, computed: &Checksum) -> S3Result {
    if request
        .kind
        .as_deref()
        .is_some_and(|kind| kind != computed.kind.name())
    {
        return Err(errors::invalid_request(format!(
            "The upload was created using the {} checksum mode. The complete request must use the same checksum \
             mode.",
            computed.kind.name()
        )));
    }
    match &request.checksum {
        Some((algorithm, value)) if (*algorithm, value) != (computed.algorithm, &computed.value) => {
            Err(errors::bad_digest(algorithm.name()))
        }
        _ => Ok(()),
    }
}

/// MD5 over the raw MD5s of the parts, and their number.
fn etag_of_parts<'a>(etags: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = etags.len();
    let mut md5 = Md5::new();
    for etag in etags {
        md5.update(&hex::decode(etag).expect("entity tags of parts are written as hex by this server"));
    }
    format!("{}-{count}", hex::encode(md5.finalize()))
}
