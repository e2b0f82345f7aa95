//! Checksums over a whole object: what the store told, and what came.
//!
//! The first request of a stream asks for the checksum that the store keeps (`x-amz-checksum-mode`).
//! It is compared once every byte from the first to the last has come in order, however many replies
//! and prefetched ranges it took, and before the last of them is handed out. So a damaged object
//! ends in an error and never in an end of file.
//!
//! What this cannot see:
//! * Reads of a part of an object: a seek over bytes, `read_ranges`, a stream that is given up. The
//!   store has no checksum of a part. TLS protects these bytes on their way.
//! * Bytes that were handed out before the end was reached. They may be what is damaged, and only
//!   the error at the end tells.
//! * Composite checksums (`…-3`), which cover the checksums of parts whose sizes are not known here.
//!   Amazon S3 and this plugin's own uploads have checksums of the whole object.
//! * SHA-1 and SHA-256, which would cost more time than the transfer.

use std::fmt;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::types::ChecksumType;
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

/// The checksum of a whole object, as the store told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checksum {
    kind: Kind,
    value: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Crc32,
    Crc32c,
    Crc64Nvme,
}

impl Kind {
    fn algorithm(self) -> CrcAlgorithm {
        match self {
            Self::Crc32 => CrcAlgorithm::Crc32IsoHdlc,
            Self::Crc32c => CrcAlgorithm::Crc32Iscsi,
            Self::Crc64Nvme => CrcAlgorithm::Crc64Nvme,
        }
    }

    /// Bytes of a value.
    fn width(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
        }
    }
}

impl Checksum {
    /// That of the whole object, if the reply has one that can be relied upon.
    pub(super) fn of_reply(reply: &GetObjectOutput) -> Option<Self> {
        let headers = [
            (Kind::Crc64Nvme, reply.checksum_crc64_nvme()),
            (Kind::Crc32c, reply.checksum_crc32_c()),
            (Kind::Crc32, reply.checksum_crc32()),
        ];
        let is_full = match reply.checksum_type() {
            Some(kind) => *kind == ChecksumType::FullObject,
            // Stores that know no types make composite ones for objects of several parts, and not
            // all of them mark these.
            None => !made_of_parts(reply.e_tag().unwrap_or_default()),
        };
        headers.into_iter().find_map(|(kind, text)| {
            // There is no composite CRC64NVME.
            let reliable = is_full || kind == Kind::Crc64Nvme;
            reliable.then(|| Self::parse(kind, text?)).flatten()
        })
    }

    fn parse(kind: Kind, text: &str) -> Option<Self> {
        let bytes = aws_smithy_types::base64::decode(text.trim()).ok()?;
        (bytes.len() == kind.width()).then(|| Self {
            kind,
            value: bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)),
        })
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.kind.width() * 2;
        write!(f, "{} {:0width$x}", self.kind.name(), self.value)
    }
}

/// Whether an entity tag is that of a multipart upload, such as `"0123…-3"`.
fn made_of_parts(etag: &str) -> bool {
    etag.trim_matches('"')
        .rsplit_once('-')
        .is_some_and(|(_, count)| !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Sums up what comes of an object, in order from its first byte on.
pub(super) struct Verifier {
    expected: Checksum,
    digest: Digest,
    /// The next byte that continues the sum.
    next: u64,
}

impl Verifier {
    pub(super) fn new(expected: Checksum) -> Self {
        Self {
            expected,
            digest: Digest::new(expected.kind.algorithm()),
            next: 0,
        }
    }

    /// Takes in what continues the sum of a frame that begins at `start`: bytes that come again are
    /// left out, and behind a gap nothing is added any more.
    pub(super) fn take_in(&mut self, start: u64, frame: &Bytes) {
        let end = start + frame.len() as u64;
        if start <= self.next && self.next < end {
            self.digest.update(&frame[(self.next - start) as usize..]);
            self.next = end;
        }
    }

    /// What is wrong, once all `len` bytes of the object have come.
    pub(super) fn mismatch(&self, len: u64) -> Option<String> {
        if self.next != len {
            return None;
        }
        let found = Checksum {
            kind: self.expected.kind,
            value: self.digest.finalize(),
        };
        (found != self.expected)
            .then(|| format!("it sums up to {found}, but the store keeps {}", self.expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"123456789";

    /// The check values that the algorithms are published with.
    const CHECKS: [(Kind, u64); 3] = [
        (Kind::Crc32, 0xcbf4_3926),
        (Kind::Crc32c, 0xe306_9283),
        (Kind::Crc64Nvme, 0xae8b_1486_0a79_9888),
    ];

    fn encode(kind: Kind, value: u64) -> String {
        aws_smithy_types::base64::encode(&value.to_be_bytes()[8 - kind.width()..])
    }

    #[test]
    fn frames_that_overlap_are_summed_up_once_and_a_wrong_bit_shows() {
        for (kind, value) in CHECKS {
            let expected = Checksum::parse(kind, &encode(kind, value)).unwrap();
            let mut verifier = Verifier::new(expected);
            for range in [0..3, 0..2, 2..5, 5..9] {
                assert_eq!(verifier.mismatch(9), None);
                verifier.take_in(range.start as u64, &Bytes::from_static(&TEXT[range]));
            }
            assert_eq!(verifier.mismatch(9), None, "{expected}");
            let mut verifier = Verifier::new(expected);
            verifier.take_in(0, &Bytes::from_static(b"123456788"));
            assert!(verifier.mismatch(9).unwrap().contains(kind.name()));
        }
    }

    #[test]
    fn behind_a_gap_nothing_is_claimed() {
        let mut verifier = Verifier::new(Checksum {
            kind: Kind::Crc32,
            value: 1,
        });
        verifier.take_in(0, &Bytes::from_static(b"123"));
        verifier.take_in(4, &Bytes::from_static(b"56789"));
        assert_eq!(verifier.mismatch(9), None);
    }

    #[test]
    fn only_a_checksum_of_the_whole_object_is_relied_upon() {
        let (kind, value) = CHECKS[1];
        let full = encode(kind, value);
        let reply = |text: &str, of: Option<ChecksumType>, etag: &str| {
            GetObjectOutput::builder()
                .checksum_crc32_c(text)
                .set_checksum_type(of)
                .e_tag(etag)
                .build()
        };
        let found = |reply: GetObjectOutput| Checksum::of_reply(&reply).is_some();
        assert!(found(reply(&full, None, "\"abc\"")));
        assert!(found(reply(&full, Some(ChecksumType::FullObject), "\"abc-3\"")));
        assert!(!found(reply(&full, None, "\"abc-3\"")));
        assert!(!found(reply(&full, Some(ChecksumType::Composite), "\"abc\"")));
        assert!(!found(reply(&format!("{full}-3"), None, "\"abc\"")));
        assert!(!found(reply("AAAA", None, "\"abc\"")));
        let (kind, value) = CHECKS[2];
        let reply = GetObjectOutput::builder().checksum_crc64_nvme(encode(kind, value));
        assert!(found(reply.e_tag("\"abc-3\"").build()));
    }
}
