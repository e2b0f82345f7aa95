//! Contents of files that tell where each byte is from.

use bytes::Bytes;

/// The smallest part that S3 takes: sizes around it are where uploads change their shape.
pub(crate) const PART: usize = 5 << 20;

/// More than a part, so that an object store begins an upload in parts; not a multiple of anything.
pub(crate) const LARGE: usize = PART + (1 << 20) + 7;

/// `len` bytes that depend on the position and on `seed`.
pub(crate) fn content(len: usize, seed: u64) -> Bytes {
    let mut bytes = Vec::with_capacity(len + 8);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// Numbers below `bound` that look random and are the same in each run.
pub(crate) fn numbers(seed: u64, bound: u64) -> impl Iterator<Item = u64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % bound
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_have_their_length_and_differ() {
        assert_eq!(content(0, 1).len(), 0);
        assert_eq!(content(13, 1).len(), 13);
        assert_eq!(content(13, 1), content(20, 1)[..13]);
        assert_ne!(content(64, 1), content(64, 2));
        assert!(numbers(3, 10).take(1000).all(|number| number < 10));
    }
}
