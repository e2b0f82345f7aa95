//! `GetObject` and `HeadObject`.

use std::ops::Range as ByteRange;

use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::dto::{GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, Range};
use s3s::{S3Response, S3Result};

use super::fields::{etag, set_attributes, set_checksum, set_checksum_and_type};
use crate::checksums::Checksum;
use crate::conditions::ReadConditions;
use crate::errors;
use crate::faults::Overlook;
use crate::object::Object;
use crate::store::Store;

/// What of an object is asked for.
struct Selection {
    range: ByteRange<u64>,
    /// Sent when it is not everything, even if it covers all bytes.
    content_range: Option<String>,
    parts_count: Option<i32>,
    /// The checksum of exactly the selected bytes, if one is known.
    checksum: Option<(Checksum, bool)>,
}

/// Takes out of a request what it is not to be answered by.
pub(super) fn overlook(input: &mut GetObjectInput, what: Overlook) {
    if what.range {
        input.range = None;
    }
    if what.conditions {
        input.if_match = None;
        input.if_none_match = None;
        input.if_modified_since = None;
        input.if_unmodified_since = None;
    }
}

pub(super) fn get(store: &Store, input: GetObjectInput) -> S3Result<GetObjectOutput> {
    if input.version_id.as_deref().is_some_and(|id| id != "null") {
        return Err(errors::invalid_argument("Invalid version id specified"));
    }
    let object = store.bucket(&input.bucket)?.object(&input.key)?;
    let conditions = ReadConditions {
        matching: input.if_match,
        not_matching: input.if_none_match,
        modified_since: input.if_modified_since,
        unmodified_since: input.if_unmodified_since,
    };
    conditions.check(&object)?;
    let selection = select(&object, input.range, input.part_number)?;
    let mut output = GetObjectOutput {
        accept_ranges: Some("bytes".into()),
        body: Some(object.blob.slice(selection.range.clone()).stream()),
        content_length: Some((selection.range.end - selection.range.start).cast_signed()),
        content_range: selection.content_range,
        e_tag: Some(etag(&object.etag)),
        last_modified: Some(object.modified.timestamp()),
        parts_count: selection.parts_count,
        ..GetObjectOutput::default()
    };
    set_attributes!(output, &object.attributes);
    if input
        .checksum_mode
        .is_some_and(|mode| mode.as_str().eq_ignore_ascii_case("ENABLED"))
    {
        match &selection.checksum {
            Some((checksum, true)) => set_checksum_and_type!(output, checksum),
            Some((checksum, false)) => set_checksum!(output, checksum),
            None => {}
        }
    }
    Ok(output)
}

pub(super) fn head(store: &Store, input: HeadObjectInput) -> S3Result<S3Response<HeadObjectOutput>> {
    if input.version_id.as_deref().is_some_and(|id| id != "null") {
        return Err(errors::invalid_argument("Invalid version id specified"));
    }
    let object = store.bucket(&input.bucket)?.object(&input.key)?;
    let conditions = ReadConditions {
        matching: input.if_match,
        not_matching: input.if_none_match,
        modified_since: input.if_modified_since,
        unmodified_since: input.if_unmodified_since,
    };
    conditions.check(&object)?;
    let selection = select(&object, input.range, input.part_number)?;
    let mut output = HeadObjectOutput {
        accept_ranges: Some("bytes".into()),
        content_length: Some((selection.range.end - selection.range.start).cast_signed()),
        e_tag: Some(etag(&object.etag)),
        last_modified: Some(object.modified.timestamp()),
        parts_count: selection.parts_count,
        ..HeadObjectOutput::default()
    };
    set_attributes!(output, &object.attributes);
    if input
        .checksum_mode
        .is_some_and(|mode| mode.as_str().eq_ignore_ascii_case("ENABLED"))
    {
        match &selection.checksum {
            Some((checksum, true)) => set_checksum_and_type!(output, checksum),
            Some((checksum, false)) => set_checksum!(output, checksum),
            None => {}
        }
    }
    let mut response = S3Response::new(output);
    if let Some(range) = &selection.content_range {
        response.status = Some(StatusCode::PARTIAL_CONTENT);
        if let Ok(value) = HeaderValue::from_str(range) {
            response.headers = HeaderMap::from_iter([(http::header::CONTENT_RANGE, value)]);
        }
    }
    Ok(response)
}

fn select(object: &Object, range: Option<Range>, part_number: Option<i32>) -> S3Result<Selection> {
    let len = object.blob.len();
    match (range, part_number) {
        (Some(_), Some(_)) => Err(errors::invalid_request(
            "Cannot specify both Range header and partNumber query parameter",
        )),
        (Some(range), None) => {
            let unsatisfiable = || {
                let mut error = errors::invalid_range();
                if let Ok(value) = HeaderValue::from_str(&format!("bytes */{len}")) {
                    error.set_headers(HeaderMap::from_iter([(http::header::CONTENT_RANGE, value)]));
                }
                error
            };
            let range = range.check(len).map_err(|_| unsatisfiable())?;
            if range.is_empty() {
                return Err(unsatisfiable());
            }
            Ok(Selection {
                content_range: Some(content_range(&range, len)),
                range,
                parts_count: None,
                checksum: None,
            })
        }
        (None, Some(number)) => select_part(object, number),
        (None, None) => Ok(Selection {
            range: 0..len,
            content_range: None,
            parts_count: None,
            checksum: Some((object.checksum.clone(), true)),
        }),
    }
}

/// A part of an object written in parts; any other object counts as one part.
fn select_part(object: &Object, number: i32) -> S3Result<Selection> {
    let index = usize::try_from(number - 1).map_err(|_| {
        errors::invalid_argument("Part number must be an integer between 1 and 10000, inclusive")
    })?;
    let no_such_part = || {
        errors::with_status(
            "InvalidPartNumber",
            StatusCode::RANGE_NOT_SATISFIABLE,
            "The requested partnumber is not satisfiable",
        )
    };
    let len = object.blob.len();
    if object.parts.is_empty() {
        return if index == 0 {
            let content_range = (len > 0).then(|| content_range(&(0..len), len));
            let checksum = Some((object.checksum.clone(), true));
            Ok(Selection {
                range: 0..len,
                content_range,
                parts_count: None,
                checksum,
            })
        } else {
            Err(no_such_part())
        };
    }
    let part = object.parts.get(index).ok_or_else(no_such_part)?;
    let start: u64 = object.parts[..index].iter().map(|p| p.size).sum();
    let range = start..start + part.size;
    Ok(Selection {
        content_range: (!range.is_empty()).then(|| content_range(&range, len)),
        range,
        parts_count: i32::try_from(object.parts.len()).ok(),
        checksum: Some((part.checksum.clone(), false)),
    })
}

fn content_range(range: &ByteRange<u64>, len: u64) -> String {
    format!("bytes {}-{}/{len}", range.start, range.end - 1)
}
