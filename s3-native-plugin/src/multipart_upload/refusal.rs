//! Why an object could not be published, in words that say what to do.

use std::fmt::Write as _;

use plugin_api::{Error, ErrorKind};

use super::identity::Found;
use super::target::Target;
use super::upload::{Part, Upload, now};

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
        Found::Untold(why) => target
            .error(
                operation,
                ErrorKind::Conflict,
                format!(
                    "the upload '{}' no longer exists, and it cannot be told whether the file there, which has \
                     the right length, is what it made: {why}",
                    upload.id
                ),
            )
            .with_remedy("compare the file with what was to be written; keep it, or write the data again"),
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
    let mut message = format!(
        "the upload '{}' of this file{} no longer exists: {why}",
        upload.id,
        age(upload.begun)
    );
    if let Some(other) = &upload.target.other_endpoint {
        let ours = upload.target.bucket.settings.endpoint.url.as_deref();
        let _ = write!(
            message,
            "; or it is at another endpoint, since the recoverable was written for {} and not for {}",
            endpoint_name(Some(other)),
            endpoint_name(ours)
        );
    }
    upload
        .target
        .error(operation, ErrorKind::UploadGone, message)
        .with_service_code("NoSuchUpload")
        .with_remedy(
            "recover from a newer checkpoint; let the AbortIncompleteMultipartUpload lifecycle rule of the \
             bucket wait longer than the longest pause between a checkpoint and its recovery",
        )
}

/// When the upload was begun, in the unit that says most.
fn age(begun: u64) -> String {
    if begun == 0 {
        return String::new();
    }
    let seconds = now().saturating_sub(begun) / 1000;
    let (number, unit) = match seconds {
        0..120 => (seconds, "seconds"),
        120..7_200 => (seconds / 60, "minutes"),
        7_200..172_800 => (seconds / 3_600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!(", begun {number} {unit} ago,")
}

fn endpoint_name(endpoint: Option<&str>) -> String {
    match endpoint {
        None | Some("") => "Amazon S3".to_owned(),
        Some(url) => format!("'{url}'"),
    }
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
        return if has_equal_parts(parts) {
            error
        } else {
            upload.target.dialect().demand_equal_parts();
            error.with_remedy(
                "if the store demands parts of one size, set 's3.upload.equal-parts' to true and write the data \
                 again to a new upload",
            )
        };
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

/// Whether all parts but the last have the same size, and the last is no larger.
fn has_equal_parts(parts: &[Part]) -> bool {
    let Some((last, others)) = parts.split_last() else {
        return true;
    };
    let size = others.first().map_or(last.size, |first| first.size);
    others.iter().all(|part| part.size == size) && last.size <= size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_the_unit_that_says_most() {
        let ago = |seconds: u64| age(now() - seconds * 1000);
        assert_eq!(age(0), "");
        assert_eq!(ago(3), ", begun 3 seconds ago,");
        assert_eq!(ago(600), ", begun 10 minutes ago,");
        assert_eq!(ago(3 * 3600), ", begun 3 hours ago,");
        assert_eq!(ago(8 * 86_400), ", begun 8 days ago,");
        // A clock that was set back.
        assert_eq!(age(now() + 100_000), ", begun 0 seconds ago,");
    }
}
