//! The open uploads of a bucket, page by page.

use std::time::SystemTime;

use aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsOutput;
use aws_sdk_s3::types::EncodingType;
use plugin_api::{Error, ErrorKind, Location, PendingUpload, Result};

use crate::bucket::Bucket;
use crate::error::s3_error;
use crate::listing;

const OPERATION: &str = "pending_uploads";

/// One page of the open uploads of `under` itself and of everything below it, and the token of the
/// next page. A page may be empty although another follows.
pub(super) async fn page(
    bucket: &Bucket,
    under: &Location,
    token: &str,
) -> Result<(Vec<PendingUpload>, Option<String>)> {
    let (key_marker, upload_marker) = markers(under, token)?;
    // Without the slash, so that a file is found by its own name; what only begins alike is left out.
    let prefix = under.key().trim_end_matches('/');
    let output = bucket
        .client
        .list_multipart_uploads()
        .bucket(&bucket.name)
        .prefix(prefix)
        // XML cannot carry every key; percent-encoded it can.
        .encoding_type(EncodingType::Url)
        .set_key_marker(key_marker)
        .set_upload_id_marker(upload_marker)
        .send()
        .await
        .map_err(|error| s3_error(OPERATION, under, error))?;
    let mut uploads = Vec::with_capacity(output.uploads().len());
    for upload in output.uploads() {
        let key = plain(under, &output, upload.key().unwrap_or_default())?;
        let below = key.strip_prefix(prefix);
        if !prefix.is_empty() && !below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            continue;
        }
        uploads.push(PendingUpload {
            location: under.with_key(&key),
            upload_id: upload.upload_id().unwrap_or_default().to_owned(),
            initiated: upload
                .initiated()
                .and_then(|time| SystemTime::try_from(*time).ok()),
        });
    }
    Ok((uploads, next_token(under, &output, token)?))
}

/// The token of the next page: the length of the key, the key and the upload id at which it begins.
fn next_token(under: &Location, output: &ListMultipartUploadsOutput, token: &str) -> Result<Option<String>> {
    if output.is_truncated() != Some(true) {
        return Ok(None);
    }
    let key = plain(under, output, output.next_key_marker().unwrap_or_default())?;
    let upload = output.next_upload_id_marker().unwrap_or_default();
    let next = format!("{}:{key}{upload}", key.len());
    // Some stores repeat the last marker for ever.
    Ok((!key.is_empty() && next != token).then_some(next))
}

/// The markers in a token of [`next_token`].
fn markers(under: &Location, token: &str) -> Result<(Option<String>, Option<String>)> {
    if token.is_empty() {
        return Ok((None, None));
    }
    let parsed = token.split_once(':').and_then(|(len, rest)| {
        let (key, upload) = rest.split_at_checked(len.parse().ok()?)?;
        Some((key.to_owned(), upload.to_owned()))
    });
    let Some((key, upload)) = parsed else {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("'{token}' is not a token of a listing"),
        )
        .with_operation(OPERATION)
        .with_path(under)
        .with_remedy("pass \"\" for the first page and then the token of the page before"));
    };
    Ok((Some(key), (!upload.is_empty()).then_some(upload)))
}

/// A key as it is. A store that does not know the encoding sends it so, and does not echo it.
fn plain(under: &Location, output: &ListMultipartUploadsOutput, text: &str) -> Result<String> {
    if output.encoding_type() != Some(&EncodingType::Url) {
        return Ok(text.to_owned());
    }
    listing::decode(text).ok_or_else(|| {
        Error::new(
            ErrorKind::Corrupt,
            format!("the listing has a malformed key '{text}'"),
        )
        .with_operation(OPERATION)
        .with_path(under)
        .with_remedy("check that 's3.endpoint' is an S3-compatible store")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_splits_into_its_markers_and_nothing_else_is_one() {
        let under = Location::parse("s3://b/d").unwrap();
        let split = markers(&under, "4:d/:1id:2").unwrap();
        assert_eq!(split, (Some("d/:1".to_owned()), Some("id:2".to_owned())));
        assert_eq!(markers(&under, "").unwrap(), (None, None));
        for malformed in ["x", "9:short", "1:é", "-1:a"] {
            let error = markers(&under, malformed).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
}
