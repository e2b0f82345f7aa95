//! The errors of S3, with codes and messages as AWS writes them: clients key off both.

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode};

fn error(code: S3ErrorCode, message: impl Into<std::borrow::Cow<'static, str>>) -> S3Error {
    S3Error::with_message(code, message)
}

/// An error whose code `s3s` knows no status for.
pub(crate) fn with_status(code: &str, status: StatusCode, message: impl Into<String>) -> S3Error {
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut error = error(code, message.into());
    error.set_status_code(status);
    error
}

pub(crate) fn no_such_key() -> S3Error {
    error(S3ErrorCode::NoSuchKey, "The specified key does not exist.")
}

pub(crate) fn no_such_bucket() -> S3Error {
    error(S3ErrorCode::NoSuchBucket, "The specified bucket does not exist")
}

pub(crate) fn no_such_upload() -> S3Error {
    error(
        S3ErrorCode::NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
         aborted or completed.",
    )
}

/// What Ceph RGW says to the completion of an upload that is gone.
pub(crate) fn completion_in_progress() -> S3Error {
    error(
        S3ErrorCode::InternalError,
        "This multipart completion is already in progress",
    )
}

pub(crate) fn precondition_failed() -> S3Error {
    error(
        S3ErrorCode::PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold",
    )
}

pub(crate) fn not_modified() -> S3Error {
    error(S3ErrorCode::NotModified, "Not Modified")
}

pub(crate) fn not_implemented() -> S3Error {
    error(
        S3ErrorCode::NotImplemented,
        "A header you provided implies functionality that is not implemented",
    )
}

pub(crate) fn invalid_range() -> S3Error {
    error(
        S3ErrorCode::InvalidRange,
        "The requested range is not satisfiable",
    )
}

pub(crate) fn invalid_request(message: impl Into<String>) -> S3Error {
    error(S3ErrorCode::InvalidRequest, message.into())
}

pub(crate) fn invalid_argument(message: impl Into<String>) -> S3Error {
    error(S3ErrorCode::InvalidArgument, message.into())
}

pub(crate) fn malformed_xml() -> S3Error {
    error(
        S3ErrorCode::MalformedXML,
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

pub(crate) fn key_too_long() -> S3Error {
    error(S3ErrorCode::KeyTooLongError, "Your key is too long")
}

pub(crate) fn entity_too_small() -> S3Error {
    error(
        S3ErrorCode::EntityTooSmall,
        "Your proposed upload is smaller than the minimum allowed size",
    )
}

pub(crate) fn invalid_part() -> S3Error {
    error(
        S3ErrorCode::InvalidPart,
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the \
         specified entity tag may not match the part's entity tag.",
    )
}

/// In the words of Cloudflare R2.
pub(crate) fn unequal_parts() -> S3Error {
    error(
        S3ErrorCode::InvalidPart,
        "All non-trailing parts must have the same length.",
    )
}

/// In the words of `SeaweedFS`: what stands in the way is a file or a directory.
pub(crate) fn existing_object_is(code: &str, what: &str) -> S3Error {
    with_status(
        &format!("ExistingObjectIs{code}"),
        StatusCode::CONFLICT,
        format!("Existing Object is {what}."),
    )
}

pub(crate) fn invalid_part_order() -> S3Error {
    error(
        S3ErrorCode::InvalidPartOrder,
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    )
}

pub(crate) fn bad_digest(what: &str) -> S3Error {
    error(
        S3ErrorCode::BadDigest,
        format!("The {what} you specified did not match the calculated checksum."),
    )
}

pub(crate) fn invalid_digest() -> S3Error {
    error(
        S3ErrorCode::InvalidDigest,
        "The Content-MD5 you specified was invalid.",
    )
}

pub(crate) fn incomplete_body() -> S3Error {
    error(
        S3ErrorCode::IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
}

pub(crate) fn internal(source: std::io::Error) -> S3Error {
    let mut error = error(
        S3ErrorCode::InternalError,
        "We encountered an internal error. Please try again.",
    );
    error.set_source(Box::new(source));
    error
}
