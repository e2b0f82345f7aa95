//! Tells which operation a request is, before anything is parsed: for faults and the log.

use http::{HeaderMap, Method, Uri};

/// A request by what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Name as in the API of S3 or STS, such as `UploadPart`.
    pub(crate) name: &'static str,
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) upload_id: Option<String>,
    pub(crate) part_number: Option<u16>,
    /// The `Range` header.
    pub(crate) range: Option<String>,
}

impl Operation {
    pub(crate) fn classify(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let path = uri.path().strip_prefix('/').unwrap_or_default();
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let query = Query(uri.query().unwrap_or_default());
        Self {
            name: name(
                method,
                bucket,
                key,
                &query,
                headers.contains_key("x-amz-copy-source"),
            ),
            bucket: (!bucket.is_empty()).then(|| percent_decode(bucket)),
            key: (!key.is_empty()).then(|| percent_decode(key)),
            upload_id: query.get("uploadId").map(percent_decode),
            part_number: query.get("partNumber").and_then(|n| n.parse().ok()),
            range: headers
                .get(http::header::RANGE)
                .and_then(|range| range.to_str().ok())
                .map(str::to_owned),
        }
    }
}

/// Operations of STS, which are told apart by their body.
pub(crate) const STS: [&str; 4] = [
    "AssumeRole",
    "AssumeRoleWithWebIdentity",
    "GetCallerIdentity",
    "GetSessionToken",
];

/// What makes a request one of an operation that is not there, although the method and path are those of one
/// that is.
const SUBRESOURCES: [&str; 24] = [
    "acl",
    "accelerate",
    "analytics",
    "attributes",
    "cors",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "retention",
    "tagging",
    "versioning",
    "versions",
    "website",
];

fn name(method: &Method, bucket: &str, key: &str, query: &Query<'_>, is_copy: bool) -> &'static str {
    let has = |parameter| query.get(parameter).is_some();
    if SUBRESOURCES.iter().any(|subresource| has(subresource)) {
        return "Unknown";
    }
    match (method.as_str(), bucket, key) {
        ("GET", "", _) => "ListBuckets",
        ("GET", _, "") if has("location") => "GetBucketLocation",
        ("GET", _, "") if has("uploads") => "ListMultipartUploads",
        ("GET", _, "") if query.get("list-type") == Some("2") => "ListObjectsV2",
        ("GET", _, "") => "ListObjects",
        ("GET", _, _) if has("uploadId") => "ListParts",
        ("GET", _, _) => "GetObject",
        ("HEAD", _, "") => "HeadBucket",
        ("HEAD", _, _) => "HeadObject",
        ("PUT", _, "") => "CreateBucket",
        ("PUT", _, _) if has("uploadId") && is_copy => "UploadPartCopy",
        ("PUT", _, _) if has("uploadId") => "UploadPart",
        ("PUT", _, _) if is_copy => "CopyObject",
        ("PUT", _, _) => "PutObject",
        ("POST", _, "") if has("delete") => "DeleteObjects",
        ("POST", _, _) if has("uploads") => "CreateMultipartUpload",
        ("POST", _, _) if has("uploadId") => "CompleteMultipartUpload",
        ("DELETE", _, "") => "DeleteBucket",
        ("DELETE", _, _) if has("uploadId") => "AbortMultipartUpload",
        ("DELETE", _, _) => "DeleteObject",
        _ => "Unknown",
    }
}

struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    fn get(&self, parameter: &str) -> Option<&'a str> {
        let mut pairs = self
            .0
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(name, _)| *name == parameter).map(|(_, value)| value)
    }
}

/// Undoes percent encoding; what does not form UTF-8 is replaced, as no key is like that.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| tail.get(..2)).flatten();
        if let Some(escaped) = escaped.and_then(|digits| hex::decode(digits).ok()) {
            decoded.extend(escaped);
            rest = &tail[2..];
        } else {
            decoded.push(byte);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, uri: &str) -> Operation {
        Operation::classify(&method.parse().unwrap(), &uri.parse().unwrap(), &HeaderMap::new())
    }

    #[test]
    fn keys_are_taken_byte_for_byte() {
        assert_eq!(of("GET", "/b//a%2Fb+c%25%20").key.as_deref(), Some("/a/b+c% "));
        assert_eq!(of("GET", "/b/").key, None);
        assert_eq!(of("GET", "/b/").bucket.as_deref(), Some("b"));
    }

    #[test]
    fn operations_are_told_apart_by_method_and_query() {
        assert_eq!(of("PUT", "/b/k?partNumber=7&uploadId=u%2B").name, "UploadPart");
        assert_eq!(of("PUT", "/b/k?partNumber=7&uploadId=u%2B").part_number, Some(7));
        assert_eq!(
            of("PUT", "/b/k?partNumber=7&uploadId=u%2B").upload_id.as_deref(),
            Some("u+")
        );
        assert_eq!(of("POST", "/b/k?uploads").name, "CreateMultipartUpload");
        assert_eq!(of("POST", "/b?delete").name, "DeleteObjects");
        assert_eq!(of("GET", "/b?list-type=2&prefix=x").name, "ListObjectsV2");
        assert_eq!(of("GET", "/").name, "ListBuckets");
        assert_eq!(of("GET", "/b/k?tagging").name, "Unknown");
    }
}
