//! `ListParts` and `ListMultipartUploads`.

use s3s::dto::{
    ChecksumAlgorithm, ChecksumType, CommonPrefix, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListPartsInput, ListPartsOutput, MultipartUpload, Part as ListedPart, StorageClass,
};
use s3s::{S3ErrorCode, S3Result};

use super::buckets::owner;
use super::fields::{etag, set_checksum};
use super::lists::{Names, limit};
use crate::errors;
use crate::multipart::Upload;
use crate::store::Store;

pub(super) fn parts(store: &Store, input: &ListPartsInput) -> S3Result<ListPartsOutput> {
    let max_parts = limit(input.max_parts, "max-parts")?;
    let marker = input.part_number_marker.unwrap_or(0);
    let listed = store.upload(&input.bucket, &input.key, &input.upload_id, |upload| {
        let mut later = upload
            .parts
            .iter()
            .filter(|(number, _)| i32::from(**number) > marker);
        let listed = later.by_ref().take(usize::from(max_parts)).map(|(number, part)| {
            let mut listed = ListedPart {
                e_tag: Some(etag(&part.etag)),
                last_modified: Some(part.modified.timestamp()),
                part_number: Some(i32::from(*number)),
                size: Some(part.blob.len().cast_signed()),
                ..ListedPart::default()
            };
            set_checksum!(listed, &part.checksum);
            listed
        });
        let listed = listed.collect::<Vec<_>>();
        let more = max_parts > 0 && later.next().is_some();
        Ok(ListPartsOutput {
            bucket: Some(input.bucket.clone()),
            checksum_algorithm: upload
                .checksum
                .map(|(a, _)| ChecksumAlgorithm::from_static(a.name())),
            checksum_type: upload
                .checksum
                .map(|(_, kind)| ChecksumType::from_static(kind.name())),
            is_truncated: Some(more),
            key: Some(input.key.clone()),
            max_parts: Some(i32::from(max_parts)),
            next_part_number_marker: Some(listed.last().and_then(|p| p.part_number).unwrap_or(0)),
            owner: Some(owner()),
            part_number_marker: Some(marker),
            parts: Some(listed),
            storage_class: Some(storage_class(upload)),
            upload_id: Some(input.upload_id.clone()),
            ..ListPartsOutput::default()
        })
    });
    listed.map_err(|error| {
        if store.settings().ceph_uploads && *error.code() == S3ErrorCode::NoSuchUpload {
            errors::no_such_key()
        } else {
            error
        }
    })
}

/// An upload, or all whose keys share a prefix up to the delimiter.
enum Row {
    Upload(String, String, Box<Upload>),
    Group(String),
}

pub(super) fn uploads(
    store: &Store,
    input: ListMultipartUploadsInput,
) -> S3Result<ListMultipartUploadsOutput> {
    let names = Names::new(input.encoding_type.as_ref())?;
    let max_uploads = limit(input.max_uploads, "max-uploads")?;
    let prefix = input.prefix.as_deref().unwrap_or("");
    let delimiter = input.delimiter.as_deref().filter(|d| !d.is_empty());
    let key_marker = input.key_marker.as_deref().unwrap_or("");
    // The id alone has no meaning: it only orders the uploads of one key.
    let id_marker = input
        .upload_id_marker
        .as_deref()
        .filter(|_| !key_marker.is_empty());

    let mut rows = Vec::new();
    let mut more = false;
    for (key, id, upload) in store.uploads(&input.bucket)? {
        let Some(rest) = key.strip_prefix(prefix) else {
            continue;
        };
        let group = delimiter.and_then(|d| rest.find(d).map(|at| &key[..prefix.len() + at + d.len()]));
        let behind = match id_marker {
            Some(marker) => (key.as_str(), id.as_str()) > (key_marker, marker),
            None => key.as_str() > key_marker,
        };
        let is_repeated = group.is_some_and(|group| {
            group == key_marker || matches!(rows.last(), Some(Row::Group(last)) if last == group)
        });
        if !behind || is_repeated {
            continue;
        }
        if rows.len() == usize::from(max_uploads) {
            more = max_uploads > 0;
            break;
        }
        rows.push(match group {
            Some(group) => Row::Group(group.to_owned()),
            None => Row::Upload(key, id, Box::new(upload)),
        });
    }
    let (next_key, next_id) = match rows.last().filter(|_| more) {
        Some(Row::Upload(key, id, _)) => (Some(names.write(key)), Some(id.clone())),
        Some(Row::Group(group)) => (Some(names.write(group)), None),
        None => (None, None),
    };
    let (mut uploads, mut common_prefixes) = (Vec::new(), Vec::new());
    for row in rows {
        match row {
            Row::Group(group) => common_prefixes.push(CommonPrefix {
                prefix: Some(names.write(&group)),
            }),
            Row::Upload(key, id, upload) => uploads.push(MultipartUpload {
                checksum_algorithm: upload
                    .checksum
                    .map(|(a, _)| ChecksumAlgorithm::from_static(a.name())),
                checksum_type: upload
                    .checksum
                    .map(|(_, kind)| ChecksumType::from_static(kind.name())),
                initiated: Some(upload.initiated.timestamp()),
                key: Some(names.write(&key)),
                owner: Some(owner()),
                storage_class: Some(storage_class(&upload)),
                upload_id: Some(id),
                initiator: None,
            }),
        }
    }
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        common_prefixes: Some(common_prefixes),
        delimiter: input.delimiter.as_deref().map(|d| names.write(d)),
        encoding_type: input.encoding_type,
        is_truncated: Some(more),
        key_marker: Some(names.write(key_marker)),
        max_uploads: Some(i32::from(max_uploads)),
        next_key_marker: next_key,
        next_upload_id_marker: next_id,
        prefix: Some(names.write(prefix)),
        upload_id_marker: input.upload_id_marker,
        uploads: Some(uploads),
        request_charged: None,
    })
}

fn storage_class(upload: &Upload) -> StorageClass {
    upload
        .attributes
        .storage_class
        .clone()
        .unwrap_or_else(|| "STANDARD".to_owned())
        .into()
}
