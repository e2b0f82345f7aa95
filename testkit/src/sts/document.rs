//! The documents of STS.

use http::{HeaderValue, Response, StatusCode, header};

use crate::clock::iso8601;
use crate::error_xml::{self, escape};
use crate::identity::Issued;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

pub(super) fn element(name: &str, text: &str) -> String {
    group(name, &escape(text))
}

pub(super) fn group(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

pub(super) fn credentials(issued: &Issued) -> String {
    let fields = element("AccessKeyId", &issued.access_key)
        + &element("SecretAccessKey", &issued.secret)
        + &element("SessionToken", &issued.token)
        + &element("Expiration", &iso8601(issued.expiration));
    group("Credentials", &fields)
}

/// The answer to an operation.
pub(super) fn response(operation: &str, result: &str, request_id: &str) -> String {
    let result = group(&format!("{operation}Result"), result);
    let metadata = group("ResponseMetadata", &element("RequestId", request_id));
    format!("<{operation}Response xmlns=\"{NAMESPACE}\">{result}{metadata}</{operation}Response>")
}

/// Writes an error as STS does, which has other codes than S3 for what is wrong with a signature.
pub(crate) async fn error(response: Response<s3s::Body>, request_id: &str) -> Response<s3s::Body> {
    let (parts, body) = response.into_parts();
    let (code, message) = error_xml::code_and_message(body)
        .await
        .unwrap_or_else(|| ("InternalFailure".to_owned(), String::new()));
    let same = (parts.status, code.as_str(), message.as_str());
    let (status, code, message) = match code.as_str() {
        "InvalidAccessKeyId" | "InvalidToken" => (
            StatusCode::FORBIDDEN,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ),
        "ExpiredToken" => (
            StatusCode::FORBIDDEN,
            "ExpiredToken",
            "The security token included in the request is expired",
        ),
        "RequestTimeTooSkewed" => (
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "Signature expired: the request was not signed within 15 minutes of the time of the server",
        ),
        "SignatureDoesNotMatch" if message == code => (
            parts.status,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        ),
        _ => same,
    };
    let kind = if status.is_server_error() {
        "Receiver"
    } else {
        "Sender"
    };
    let error = group(
        "Error",
        &(element("Type", kind) + &element("Code", code) + &element("Message", message)),
    );
    let id = element("RequestId", request_id);
    let document = format!("<ErrorResponse xmlns=\"{NAMESPACE}\">{error}{id}</ErrorResponse>");
    let mut written = Response::new(s3s::Body::from(document));
    *written.status_mut() = status;
    *written.headers_mut() = parts.headers;
    written.headers_mut().remove(header::CONTENT_LENGTH);
    let xml = HeaderValue::from_static("text/xml");
    written.headers_mut().insert(header::CONTENT_TYPE, xml);
    written
}
