//! Errors of the SDK become [`plugin_api::Error`]: kind, path, the service's facts, what to do.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use plugin_api::{Error, ErrorKind, Location, Retry};

mod transport;

pub(crate) use transport::{PoolExhausted, RequestFailed, chain, is_timeout, root_cause};

use crate::retry::table::{self, Failure};
use crate::retry::{Attempted, Verdict, backoff};

/// What a failed call of the SDK means.
///
/// `operation` is the verb of the file system (`open`, `delete`, …), `path` what it worked on.
#[allow(clippy::needless_pass_by_value, reason = "made for `map_err`")]
pub(crate) fn s3_error<E>(operation: &'static str, path: &Location, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let reply = error.raw_response().map(Reply::of).unwrap_or_default();
    let verdict = error
        .raw_response()
        .and_then(|reply| reply.extension::<Verdict>())
        .or_else(|| transport::find::<Attempted>(&error).map(|attempted| &attempted.verdict))
        .copied();
    let mapped = match &error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or_default();
            let message = service.err().message().unwrap_or_default();
            service_error(path, code, message, &reply)
        }
        // Without its code, a refusal says nothing that could be relied upon.
        SdkError::ResponseError(_) if reply.status >= 300 && reply.status / 100 != 4 => {
            service_error(path, "", "", &reply)
        }
        SdkError::ResponseError(_) => Error::new(
            if is_timeout(&error) {
                ErrorKind::Timeout
            } else {
                ErrorKind::Unavailable
            },
            format!("the reply could not be read: {}", root_cause(&error)),
        )
        .with_retry(Retry::Yes)
        .with_remedy("try again; if it persists, check what stands between this machine and the server"),
        SdkError::ConstructionFailure(_) => transport::credentials_error(&error).unwrap_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                format!("the request could not be made: {}", root_cause(&error)),
            )
            .with_remedy("check the path, 's3.endpoint' and 's3.region'")
        }),
        SdkError::TimeoutError(_) => transport::deadline_error(),
        _ => transport::transport_error(&error),
    };
    let mapped = match verdict.and_then(|verdict| verdict.gave_up()) {
        Some(reason) => mapped.with_detail("no further attempt", reason.as_str()),
        None => mapped,
    };
    mapped
        .with_operation(operation)
        .with_path(path)
        .with_http_status(reply.status)
        .with_request_id(reply.request_id)
        .with_attempts(verdict.map_or(0, |verdict| verdict.attempts))
        .with_source(&error)
}

/// What the head of a reply says, whatever its body.
#[derive(Default)]
struct Reply {
    status: u16,
    request_id: String,
    /// The region that the bucket is really in.
    bucket_region: String,
    retry_after: Option<Duration>,
}

impl Reply {
    fn of(response: &HttpResponse) -> Self {
        let header = |name| response.headers().get(name).unwrap_or_default();
        Self {
            status: response.status().as_u16(),
            request_id: header("x-amz-request-id").to_owned(),
            bucket_region: header("x-amz-bucket-region").to_owned(),
            retry_after: backoff::retry_after(header("retry-after"), SystemTime::now()),
        }
    }
}

/// Kind and retryability by the service's code or, where it has none (a HEAD), by the status.
fn classify(status: u16, code: &str) -> (ErrorKind, bool) {
    let row = table::find(&Failure {
        status,
        code: code.to_owned(),
        transport: None,
    });
    (row.kind, row.is_transient())
}

fn service_error(path: &Location, code: &str, service_message: &str, reply: &Reply) -> Error {
    let (mut kind, retryable) = classify(reply.status, code);
    // A HEAD in the wrong region gets a bare 400 with the right region in a header.
    if reply.status == 400 && kind == ErrorKind::Other && !reply.bucket_region.is_empty() {
        kind = ErrorKind::InvalidConfig;
    }
    let bucket = path.authority();
    let (message, remedy): (String, String) = match (kind, code) {
        (ErrorKind::NotFound, "NoSuchBucket") => (
            format!("no such bucket '{bucket}'"),
            "create the bucket or correct its name".to_owned(),
        ),
        (ErrorKind::NotFound, _) => ("no such file".to_owned(), "check the path".to_owned()),
        (ErrorKind::UploadGone, _) => (
            "the upload no longer exists: it was completed, aborted or expired".to_owned(),
            "check the lifecycle rules of the bucket for incomplete uploads".to_owned(),
        ),
        (ErrorKind::PermissionDenied, _) => {
            let (message, remedy) = denied(code, reply.status);
            (message.to_owned(), remedy.to_owned())
        }
        (ErrorKind::Unauthenticated, _) => (
            "the service does not accept the credentials".to_owned(),
            "check 's3.access-key' and 's3.secret-key'".to_owned(),
        ),
        (ErrorKind::InvalidConfig, code) if code.starts_with("KMS.") => (
            with_service_message("the key of the encryption cannot be used", service_message),
            "correct 's3.sse.kms.key-id', or enable the key".to_owned(),
        ),
        (ErrorKind::InvalidConfig, _) => {
            let remedy = match reply.bucket_region.as_str() {
                "" => "set 's3.region' to the region of the bucket, and check 's3.endpoint'".to_owned(),
                region => format!("set 's3.region' to '{region}'"),
            };
            (
                format!("the bucket '{bucket}' is not in the configured region"),
                remedy,
            )
        }
        (ErrorKind::Throttled, _) => (
            "the service asks for fewer requests".to_owned(),
            "try again later, or lower 's3.connection.max'".to_owned(),
        ),
        (ErrorKind::Unavailable | ErrorKind::Timeout, _) => (
            with_service_message("the service failed", service_message),
            "try again later".to_owned(),
        ),
        (ErrorKind::PreconditionFailed, _) => (
            "the condition of the request does not hold".to_owned(),
            String::new(),
        ),
        (ErrorKind::Unsupported, _) => (
            with_service_message("the store does not support the request", service_message),
            String::new(),
        ),
        (ErrorKind::Other, "") if reply.status == 400 => (
            "the service refused the request without a reason".to_owned(),
            "check that the session of the credentials is not over: S3 answers a HEAD so".to_owned(),
        ),
        _ => (
            with_service_message("the service refused the request", service_message),
            String::new(),
        ),
    };
    let retry = match (retryable, reply.retry_after) {
        (false, _) => Retry::No,
        (true, None) => Retry::Yes,
        (true, Some(delay)) => Retry::After(delay),
    };
    Error::new(kind, message)
        .with_service_code(code)
        .with_retry(retry)
        .with_remedy(remedy)
}

/// Why the service refuses us, and what to do about it.
fn denied(code: &str, status: u16) -> (&'static str, &'static str) {
    match code {
        "InvalidAccessKeyId" => (
            "the service does not know the access key",
            "check 's3.access-key'",
        ),
        "SignatureDoesNotMatch" => (
            "the signature does not match: the secret key is wrong",
            "check 's3.access-key' and 's3.secret-key'",
        ),
        "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => (
            "the session token is expired or not valid",
            "provide new credentials, or set 's3.session-token' to the token of the keys",
        ),
        "RequestTimeTooSkewed" => (
            "the clock of this machine is too far from the service's",
            "set the clock of this machine",
        ),
        // The reply to a HEAD has no body, so this is all there is to know.
        "" | "Forbidden" if status == 403 => (
            "access denied; S3 answers so for a missing file too if s3:ListBucket is not allowed",
            "check 's3.access-key' and 's3.secret-key', and that they may s3:GetObject and s3:ListBucket",
        ),
        _ => (
            "access denied",
            "check 's3.access-key' and 's3.secret-key', and the rights of this identity on the bucket",
        ),
    }
}

fn with_service_message(ours: &str, theirs: &str) -> String {
    match one_line(theirs).as_str() {
        "" => ours.to_owned(),
        theirs => format!("{ours}: {}", theirs.trim_end_matches('.')),
    }
}

/// Foreign text as a part of one line of bounded length.
pub(crate) fn one_line(text: &str) -> String {
    const LIMIT: usize = 300;
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > LIMIT {
            let mut end = LIMIT;
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            line.truncate(end);
            line.push('…');
            break;
        }
    }
    line.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_without_a_code_has_the_kind_that_the_caller_expects() {
        for (status, kind, retryable) in [
            (301, ErrorKind::InvalidConfig, false),
            (401, ErrorKind::Unauthenticated, false),
            (403, ErrorKind::PermissionDenied, false),
            (404, ErrorKind::NotFound, false),
            (409, ErrorKind::Conflict, false),
            (412, ErrorKind::PreconditionFailed, false),
            (429, ErrorKind::Throttled, true),
            (500, ErrorKind::Unavailable, true),
            (501, ErrorKind::Unsupported, false),
            (503, ErrorKind::Unavailable, true),
        ] {
            assert_eq!(classify(status, ""), (kind, retryable), "{status}");
        }
    }

    #[test]
    fn a_code_counts_more_than_the_status_since_errors_also_come_with_status_200() {
        assert_eq!(classify(200, "InternalError"), (ErrorKind::Unavailable, true));
        assert_eq!(classify(503, "SlowDown"), (ErrorKind::Throttled, true));
        assert_eq!(
            classify(400, "ExpiredToken"),
            (ErrorKind::PermissionDenied, false)
        );
        assert_eq!(classify(404, "NoSuchUpload"), (ErrorKind::UploadGone, false));
    }

    #[test]
    fn a_reply_from_another_region_names_the_right_one() {
        let path = Location::parse("s3://logs/a").unwrap();
        let reply = Reply {
            status: 400,
            bucket_region: "eu-west-3".to_owned(),
            ..Reply::default()
        };
        let error = service_error(&path, "", "", &reply);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.remedy().contains("'s3.region' to 'eu-west-3'"), "{error}");
    }

    #[test]
    fn foreign_text_stays_on_one_bounded_line() {
        assert_eq!(one_line(" a\n\tb\u{1b}[0m "), "a b[0m");
        assert!(one_line(&"é ".repeat(10_000)).len() < 310);
    }
}
