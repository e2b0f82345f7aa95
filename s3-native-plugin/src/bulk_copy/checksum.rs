//! [`Sum`]: the checksum of a file whose ranges arrive in any order, against that of the store.

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::ChecksumType;
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

/// The checksum that the store has of a whole object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Expected {
    algorithm: CrcAlgorithm,
    value: u64,
}

/// The checksum of adjacent bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum {
    /// `None` where there is nothing to compare with.
    algorithm: Option<CrcAlgorithm>,
    value: u64,
    pub(super) len: u64,
}

impl Expected {
    pub(super) fn of_get(reply: &GetObjectOutput) -> Option<Self> {
        Self::new(
            is_full(reply.checksum_type(), reply.e_tag()),
            [
                reply.checksum_crc64_nvme(),
                reply.checksum_crc32_c(),
                reply.checksum_crc32(),
            ],
        )
    }

    pub(super) fn of_head(reply: &HeadObjectOutput) -> Option<Self> {
        Self::new(
            is_full(reply.checksum_type(), reply.e_tag()),
            [
                reply.checksum_crc64_nvme(),
                reply.checksum_crc32_c(),
                reply.checksum_crc32(),
            ],
        )
    }

    /// Of the values for CRC-64/NVME, CRC-32C and CRC-32, if they are of the whole object. A checksum
    /// of the checksums of parts says nothing without these, and is left out.
    fn new(is_full: bool, values: [Option<&str>; 3]) -> Option<Self> {
        const ALGORITHMS: [(CrcAlgorithm, usize); 3] = [
            (CrcAlgorithm::Crc64Nvme, 8),
            (CrcAlgorithm::Crc32Iscsi, 4),
            (CrcAlgorithm::Crc32IsoHdlc, 4),
        ];
        if !is_full {
            return None;
        }
        ALGORITHMS
            .into_iter()
            .zip(values)
            .find_map(|((algorithm, len), value)| {
                let value = value.filter(|value| !value.contains('-'))?;
                let bytes = aws_smithy_types::base64::decode(value).ok()?;
                (bytes.len() == len).then(|| Self {
                    algorithm,
                    value: bytes
                        .into_iter()
                        .fold(0, |value, byte| value << 8 | u64::from(byte)),
                })
            })
    }

    /// Whether bytes with this sum are not those of the store.
    pub(super) fn differs(&self, sum: &Sum) -> bool {
        sum.algorithm == Some(self.algorithm) && sum.value != self.value
    }
}

/// Whether the checksums of an object are of the whole. Stores that know no types make composite ones
/// for an object of parts, and not all of them mark these.
fn is_full(kind: Option<&ChecksumType>, etag: Option<&str>) -> bool {
    match kind {
        Some(kind) => *kind == ChecksumType::FullObject,
        None => !etag.unwrap_or_default().contains('-'),
    }
}

impl Sum {
    /// The sum of no bytes, for what is expected in the end.
    pub(super) fn empty(expected: Option<Expected>) -> Self {
        Self::of(expected.map(|expected| expected.algorithm), &[])
    }

    /// The sum of chunks one behind the other, by the algorithm of this one.
    pub(super) fn next(&self, chunks: &[Bytes]) -> Self {
        Self::of(self.algorithm, chunks)
    }

    fn of(algorithm: Option<CrcAlgorithm>, chunks: &[Bytes]) -> Self {
        let len = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        let value = algorithm.map_or(0, |algorithm| {
            let mut digest = Digest::new(algorithm);
            for chunk in chunks {
                digest.update(chunk);
            }
            digest.finalize()
        });
        Self {
            algorithm,
            value,
            len,
        }
    }

    /// Takes in the bytes behind.
    pub(super) fn append(&mut self, behind: Self) {
        if let Some(algorithm) = self.algorithm
            && behind.len > 0
        {
            self.value = if self.len == 0 {
                behind.value
            } else {
                crc_fast::checksum_combine(algorithm, self.value, behind.value, behind.len)
            };
        }
        self.len += behind.len;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(algorithm: CrcAlgorithm, len: usize, content: &[u8]) -> String {
        let value = crc_fast::checksum(algorithm, content).to_be_bytes();
        aws_smithy_types::base64::encode(&value[8 - len..])
    }

    #[test]
    fn only_the_checksum_of_a_whole_object_counts() {
        let value = encoded(CrcAlgorithm::Crc32Iscsi, 4, b"x");
        let of = |kind, etag, value: &str| Expected::new(is_full(kind, etag), [None, Some(value), None]);
        assert!(of(Some(&ChecksumType::FullObject), Some("\"e-3\""), &value).is_some());
        assert!(of(None, Some("\"e\""), &value).is_some());
        assert!(of(None, Some("\"e-3\""), &value).is_none());
        assert!(of(Some(&ChecksumType::Composite), None, &value).is_none());
        assert!(of(None, None, &format!("{value}-3")).is_none());
        assert!(of(None, None, "not base64!").is_none());
        assert!(of(None, None, "AAAA").is_none());
    }

    proptest! {
        #[test]
        fn pieces_sum_up_to_the_whole_and_a_flipped_bit_shows(
            content in prop::collection::vec(any::<u8>(), 0..300),
            cuts in prop::collection::vec(0..300_usize, 0..5),
            flip in any::<prop::sample::Index>(),
            which in 0..3_usize,
        ) {
            let (algorithm, len) = [
                (CrcAlgorithm::Crc64Nvme, 8),
                (CrcAlgorithm::Crc32Iscsi, 4),
                (CrcAlgorithm::Crc32IsoHdlc, 4),
            ][which];
            let text = encoded(algorithm, len, &content);
            let mut values = [None, None, None];
            values[which] = Some(text.as_str());
            let expected = Expected::new(true, values).unwrap();
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|&cut| cut <= content.len()).collect();
            cuts.extend([0, content.len()]);
            cuts.sort_unstable();
            let sum = |content: &[u8]| {
                let mut sum = Sum::empty(Some(expected));
                for piece in cuts.windows(2) {
                    sum.append(sum.next(&[Bytes::copy_from_slice(&content[piece[0]..piece[1]])]));
                }
                sum
            };
            let whole = sum(&content);
            prop_assert_eq!(whole.len, content.len() as u64);
            prop_assert!(!expected.differs(&whole));
            if !content.is_empty() {
                let mut damaged = content.clone();
                damaged[flip.index(content.len())] ^= 1;
                prop_assert!(expected.differs(&sum(&damaged)));
            }
        }
    }
}
