//! `PutObject`.

use s3s::dto::{PutObjectInput, PutObjectOutput};
use s3s::{S3Request, S3Result};

use super::fields::{etag, sent_attributes, sent_checksums, set_checksum_and_type, set_encryption};
use crate::checksums::Algorithm;
use crate::conditions::WriteConditions;
use crate::payload::{self, Announced, AsItArrived};
use crate::store::{NewObject, Store};

pub(super) async fn put(store: &Store, request: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
    let trailer = trailer_algorithm(&request.headers);
    let input = request.input;
    let announced = Announced {
        content_length: input.content_length,
        content_md5: input.content_md5.clone(),
        checksums: sent_checksums!(input),
        trailer,
        algorithm: input.checksum_algorithm.as_ref().map(|a| a.as_str().to_owned()),
    };
    let attributes = sent_attributes!(input)?;
    let algorithm = announced.algorithm()?.unwrap_or(Algorithm::Crc64Nvme);
    drop(store.bucket(&input.bucket)?);
    let conditions = WriteConditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
    };

    let received = payload::receive(
        input.body,
        &announced,
        request.trailing_headers,
        algorithm,
        store.settings().etag,
    )
    .await?
    .replaced(request.extensions.get::<AsItArrived>(), store.settings().etag);
    let new = NewObject {
        etag: received.etag,
        blob: store.keep(received.bytes)?,
        attributes,
        checksum: received.checksum,
        parts: Vec::new(),
    };
    let object = store.put_object(&input.bucket, &input.key, new, &conditions)?;
    let mut output = PutObjectOutput {
        e_tag: Some(etag(&object.etag)),
        ..PutObjectOutput::default()
    };
    set_checksum_and_type!(output, &object.checksum);
    set_encryption!(output, &object.attributes.encryption);
    output
        .ssekms_encryption_context
        .clone_from(&object.attributes.encryption.kms_context);
    Ok(output)
}

/// The algorithm of the checksum that is announced to follow the body.
pub(super) fn trailer_algorithm(headers: &http::HeaderMap) -> Option<Algorithm> {
    let names = headers.get("x-amz-trailer")?.to_str().ok()?;
    let mut names = names.split(',').map(str::trim);
    names.find_map(|name| {
        Algorithm::ALL
            .into_iter()
            .find(|a| a.header().eq_ignore_ascii_case(name))
    })
}
