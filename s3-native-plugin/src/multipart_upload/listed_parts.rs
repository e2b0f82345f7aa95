//! [`ListedPart`]: what the store says that it has of an upload.

use std::collections::BTreeMap;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::list_parts::ListPartsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use plugin_api::{Error, ErrorKind, Location, Result};

use super::etag::bare;
use super::refusal;
use super::upload::{Part, Upload};
use crate::error::s3_error;

/// A part as the store lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedPart {
    pub(crate) size: u64,
    pub(crate) etag: String,
}

impl Upload {
    /// Every part that the store has, by number.
    ///
    /// # Errors
    /// [`ErrorKind::UploadGone`] if it no longer knows the upload.
    pub(crate) async fn list_parts(&self, operation: &'static str) -> Result<BTreeMap<u32, ListedPart>> {
        let target = &*self.target;
        let mut parts = BTreeMap::new();
        let mut marker: Option<String> = None;
        loop {
            let page = target
                .bucket
                .client
                .list_parts()
                .bucket(&target.bucket.name)
                .key(target.key())
                .upload_id(&self.id)
                .set_part_number_marker(marker.clone())
                .send()
                .await
                .map_err(|error| listing_error(operation, &target.location, error))?;
            for part in page.parts() {
                let number = part.part_number().and_then(|number| u32::try_from(number).ok());
                let Some(number) = number else { continue };
                let listed = ListedPart {
                    size: part.size().unwrap_or(0).cast_unsigned(),
                    etag: target.dialect().entity_tag(part.e_tag()),
                };
                parts.insert(number, listed);
            }
            let next = page.next_part_number_marker().map(str::to_owned);
            // Some stores repeat the last marker for ever.
            if page.is_truncated() != Some(true) || next.is_none() || next == marker {
                return Ok(parts);
            }
            marker = next;
        }
    }

    /// Checks that the store lists each of `parts` as it was stored.
    pub(crate) fn verify(
        &self,
        operation: &'static str,
        parts: &[Part],
        listed: &BTreeMap<u32, ListedPart>,
    ) -> Result<()> {
        for part in parts {
            let how = match listed.get(&part.number) {
                None => "is missing",
                Some(found) if bare(&found.etag) != bare(&part.etag) || found.size != part.size => {
                    "was replaced by another writer"
                }
                Some(_) => continue,
            };
            return Err(refusal::part_changed(operation, self, part.number, how));
        }
        Ok(())
    }

    /// Whether the store still knows the upload.
    pub(crate) async fn exists(&self, operation: &'static str) -> Result<bool> {
        let target = &*self.target;
        let page = target
            .bucket
            .client
            .list_parts()
            .bucket(&target.bucket.name)
            .key(target.key())
            .upload_id(&self.id)
            .max_parts(1)
            .send()
            .await;
        match page.map_err(|error| listing_error(operation, &target.location, error)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::UploadGone => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// An error of `ListParts`. Where the upload is gone, Ceph says `NoSuchKey`.
fn listing_error(
    operation: &'static str,
    location: &Location,
    error: SdkError<ListPartsError, HttpResponse>,
) -> Error {
    let error = s3_error(operation, location, error);
    if error.service_code() != "NoSuchKey" {
        return error;
    }
    Error::new(ErrorKind::UploadGone, "the upload no longer exists")
        .with_operation(operation)
        .with_path(location)
        .with_service_code("NoSuchUpload")
        .with_http_status(404)
        .with_request_id(error.request_id())
        .with_attempts(error.attempts())
}
