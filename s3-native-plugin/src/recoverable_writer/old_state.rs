//! Going on from states of Flink's own S3 file systems.
//!
//! Such a state names neither bucket nor endpoint, so both are those of the file system. It has no
//! sizes of parts, so the store is asked for them. What was too small for a part is in a side object,
//! which is read and left where it is: another recovery of the same state may need it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use plugin_api::{Error, ErrorKind, OpenOptions, Recoverable, RecoverableInfo, Result, WriteMode};

use super::old_committer::OldCommitter;
use super::{S3RecoverableWriter, why_gone};
use crate::memory::Reservation;
use crate::multipart_upload::{Content, ListedPart, MultipartUpload, Part, PartPlan, Target, Upload};
use crate::recoverable_state::{OldPart, OldState, SideObject};
use crate::{delete, input_stream, status};

/// The content of a side object, within the memory budget; empty without one.
pub(super) struct Tail {
    pub(super) content: Bytes,
    /// The entity tag of the side object.
    pub(super) etag: String,
    _reservation: Reservation,
}

impl S3RecoverableWriter {
    pub(super) fn readable(&self, operation: &'static str, old: Result<OldState>) -> Result<OldState> {
        old.map_err(|error| error.with_operation(operation).with_path(&self.bucket.root))
    }

    /// Flink's commit replaces what is there, and so does this one.
    fn target_of_old(&self, old: &OldState) -> Arc<Target> {
        Arc::new(Target::new(
            &self.bucket,
            self.bucket.root.with_key(&old.key),
            WriteMode::Overwrite,
            None,
            ErrorKind::Conflict,
        ))
    }

    pub(super) fn upload_of_old(&self, old: &OldState) -> Arc<Upload> {
        Upload::resumed(&self.target_of_old(old), &old.upload_id, 0, &[])
    }

    /// The engine where the state left it, but for the tail, and the tail.
    pub(super) async fn resume_old(&self, old: &OldState) -> Result<(MultipartUpload, Tail)> {
        let upload = self.upload_of_old(old);
        let listed = match upload.list_parts("recover").await {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::UploadGone => {
                let etags = old.parts.iter().map(|part| part.etag.as_str());
                let content = Content::of_etags(old.parts_len, etags);
                let known = old.tail.is_none().then_some(&content);
                return Err(why_gone(&upload, known).await?);
            }
            Err(error) => return Err(error),
        };
        let parts = measure("recover", &upload, old, &listed)?;
        let tail = self.tail("recover", old).await?;
        let settings = &self.bucket.settings;
        let size = match parts.first() {
            Some(first) if settings.upload_equal_parts => first.size,
            _ => settings.upload_part_size,
        };
        let plan = PartPlan::resumed(settings, size, settings.upload_equal_parts);
        let next = upload.number_after(&parts, &listed);
        let writer = MultipartUpload::new(Arc::clone(&upload.target), plan);
        Ok((writer.resume(upload, parts, next), tail))
    }

    pub(super) async fn committer_of_old(&self, old: OldState, state: &Recoverable) -> Result<OldCommitter> {
        let tail = self.tail("recover_for_commit", &old).await?;
        let target = self.target_of_old(&old);
        Ok(OldCommitter::new(target, old, tail, state.clone()))
    }

    /// Deletes the side object: whether there was one.
    pub(super) async fn delete_tail(&self, old: &OldState) -> Result<bool> {
        let Some(tail) = &old.tail else {
            return Ok(false);
        };
        let location = self.bucket.root.with_key(&tail.key);
        // A deletion does not say whether there was something.
        if status::head(&self.bucket, "cleanup", &location).await?.is_none() {
            return Ok(false);
        }
        delete::delete_object(&self.bucket, "cleanup", &location).await?;
        Ok(true)
    }

    pub(super) fn describe_old(&self, old: &OldState) -> RecoverableInfo {
        let location = self.bucket.root.with_key(&old.key);
        let side_object = old.tail.as_ref().map_or("", |tail| &tail.key);
        RecoverableInfo::new(location, old.len(), &old.upload_id)
            .with_attribute("format", old.format)
            .with_attribute("parts", old.parts.len().to_string())
            .with_attribute("tail-bytes", old.tail_len().to_string())
            .with_attribute("side-object", side_object)
    }

    async fn tail(&self, operation: &'static str, old: &OldState) -> Result<Tail> {
        let memory = &self.bucket.memory;
        let Some(tail) = &old.tail else {
            return Ok(Tail {
                content: Bytes::new(),
                etag: String::new(),
                _reservation: Reservation::empty(memory),
            });
        };
        let location = self.bucket.root.with_key(&tail.key);
        let found = status::head(&self.bucket, operation, &location).await?;
        let Some(found) = found else {
            return Err(self.side_object_error(operation, old, tail, ErrorKind::NotFound, "is missing"));
        };
        if found.len != tail.len {
            let how = format!("has {} bytes", found.len);
            return Err(self.side_object_error(operation, old, tail, ErrorKind::Corrupt, &how));
        }
        let (etag, reservation) = (found.etag.clone(), memory.reserve(tail.len).await);
        let options = OpenOptions {
            status: Some(found),
            ..OpenOptions::default()
        };
        let mut stream = input_stream::open(Arc::clone(&self.bucket), &location, &options).await?;
        let mut content = BytesMut::with_capacity(tail.len as usize);
        loop {
            let chunk = stream.read(usize::MAX).await?;
            if chunk.is_empty() {
                return Ok(Tail {
                    content: content.freeze(),
                    etag,
                    _reservation: reservation,
                });
            }
            content.extend_from_slice(&chunk);
        }
    }

    fn side_object_error(
        &self,
        operation: &'static str,
        old: &OldState,
        tail: &SideObject,
        kind: ErrorKind,
        how: &str,
    ) -> Error {
        let (location, len) = (self.bucket.root.with_key(&tail.key), tail.len);
        let message = format!("the side object '{location}' with the last {len} bytes of the file {how}");
        Error::new(kind, message)
            .with_operation(operation)
            .with_path(self.bucket.root.with_key(&old.key))
            .with_remedy(
                "restore it, or recover from another checkpoint; Flink deletes side objects of checkpoints that \
                 it has dropped",
            )
    }
}

/// The parts of the state as the store has them.
///
/// # Errors
/// [`ErrorKind::Changed`] if one of them is missing or was replaced; [`ErrorKind::Corrupt`] if together
/// they have not the length that the state says.
pub(super) fn measure(
    operation: &'static str,
    upload: &Upload,
    old: &OldState,
    listed: &BTreeMap<u32, ListedPart>,
) -> Result<Vec<Part>> {
    let size_of = |number| listed.get(&number).map_or(0, |part| part.size);
    let part = |old: &OldPart| Part {
        number: old.number,
        size: size_of(old.number),
        crc32c: None,
        checksum_kept: false,
        etag: old.etag.clone(),
    };
    let parts: Vec<Part> = old.parts.iter().map(part).collect();
    upload.verify(operation, &parts, listed)?;
    let sum: u64 = parts.iter().map(|part| part.size).sum();
    if sum == old.parts_len {
        return Ok(parts);
    }
    let message = format!(
        "the parts of the upload '{}' have {sum} bytes, but the recoverable says {}",
        upload.id, old.parts_len
    );
    Err(upload
        .target
        .error(operation, ErrorKind::Corrupt, message)
        .with_remedy("recover from another checkpoint"))
}
