//! Random decisions that do not depend on the order in which concurrent requests happen to arrive.
//!
//! Whether a fault hits a request is a function of the seed, the place of the fault among the rules, and what
//! the request is: its operation, bucket, key, part number and `Range`, and how many of exactly these came
//! before it. Two runs that send the same requests are hit alike, however their requests interleave.

use crate::operation::Operation;

/// All requests of a million.
pub(crate) const MILLION: u32 = 1_000_000;

/// What makes a request the same in two runs, as a hash. Upload ids are left out: no two runs have the same.
pub(crate) fn identity(operation: &Operation) -> u64 {
    let part = operation.part_number.map(|number| number.to_string());
    let fields = [
        Some(operation.name),
        operation.bucket.as_deref(),
        operation.key.as_deref(),
        part.as_deref(),
        operation.range.as_deref(),
    ];
    fields.iter().fold(0xcbf2_9ce4_8422_2325, |hash, field| {
        // Nothing is not the same as an empty text, and no field runs into the next.
        let hash = fnv(hash, &[u8::from(field.is_some())]);
        let text = field.unwrap_or_default().as_bytes();
        fnv(fnv(hash, text), &(text.len() as u64).to_le_bytes())
    })
}

/// Whether the request with this identity, of which `earlier` came before, is among `millionths` of all.
pub(crate) fn falls_on(seed: u64, rule: u64, identity: u64, earlier: u64, millionths: u32) -> bool {
    let drawn = [rule, identity, earlier]
        .iter()
        .fold(mixed(seed), |drawn, value| mixed(drawn ^ mixed(*value)));
    (u128::from(drawn) * u128::from(MILLION)) >> 64 < u128::from(millionths)
}

/// FNV-1a.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The step of `SplitMix64`: every bit of the result depends on every bit of the value.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, Method};

    fn get(uri: &str) -> u64 {
        identity(&Operation::classify(
            &Method::GET,
            &uri.parse().unwrap(),
            &HeaderMap::new(),
        ))
    }

    #[test]
    fn about_as_many_requests_are_drawn_as_were_asked_for() {
        for millionths in [1_000, 20_000, 500_000] {
            let of = 200_000_u64;
            let drawn = (0..of).filter(|&nth| falls_on(7, 1, get("/b/k"), nth, millionths));
            let expected = of * u64::from(millionths) / u64::from(MILLION);
            let count = drawn.count() as u64;
            assert!(
                count.abs_diff(expected) < expected / 4 + 10,
                "{count} of {expected}"
            );
        }
        assert!((0..1000).all(|nth| falls_on(7, 1, 0, nth, MILLION)));
    }

    #[test]
    fn seed_rule_request_and_its_number_each_make_a_difference() {
        let draws = |seed, rule, identity| {
            (0..256)
                .map(|nth| falls_on(seed, rule, identity, nth, MILLION / 2))
                .collect::<Vec<_>>()
        };
        let one = draws(1, 0, get("/b/k"));
        assert_eq!(one, draws(1, 0, get("/b/k")));
        for other in [
            draws(2, 0, get("/b/k")),
            draws(1, 1, get("/b/k")),
            draws(1, 0, get("/b/l")),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn the_same_request_in_two_uploads_has_one_identity() {
        assert_eq!(get("/b/k?uploadId=1"), get("/b/k?uploadId=2"));
        assert_ne!(get("/b/k"), get("/bk/"));
    }
}
