//! Status of a file, a directory or the bucket itself.

use std::time::SystemTime;

use aws_sdk_s3::primitives::DateTime;
use plugin_api::{Error, ErrorKind, FileStatus, Location, Result};

use crate::bucket::Bucket;
use crate::error::s3_error;
use crate::listing;

/// The status of whatever is at `path`; a file wins over a directory of the same name.
pub(crate) async fn status(bucket: &Bucket, operation: &'static str, path: &Location) -> Result<FileStatus> {
    if path.is_root() {
        return root(bucket, operation, path).await;
    }
    // A key that ends with a slash can only be a marker, or an object that one listing shows too.
    if !path.key().ends_with('/')
        && let Some(file) = head(bucket, operation, path).await?
    {
        return Ok(file);
    }
    let found = listing::probe(bucket, operation, path, 1).await?;
    match found.into_iter().next() {
        Some(object) if object.location == *path && object.len > 0 => Ok(object),
        Some(_) => Ok(FileStatus::directory(path.clone())),
        None => Err(not_found(operation, path)),
    }
}

/// The status of the object whose key is exactly that of `path`, or `None`.
pub(crate) async fn head(
    bucket: &Bucket,
    operation: &'static str,
    path: &Location,
) -> Result<Option<FileStatus>> {
    let reply = bucket
        .client
        .head_object()
        .bucket(&bucket.name)
        .key(path.key())
        .send()
        .await;
    let head = match reply {
        Ok(head) => head,
        // No reply to a HEAD has a body, so every 404 is the same: who asks next learns which.
        Err(error) if status_of(&error) == Some(404) => return Ok(None),
        Err(error) => return Err(s3_error(operation, path, error)),
    };
    let len = length(operation, path, head.content_length())?;
    let mut file = FileStatus::file(path.clone(), len)
        .with_modified(time(head.last_modified()))
        .with_etag(bucket.dialect.entity_tag(head.e_tag()));
    if let Some(version) = head.version_id() {
        file = file.with_attribute("version-id", version);
    }
    if let Some(media_type) = head.content_type() {
        file = file.with_attribute("content-type", media_type);
    }
    Ok(Some(file))
}

async fn root(bucket: &Bucket, operation: &'static str, path: &Location) -> Result<FileStatus> {
    let reply = bucket.client.head_bucket().bucket(&bucket.name).send().await;
    match reply {
        Ok(_) => {}
        // The right to look at the bucket itself may be missing where that to list it is there; and
        // a listing has a body, so that its error says more.
        Err(error) if matches!(status_of(&error), Some(400 | 403)) => {
            listing::probe(bucket, operation, path, 1).await?;
        }
        Err(error) if status_of(&error) == Some(404) => {
            return Err(
                Error::new(ErrorKind::NotFound, format!("no such bucket '{}'", bucket.name))
                    .with_operation(operation)
                    .with_path(path)
                    .with_http_status(404)
                    .with_remedy("create the bucket or correct its name"),
            );
        }
        Err(error) => return Err(s3_error(operation, path, error)),
    }
    Ok(FileStatus::directory(path.clone()))
}

/// There is neither a file nor a directory.
pub(crate) fn not_found(operation: &'static str, path: &Location) -> Error {
    Error::new(ErrorKind::NotFound, "no such file or directory")
        .with_operation(operation)
        .with_path(path)
        .with_remedy("check the path; every byte of a key counts")
}

/// The status of the reply, if there was one.
pub(crate) fn status_of<E>(
    error: &aws_sdk_s3::error::SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
) -> Option<u16> {
    error.raw_response().map(|reply| reply.status().as_u16())
}

/// A length as the store told it.
pub(crate) fn length(operation: &'static str, path: &Location, len: Option<i64>) -> Result<u64> {
    u64::try_from(len.unwrap_or(0)).map_err(|_| {
        Error::new(ErrorKind::Corrupt, "the store reports a negative length")
            .with_operation(operation)
            .with_path(path)
    })
}

pub(crate) fn time(time: Option<&DateTime>) -> Option<SystemTime> {
    SystemTime::try_from(*time?).ok()
}
