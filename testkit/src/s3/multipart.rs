//! `CreateMultipartUpload`, `UploadPart`, `CompleteMultipartUpload` and `AbortMultipartUpload`.

use std::collections::BTreeMap;

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumAlgorithm, ChecksumType,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Request, S3Result};

use super::fields::{
    etag, sent_attributes, sent_checksums, set_checksum, set_checksum_and_type, set_encryption,
};
use super::writes::trailer_algorithm;
use crate::checksums::{Algorithm, Kind};
use crate::conditions::WriteConditions;
use crate::errors;
use crate::multipart::{CompleteRequest, ListedPart, Part, Upload};
use crate::object::Millis;
use crate::payload::{self, Announced, AsItArrived};
use crate::store::Store;

pub(super) fn part_number(store: &Store, number: i32) -> S3Result<u16> {
    let max = store.settings().max_parts;
    u16::try_from(number)
        .ok()
        .filter(|number| (1..=max).contains(number))
        .ok_or_else(|| {
            errors::invalid_argument(format!(
                "Part number must be an integer between 1 and {max}, inclusive"
            ))
        })
}

pub(super) fn create(
    store: &Store,
    input: CreateMultipartUploadInput,
) -> S3Result<CreateMultipartUploadOutput> {
    let attributes = sent_attributes!(input)?;
    let checksum = announced_checksum(&input)?;
    let encryption = attributes.encryption.clone();
    let upload = Upload {
        initiated: Millis::now(),
        attributes,
        checksum,
        parts: BTreeMap::new(),
    };
    let id = store.create_upload(&input.bucket, &input.key, upload)?;
    let mut output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        checksum_algorithm: checksum.map(|(algorithm, _)| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: checksum.map(|(_, kind)| ChecksumType::from_static(kind.name())),
        ..CreateMultipartUploadOutput::default()
    };
    set_encryption!(output, &encryption);
    output.ssekms_encryption_context = encryption.kms_context;
    Ok(output)
}

fn announced_checksum(input: &CreateMultipartUploadInput) -> S3Result<Option<(Algorithm, Kind)>> {
    let Some(name) = &input.checksum_algorithm else {
        return match input.checksum_type {
            None => Ok(None),
            Some(_) => Err(errors::invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
        };
    };
    let algorithm = Algorithm::parse(name.as_str()).ok_or_else(|| {
        errors::invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, \
             CRC32C, CRC64NVME, SHA1, SHA256]",
        )
    })?;
    let kind = match input.checksum_type.as_ref().map(ChecksumType::as_str) {
        None => Kind::default_for(algorithm),
        Some("FULL_OBJECT") => Kind::FullObject,
        Some("COMPOSITE") => Kind::Composite,
        Some(_) => {
            return Err(errors::invalid_request(
                "Value for x-amz-checksum-type header is invalid.",
            ));
        }
    };
    if !kind.is_allowed_for(algorithm) {
        return Err(errors::invalid_request(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            kind.name(),
            algorithm.name().to_lowercase()
        )));
    }
    Ok(Some((algorithm, kind)))
}

pub(super) async fn part(store: &Store, request: S3Request<UploadPartInput>) -> S3Result<UploadPartOutput> {
    let trailer = trailer_algorithm(&request.headers);
    let input = request.input;
    let number = part_number(store, input.part_number)?;
    let announced = Announced {
        content_length: input.content_length,
        content_md5: input.content_md5.clone(),
        checksums: sent_checksums!(input),
        trailer,
        algorithm: input.checksum_algorithm.as_ref().map(|a| a.as_str().to_owned()),
    };
    let sent = announced.algorithm()?;
    let (bucket, key, id) = (&input.bucket, &input.key, &input.upload_id);
    let (algorithm, encryption) = store.upload(bucket, key, id, |upload| {
        upload.check_algorithm(sent)?;
        Ok((
            upload.algorithm_and_kind().0,
            upload.attributes.encryption.clone(),
        ))
    })?;
    let kind = store.settings().etag;
    let received =
        payload::receive(input.body, &announced, request.trailing_headers, algorithm, kind).await?;
    let received = received.replaced(request.extensions.get::<AsItArrived>(), kind);
    let part = Part {
        etag: received.etag,
        modified: Millis::now(),
        blob: store.keep(received.bytes)?,
        checksum: received.checksum,
    };
    let mut output = UploadPartOutput {
        e_tag: Some(etag(&part.etag)),
        ..UploadPartOutput::default()
    };
    set_checksum!(output, &part.checksum);
    set_encryption!(output, &encryption);
    // The upload may be gone by now: then the part is not stored.
    store.put_part(bucket, key, id, number, part)?;
    Ok(output)
}

pub(super) fn complete(
    store: &Store,
    input: CompleteMultipartUploadInput,
) -> S3Result<CompleteMultipartUploadOutput> {
    let request = CompleteRequest {
        checksum: sent_checksums!(input).into_iter().next(),
        kind: input.checksum_type.as_ref().map(|kind| kind.as_str().to_owned()),
        object_size: input.mpu_object_size,
        parts: input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default()
            .into_iter()
            .map(listed_part)
            .collect::<S3Result<_>>()?,
    };
    let conditions = WriteConditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
    };
    let completed =
        store.complete_upload(&input.bucket, &input.key, &input.upload_id, &request, &conditions)?;
    let mut output = CompleteMultipartUploadOutput {
        e_tag: (!store.settings().ceph_uploads).then(|| etag(&completed.etag)),
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        ..CompleteMultipartUploadOutput::default()
    };
    set_checksum_and_type!(output, &completed.checksum);
    set_encryption!(output, &completed.attributes.encryption);
    Ok(output)
}

fn listed_part(part: CompletedPart) -> S3Result<ListedPart> {
    let checksum = sent_checksums!(part).into_iter().next();
    let number = part.part_number.ok_or_else(errors::malformed_xml)?;
    let etag = part.e_tag.ok_or_else(errors::malformed_xml)?;
    Ok(ListedPart {
        number,
        etag: etag.into_value(),
        checksum,
    })
}

pub(super) fn abort(
    store: &Store,
    input: &AbortMultipartUploadInput,
) -> S3Result<AbortMultipartUploadOutput> {
    store.abort_upload(&input.bucket, &input.key, &input.upload_id)?;
    Ok(AbortMultipartUploadOutput::default())
}
