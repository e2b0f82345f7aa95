//! Copies inside the store: one request for most objects, copied parts for larger ones.
//!
//! Every copy of the plugin goes through [`copy`], so that what a copy keeps is decided here alone.

use std::fmt::Write as _;
use std::sync::Arc;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures::{StreamExt, TryStreamExt};
use plugin_api::{Error, ErrorKind, FileStatus, Location, Result, WriteMode};

use crate::bucket::Bucket;
use crate::dialect::{Condition, NO_TAG, Obedience, refuses_header};
use crate::error::s3_error;
use crate::metrics::Gauge;
use crate::multipart_upload::{self as multipart, Found, Nonce, Target, Upload};

/// Large enough to be few, small enough to run at the same time.
const COPY_PART: u64 = 512 << 20;

/// Copies the object `source`, which may be of another bucket of the same store, to `to` in `bucket`,
/// replacing what is there. Returns the entity tag of the copy, or "".
///
/// The copy has the content, the media type and the metadata of the source; a copy in parts bears a
/// nonce of its own among the latter, by which it is recognised when the last reply is lost.
///
/// When it is cancelled, the copy may or may not have been made; no upload is left open.
///
/// # Errors
/// [`ErrorKind::Changed`] if the source no longer has the entity tag of `source`.
pub(crate) async fn copy(
    bucket: &Arc<Bucket>,
    operation: &'static str,
    source: &FileStatus,
    to: &Location,
) -> Result<String> {
    bucket.check(operation, to)?;
    let copied = if source.len > bucket.settings.copy_threshold {
        match copy_parts(bucket, operation, source, to).await {
            // Without copies of parts, one request may still copy as much.
            Err(error) if refuses_header(&error) => copy_whole(bucket, operation, source, to).await?,
            copied => copied?,
        }
    } else {
        copy_whole(bucket, operation, source, to).await?
    };
    let is_bound =
        pin(bucket, source).is_some() && bucket.dialect.obedience(Condition::Copy) != Obedience::Lost;
    if !is_bound && !source.etag.is_empty() {
        // Nothing bound the copy to this version, so that it is asked for now.
        let head = head_of(bucket, operation, source).await?;
        let now = bucket.dialect.entity_tag(head.e_tag());
        if now != source.etag && !now.is_empty() {
            return Err(changed(operation, source));
        }
    }
    Ok(copied)
}

async fn copy_whole(
    bucket: &Bucket,
    operation: &'static str,
    source: &FileStatus,
    to: &Location,
) -> Result<String> {
    let wanted = pin(bucket, source);
    if wanted.is_some()
        && let Some(_trial) = bucket.dialect.begin_trial(Condition::Copy)
    {
        // A tag that the source does not have. A store that overlooks it makes the copy that is wanted.
        match copy_if(bucket, operation, source, to, Some(NO_TAG.to_owned())).await {
            Ok(copied) => {
                bucket.dialect.learn(Condition::Copy, Obedience::Lost);
                return Ok(copied);
            }
            Err(error) if error.kind() == ErrorKind::PreconditionFailed => {
                bucket.dialect.learn(Condition::Copy, Obedience::Obeyed);
            }
            Err(error) if refuses_header(&error) => {
                bucket.dialect.learn(Condition::Copy, Obedience::Lost);
            }
            Err(error) => return Err(changed_or(operation, source, error)),
        }
    }
    let wanted = wanted.filter(|_| bucket.dialect.obedience(Condition::Copy) != Obedience::Lost);
    copy_if(bucket, operation, source, to, wanted)
        .await
        .map_err(|error| changed_or(operation, source, error))
}

/// Copies the source, if it has this tag.
async fn copy_if(
    bucket: &Bucket,
    operation: &'static str,
    source: &FileStatus,
    to: &Location,
    etag: Option<String>,
) -> Result<String> {
    let reply = bucket
        .client
        .copy_object()
        .bucket(&bucket.name)
        .key(to.key())
        .copy_source(copy_source(bucket, &source.location))
        .set_copy_source_if_match(etag)
        .send()
        .await
        .map_err(|error| s3_error(operation, to, error))?;
    let copied = reply.copy_object_result().and_then(|copied| copied.e_tag());
    Ok(bucket.dialect.entity_tag(copied))
}

/// Copies a large object in parts that run at the same time.
async fn copy_parts(
    bucket: &Arc<Bucket>,
    operation: &'static str,
    source: &FileStatus,
    to: &Location,
) -> Result<String> {
    let head = head_of(bucket, operation, source).await?;
    let mode = WriteMode::Overwrite;
    let mut target = Target::new(bucket, to.clone(), mode, Nonce::random(), ErrorKind::Conflict);
    target.copied = Some(Box::new(head));
    let mut guard = Upload::create(&Arc::new(target)).await?;
    match fill(operation, source, guard.upload()).await {
        Ok(etag) => {
            guard.completed();
            Ok(etag)
        }
        Err(error) => {
            // Once more in the background, if this fails.
            drop(guard.abort_if_armed().await);
            Err(error)
        }
    }
}

/// What a copy in parts does not take along by itself.
async fn head_of(bucket: &Bucket, operation: &'static str, source: &FileStatus) -> Result<HeadObjectOutput> {
    bucket
        .client
        .head_object()
        .bucket(source.location.authority())
        .key(source.location.key())
        .set_if_match(pin(bucket, source))
        .send()
        .await
        .map_err(|error| changed_or(operation, source, s3_error(operation, &source.location, error)))
}

async fn fill(operation: &'static str, source: &FileStatus, upload: &Upload) -> Result<String> {
    let target = &*upload.target;
    let bucket = &*target.bucket;
    let part_size = bucket
        .settings
        .copy_threshold
        .min(COPY_PART)
        .max(source.len.div_ceil(u64::from(bucket.settings.upload_max_parts)));
    let from = copy_source(bucket, &source.location);
    let copies = (0..source.len.div_ceil(part_size)).map(|index| {
        let (start, end) = (index * part_size, ((index + 1) * part_size).min(source.len));
        let number = i32::try_from(index + 1).expect("there are at most 10,000 parts");
        let copy = bucket
            .client
            .upload_part_copy()
            .bucket(&bucket.name)
            .key(target.key())
            .upload_id(&upload.id)
            .part_number(number)
            .copy_source(&from)
            .set_copy_source_if_match(
                pin(bucket, source).filter(|_| bucket.dialect.obedience(Condition::Copy) != Obedience::Lost),
            )
            .copy_source_range(format!("bytes={start}-{}", end - 1));
        async move {
            let _counted = bucket.metrics.one_more(Gauge::InFlightParts);
            let reply = copy.send().await.map_err(|error| {
                changed_or(operation, source, s3_error(operation, &target.location, error))
            })?;
            let etag = reply.copy_part_result().and_then(|part| part.e_tag());
            Ok::<_, Error>(
                CompletedPart::builder()
                    .part_number(number)
                    .e_tag(bucket.dialect.entity_tag(etag))
                    .build(),
            )
        }
    });
    let parts: Vec<CompletedPart> = futures::stream::iter(copies)
        .buffered(bucket.settings.upload_concurrency)
        .try_collect()
        .await?;
    complete(operation, source, upload, parts).await
}

/// Makes the object of the copied parts. A failure is not believed before the target was looked at.
async fn complete(
    operation: &'static str,
    source: &FileStatus,
    upload: &Upload,
    parts: Vec<CompletedPart>,
) -> Result<String> {
    let target = &*upload.target;
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let mut attempt = 1;
    loop {
        let reply = target
            .bucket
            .client
            .complete_multipart_upload()
            .bucket(&target.bucket.name)
            .key(target.key())
            .upload_id(&upload.id)
            .multipart_upload(parts.clone())
            .send()
            .await;
        let error = match reply {
            Ok(reply) => return Ok(target.dialect().entity_tag(reply.e_tag())),
            Err(error) => s3_error(operation, &target.location, error),
        };
        if !multipart::may_have_taken_effect(&error) {
            return Err(error);
        }
        match multipart::find(operation, target, None).await {
            Ok(Found::Ours(copied)) if copied.len == source.len => return Ok(copied.etag),
            _ => {}
        }
        if !multipart::is_error_in_200(&error) || attempt > target.bucket.settings.max_retries {
            return Err(error);
        }
        multipart::pause(attempt).await;
        attempt += 1;
    }
}

/// The tag that binds a copy to this version.
fn pin(bucket: &Bucket, source: &FileStatus) -> Option<String> {
    bucket.dialect.pin(&source.etag)
}

/// The value of `x-amz-copy-source`, which the SDK does not encode.
fn copy_source(bucket: &Bucket, from: &Location) -> String {
    let is_ours = from.authority() == bucket.root.authority();
    let access_point = bucket.settings.endpoint.access_point.as_deref();
    source_header(access_point.filter(|_| is_ours), from)
}

pub(crate) fn source_header(access_point: Option<&str>, from: &Location) -> String {
    let mut source = match access_point {
        Some(arn) => format!("{arn}/object/"),
        None => format!("{}/", from.authority()),
    };
    encode(from.key(), &mut source);
    source
}

/// Appends `key`, percent-encoding all but unreserved characters and slashes.
fn encode(key: &str, to: &mut String) {
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            to.push(char::from(byte));
        } else {
            write!(to, "%{byte:02X}").expect("writing to a string does not fail");
        }
    }
}

fn changed(operation: &'static str, source: &FileStatus) -> Error {
    Error::new(ErrorKind::Changed, "the file was replaced while it was copied")
        .with_operation(operation)
        .with_path(&source.location)
        .with_remedy("copy it again if the new content is meant")
}

/// A precondition of ours that does not hold means that the source was replaced meanwhile.
fn changed_or(operation: &'static str, source: &FileStatus, error: Error) -> Error {
    match error.kind() {
        ErrorKind::PreconditionFailed => changed(operation, source).with_http_status(412),
        // The target is written, so what is missing is the source.
        ErrorKind::NotFound => error.with_path(&source.location),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_sources_are_percent_encoded_but_for_slashes() {
        let from = Location::parse("s3://my_bucket.1/a b/+%2F?#é//.~").unwrap();
        assert_eq!(
            source_header(None, &from),
            "my_bucket.1/a%20b/%2B%252F%3F%23%C3%A9//.~"
        );
        let arn = "arn:aws:s3:eu-west-1:1:accesspoint/a";
        assert!(
            source_header(Some(arn), &from).starts_with("arn:aws:s3:eu-west-1:1:accesspoint/a/object/a%20b/")
        );
    }
}
