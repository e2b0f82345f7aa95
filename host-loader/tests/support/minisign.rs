//! Signs as `minisign -S` does, in the format that is signed over a `BLAKE2b` hash.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// A key pair.
pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    number: [u8; 8],
}

impl Signer {
    /// The key pair that is made of this seed, always the same.
    pub(crate) fn new(seed: u8) -> Self {
        Self {
            pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap(),
            number: [seed; 8],
        }
    }

    /// The public key: the second line of `minisign.pub`.
    pub(crate) fn public_key(&self) -> String {
        STANDARD.encode([b"Ed", &self.number[..], self.pair.public_key().as_ref()].concat())
    }

    /// The content of the signature file.
    pub(crate) fn sign(&self, content: &[u8]) -> String {
        let comment = "of a test";
        let signature = self.pair.sign(&blake2b(content));
        let of_both = self.pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        format!(
            "untrusted comment: signature\n{}\ntrusted comment: {comment}\n{}\n",
            STANDARD.encode([b"ED", &self.number[..], signature.as_ref()].concat()),
            STANDARD.encode(of_both)
        )
    }
}

/// The first words of the state, as SHA-512 has them.
const START: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// Which words of a block each round takes; the last two rounds are as the first two.
const ORDERS: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// Columns, then diagonals.
const MIXED: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

/// `BLAKE2b` with 64 bytes and no key, after RFC 7693.
fn blake2b(content: &[u8]) -> [u8; 64] {
    let mut state = START;
    state[0] ^= 0x0101_0040;
    let mut hashed = 0;
    let last = content.len().saturating_sub(1) / 128;
    for index in 0..=last {
        let piece = &content[index * 128..content.len().min(index * 128 + 128)];
        let mut block = [0; 128];
        block[..piece.len()].copy_from_slice(piece);
        hashed += piece.len() as u64;
        compress(&mut state, &block, hashed, index == last);
    }
    let mut hash = [0; 64];
    for (bytes, word) in hash.chunks_exact_mut(8).zip(state) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    hash
}

fn compress(state: &mut [u64; 8], block: &[u8; 128], hashed: u64, is_last: bool) {
    let word = |index: usize| u64::from_le_bytes(block[index * 8..index * 8 + 8].try_into().unwrap());
    let mut lanes = [0; 16];
    lanes[..8].copy_from_slice(state);
    lanes[8..].copy_from_slice(&START);
    lanes[12] ^= hashed;
    if is_last {
        lanes[14] = !lanes[14];
    }
    for round in 0..12 {
        let order = ORDERS[round % 10];
        for (mixed, words) in MIXED.iter().zip(order.chunks_exact(2)) {
            let [a, b, c, d] = *mixed;
            for (&index, (first, second)) in words.iter().zip([(32, 24), (16, 63)]) {
                lanes[a] = lanes[a].wrapping_add(lanes[b]).wrapping_add(word(index));
                lanes[d] = (lanes[d] ^ lanes[a]).rotate_right(first);
                lanes[c] = lanes[c].wrapping_add(lanes[d]);
                lanes[b] = (lanes[b] ^ lanes[c]).rotate_right(second);
            }
        }
    }
    for (index, word) in state.iter_mut().enumerate() {
        *word ^= lanes[index] ^ lanes[index + 8];
    }
}
