//! Which object stands at a key: ours, one of our own kin, or a stranger's.
//!
//! After a lost reply the only proof is the object itself. Its metadata must hold the nonce of the
//! file, and it must be exactly the content in question: two recoveries of one state share the
//! nonce, and each of them may have published something of its own.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ChecksumMode, ServerSideEncryption};
use plugin_api::{ErrorKind, FileStatus, Result};

use super::etag::{self, bare};
use super::target::{NONCE_METADATA, Target, encode_crc32c};
use super::upload::{Part, is_of_ceph};
use crate::dialect::refuses_checksum;
use crate::error::s3_error;
#[cfg(debug_assertions)]
use crate::sabotage;

/// What a published object must be, to be the one in question.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) len: u64,
    /// CRC32C over all bytes; [`None`] if that of some part is not known.
    crc32c: Option<u32>,
    /// The composite form that a store gives an object made of parts, such as `abcdef==-3`.
    composite: Option<String>,
    /// The entity tag of an object made of parts whose own tags are the MD5 of their bytes; without
    /// quotes.
    etag: Option<String>,
    /// Whether the store is known to make its entity tags so.
    has_md5_tags: bool,
    /// 0 for an object that was written with one request.
    parts: usize,
}

impl Content {
    /// The content that these entity tags of parts and this length make; no part's checksum is known.
    pub(crate) fn of_etags<'a>(len: u64, etags: impl ExactSizeIterator<Item = &'a str>) -> Self {
        Self {
            len,
            crc32c: None,
            composite: None,
            has_md5_tags: false,
            parts: etags.len(),
            etag: etag::of_parts(etags),
        }
    }

    /// The content of one `PutObject`.
    pub(crate) fn whole(len: u64, crc32c: u32) -> Self {
        Self {
            len,
            crc32c: Some(crc32c),
            composite: None,
            etag: None,
            has_md5_tags: false,
            parts: 0,
        }
    }

    /// The content that these parts make.
    pub(crate) fn of_parts(parts: &[Part]) -> Self {
        let mut concatenated = Vec::with_capacity(parts.len() * 4);
        let (mut len, mut crc32c) = (0_u64, Some(0_u32));
        for part in parts {
            crc32c = crc32c.zip(part.crc32c).map(|(sum, of_part)| {
                concatenated.extend(of_part.to_be_bytes());
                crc32c::crc32c_combine(sum, of_part, part.size as usize)
            });
            len += part.size;
        }
        let of_checksums = encode_crc32c(crc32c::crc32c(&concatenated));
        Self {
            len,
            composite: crc32c.map(|_| format!("{of_checksums}-{}", parts.len())),
            crc32c,
            etag: etag::of_parts(parts.iter().map(|part| part.etag.as_str())),
            has_md5_tags: false,
            parts: parts.len(),
        }
    }

    /// The same of an upload with this id. Ceph keeps no checksums, but entity tags that are known.
    pub(crate) fn of_upload(id: &str, parts: &[Part]) -> Self {
        Self {
            has_md5_tags: is_of_ceph(id),
            ..Self::of_parts(parts)
        }
    }

    /// Whether checksum or entity tag of an object that does not differ prove that it has this content.
    fn is_told(&self, checksum: Option<&str>, etag: &str) -> bool {
        self.len == 0
            || (self.crc32c.is_some() && checksum.is_some())
            || self.etag.as_deref().is_some_and(|ours| ours == bare(etag))
    }

    /// How the object differs from this content; [`None`] if nothing that the store tells differs.
    ///
    /// Entity tags are compared only by the number of parts that they end with, as long as there is a
    /// checksum and it is not known how the store makes them: what stands before the number is the store's
    /// own affair, under SSE-KMS even on Amazon S3.
    pub(super) fn difference(&self, len: u64, checksum: Option<&str>, etag: &str) -> Option<String> {
        if len != self.len {
            return Some(format!("it has {len} bytes instead of {}", self.len));
        }
        let parts = part_count(etag);
        if parts.is_some_and(|parts| parts != self.parts) {
            return Some(format!(
                "its entity tag is {etag}, but ours has {} parts",
                self.parts
            ));
        }
        if (self.crc32c.is_none() || self.has_md5_tags)
            && let Some(ours) = parts.and(self.etag.as_deref())
            && ours != bare(etag)
        {
            return Some(format!("its entity tag is {etag} instead of \"{ours}\""));
        }
        let (crc32c, checksum) = (self.crc32c?, checksum?);
        let matches = if checksum.contains('-') {
            self.composite
                .as_deref()
                .is_none_or(|composite| composite == checksum)
        } else {
            checksum == encode_crc32c(crc32c)
        };
        (!matches).then(|| format!("its CRC32C is {checksum}"))
    }
}

/// The number at the end of an entity tag such as `"0123…-3"`.
fn part_count(etag: &str) -> Option<usize> {
    let (digest, count) = bare(etag).rsplit_once('-')?;
    etag::is_digest(digest).then(|| count.parse().ok()).flatten()
}

/// What stands at the key of a target.
#[derive(Debug)]
pub(crate) enum Found {
    /// The very content.
    Ours(FileStatus),
    /// An object of the same file but with other content: why.
    OtherContent(String),
    /// An object without our nonce; or, if there is none, one that cannot be ours.
    Foreign,
    /// There is no nonce to tell the object by, and nothing else tells either: why.
    Untold(String),
    Nothing,
}

/// Looks at what stands at the key of the target. Without a `content` whatever bears the nonce is
/// ours.
///
/// A target without a nonce is told by length and entity tag, which prove it where the tags of the
/// parts are the MD5 of their bytes.
pub(crate) async fn find(
    operation: &'static str,
    target: &Target,
    content: Option<&Content>,
) -> Result<Found> {
    let object = loop {
        let asks = target.dialect().takes_checksums() && target.dialect().takes_checksum_mode();
        let reply = target
            .bucket
            .client
            .head_object()
            .bucket(&target.bucket.name)
            .key(target.key())
            .set_checksum_mode(asks.then_some(ChecksumMode::Enabled))
            .send()
            .await
            .map_err(|error| s3_error(operation, &target.location, error));
        match reply {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) if asks && refuses_checksum(&error) => target.dialect().forgo_checksum_mode(),
            reply => break reply?,
        }
    };
    let len = object.content_length().unwrap_or(0).cast_unsigned();
    #[cfg(debug_assertions)]
    if content.is_some() && sabotage::is(sabotage::Sabotage::ExistenceOnly) {
        return Ok(Found::Ours(status(target, len, &object)));
    }
    let Some(ours) = target.nonce else {
        return Ok(without_nonce(target, content, &object));
    };
    let nonce = object
        .metadata()
        .and_then(|metadata| metadata.get(NONCE_METADATA));
    if nonce != Some(&ours.to_string()) {
        return Ok(Found::Foreign);
    }
    let etag = target.dialect().entity_tag(object.e_tag());
    let difference = content.and_then(|content| content.difference(len, object.checksum_crc32_c(), &etag));
    if let Some(difference) = difference {
        return Ok(Found::OtherContent(difference));
    }
    if let Some(content) = content
        && !content.is_told(object.checksum_crc32_c(), &etag)
        && let Some(ours) = content.crc32c
        && let Some(stored) = sum_up(operation, target, len).await?
        && stored != ours
    {
        return Ok(Found::OtherContent("its bytes are others".to_owned()));
    }
    Ok(Found::Ours(status(target, len, &object)))
}

/// The checksum of the object's bytes, which are read for it: the last resort where a store keeps no checksums and
/// has tags of its own making. [`None`] for who may not read, and if it is no longer the object of this length.
async fn sum_up(operation: &'static str, target: &Target, len: u64) -> Result<Option<u32>> {
    let reply = target
        .bucket
        .client
        .get_object()
        .bucket(&target.bucket.name)
        .key(target.key())
        .send()
        .await
        .map_err(|error| s3_error(operation, &target.location, error));
    let mut body = match reply {
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::NotFound) => {
            return Ok(None);
        }
        reply => reply?.body,
    };
    let (mut sum, mut read) = (0, 0_u64);
    while let Some(frame) = body.next().await {
        let frame = frame.map_err(|error| {
            let message = format!("the object there broke off while it was read to be told: {error}");
            target.error(operation, ErrorKind::Unavailable, message)
        })?;
        sum = crc32c::crc32c_append(sum, &frame);
        read += frame.len() as u64;
    }
    Ok((read == len).then_some(sum))
}

/// What stands there, as far as length and entity tag tell. Never takes a stranger for ours.
fn without_nonce(target: &Target, content: Option<&Content>, object: &HeadObjectOutput) -> Found {
    let len = object.content_length().unwrap_or(0).cast_unsigned();
    let tag = &*target.dialect().entity_tag(object.e_tag());
    let Some(content) = content else {
        return Found::Untold("its state does not say what it would hold".to_owned());
    };
    if len != content.len {
        return Found::Foreign;
    }
    // Two empty files are the same file.
    if len == 0 {
        return Found::Ours(status(target, len, object));
    }
    match (part_count(tag), content.etag.as_deref()) {
        (Some(_), Some(ours)) if ours == bare(tag) => Found::Ours(status(target, len, object)),
        (Some(parts), _) if parts != content.parts => Found::Foreign,
        // Amazon S3 makes the tags of these from something else than the bytes.
        (Some(_), Some(_)) if has_tags_of_its_own(object) => Found::Untold(format!(
            "it is encrypted, so that its entity tag {tag} proves nothing"
        )),
        (Some(_), Some(_)) => Found::Foreign,
        (None, _) if etag::is_digest(bare(tag)) => Found::Foreign,
        _ => Found::Untold(format!("the entity tag {tag} of this store proves nothing")),
    }
}

fn has_tags_of_its_own(object: &HeadObjectOutput) -> bool {
    let by_kms = object
        .server_side_encryption()
        .is_some_and(|kind| *kind != ServerSideEncryption::Aes256);
    by_kms || object.sse_customer_algorithm().is_some()
}

fn status(target: &Target, len: u64, object: &HeadObjectOutput) -> FileStatus {
    let modified = object
        .last_modified()
        .and_then(|time| std::time::SystemTime::try_from(*time).ok());
    FileStatus::file(target.location.clone(), len)
        .with_etag(target.dialect().entity_tag(object.e_tag()))
        .with_modified(modified)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(contents: &[&[u8]]) -> Vec<Part> {
        (1..)
            .zip(contents)
            .map(|(number, content)| Part {
                number,
                size: content.len() as u64,
                crc32c: Some(crc32c::crc32c(content)),
                checksum_kept: true,
                etag: etag::of_content(content),
            })
            .collect()
    }

    #[test]
    fn without_checksums_the_entity_tag_tells_twins_apart() {
        let unknown = |contents: &[&[u8]]| {
            let mut parts = parts(contents);
            parts[0].crc32c = None;
            Content::of_parts(&parts)
        };
        let ours = unknown(&[b"12345", b"6789"]);
        let tag = format!("\"{}\"", ours.etag.as_deref().unwrap());
        assert!(tag.ends_with("-2\""));
        assert_eq!(ours.difference(9, None, &tag), None);
        assert_eq!(ours.difference(9, Some("AAAAAA=="), &tag), None);
        let twin = unknown(&[b"12345", b"678x"]);
        assert!(twin.difference(9, None, &tag).is_some());
        // A tag that is none of these digests says nothing.
        assert_eq!(twin.difference(9, None, "\"own-scheme-2\""), None);
    }

    #[test]
    fn a_checksum_of_either_kind_tells_twins_of_one_length_apart() {
        let ours = Content::of_parts(&parts(&[b"12345", b"6789"]));
        let twin = Content::of_parts(&parts(&[b"12345", b"678x"]));
        let full = encode_crc32c(0xe306_9283);
        assert_eq!(ours.difference(9, ours.composite.as_deref(), ""), None);
        assert_eq!(ours.difference(9, Some(&full), ""), None);
        assert_eq!(ours.difference(9, None, ""), None);
        assert!(twin.difference(9, ours.composite.as_deref(), "").is_some());
        assert!(twin.difference(9, Some(&full), "").is_some());
        assert!(ours.difference(8, None, "").is_some());
    }

    #[test]
    fn of_an_entity_tag_only_the_number_of_parts_counts() {
        let two = Content::of_parts(&parts(&[b"a", b"b"]));
        let tag = |count| format!("\"0123456789abcdef0123456789abcdef{count}\"");
        assert_eq!(two.difference(2, None, &tag("-2")), None);
        assert!(two.difference(2, None, &tag("-3")).is_some());
        assert_eq!(two.difference(2, None, &tag("")), None);
        assert_eq!(two.difference(2, None, "\"own-scheme-7\""), None);
        assert!(Content::whole(2, 0).difference(2, None, &tag("-2")).is_some());
    }

    #[test]
    fn an_entity_tag_that_is_known_tells_twins_apart_without_any_checksum() {
        // The MD5 of the MD5s of "a" and "b".
        let etag = "\"96e024ba2074fe77e8e965ba43a704be-2\"";
        let (ours, twin) = (parts(&[b"a", b"b"]), parts(&[b"a", b"c"]));
        assert_eq!(Content::of_upload("2~x", &ours).difference(2, None, etag), None);
        assert!(
            Content::of_upload("2~x", &twin)
                .difference(2, None, etag)
                .is_some()
        );
        assert_eq!(Content::of_upload("x", &twin).difference(2, None, etag), None);
    }
}
