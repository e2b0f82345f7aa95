//! The two requests that make an object visible, `PutObject` and `CompleteMultipartUpload`, and what
//! their failures mean.
//!
//! Both may have taken effect although they failed: the reply was lost, or a repetition met the
//! effect of the first try. So no such failure is believed before the object at the key was looked
//! at. The way without failures costs no extra request.

use std::time::Duration;

use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use plugin_api::{Error, ErrorKind, FileStatus, Result, WriteMode};

use super::headers::Headers;
use super::identity::{Content, Found, find};
use super::refusal;
use super::target::{Target, encode_crc32c};
use super::upload::{Part, Upload, is_of_ceph};
use crate::dialect::{Condition, Obedience, refuses_header};
use crate::error::s3_error;

/// Tries in all while another writer is in the way, on top of the SDK's own repetitions of each.
const TRIES: u32 = 6;

/// Most bytes of an object that is written a second time to try the store.
const LARGEST_TRIAL: usize = 1 << 20;

/// The delay before the second try; it doubles.
const FIRST_DELAY: Duration = Duration::from_millis(25);

/// Writes the object with one request.
///
/// # Errors
/// The target's [`taken`](Target::taken) if it must not be replaced and something else stands there.
pub(crate) async fn put(operation: &'static str, target: &Target, body: Bytes) -> Result<FileStatus> {
    let crc32c = crc32c::crc32c(&body);
    let content = Content::whole(body.len() as u64, crc32c);
    let mut headers = Headers::of(target, Condition::Put);
    let mut attempt = 1;
    loop {
        if let Some(status) = headers
            .stand_in_for_condition(operation, target, &content)
            .await?
        {
            return Ok(status);
        }
        let error = match send_put(operation, target, &body, crc32c, &headers).await {
            Ok(etag) => {
                headers.remember(target);
                let etag = try_put(operation, target, &body, crc32c, &headers, etag).await;
                return Ok(FileStatus::file(target.location.clone(), content.len).with_etag(etag));
            }
            Err(error) => error,
        };
        headers.note(target, &error);
        if headers.give_way(target, &error) {
            continue;
        }
        if may_have_taken_effect(&error) {
            match (look(operation, target, &content, &error).await?, error.kind()) {
                (Found::Ours(status), _) => return Ok(status),
                (Found::Nothing, _) => {}
                (found, ErrorKind::PreconditionFailed) => {
                    return Err(refusal::taken(operation, target, &found));
                }
                _ => return Err(error),
            }
        }
        if !is_in_the_way(&error) || attempt == TRIES {
            return Err(error);
        }
        pause(attempt).await;
        attempt += 1;
    }
}

/// One such request, and the entity tag that it was answered with.
async fn send_put(
    operation: &'static str,
    target: &Target,
    body: &Bytes,
    crc32c: u32,
    headers: &Headers,
) -> Result<String> {
    let mut call = target
        .bucket
        .client
        .put_object()
        .bucket(&target.bucket.name)
        .key(target.key())
        .set_content_type(target.media_type())
        .set_metadata(target.metadata())
        .content_length((body.len() as u64).cast_signed())
        .set_checksum_crc32_c(headers.checksum.then(|| encode_crc32c(crc32c)))
        .set_if_none_match(headers.condition.then(|| "*".to_owned()))
        .body(ByteStream::from(body.clone()))
        .customize();
    if target.bucket.settings.endpoint.unsigned_payload {
        call = call.disable_payload_signing();
    }
    match call.send().await {
        Ok(reply) => Ok(target.dialect().entity_tag(reply.e_tag())),
        Err(error) => Err(s3_error(operation, &target.location, error)),
    }
}

/// Finds out whether the store obeys the condition under which it has just written the object: writes it again,
/// which must be refused. Returns the entity tag of what stands there.
///
/// The caller has not been told of the first request yet. So where the store overlooks the condition, the
/// object is what it would be if that request had arrived later, nonce and all.
async fn try_put(
    operation: &'static str,
    target: &Target,
    body: &Bytes,
    crc32c: u32,
    headers: &Headers,
    mut etag: String,
) -> String {
    let dialect = target.dialect();
    if !headers.condition || body.len() > LARGEST_TRIAL {
        return etag;
    }
    let Some(_trial) = dialect.begin_trial(Condition::Put) else {
        return etag;
    };
    // Twice, since somebody may delete the object in between.
    for _ in 0..2 {
        match send_put(operation, target, body, crc32c, headers).await {
            Ok(new) => etag = new,
            Err(error) => {
                headers.note(target, &error);
                return etag;
            }
        }
    }
    dialect.learn(Condition::Put, Obedience::Lost);
    etag
}

/// Makes the object of these parts, which ascend by number.
///
/// # Errors
/// The target's [`taken`](Target::taken) if it must not be replaced and something else stands there;
/// [`ErrorKind::Conflict`] if the upload is gone and something else stands there;
/// [`ErrorKind::UploadGone`] if it is gone and nothing does.
pub(crate) async fn complete(operation: &'static str, upload: &Upload, parts: &[Part]) -> Result<FileStatus> {
    let target = &*upload.target;
    let content = Content::of_upload(&upload.id, parts);
    if is_of_ceph(&upload.id) && target.mode == WriteMode::NoOverwrite {
        target.dialect().learn(Condition::Complete, Obedience::Unproven);
    }
    let mut headers = Headers::of(target, Condition::Complete);
    let mut attempt = 1;
    loop {
        if let Some(status) = headers
            .stand_in_for_condition(operation, target, &content)
            .await?
        {
            return Ok(status);
        }
        let error = match send_complete(operation, upload, parts, headers.condition).await {
            Ok(reply) => {
                headers.remember(target);
                let etag = target.dialect().entity_tag(reply.e_tag());
                let status = FileStatus::file(target.location.clone(), content.len).with_etag(etag);
                let status = confirm(operation, upload, &content, status, reply.checksum_crc32_c()).await?;
                if headers.condition {
                    try_complete(operation, upload, parts).await;
                }
                return Ok(status);
            }
            Err(error) => error,
        };
        headers.note(target, &error);
        // The request has no checksum header of its own.
        if headers.condition && refuses_header(&error) {
            headers.lose_condition();
            continue;
        }
        if error.service_code() == "InvalidPart" {
            return Err(refusal::explain(operation, upload, parts, error).await);
        }
        if may_have_taken_effect(&error) {
            let found = look(operation, target, &content, &error).await?;
            if let Found::Ours(status) = found {
                return Ok(status);
            }
            if error.kind() == ErrorKind::PreconditionFailed {
                if !matches!(found, Found::Nothing) {
                    return Err(refusal::taken(operation, target, &found));
                }
            } else if is_gone(operation, upload, &error).await {
                return Err(refusal::gone(operation, upload, &found));
            }
        }
        let tries = if is_error_in_200(&error) {
            // The SDK does not repeat these.
            target.bucket.settings.max_retries.saturating_add(1).min(TRIES)
        } else if is_in_the_way(&error) {
            TRIES
        } else {
            0
        };
        if attempt >= tries {
            return Err(error);
        }
        pause(attempt).await;
        attempt += 1;
    }
}

/// One such request.
async fn send_complete(
    operation: &'static str,
    upload: &Upload,
    parts: &[Part],
    condition: bool,
) -> Result<CompleteMultipartUploadOutput> {
    let target = &*upload.target;
    target
        .bucket
        .client
        .complete_multipart_upload()
        .bucket(&target.bucket.name)
        .key(target.key())
        .upload_id(&upload.id)
        .set_if_none_match(condition.then(|| "*".to_owned()))
        .multipart_upload(listed(parts))
        .send()
        .await
        .map_err(|error| s3_error(operation, &target.location, error))
}

/// Finds out whether the store obeys the condition under which it has just completed the upload: completes it
/// again. A store that looks at the condition refuses that. Any other answer shows nothing, since an upload that
/// is gone is answered in many ways; none of them changes anything.
async fn try_complete(operation: &'static str, upload: &Upload, parts: &[Part]) {
    let dialect = upload.target.dialect();
    let Some(_trial) = dialect.begin_trial(Condition::Complete) else {
        return;
    };
    let shown = match send_complete(operation, upload, parts, true).await {
        Err(error) if error.kind() == ErrorKind::PreconditionFailed => Obedience::Obeyed,
        _ => Obedience::Unproven,
    };
    dialect.learn(Condition::Complete, shown);
}

/// Whether a reply that says success is about our parts: stores answer a repeated completion of one
/// upload with the result of the first, whatever the parts of the second.
async fn confirm(
    operation: &'static str,
    upload: &Upload,
    content: &Content,
    status: FileStatus,
    checksum: Option<&str>,
) -> Result<FileStatus> {
    let target = &*upload.target;
    if status.etag.is_empty() {
        // Ceph sends none. The object is there; not to know its tag is no failure.
        return Ok(match find(operation, target, Some(content)).await {
            Ok(Found::Ours(found)) => found,
            _ => status,
        });
    }
    if content.difference(content.len, checksum, &status.etag).is_none() {
        return Ok(status);
    }
    match find(operation, target, Some(content)).await? {
        Found::Ours(found) => Ok(found),
        // Nothing that can be told differs, and the upload was open a moment ago.
        Found::Untold(_) => Ok(status),
        found => Err(refusal::gone(operation, upload, &found)),
    }
}

fn listed(parts: &[Part]) -> CompletedMultipartUpload {
    let parts = parts.iter().map(|part| {
        CompletedPart::builder()
            .part_number(part.number.cast_signed())
            .e_tag(&part.etag)
            .set_checksum_crc32_c(part.kept_crc32c().map(encode_crc32c))
            .build()
    });
    CompletedMultipartUpload::builder()
        .set_parts(Some(parts.collect()))
        .build()
}

/// What stands at the key after a failure that may hide a success.
async fn look(operation: &'static str, target: &Target, content: &Content, failure: &Error) -> Result<Found> {
    match find(operation, target, Some(content)).await {
        Ok(found) => Ok(found),
        // One try that met a condition had no effect of its own to meet.
        Err(_) if failure.kind() == ErrorKind::PreconditionFailed && failure.attempts() == 1 => {
            Ok(Found::Foreign)
        }
        // The outcome is open; the first error says more than that of the look.
        Err(_)
            if failure.kind() != ErrorKind::PreconditionFailed && failure.kind() != ErrorKind::UploadGone =>
        {
            Err(failure.clone())
        }
        Err(error) => Err(error),
    }
}

/// Whether the request may have been carried out although it failed.
pub(crate) fn may_have_taken_effect(error: &Error) -> bool {
    is_error_in_200(error)
        || is_bare_not_found(error)
        || matches!(
            error.kind(),
            ErrorKind::PreconditionFailed
                | ErrorKind::UploadGone
                | ErrorKind::Unavailable
                | ErrorKind::Timeout
                | ErrorKind::Throttled
        )
}

/// A 404 whose body was cut off: of an upload that is gone, for all we know.
fn is_bare_not_found(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound && error.service_code().is_empty()
}

/// Whether the upload is gone: Ceph says so with a server error only.
async fn is_gone(operation: &'static str, upload: &Upload, error: &Error) -> bool {
    match error.kind() {
        ErrorKind::UploadGone => true,
        ErrorKind::Unavailable | ErrorKind::NotFound => !upload.exists(operation).await.unwrap_or(true),
        _ => false,
    }
}

/// An error that the store noticed after it had sent the status.
pub(crate) fn is_error_in_200(error: &Error) -> bool {
    error.http_status() == Some(200)
}

/// Whether another writer was in the way just now.
fn is_in_the_way(error: &Error) -> bool {
    error.http_status() == Some(409) || error.kind() == ErrorKind::PreconditionFailed
}

/// Waits before the try after this one.
pub(crate) async fn pause(attempt: u32) {
    tokio::time::sleep(FIRST_DELAY * 2_u32.saturating_pow(attempt.min(TRIES) - 1)).await;
}
