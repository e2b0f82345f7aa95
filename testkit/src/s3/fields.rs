//! Fields that many inputs and outputs share.

use s3s::S3Result;
use s3s::dto::{ETag, Metadata};

use crate::errors;
use crate::object::{Attributes, Encryption};

/// Most bytes of all user metadata of an object, names and values.
const MAX_METADATA: usize = 2048;

pub(super) fn etag(value: &str) -> ETag {
    ETag::Strong(value.to_owned())
}

/// The checksums that an input carries.
macro_rules! sent_checksums {
    ($input:expr) => {{
        use $crate::checksums::Algorithm;
        [
            (Algorithm::Crc32, &$input.checksum_crc32),
            (Algorithm::Crc32c, &$input.checksum_crc32c),
            (Algorithm::Crc64Nvme, &$input.checksum_crc64nvme),
            (Algorithm::Sha1, &$input.checksum_sha1),
            (Algorithm::Sha256, &$input.checksum_sha256),
        ]
        .into_iter()
        .filter_map(|(algorithm, value)| Some((algorithm, value.clone()?)))
        .collect::<Vec<_>>()
    }};
}

/// Writes a checksum into the field of its algorithm.
macro_rules! set_checksum {
    ($output:expr, $checksum:expr) => {{
        use $crate::checksums::Algorithm;
        let checksum: &$crate::checksums::Checksum = $checksum;
        let value = Some(checksum.value.clone());
        match checksum.algorithm {
            Algorithm::Crc32 => $output.checksum_crc32 = value,
            Algorithm::Crc32c => $output.checksum_crc32c = value,
            Algorithm::Crc64Nvme => $output.checksum_crc64nvme = value,
            Algorithm::Sha1 => $output.checksum_sha1 = value,
            Algorithm::Sha256 => $output.checksum_sha256 = value,
        }
    }};
}

/// The same, with the field that tells composite from full-object checksums.
macro_rules! set_checksum_and_type {
    ($output:expr, $checksum:expr) => {{
        $crate::s3::fields::set_checksum!($output, $checksum);
        $output.checksum_type = Some(s3s::dto::ChecksumType::from_static($checksum.kind.name()));
    }};
}

/// Echoes the encryption that was asked for.
macro_rules! set_encryption {
    ($output:expr, $encryption:expr) => {{
        let encryption: &$crate::object::Encryption = $encryption;
        $output.server_side_encryption = encryption.algorithm.clone().map(Into::into);
        $output.ssekms_key_id = encryption.kms_key_id.clone();
        $output.bucket_key_enabled = encryption.bucket_key_enabled;
    }};
}

/// The headers of a PUT, copy or new upload that are kept with the object.
macro_rules! sent_attributes {
    ($input:expr) => {{
        let encryption = $crate::object::Encryption {
            algorithm: $input
                .server_side_encryption
                .as_ref()
                .map(|e| e.as_str().to_owned()),
            kms_key_id: $input.ssekms_key_id.clone(),
            kms_context: $input.ssekms_encryption_context.clone(),
            bucket_key_enabled: $input.bucket_key_enabled,
        };
        let attributes = $crate::object::Attributes {
            cache_control: $input.cache_control.clone(),
            content_disposition: $input.content_disposition.clone(),
            content_encoding: $crate::s3::fields::kept_encoding($input.content_encoding.as_deref()),
            content_language: $input.content_language.clone(),
            content_type: $input.content_type.as_ref().map(ToString::to_string),
            expires: $input.expires.clone(),
            storage_class: $input.storage_class.as_ref().map(|c| c.as_str().to_owned()),
            website_redirect_location: $input.website_redirect_location.clone(),
            metadata: $input.metadata.clone().unwrap_or_default().into_iter().collect(),
            encryption,
        };
        if $input.sse_customer_algorithm.is_some() {
            // Ignoring the key would store what the client believes to be encrypted with it.
            return Err($crate::errors::not_implemented());
        }
        $crate::s3::fields::check_attributes(attributes)
    }};
}

/// Sends the kept headers with a GET or HEAD.
macro_rules! set_attributes {
    ($output:expr, $attributes:expr) => {{
        let attributes: &$crate::object::Attributes = $attributes;
        $output.cache_control = attributes.cache_control.clone();
        $output.content_disposition = attributes.content_disposition.clone();
        $output.content_encoding = attributes.content_encoding.clone();
        $output.content_language = attributes.content_language.clone();
        $output.content_type = attributes
            .content_type
            .clone()
            .or_else(|| Some("binary/octet-stream".to_owned()));
        $output.expires = attributes.expires.clone();
        // S3 does not name the standard class.
        $output.storage_class = attributes
            .storage_class
            .clone()
            .filter(|class| class != "STANDARD")
            .map(Into::into);
        $output.website_redirect_location = attributes.website_redirect_location.clone();
        $output.metadata = $crate::s3::fields::metadata(attributes);
        $crate::s3::fields::set_encryption!($output, &attributes.encryption);
    }};
}

pub(super) use {
    sent_attributes, sent_checksums, set_attributes, set_checksum, set_checksum_and_type, set_encryption,
};

pub(super) fn metadata(attributes: &Attributes) -> Option<Metadata> {
    let pairs = attributes.metadata.iter();
    (!attributes.metadata.is_empty()).then(|| pairs.map(|(k, v)| (k.clone(), v.clone())).collect())
}

/// `aws-chunked` describes the transfer, not the object.
pub(super) fn kept_encoding(sent: Option<&str>) -> Option<String> {
    let kept: Vec<_> = sent?
        .split(',')
        .map(str::trim)
        .filter(|e| *e != "aws-chunked" && !e.is_empty())
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

pub(super) fn check_attributes(attributes: Attributes) -> S3Result<Attributes> {
    let size: usize = attributes
        .metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > MAX_METADATA {
        return Err(s3s::S3Error::with_message(
            s3s::S3ErrorCode::MetadataTooLarge,
            "Your metadata headers exceed the maximum allowed metadata size",
        ));
    }
    check_encryption(&attributes.encryption)?;
    Ok(attributes)
}

fn check_encryption(encryption: &Encryption) -> S3Result {
    let is_kms = match encryption.algorithm.as_deref() {
        None | Some("AES256") => false,
        Some("aws:kms" | "aws:kms:dsse") => true,
        Some(_) => {
            return Err(errors::invalid_argument(
                "The encryption method specified is not supported",
            ));
        }
    };
    if !is_kms && (encryption.kms_key_id.is_some() || encryption.kms_context.is_some()) {
        return Err(errors::invalid_argument(
            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : \
             aws:kms",
        ));
    }
    let is_object = |context: &String| {
        use base64::Engine as _;
        let json = base64::engine::general_purpose::STANDARD
            .decode(context)
            .unwrap_or_default();
        serde_json::from_slice::<std::collections::BTreeMap<String, String>>(&json).is_ok()
    };
    if encryption
        .kms_context
        .as_ref()
        .is_some_and(|context| !is_object(context))
    {
        return Err(errors::invalid_argument(
            "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map",
        ));
    }
    Ok(())
}
