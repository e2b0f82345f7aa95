//! Entity tags: without quotes, and made of MD5 as Amazon S3 makes them without encryption by KMS.

use md5::{Digest, Md5};

/// An entity tag without its quotes, which not every reply of every store has.
pub(crate) fn bare(etag: &str) -> &str {
    etag.trim_matches('"')
}

/// The tag of these bytes as one part or one object, without quotes.
pub(crate) fn of_content(content: &[u8]) -> String {
    hex(&Md5::digest(content))
}

/// The tag of an object made of parts with these tags, without quotes: the MD5 over their binary
/// MD5s, and their number. [`None`] if one of the tags cannot be an MD5.
pub(super) fn of_parts<'a>(etags: impl ExactSizeIterator<Item = &'a str>) -> Option<String> {
    let count = etags.len();
    let mut md5 = Md5::new();
    for etag in etags {
        let digest = bare(etag);
        if !is_digest(digest) {
            return None;
        }
        md5.update(u128::from_str_radix(digest, 16).ok()?.to_be_bytes());
    }
    Some(format!("{}-{count}", hex(&md5.finalize())))
}

/// Whether this is written as an MD5 is.
pub(super) fn is_digest(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn hex(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_parts_is_that_of_amazon_s3() {
        assert_eq!(of_content(b""), "d41d8cd98f00b204e9800998ecf8427e");
        // MD5 of the sixteen bytes of the MD5 of nothing.
        let quoted = "\"d41d8cd98f00b204e9800998ecf8427e\"";
        assert_eq!(
            of_parts([quoted].into_iter()).unwrap(),
            "59adb24ef3cdbe0297f05b395827453f-1"
        );
        assert_eq!(of_parts(["e1"].into_iter()), None);
        assert_eq!(of_parts([quoted, "x"].into_iter()), None);
    }
}
