use proptest::prelude::*;

use super::*;

fn sample() -> RecoverableState {
    RecoverableState {
        bucket: "b".into(),
        endpoint: "http://h".into(),
        key: "o/é".into(),
        upload_id: "u1".into(),
        nonce: Some(Nonce::from_bytes([
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        ])),
        mode: WriteMode::Overwrite,
        content_type: "a/b".into(),
        part_size: 5 << 20,
        equal_parts: false,
        begun: 0x0102_0304_0506,
        parts: vec![Part {
            number: 3,
            size: 7,
            crc32c: Some(0x0102_0304),
            checksum_kept: true,
            etag: "\"e\"".into(),
        }],
        tail: Bytes::from_static(b"123456789"),
    }
}

/// The bytes of version 2 are kept for ever: a checkpoint may be years old.
#[test]
fn the_bytes_of_version_2_are_frozen() {
    let golden = [
        "46535232",                         // FSR2
        "0200",                             // version
        "0100",                             // flags: overwrite
        "000102030405060708090a0b0c0d0e0f", // nonce
        "0100000062",                       // bucket
        "08000000687474703a2f2f68",         // endpoint
        "040000006f2fc3a9",                 // key
        "020000007531",                     // upload id
        "03000000612f62",                   // media type
        "0000500000000000",                 // part size
        "0605040302010000",                 // begun
        "1000000000000000",                 // total length
        "01000000",                         // number of parts
        "03000000",                         // number
        "0700000000000000",                 // size
        "04030201",                         // CRC32C
        "01",                               // flags: checksum kept
        "03000000226522",                   // entity tag
        "09000000",                         // tail length
        "839206e3",                         // tail CRC32C, the check value of the algorithm
        "313233343536373839",               // tail
    ]
    .concat();
    let recoverable = sample().encode();
    let (content, checksum) = recoverable.bytes().split_last_chunk::<4>().unwrap();
    let hex: Vec<_> = content.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex.concat(), golden);
    assert_eq!(*checksum, crc32c::crc32c(content).to_le_bytes());
    assert_eq!(RecoverableState::decode(&recoverable).unwrap(), sample());
}

/// The golden files of version 2, and what they say.
fn golden() -> [(&'static [u8], RecoverableState); 3] {
    let part = |number, size, crc32c, checksum_kept, etag: &str| Part {
        number,
        size,
        crc32c,
        checksum_kept,
        etag: etag.to_owned(),
    };
    let with_upload = RecoverableState {
        bucket: "bucket".into(),
        endpoint: "http://127.0.0.1:9000".into(),
        key: "o/f-é😀".into(),
        content_type: "text/plain".into(),
        begun: 1_764_000_000_000,
        parts: vec![
            part(
                1,
                5 << 20,
                Some(0x0102_0304),
                true,
                "\"00112233445566778899aabbccddeeff\"",
            ),
            part(
                130,
                (5 << 20) + 1,
                Some(0x0506_0708),
                false,
                "\"ffeeddccbbaa99887766554433221100\"",
            ),
        ],
        ..sample()
    };
    let without_upload = RecoverableState {
        endpoint: String::new(),
        upload_id: String::new(),
        mode: WriteMode::NoOverwrite,
        content_type: String::new(),
        begun: 0,
        parts: Vec::new(),
        ..with_upload.clone()
    };
    let [mut first, mut second] = [0, 1].map(|index| with_upload.parts[index].clone());
    (first.crc32c, first.checksum_kept) = (None, false);
    second.size = 5 << 20;
    let of_another_writer = RecoverableState {
        upload_id: "u1".into(),
        nonce: None,
        mode: WriteMode::Overwrite,
        equal_parts: true,
        parts: vec![first, second],
        tail: Bytes::new(),
        ..without_upload.clone()
    };
    [
        (
            include_bytes!("../../tests/golden/v2-with-upload.state"),
            with_upload,
        ),
        (
            include_bytes!("../../tests/golden/v2-without-upload.state"),
            without_upload,
        ),
        (
            include_bytes!("../../tests/golden/v2-of-another-writer.state"),
            of_another_writer,
        ),
    ]
}

#[test]
fn golden_files_of_version_2_are_read_and_written_as_they_were() {
    for (bytes, state) in golden() {
        let recoverable = Recoverable::new(VERSION, bytes);
        assert_eq!(RecoverableState::decode(&recoverable).unwrap(), state);
        assert_eq!(state.encode(), recoverable);
    }
}

#[test]
fn intact_state_of_a_newer_plugin_asks_for_a_newer_plugin() {
    let outer = Recoverable::new(3, sample().encode().bytes().clone());
    let mut inner = sample().encode().bytes().to_vec();
    inner[4] = 3;
    let end = inner.len() - 4;
    let checksum = crc32c::crc32c(&inner[..end]);
    inner[end..].copy_from_slice(&checksum.to_le_bytes());
    for newer in [outer, Recoverable::new(VERSION, inner)] {
        let error = RecoverableState::decode(&newer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.remedy(), "use a newer plugin");
    }
}

#[test]
fn every_flipped_bit_and_every_truncation_is_damage() {
    let good = sample().encode();
    for bit in 0..good.bytes().len() * 8 {
        let mut bytes = good.bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let error = RecoverableState::decode(&Recoverable::new(VERSION, bytes)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "bit {bit}");
    }
    for len in 0..good.bytes().len() {
        let error =
            RecoverableState::decode(&Recoverable::new(VERSION, good.bytes().slice(..len))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "length {len}");
    }
}

fn part() -> impl Strategy<Value = (u64, Option<u32>, bool, String)> {
    (1_u64..1 << 40, any::<Option<u32>>(), any::<bool>(), "[ -~]{0,40}")
}

prop_compose! {
    fn state()(
        (bucket, endpoint, key, content_type) in ("[a-z]{1,63}", "[ -~]{0,30}", ".{1,200}", "[ -~]{0,20}"),
        parts in prop::collection::vec(part(), 0..20),
        gap in 1_u32..400,
        tail in prop::collection::vec(any::<u8>(), 0..300),
        (nonce, overwrite, part_size) in (any::<Option<[u8; 16]>>(), any::<bool>(), 1_u64..),
        (equal_parts, begun) in (any::<bool>(), any::<u64>()),
    ) -> RecoverableState {
        let has_upload = !parts.is_empty() || nonce.is_none();
        RecoverableState {
            bucket,
            endpoint,
            key,
            upload_id: if has_upload { "id".into() } else { String::new() },
            nonce: nonce.map(Nonce::from_bytes),
            mode: if overwrite { WriteMode::Overwrite } else { WriteMode::NoOverwrite },
            content_type,
            part_size,
            equal_parts,
            begun: if has_upload { begun } else { 0 },
            parts: (1..)
                .zip(parts)
                .map(|(index, (size, crc32c, checksum_kept, etag))| Part {
                    number: index * gap,
                    size,
                    crc32c,
                    checksum_kept: checksum_kept && crc32c.is_some(),
                    etag,
                })
                .collect(),
            tail: tail.into(),
        }
    }
}

proptest! {
    #[test]
    fn any_state_round_trips_and_any_damage_is_found(
        state in state(),
        flip in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let good = state.encode();
        prop_assert_eq!(&RecoverableState::decode(&good).unwrap(), &state);
        let mut bytes = good.bytes().to_vec();
        let bit = flip.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let error = RecoverableState::decode(&Recoverable::new(VERSION, bytes)).unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
        let short = good.bytes().slice(..cut.index(good.bytes().len()));
        let error = RecoverableState::decode(&Recoverable::new(VERSION, short)).unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn arbitrary_bytes_with_a_valid_frame_never_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([2, 0]);
        bytes.extend(body);
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend(checksum.to_le_bytes());
        drop(RecoverableState::decode(&Recoverable::new(VERSION, bytes)));
    }
}
