//! [`OldState`]: what Flink's own S3 file systems keep of an unfinished file.
//!
//! Both of their families write version 1. They are told apart by the first four bytes: those that a
//! state of the Hadoop family begins with would be the length of a key of more than 1,024 bytes.
//! Neither has a checksum, so that every length, number and count is checked instead.

use plugin_api::{Recoverable, Result};

use super::{corrupt, flink_native, hadoop};
use crate::multipart_upload::{MAX_OBJECT_SIZE, MAX_PARTS};
use crate::settings::MAX_PART_SIZE;

/// The version that both families write.
const VERSION: u32 = 1;

/// What Flink's own S3 file systems keep of an unfinished file: an upload, always, and a side object
/// with what was too small for a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OldState {
    /// Who writes such states.
    pub(crate) format: &'static str,
    pub(crate) key: String,
    pub(crate) upload_id: String,
    /// Ascending by number. Their sizes are not known.
    pub(crate) parts: Vec<OldPart>,
    /// The bytes of all parts.
    pub(crate) parts_len: u64,
    pub(crate) tail: Option<SideObject>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OldPart {
    pub(crate) number: u32,
    pub(crate) etag: String,
}

/// An object that holds the bytes behind the last part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SideObject {
    pub(crate) key: String,
    /// Not 0.
    pub(crate) len: u64,
}

impl OldState {
    /// Reads a state of version 1; [`None`] if it is of another version.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](plugin_api::ErrorKind::Corrupt) for whatever is not exactly what Flink
    /// writes.
    pub(crate) fn decode(recoverable: &Recoverable) -> Option<Result<Self>> {
        (recoverable.version() == VERSION).then(|| {
            let bytes = recoverable.bytes();
            let state = if bytes.starts_with(&hadoop::MAGIC) {
                hadoop::read(bytes)?
            } else {
                flink_native::read(bytes)?
            };
            state.validate()?;
            Ok(state)
        })
    }

    /// The bytes that the state covers.
    pub(crate) fn len(&self) -> u64 {
        self.parts_len + self.tail_len()
    }

    pub(crate) fn tail_len(&self) -> u64 {
        self.tail.as_ref().map_or(0, |tail| tail.len)
    }

    fn validate(&self) -> Result<()> {
        if self.key.is_empty() || self.upload_id.is_empty() {
            return Err(corrupt("it names no file or no upload"));
        }
        let mut before = 0;
        for part in &self.parts {
            if part.number <= before || part.number > MAX_PARTS {
                return Err(corrupt("its part numbers do not ascend from 1 to at most 10,000"));
            }
            if part.etag.is_empty() {
                return Err(corrupt("a part has no entity tag"));
            }
            before = part.number;
        }
        if self.parts_len > MAX_OBJECT_SIZE || (self.parts.is_empty() && self.parts_len > 0) {
            return Err(corrupt("its parts cannot have the length that it says"));
        }
        match &self.tail {
            Some(tail) if tail.key.is_empty() || tail.len == 0 || tail.len > MAX_PART_SIZE => {
                Err(corrupt("its side object cannot be what it says"))
            }
            _ => Ok(()),
        }
    }
}

/// A number of parts, each of which takes at least so many bytes.
pub(super) fn part_count(count: i32, least: usize, left: usize) -> Result<usize> {
    let count = usize::try_from(count).map_err(|_| corrupt("its number of parts is negative"))?;
    if count > MAX_PARTS as usize {
        return Err(corrupt("it has more than 10,000 parts"));
    }
    if count * least > left {
        return Err(corrupt("it has more parts than there is room for"));
    }
    Ok(count)
}

/// A length that must not be negative.
pub(super) fn length(len: i64) -> Result<u64> {
    u64::try_from(len).map_err(|_| corrupt("a length is negative"))
}

/// The number of a part, which is checked later.
pub(super) fn part_number(number: i32) -> Result<u32> {
    u32::try_from(number).map_err(|_| corrupt("a part number is negative"))
}

#[cfg(test)]
mod tests {
    use plugin_api::ErrorKind;
    use proptest::prelude::*;

    use super::*;

    const NATIVE: &str = "000c6f2f662dc3a9eda0bdedb880000275310000000000500000000000010000000100026531010003\
                          742f780000000000000007";
    const HADOOP: &str = "321476980a0000006f2f662dc3a9f09f9880020000007531010000000100000002000000653100005000\
                          0000000003000000742f780700000000000000";

    fn bytes(hex: &str) -> Vec<u8> {
        let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digit).collect()
    }

    fn decode(bytes: &[u8]) -> Result<OldState> {
        OldState::decode(&Recoverable::new(1, bytes.to_vec())).unwrap()
    }

    fn refused(bytes: &[u8], what: &str) {
        let error = decode(bytes).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
    }

    /// The same bytes with others in their place.
    fn patched(good: &[u8], at: usize, patch: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        bytes[at..at + patch.len()].copy_from_slice(patch);
        bytes
    }

    #[test]
    fn the_vectors_of_both_families_say_the_same() {
        for (hex, format) in [(NATIVE, "flink-native-1"), (HADOOP, "flink-hadoop-1")] {
            let state = decode(&bytes(hex)).unwrap();
            assert_eq!(state.len(), 5_242_887);
            let expected = OldState {
                format,
                key: "o/f-é😀".into(),
                upload_id: "u1".into(),
                parts: vec![OldPart {
                    number: 1,
                    etag: "e1".into(),
                }],
                parts_len: 5_242_880,
                tail: Some(SideObject {
                    key: "t/x".into(),
                    len: 7,
                }),
            };
            assert_eq!(state, expected);
        }
    }

    #[test]
    fn only_version_1_is_old() {
        for version in [0, 2, 3, u32::MAX] {
            assert!(OldState::decode(&Recoverable::new(version, bytes(NATIVE))).is_none());
        }
    }

    #[test]
    fn every_cut_and_every_byte_that_follows_is_damage() {
        for hex in [NATIVE, HADOOP] {
            let good = bytes(hex);
            for len in 0..good.len() {
                refused(&good[..len], &format!("cut to {len} bytes"));
            }
            for more in [&b"\0"[..], b"FSR2", &[0xFF; 40]] {
                refused(&[&good[..], more].concat(), "extended");
            }
        }
    }

    #[test]
    fn negative_and_huge_numbers_are_damage() {
        // The offsets of the length in parts, the number of parts, the first part's number, the flag
        // of the side object and its length.
        let native = bytes(NATIVE);
        for (at, patch) in [
            (18, &[0x80][..]),
            (18, &[0x7F]),
            (26, &[0xFF; 4]),
            (26, &[0, 0, 0, 2]),
            (26, &[0, 0, 0x27, 0x11]),
            (30, &[0xFF; 4]),
            (30, &[0; 4]),
            (30, &[0, 0, 0x27, 0x11]),
            (38, &[2]),
            (44, &[0; 8]),
            (44, &[0xFF; 8]),
            (44, &[0x7F]),
        ] {
            refused(
                &patched(&native, at, patch),
                &format!("native, {patch:x?} at {at}"),
            );
        }
        let hadoop = bytes(HADOOP);
        let end = hadoop.len();
        for (at, patch) in [
            (4, &[0xFF; 4][..]),
            (18, &[0xFF; 4]),
            (24, &[0xFF; 4]),
            (24, &[0x11, 0x27, 0, 0]),
            (28, &[0; 4]),
            (28, &[0xFF; 4]),
            (32, &[0xFF; 4]),
            (38, &[0xFF; 8]),
            (46, &[0xFF; 4]),
            (end - 8, &[0; 8]),
            (end - 8, &[0xFF; 8]),
        ] {
            refused(
                &patched(&hadoop, at, patch),
                &format!("hadoop, {patch:x?} at {at}"),
            );
        }
    }

    #[test]
    fn states_without_parts_or_side_object_are_read() {
        let native = bytes("00016b0002753100000000000000000000000000");
        let hadoop = |tail_len: i64| {
            let head = bytes("32147698010000006b02000000753100000000000000000000000000000000");
            [&head[..], &tail_len.to_le_bytes()].concat()
        };
        for good in [native, hadoop(0), hadoop(-1)] {
            let state = decode(&good).unwrap();
            assert_eq!((state.len(), state.parts.len(), state.tail), (0, 0, None));
        }
        refused(&hadoop(7), "a length without a side object");
    }

    #[test]
    fn texts_of_java_are_read_strictly() {
        let key = |text: &[u8]| {
            let len = (text.len() as u16).to_be_bytes();
            let rest = bytes("0002753100000000000000000000000000");
            decode(&[&len[..], text, &rest].concat())
        };
        assert_eq!(key(b"a\xC0\x80b").unwrap().key, "a\0b");
        assert_eq!(key("é€".as_bytes()).unwrap().key, "é€");
        assert_eq!(key(b"\xED\xA0\xBD\xED\xB8\x80").unwrap().key, "😀");
        for bad in [
            &b"a\0"[..],
            "😀".as_bytes(),
            b"\xC1\x81",
            b"\xE0\x80\x80",
            b"\xED\xA0\xBD",
            b"\xC3",
            b"\x80",
            b"\xFF",
        ] {
            assert_eq!(key(bad).unwrap_err().kind(), ErrorKind::Corrupt, "{bad:x?}");
        }
    }

    proptest! {
        #[test]
        fn damage_of_any_kind_is_refused_or_read_as_another_state_within_the_limits(
            hadoop in any::<bool>(),
            patches in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut bytes = bytes(if hadoop { HADOOP } else { NATIVE });
            for (at, byte) in patches {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            match decode(&bytes) {
                Ok(state) => prop_assert!(state.validate().is_ok()),
                Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Corrupt),
            }
        }
    }
}
