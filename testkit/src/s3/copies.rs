//! `CopyObject` and `UploadPartCopy`.

use http::HeaderMap;
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource, ETagCondition, Range,
    UploadPartCopyInput, UploadPartCopyOutput,
};
use s3s::{S3Request, S3Response, S3Result};

use super::fields::{etag, sent_attributes, set_checksum, set_checksum_and_type, set_encryption};
use super::multipart::part_number;
use crate::blob::Blob;
use crate::checksums::{Algorithm, Checksum, Kind};
use crate::conditions::{ReadConditions, WriteConditions};
use crate::errors;
use crate::multipart::Part;
use crate::object::{Attributes, Millis, Object};
use crate::payload::Digests;
use crate::store::{NewObject, Store};

/// Most bytes that one copy may move.
const MAX_COPY: u64 = 5 << 30;

pub(super) fn object(
    store: &Store,
    request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let input = request.input;
    let sent = sent_attributes!(input)?;
    let replace = input
        .metadata_directive
        .as_ref()
        .is_some_and(|d| d.as_str() == "REPLACE");
    let (source_bucket, source_key) = source(&input.copy_source)?;
    let to_itself = (source_bucket, source_key) == (input.bucket.as_str(), input.key.as_str());
    let changes = replace
        || sent.storage_class.is_some()
        || sent.website_redirect_location.is_some()
        || sent.encryption.algorithm.is_some();
    if to_itself && !changes {
        return Err(errors::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the \
             object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let found = store.bucket(source_bucket)?.object(source_key)?;
    let conditions = ReadConditions {
        matching: input.copy_source_if_match,
        not_matching: input.copy_source_if_none_match,
        modified_since: input.copy_source_if_modified_since,
        unmodified_since: input.copy_source_if_unmodified_since,
    };
    conditions.check_copy_source(&found)?;
    check_size(&found.blob)?;
    let algorithm = match &input.checksum_algorithm {
        Some(name) => Algorithm::parse(name.as_str())
            .ok_or_else(|| errors::invalid_request("Checksum algorithm provided is unsupported."))?,
        None => found.checksum.algorithm,
    };
    let (new_etag, checksum) = digests_of_copy(store, &found, algorithm)?;
    let attributes = if replace {
        sent
    } else {
        // The class and the encryption of a copy are always those of the request.
        Attributes {
            storage_class: sent.storage_class,
            encryption: sent.encryption,
            website_redirect_location: sent.website_redirect_location,
            ..found.attributes.clone()
        }
    };
    let new = NewObject {
        etag: new_etag,
        blob: found.blob.clone(),
        attributes,
        checksum,
        parts: Vec::new(),
    };
    let copy = store.put_object(
        &input.bucket,
        &input.key,
        new,
        &write_conditions(&request.headers)?,
    )?;

    let mut result = CopyObjectResult {
        e_tag: Some(etag(&copy.etag)),
        last_modified: Some(copy.modified.timestamp()),
        ..CopyObjectResult::default()
    };
    set_checksum_and_type!(result, &copy.checksum);
    let mut output = CopyObjectOutput {
        copy_object_result: Some(result),
        ..CopyObjectOutput::default()
    };
    set_encryption!(output, &copy.attributes.encryption);
    output
        .ssekms_encryption_context
        .clone_from(&copy.attributes.encryption.kms_context);
    Ok(S3Response::new(output))
}

pub(super) fn part(store: &Store, input: UploadPartCopyInput) -> S3Result<UploadPartCopyOutput> {
    let number = part_number(store, input.part_number)?;
    let (bucket, key, id) = (&input.bucket, &input.key, &input.upload_id);
    let (algorithm, encryption) = store.upload(bucket, key, id, |upload| {
        Ok((
            upload.algorithm_and_kind().0,
            upload.attributes.encryption.clone(),
        ))
    })?;
    let (source_bucket, source_key) = source(&input.copy_source)?;
    let found = store.bucket(source_bucket)?.object(source_key)?;
    let conditions = ReadConditions {
        matching: input.copy_source_if_match,
        not_matching: input.copy_source_if_none_match,
        modified_since: input.copy_source_if_modified_since,
        unmodified_since: input.copy_source_if_unmodified_since,
    };
    conditions.check_copy_source(&found)?;
    let blob = match &input.copy_source_range {
        Some(range) => cut(&found.blob, range)?,
        None => found.blob.clone(),
    };
    check_size(&blob)?;
    let (part_etag, checksum) = digests_of(store, &blob, algorithm)?;
    let part = Part {
        etag: part_etag,
        modified: Millis::now(),
        blob,
        checksum,
    };
    store.put_part(bucket, key, id, number, part.clone())?;

    let mut result = CopyPartResult {
        e_tag: Some(etag(&part.etag)),
        last_modified: Some(part.modified.timestamp()),
        ..CopyPartResult::default()
    };
    set_checksum!(result, &part.checksum);
    let mut output = UploadPartCopyOutput {
        copy_part_result: Some(result),
        ..UploadPartCopyOutput::default()
    };
    set_encryption!(output, &encryption);
    Ok(output)
}

fn source(source: &CopySource) -> S3Result<(&str, &str)> {
    match source {
        CopySource::Bucket {
            bucket,
            key,
            version_id,
        } => {
            if version_id.as_deref().is_some_and(|id| id != "null") {
                return Err(errors::invalid_argument("Invalid version id specified"));
            }
            Ok((bucket, key))
        }
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => Err(errors::not_implemented()),
    }
}

/// The protocol layer does not parse the conditions on the target of a copy.
fn write_conditions(headers: &HeaderMap) -> S3Result<WriteConditions> {
    let parse = |name: http::HeaderName| match headers.get(&name) {
        None => Ok(None),
        Some(value) => ETagCondition::parse_http_header(value.as_bytes())
            .map(Some)
            .map_err(|_| errors::invalid_argument(format!("Invalid value of header {name}"))),
    };
    Ok(WriteConditions {
        if_match: parse(http::header::IF_MATCH)?,
        if_none_match: parse(http::header::IF_NONE_MATCH)?,
    })
}

fn check_size(blob: &Blob) -> S3Result {
    if blob.len() > MAX_COPY {
        return Err(errors::invalid_request(format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: {MAX_COPY}"
        )));
    }
    Ok(())
}

fn cut(blob: &Blob, range: &str) -> S3Result<Blob> {
    match Range::parse(range) {
        Ok(Range::Int {
            first,
            last: Some(last),
        }) if last < blob.len() => Ok(blob.slice(first..last + 1)),
        Ok(Range::Int { last: Some(_), .. }) => Err(errors::invalid_argument(format!(
            "Range specified is not valid for source object of size: {}",
            blob.len()
        ))),
        _ => Err(errors::invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy",
        )),
    }
}

/// Tag and checksum of a copy, which is never composed of parts.
fn digests_of_copy(store: &Store, source: &Object, algorithm: Algorithm) -> S3Result<(String, Checksum)> {
    let reusable = source.parts.is_empty()
        && source.checksum.algorithm == algorithm
        && source.checksum.kind == Kind::FullObject;
    if reusable {
        return Ok((source.etag.clone(), source.checksum.clone()));
    }
    digests_of(store, &source.blob, algorithm)
}

fn digests_of(store: &Store, blob: &Blob, algorithm: Algorithm) -> S3Result<(String, Checksum)> {
    let mut digests = Digests::new(store.settings().etag, algorithm, false);
    for segment in blob.segments() {
        digests.update(&segment.read().map_err(errors::internal)?);
    }
    let (etag, checksum, _) = digests.finish();
    Ok((etag, checksum))
}
