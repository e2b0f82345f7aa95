//! The error documents of S3.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt as _;

/// An error before it is written.
#[derive(Debug)]
pub(crate) struct ErrorDocument<'a> {
    pub(crate) code: &'a str,
    pub(crate) message: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) request_id: &'a str,
    /// Further elements.
    pub(crate) details: &'a [(&'static str, String)],
}

impl ErrorDocument<'_> {
    pub(crate) fn response(&self, status: StatusCode) -> Response<s3s::Body> {
        let mut response = Response::new(s3s::Body::from(self.xml()));
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        response
    }

    fn xml(&self) -> Bytes {
        let Self {
            code,
            message,
            resource,
            request_id,
            details,
        } = self;
        let details: Vec<_> = details
            .iter()
            .map(|(name, text)| format!("<{name}>{}</{name}>", escape(text)))
            .collect();
        let details = details.concat();
        let [code, message, resource] = [code, message, resource].map(|text| escape(text));
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
             {details}<Resource>{resource}</Resource><RequestId>{request_id}</RequestId>\
             <HostId>testkit</HostId></Error>"
        )
        .into()
    }
}

/// Code and message of an error document.
pub(crate) async fn code_and_message(body: s3s::Body) -> Option<(String, String)> {
    let body = body.collect().await.ok()?.to_bytes();
    let text = String::from_utf8_lossy(&body);
    let code = element(&text, "Code")?;
    let message = element(&text, "Message").map(unescape);
    Some((code.to_owned(), message.unwrap_or_else(|| code.to_owned())))
}

/// Writes an error of the protocol layer as S3 would: it leaves out the resource, the id, and the message of
/// those errors that it raises itself.
pub(crate) async fn complete(
    response: Response<s3s::Body>,
    resource: &str,
    request_id: &str,
) -> Response<s3s::Body> {
    let (parts, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let Some(code) = element(&text, "Code") else {
        return Response::from_parts(parts, s3s::Body::from(body));
    };
    let message = element(&text, "Message")
        .map(unescape)
        .or_else(|| default_message(code).map(str::to_owned));
    let message = message.unwrap_or_else(|| code.to_owned());
    let document = ErrorDocument {
        code,
        message: &message,
        resource,
        request_id,
        details: &[],
    };
    let mut completed = document.response(parts.status);
    for (name, value) in &parts.headers {
        if name != header::CONTENT_LENGTH && name != header::CONTENT_TYPE {
            completed.headers_mut().insert(name, value.clone());
        }
    }
    completed
}

fn default_message(code: &str) -> Option<&'static str> {
    Some(match code {
        "SignatureDoesNotMatch" => {
            "The request signature we calculated does not match the signature you provided. Check your key and \
             signing method."
        }
        "AccessDenied" => "Access Denied",
        "InvalidAccessKeyId" => "The AWS Access Key Id you provided does not exist in our records.",
        "InvalidBucketName" => "The specified bucket is not valid.",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long",
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "RequestTimeTooSkewed" => {
            "The difference between the request time and the current time is too large."
        }
        "MalformedXML" => {
            "The XML you provided was not well-formed or did not validate against our published schema"
        }
        "NotImplemented" => "A header you provided implies functionality that is not implemented",
        "InternalError" => "We encountered an internal error. Please try again.",
        _ => return None,
    })
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

fn unescape(text: &str) -> String {
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    text.replace("&apos;", "'")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}
