//! Refusals, with the right that is missing.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use plugin_api::{Error, ErrorKind, Location};

use crate::error::s3_error;
use crate::options;

/// The error of a request that needs this action of IAM, or another that the service names.
#[allow(clippy::needless_pass_by_value, reason = "made for `map_err`")]
pub(super) fn refused<E>(action: &str, path: &Location, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let named = error.message().and_then(named_action).map(str::to_owned);
    let error = s3_error("diagnose", path, error);
    let code = error.service_code();
    if code.starts_with("KMS.") {
        let remedy = format!(
            "check '{}', and that the key is enabled",
            options::SSE_KMS_KEY_ID.key
        );
        return error.with_remedy(remedy);
    }
    // The other codes of this kind are about who asks, and say so themselves.
    let lacks_right = matches!(code, "AccessDenied" | "AllAccessDisabled" | "Forbidden" | "");
    if error.kind() != ErrorKind::PermissionDenied || !lacks_right {
        return error;
    }
    let action = named.as_deref().unwrap_or(action);
    let resource = if action.starts_with("kms:") {
        format!("the key of '{}'", options::SSE_KMS_KEY_ID.key)
    } else {
        format!("the bucket '{}'", path.authority())
    };
    error.with_remedy(format!(
        "allow {action} on {resource} to this identity, in its own policies and in those of the resource"
    ))
}

/// The action in a text such as "… is not authorized to perform: kms:GenerateDataKey on resource: …".
fn named_action(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    let action = rest.split_whitespace().next()?;
    let legal = |c: char| c.is_ascii_alphanumeric() || c == ':' || c == '-';
    (action.contains(':') && action.chars().all(legal)).then_some(action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_named_only_where_the_service_names_one() {
        for (message, action) in [
            (
                "User: arn:aws:iam::1:user/u is not authorized to perform: kms:GenerateDataKey on resource: x",
                Some("kms:GenerateDataKey"),
            ),
            ("is not authorized to perform: s3:PutObject", Some("s3:PutObject")),
            ("is not authorized to perform: \u{1b}[2Js3:x on", None),
            ("Access Denied", None),
            ("not authorized to perform: ", None),
        ] {
            assert_eq!(named_action(message), action, "{message}");
        }
    }
}
