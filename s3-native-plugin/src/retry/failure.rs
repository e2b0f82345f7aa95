//! What an attempt failed from, as the table wants to know it.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::interceptors::context::Error;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::table::Failure;
use super::transport_failure::TransportFailure;
use crate::error::chain;

/// What an attempt failed from; nothing if the failure is not that of an attempt.
pub(super) fn of_attempt(
    error: &OrchestratorError<Error>,
    response: Option<&HttpResponse>,
) -> Option<Failure> {
    if error.is_timeout_error() || error.is_interceptor_error() {
        return None;
    }
    let Some(response) = response else {
        let has_no_credentials = chain(error).any(<dyn std::error::Error + 'static>::is::<CredentialsError>);
        if !error.is_connector_error() && !has_no_credentials {
            return None;
        }
        return Some(Failure {
            transport: Some(TransportFailure::of_request(error)),
            ..Failure::default()
        });
    };
    let code = element(response, "Code").unwrap_or_default();
    let status = response.status();
    let is_success = status.is_success();
    // What a refusal means is told by its code: one that was cut short in front of it is no answer.
    let needs_body = is_success || (status.is_client_error() && error.is_response_error());
    let transport = match (needs_body && code.is_empty(), error.is_response_error()) {
        (false, _) => None,
        (true, true) => Some(TransportFailure::of_reply(error)),
        (true, false) => Some(TransportFailure::ReplyUnreadable),
    };
    Some(Failure {
        status: status.as_u16(),
        code,
        transport,
    })
}

/// The region in which the service says that the bucket is.
pub(super) fn named_region(response: &HttpResponse) -> Option<String> {
    match response.headers().get("x-amz-bucket-region") {
        Some(region) => Some(region.to_owned()),
        None => element(response, "Region"),
    }
}

/// How far the service's clock is from this machine's, if too far for signatures.
pub(super) fn clock_skew(response: &HttpResponse) -> Option<String> {
    /// From here on the SDK takes a refusal for one of the clock; the services allow 15 minutes.
    const NOTABLE: Duration = Duration::from_mins(4);
    let date = response.headers().get("date")?;
    let date = DateTime::from_str(date, Format::HttpDate).ok()?;
    let theirs = SystemTime::try_from(date).ok()?;
    let ours = SystemTime::now();
    let (skew, direction) = match theirs.duration_since(ours) {
        Ok(behind) => (behind, "behind"),
        Err(ahead) => (ahead.duration(), "ahead"),
    };
    (skew > NOTABLE).then(|| format!("{} min {direction}", skew.as_secs() / 60))
}

/// The text of an element of the error in a reply's body. The error itself is parsed by the SDK,
/// which does not show it to interceptors; a code or a region has no character that XML escapes.
fn element(response: &HttpResponse, name: &str) -> Option<String> {
    const LONGEST_BODY: usize = 64 << 10;
    let body = response.body().bytes()?;
    let text = std::str::from_utf8(body.get(..LONGEST_BODY).unwrap_or(body)).ok()?;
    let error = text.split_once("<Error")?.1;
    let (value, _) = error
        .split_once(&format!("<{name}>"))?
        .1
        .split_once(&format!("</{name}>"))?;
    let value = value.trim();
    (value.len() <= 128).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn reply(status: u16, body: &str) -> HttpResponse {
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
    }

    #[test]
    fn code_and_region_are_found_in_an_error_and_nowhere_else() {
        let wrong = reply(
            400,
            "<?xml version=\"1.0\"?>\n<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>",
        );
        assert_eq!(element(&wrong, "Code").unwrap(), "AuthorizationHeaderMalformed");
        assert_eq!(named_region(&wrong).unwrap(), "eu-west-3");
        assert_eq!(
            element(&reply(200, "<Result><Code>x</Code></Result>"), "Code"),
            None
        );
        assert_eq!(element(&reply(503, "Service Unavailable"), "Code"), None);
        let mut both = reply(301, "<Error><Region>a</Region></Error>");
        both.headers_mut().insert("x-amz-bucket-region", "b");
        assert_eq!(named_region(&both).unwrap(), "b");
    }
}
