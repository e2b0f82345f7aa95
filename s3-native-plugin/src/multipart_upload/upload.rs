//! [`Upload`]: one multipart upload of the store, request by request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType};
use bytes::Bytes;
use plugin_api::{ErrorKind, Location, Result};
use tokio::sync::oneshot;

use super::listed_parts::ListedPart;
use super::part_plan;
use super::target::{Target, encode_crc32c};
use super::unfinished::Custody;
use super::upload_guard::UploadGuard;
use crate::bucket::Bucket;
use crate::dialect::refuses_checksum;
use crate::error::s3_error;
use crate::metrics::{Counted, Gauge};
#[cfg(debug_assertions)]
use crate::sabotage;

/// A stored part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// 1 to 10,000.
    pub(crate) number: u32,
    pub(crate) size: u64,
    /// [`None`] if another writer has stored it.
    pub(crate) crc32c: Option<u32>,
    /// Whether the store keeps the checksum, so that completing the upload must name it.
    pub(crate) checksum_kept: bool,
    /// As the store wrote it.
    pub(crate) etag: String,
}

impl Part {
    /// The checksum that completing the upload must name.
    pub(super) fn kept_crc32c(&self) -> Option<u32> {
        self.crc32c.filter(|_| self.checksum_kept)
    }
}

/// One multipart upload of the store.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) target: Arc<Target>,
    pub(crate) id: String,
    /// When it was begun, in milliseconds since 1970; 0 if that is not known.
    pub(crate) begun: u64,
    /// Whether the store confirmed that it keeps a CRC32C of each part.
    keeps_checksums: bool,
    sends_checksums: AtomicBool,
    _counted: Counted,
    pub(super) custody: Custody,
}

impl Upload {
    /// An upload that was begun earlier, at this time, and has, or would have, these parts.
    pub(crate) fn resumed(target: &Arc<Target>, id: &str, begun: u64, parts: &[Part]) -> Arc<Self> {
        // An upload knows checksums or does not, for all of its parts.
        let keeps_checksums = parts.iter().any(|part| part.checksum_kept);
        Arc::new(Self {
            target: Arc::clone(target),
            id: id.to_owned(),
            begun,
            keeps_checksums,
            sends_checksums: AtomicBool::new(keeps_checksums),
            _counted: target.bucket.metrics.one_more(Gauge::OpenUploads),
            custody: Custody::shared(),
        })
    }

    /// Begins an upload.
    ///
    /// The request runs in a task of its own: when the caller goes away in the meantime, the upload
    /// whose id nobody would ever learn is aborted by its guard.
    pub(crate) async fn create(target: &Arc<Target>) -> Result<UploadGuard> {
        let (sender, receiver) = oneshot::channel();
        let runtime = target.bucket.runtime.clone();
        let target = Arc::clone(target);
        runtime.spawn(target.bucket.gate.escort({
            let target = Arc::clone(&target);
            async move {
                let created = Self::request(&target).await.map(UploadGuard::armed);
                // A refused guard is dropped right here.
                drop(sender.send(created));
            }
        }));
        receiver.await.unwrap_or_else(|_| {
            Err(target.error(
                "CreateMultipartUpload",
                ErrorKind::Closed,
                "the plugin is being shut down",
            ))
        })
    }

    async fn request(target: &Arc<Target>) -> Result<Arc<Self>> {
        // The parts of a copy are summed by nobody here.
        let mut checksums = target.copied.is_none() && target.dialect().takes_checksums();
        // The store combines those of the parts to one of the whole object, which readers verify.
        let mut full_object = target.dialect().takes_full_object_checksums();
        loop {
            let reply = target
                .attributes(target.bucket.client.create_multipart_upload())
                .bucket(&target.bucket.name)
                .key(target.key())
                .set_checksum_algorithm(checksums.then_some(ChecksumAlgorithm::Crc32C))
                .set_checksum_type((checksums && full_object).then_some(ChecksumType::FullObject))
                .send()
                .await
                .map_err(|error| s3_error("CreateMultipartUpload", &target.location, error));
            let reply = match reply {
                Err(error) if checksums && refuses_checksum(&error) => {
                    // Without the type first, then without any.
                    checksums = std::mem::take(&mut full_object);
                    continue;
                }
                reply => reply?,
            };
            if checksums && !full_object {
                target.dialect().forgo_full_object_checksums();
            }
            if !checksums && target.copied.is_none() {
                target.dialect().forgo_checksums();
            }
            let Some(id) = reply.upload_id().filter(|id| !id.is_empty()) else {
                return Err(target.error(
                    "CreateMultipartUpload",
                    ErrorKind::Unsupported,
                    "the store began an upload without telling its id",
                ));
            };
            return Ok(Arc::new(Self {
                target: Arc::clone(target),
                id: id.to_owned(),
                begun: now(),
                keeps_checksums: reply.checksum_algorithm() == Some(&ChecksumAlgorithm::Crc32C),
                sends_checksums: AtomicBool::new(checksums),
                _counted: target.bucket.metrics.one_more(Gauge::OpenUploads),
                custody: Custody::ours(),
            }));
        }
    }

    /// Stores a part; one of the same number is replaced. The checksum is computed here, on the
    /// thread that runs the task, so that the parts of a stream are summed in parallel.
    pub(crate) async fn put_part(&self, number: u32, body: Bytes) -> Result<Part> {
        let crc32c = crc32c::crc32c(&body);
        let target = &*self.target;
        let _counted = target.bucket.metrics.one_more(Gauge::InFlightParts);
        loop {
            let checksums = self.sends_checksums.load(Ordering::Relaxed);
            let mut call = target
                .bucket
                .client
                .upload_part()
                .bucket(&target.bucket.name)
                .key(target.key())
                .upload_id(&self.id)
                .part_number(number.cast_signed())
                .content_length((body.len() as u64).cast_signed())
                .set_checksum_crc32_c(checksums.then(|| encode_crc32c(crc32c)))
                .body(ByteStream::from(body.clone()))
                .customize();
            if target.bucket.settings.endpoint.unsigned_payload {
                call = call.disable_payload_signing();
            }
            let reply = match call.send().await {
                Ok(reply) => reply,
                Err(error) => {
                    let error = s3_error("UploadPart", &target.location, error);
                    // One that confirmed checksums has another reason to refuse.
                    if checksums && !self.keeps_checksums && refuses_checksum(&error) {
                        self.sends_checksums.store(false, Ordering::Relaxed);
                        target.dialect().forgo_checksums();
                        continue;
                    }
                    return Err(error.with_detail("part", number.to_string()));
                }
            };
            let etag = target.dialect().entity_tag(reply.e_tag());
            if etag.is_empty() {
                return Err(target.error(
                    "UploadPart",
                    ErrorKind::Unsupported,
                    format!("the store answered part {number} without an entity tag, which completing needs"),
                ));
            }
            return Ok(Part {
                number,
                size: body.len() as u64,
                crc32c: Some(crc32c),
                checksum_kept: checksums && (self.keeps_checksums || reply.checksum_crc32_c().is_some()),
                etag,
            });
        }
    }

    /// The number from which a recovered writer goes on: clear of whatever its predecessor stored or may
    /// still have in flight.
    ///
    /// Where no part can be left out, the parts that the state does not cover are replaced instead, or the
    /// upload could never be completed. There a part that arrives late is noticed by its entity tag.
    pub(crate) fn number_after(&self, parts: &[Part], listed: &BTreeMap<u32, ListedPart>) -> u32 {
        let last = parts.last().map_or(0, |part| part.number);
        if is_of_ceph(&self.id) {
            return last + 1;
        }
        let highest = listed.last_key_value().map_or(0, |(&highest, _)| highest);
        let max_parts = self.target.bucket.settings.upload_max_parts;
        let dice = rand::random();
        #[cfg(debug_assertions)]
        let dice = if sabotage::has_fixed_part_numbers() {
            64
        } else {
            dice
        };
        part_plan::number_clear_of(last, highest, max_parts, dice)
    }

    /// Aborts the upload. One that is gone already is a success.
    pub(crate) async fn abort(&self) -> Result<()> {
        abort("abort", &self.target.bucket, &self.target.location, &self.id).await
    }
}

/// Aborts an upload by its id. One that is gone already is a success.
pub(crate) async fn abort(
    operation: &'static str,
    bucket: &Bucket,
    location: &Location,
    upload_id: &str,
) -> Result<()> {
    let reply = bucket
        .client
        .abort_multipart_upload()
        .bucket(&bucket.name)
        .key(location.key())
        .upload_id(upload_id)
        .send()
        .await;
    match reply.map_err(|error| s3_error(operation, location, error)) {
        Err(error) if error.kind() != ErrorKind::UploadGone => Err(error),
        _ => Ok(()),
    }
}

/// Whether an upload is one of Ceph RGW, whose ids begin so, and which as of version 16 deviates from
/// Amazon S3: it overlooks `If-None-Match` when an upload is completed, and leaves no part out.
pub(super) fn is_of_ceph(id: &str) -> bool {
    id.starts_with("2~")
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
