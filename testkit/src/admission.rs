//! What is wrong with a request apart from its signature: its date, its session token, and its region.

use std::time::Duration;

use http::StatusCode;
use s3s::dto::Timestamp;

use crate::clock::{iso8601, signature_date};
use crate::identity::{Identity, Refused};
use crate::signature::Claims;
use crate::store::Settings;

/// How far the date of a request may be from the time of the server.
const MAX_SKEW: Duration = Duration::from_mins(15);

/// How a request is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Elements of the error document besides those that all have.
    pub(crate) details: Vec<(&'static str, String)>,
    /// The region of the bucket, if it is told.
    pub(crate) region: Option<String>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
            region: None,
        }
    }

    fn detail(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.details.push((name, text.into()));
        self
    }
}

/// Checks when and as whom a request claims to be signed.
pub(crate) fn check_signer(claims: &Claims, identity: &Identity) -> Result<(), Refusal> {
    check_date(claims, identity)?;
    check_token(claims, identity)
}

fn check_date(claims: &Claims, identity: &Identity) -> Result<(), Refusal> {
    let now = identity.clock().now();
    let Some(date) = signature_date(&claims.date) else {
        // Refused with the signature.
        return Ok(());
    };
    let is_early = date > Timestamp::from(now + MAX_SKEW);
    let is_late = match claims.expires {
        Some(seconds) => {
            // No URL is valid for longer than a week.
            let valid = Duration::from_secs(seconds.min(604_800));
            if date < Timestamp::from(now - valid) {
                let message = "Request has expired";
                return Err(Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", message)
                    .detail("X-Amz-Expires", seconds.to_string())
                    .detail("ServerTime", iso8601(now)));
            }
            false
        }
        None => date < Timestamp::from(now - MAX_SKEW),
    };
    if is_early || is_late {
        let message = "The difference between the request time and the current time is too large.";
        return Err(
            Refusal::new(StatusCode::FORBIDDEN, "RequestTimeTooSkewed", message)
                .detail("RequestTime", claims.date.clone())
                .detail("ServerTime", iso8601(now))
                .detail("MaxAllowedSkewMilliseconds", MAX_SKEW.as_millis().to_string()),
        );
    }
    Ok(())
}

fn check_token(claims: &Claims, identity: &Identity) -> Result<(), Refusal> {
    if claims.token.is_some() && !claims.signs_token() {
        let message = "There were headers present in the request which were not signed";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", message)
            .detail("HeadersNotSigned", "x-amz-security-token"));
    }
    let refused = match identity.admit(&claims.access_key, claims.token.as_deref()) {
        Ok(()) => return Ok(()),
        Err(refused) => refused,
    };
    Err(match refused {
        Refused::TokenMissing => Refusal::new(
            StatusCode::FORBIDDEN,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        )
        .detail("AWSAccessKeyId", claims.access_key.clone()),
        Refused::TokenWrong => Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidToken",
            "The provided token is malformed or otherwise invalid.",
        ),
        Refused::Expired => Refusal::new(
            StatusCode::BAD_REQUEST,
            "ExpiredToken",
            "The provided token has expired.",
        ),
        Refused::Revoked => Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"),
    })
}

/// How a request is answered that is signed for another region than that of its bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WrongRegion {
    /// As AWS does: [`Self::Redirect`] if the bucket is in another region than the endpoint, and
    /// [`Self::Malformed`] if only the signature is for another.
    #[default]
    AsAws,
    /// 301 `PermanentRedirect`, which names the region in `x-amz-bucket-region` but has no `Location`.
    Redirect,
    /// 400 `AuthorizationHeaderMalformed`, which names the region.
    Malformed,
}

/// Checks the region that a request to S3 is signed for.
pub(crate) fn check_region(
    claims: &Claims,
    bucket: Option<&str>,
    settings: &Settings,
    answer: WrongRegion,
) -> Result<(), Refusal> {
    let endpoint = settings.region.as_str();
    let expected = bucket.map_or(endpoint, |bucket| settings.region_of(bucket));
    if claims.region == *expected {
        return Ok(());
    }
    let redirects = match answer {
        WrongRegion::AsAws => expected != endpoint,
        WrongRegion::Redirect => true,
        WrongRegion::Malformed => false,
    };
    let mut refusal = match bucket {
        Some(bucket) if redirects => Refusal::new(
            StatusCode::MOVED_PERMANENTLY,
            "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified endpoint. Please send \
             all future requests to this endpoint.",
        )
        .detail("Endpoint", format!("{bucket}.s3.{expected}.amazonaws.com"))
        .detail("Bucket", bucket),
        _ => Refusal::new(
            StatusCode::BAD_REQUEST,
            "AuthorizationHeaderMalformed",
            format!(
                "The authorization header is malformed; the region '{}' is wrong; expecting '{expected}'",
                claims.region
            ),
        )
        .detail("Region", expected),
    };
    refusal.region = Some(expected.to_owned());
    Err(refusal)
}
