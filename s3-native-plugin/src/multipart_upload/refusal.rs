//! Why an object could not be published, in words that say what to do.

use plugin_api::{Error, ErrorKind};

use super::identity::Found;
use super::target::Target;
use super::upload::{Part, Upload};

/// The key must not be replaced and holds something that is not ours.
pub(crate) fn taken(operation: &'static str, target: &Target, found: &Found) -> Error {
    let message = match found {
        Found::OtherContent(difference) => {
            format!("another recovery of this file was published there already: {difference}")
        }
        _ => "another file exists there and was left alone".to_owned(),
    };
    let error = target.error(operation, target.taken, message);
    let error = if target.taken == ErrorKind::AlreadyExists {
        error.with_remedy("choose another path or allow overwriting")
    } else {
        error.with_remedy("move the other file away and commit again")
    };
    error
        .with_http_status(412)
        .with_service_code("PreconditionFailed")
}

/// The upload is gone without having made our object; `found` stands there instead.
pub(crate) fn gone(operation: &'static str, upload: &Upload, found: &Found) -> Error {
    let target = &*upload.target;
    match found {
        Found::Nothing => upload_gone(operation, upload, "it expired or was aborted"),
        Found::OtherContent(difference) => target
            .error(
                operation,
                ErrorKind::Conflict,
                format!("another recovery of this file was committed instead of this one: {difference}"),
            )
            .with_remedy("keep what is there, or write the data again to another path"),
        // Ours can only have appeared since the last look: the caller tries again and finds it.
        Found::Foreign | Found::Ours(_) => target
            .error(
                operation,
                ErrorKind::Conflict,
                format!(
                    "the upload '{}' no longer exists, and the file there is not ours and was left alone",
                    upload.id
                ),
            )
            .with_remedy("move the other file away and write the data again"),
    }
}

/// [`ErrorKind::UploadGone`], and how to avoid it.
pub(crate) fn upload_gone(operation: &'static str, upload: &Upload, why: &str) -> Error {
    let message = format!("the upload '{}' of this file no longer exists: {why}", upload.id);
    upload
        .target
        .error(operation, ErrorKind::UploadGone, message)
        .with_service_code("NoSuchUpload")
        .with_remedy(
            "recover from a newer checkpoint; let the AbortIncompleteMultipartUpload lifecycle rule of the \
             bucket wait longer than the longest pause between a checkpoint and its recovery",
        )
}

/// A part is not what the state says: another writer has replaced it.
pub(crate) fn part_changed(operation: &'static str, upload: &Upload, number: u32, how: &str) -> Error {
    let message = format!("part {number} of the upload '{}' {how}", upload.id);
    upload
        .target
        .error(operation, ErrorKind::Changed, message)
        .with_remedy("make sure that no earlier writer of this file still runs, and write the data again")
}

/// What is wrong with the parts that the store refused; `error` if that cannot be told.
pub(crate) async fn explain(operation: &'static str, upload: &Upload, parts: &[Part], error: Error) -> Error {
    let Ok(listed) = upload.list_parts(operation).await else {
        return error;
    };
    if let Err(changed) = upload.verify(operation, parts, &listed) {
        return changed;
    }
    let strays: Vec<_> = listed
        .keys()
        .filter(|&&number| parts.binary_search_by_key(&number, |part| part.number).is_err())
        .map(u32::to_string)
        .collect();
    if strays.is_empty() {
        return error;
    }
    let message = format!(
        "the store refuses to complete the upload '{}' because of parts that do not belong to the file: {}",
        upload.id,
        strays.join(", ")
    );
    upload
        .target
        .error(operation, ErrorKind::Conflict, message)
        .with_service_code("InvalidPart")
        .with_http_status(400)
        .with_remedy(
            "an earlier writer stored them after the checkpoint, and stores such as Ceph RGW cannot leave \
             them out: write the data again to a new upload",
        )
}
