//! Who may do what: signatures of known keys in the right region may do everything.

use std::collections::HashMap;

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::errors;

/// The known access keys and their secrets.
pub(crate) struct Keys(pub(crate) HashMap<String, SecretKey>);

#[async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.0.get(access_key).cloned().ok_or_else(|| {
            errors::with_status(
                "InvalidAccessKeyId",
                StatusCode::FORBIDDEN,
                "The AWS Access Key Id you provided does not exist in our records.",
            )
        })
    }
}

/// Refuses unsigned requests, and signatures for another region, which the protocol layer does not check.
pub(crate) struct RegionCheck {
    pub(crate) region: String,
}

#[async_trait]
impl S3Access for RegionCheck {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        if cx.credentials().is_none() {
            return Err(S3Error::with_message(S3ErrorCode::AccessDenied, "Access Denied"));
        }
        match scope_region(cx.headers(), cx.uri()) {
            Some(region) if region != self.region => {
                let mut error = errors::with_status(
                    "AuthorizationHeaderMalformed",
                    StatusCode::BAD_REQUEST,
                    format!(
                        "The authorization header is malformed; the region '{region}' is wrong; expecting '{}'",
                        self.region
                    ),
                );
                if let Ok(value) = HeaderValue::from_str(&self.region) {
                    error.set_headers(HeaderMap::from_iter([(
                        http::HeaderName::from_static("x-amz-bucket-region"),
                        value,
                    )]));
                }
                Err(error)
            }
            _ => Ok(()),
        }
    }
}

/// The region of the credential scope `<key>/<date>/<region>/s3/aws4_request`.
fn scope_region(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let header = headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let scope = if let Some(header) = header {
        header.split_once("Credential=")?.1.split(',').next()?.to_owned()
    } else {
        let mut pairs = uri.query()?.split('&');
        let value = pairs.find_map(|pair| pair.strip_prefix("X-Amz-Credential="))?;
        value.replace("%2F", "/").replace("%2f", "/")
    };
    // From the back: access keys may contain slashes.
    scope.trim().rsplit('/').nth(2).map(str::to_owned)
}
