//! What a request says about its signature, before anything is verified.

use http::request::Parts;
use http::{HeaderMap, header};

use crate::operation::percent_decode;

/// The claims of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) access_key: String,
    /// Of the credential scope `<key>/<date>/<region>/<service>/aws4_request`.
    pub(crate) region: String,
    /// When it was made, such as `20260131T120000Z`.
    pub(crate) date: String,
    /// Names of the signed headers, in lower case.
    signed_headers: Vec<String>,
    /// For how many seconds a signature in a URL is valid.
    pub(crate) expires: Option<u64>,
    pub(crate) token: Option<String>,
    /// Whether the signature is in the URL, where it covers all parameters.
    in_url: bool,
}

impl Claims {
    /// Those of a request; none, if it is not signed in the fourth version.
    pub(crate) fn of(request: &Parts) -> Option<Self> {
        match request.headers.get(header::AUTHORIZATION) {
            Some(value) => Self::of_header(value.to_str().ok()?, &request.headers),
            None => Self::of_query(request.uri.query()?),
        }
    }

    fn of_header(authorization: &str, headers: &HeaderMap) -> Option<Self> {
        let field = |name| {
            let rest = authorization.split_once(name)?.1;
            rest.split(',').next().map(str::trim)
        };
        let text = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
        let (access_key, region) = scope(field("Credential=")?)?;
        Some(Self {
            access_key,
            region,
            date: text("x-amz-date").unwrap_or_default(),
            signed_headers: names(field("SignedHeaders=")?),
            expires: None,
            // Some who provide credentials without a session say so by an empty token.
            token: text("x-amz-security-token").filter(|token| !token.is_empty()),
            in_url: false,
        })
    }

    fn of_query(query: &str) -> Option<Self> {
        let parameter = |wanted: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(name, _)| *name == wanted)?;
            Some(percent_decode(value))
        };
        let (access_key, region) = scope(&parameter("X-Amz-Credential")?)?;
        Some(Self {
            access_key,
            region,
            date: parameter("X-Amz-Date").unwrap_or_default(),
            signed_headers: names(&parameter("X-Amz-SignedHeaders")?),
            expires: parameter("X-Amz-Expires").and_then(|seconds| seconds.parse().ok()),
            token: parameter("X-Amz-Security-Token"),
            in_url: true,
        })
    }

    /// Whether the session token is covered by the signature.
    pub(crate) fn signs_token(&self) -> bool {
        self.in_url
            || self
                .signed_headers
                .iter()
                .any(|name| name == "x-amz-security-token")
    }
}

/// Access key and region of a credential scope. From the back: access keys may contain slashes.
fn scope(credential: &str) -> Option<(String, String)> {
    let mut fields = credential.trim().rsplitn(5, '/');
    let region = fields.nth(2)?.to_owned();
    Some((fields.nth(1)?.to_owned(), region))
}

fn names(list: &str) -> Vec<String> {
    list.split(';').map(str::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(request: http::request::Builder) -> Option<Claims> {
        Claims::of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_header_and_a_url_say_the_same() {
        let header = claims(
            http::Request::get("/b/k")
                .header(
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=a/b/20260131/eu-west-1/s3/aws4_request, \
                     SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=00",
                )
                .header("x-amz-date", "20260131T120000Z")
                .header("x-amz-security-token", "t+/="),
        );
        let url = claims(http::Request::get(
            "/b/k?X-Amz-Credential=a%2Fb%2F20260131%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20260131T120000Z\
             &X-Amz-SignedHeaders=host&X-Amz-Expires=60&X-Amz-Security-Token=t%2B%2F%3D",
        ));
        for claims in [header.unwrap(), url.unwrap()] {
            assert_eq!((&*claims.access_key, &*claims.region), ("a/b", "eu-west-1"));
            assert_eq!(
                (&*claims.date, claims.token.as_deref()),
                ("20260131T120000Z", Some("t+/="))
            );
            assert!(claims.signs_token());
        }
    }

    #[test]
    fn what_is_not_signed_claims_nothing() {
        assert_eq!(claims(http::Request::get("/b/k?list-type=2")), None);
        assert_eq!(
            claims(http::Request::get("/").header("authorization", "AWS a:b")),
            None
        );
        let short = "AWS4-HMAC-SHA256 Credential=a/s3/aws4_request, SignedHeaders=host";
        assert_eq!(
            claims(http::Request::get("/").header("authorization", short)),
            None
        );
    }
}
