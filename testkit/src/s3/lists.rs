//! `ListObjectsV2` and `ListObjects`.

use s3s::S3Result;
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    Object as ListedObject,
};

use super::buckets::owner;
use super::fields::etag;
use crate::errors;
use crate::listing::{self, Entry, MAX_PAGE, Query};
use crate::store::Store;

/// Writes names as the request asked.
#[derive(Clone, Copy)]
pub(super) struct Names {
    url: bool,
}

impl Names {
    pub(super) fn new(encoding: Option<&EncodingType>) -> S3Result<Self> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Self { url: false }),
            Some("url") => Ok(Self { url: true }),
            Some(_) => Err(errors::invalid_argument(
                "Invalid Encoding Method specified in Request",
            )),
        }
    }

    pub(super) fn write(self, name: &str) -> String {
        if self.url {
            listing::url_encode(name)
        } else {
            name.to_owned()
        }
    }
}

/// The size of a page, at most that which S3 allows.
pub(super) fn limit(asked: Option<i32>, what: &str) -> S3Result<u16> {
    let Some(asked) = asked else { return Ok(MAX_PAGE) };
    if asked < 0 {
        return Err(errors::invalid_argument(format!(
            "Argument {what} must be an integer between 0 and 2147483647"
        )));
    }
    Ok(u16::try_from(asked).map_or(MAX_PAGE, |asked| asked.min(MAX_PAGE)))
}

pub(super) fn v2(store: &Store, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    let names = Names::new(input.encoding_type.as_ref())?;
    let max_keys = limit(input.max_keys, "max-keys")?;
    let resume = match &input.continuation_token {
        Some(token) => Some(
            listing::parse_token(token)
                .ok_or_else(|| errors::invalid_argument("The continuation token provided is incorrect"))?,
        ),
        None => None,
    };
    let (after, after_group) = match &resume {
        Some((name, is_group)) => (name.as_str(), *is_group),
        None => (input.start_after.as_deref().unwrap_or(""), false),
    };
    let query = Query {
        prefix: input.prefix.as_deref().unwrap_or(""),
        delimiter: input.delimiter.as_deref().filter(|d| !d.is_empty()),
        after,
        after_group,
        limit: usize::from(max_keys),
    };
    let (entries, more) = listing::page(&store.bucket(&input.bucket)?.objects, query);
    let with_owner = input.fetch_owner.unwrap_or(false);
    let next = if more {
        entries.last().map(listing::token)
    } else {
        None
    };
    let key_count = i32::try_from(entries.len()).ok();
    let (contents, common_prefixes) = split(entries, names, with_owner);
    Ok(ListObjectsV2Output {
        common_prefixes: Some(common_prefixes),
        contents: Some(contents),
        continuation_token: input.continuation_token,
        delimiter: input.delimiter.as_deref().map(|d| names.write(d)),
        encoding_type: input.encoding_type,
        is_truncated: Some(more),
        key_count,
        max_keys: Some(i32::from(max_keys)),
        name: Some(input.bucket),
        next_continuation_token: next,
        prefix: Some(names.write(input.prefix.as_deref().unwrap_or(""))),
        start_after: input.start_after.as_deref().map(|key| names.write(key)),
        request_charged: None,
    })
}

pub(super) fn v1(store: &Store, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
    let names = Names::new(input.encoding_type.as_ref())?;
    let max_keys = limit(input.max_keys, "max-keys")?;
    let delimiter = input.delimiter.as_deref().filter(|d| !d.is_empty());
    let marker = input.marker.as_deref().unwrap_or("");
    let query = Query {
        prefix: input.prefix.as_deref().unwrap_or(""),
        delimiter,
        after: marker,
        // A marker may be the prefix that the last page ended with.
        after_group: delimiter.is_some_and(|d| marker.ends_with(d)),
        limit: usize::from(max_keys),
    };
    let (entries, more) = listing::page(&store.bucket(&input.bucket)?.objects, query);
    // S3 names the next marker only with a delimiter; without one it is the last key.
    let last = entries.last().filter(|_| more && delimiter.is_some());
    let next_marker = last.map(|entry| names.write(entry.name()));
    let (contents, common_prefixes) = split(entries, names, true);
    Ok(ListObjectsOutput {
        common_prefixes: Some(common_prefixes),
        contents: Some(contents),
        delimiter: input.delimiter.as_deref().map(|d| names.write(d)),
        encoding_type: input.encoding_type,
        is_truncated: Some(more),
        marker: Some(names.write(marker)),
        max_keys: Some(i32::from(max_keys)),
        name: Some(input.bucket),
        next_marker,
        prefix: Some(names.write(input.prefix.as_deref().unwrap_or(""))),
        request_charged: None,
    })
}

fn split(entries: Vec<Entry>, names: Names, with_owner: bool) -> (Vec<ListedObject>, Vec<CommonPrefix>) {
    let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Group(prefix) => prefixes.push(CommonPrefix {
                prefix: Some(names.write(&prefix)),
            }),
            Entry::Object(key, object) => objects.push(ListedObject {
                e_tag: Some(etag(&object.etag)),
                key: Some(names.write(&key)),
                last_modified: Some(object.modified.timestamp()),
                owner: with_owner.then(owner),
                size: Some(object.blob.len().cast_signed()),
                storage_class: Some(
                    object
                        .attributes
                        .storage_class
                        .clone()
                        .unwrap_or_else(|| "STANDARD".to_owned())
                        .into(),
                ),
                checksum_algorithm: Some(vec![s3s::dto::ChecksumAlgorithm::from_static(
                    object.checksum.algorithm.name(),
                )]),
                checksum_type: Some(s3s::dto::ChecksumType::from_static(object.checksum.kind.name())),
                restore_status: None,
            }),
        }
    }
    (objects, prefixes)
}
