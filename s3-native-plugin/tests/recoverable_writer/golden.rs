//! The golden states through the writer: each is read, and every damaged or newer form of it is refused
//! before any request.

use plugin_api::{ErrorKind, Recoverable, RecoverableWriter};

use crate::fixture::{Fixture, location};

/// The key of every golden file.
const KEY: &str = "o/f-é😀";

const OF_VERSION_2: [&[u8]; 3] = [
    include_bytes!("../golden/v2-with-upload.state"),
    include_bytes!("../golden/v2-without-upload.state"),
    include_bytes!("../golden/v2-of-another-writer.state"),
];

const OF_VERSION_1: [&[u8]; 2] = [
    include_bytes!("../golden/native-v1.state"),
    include_bytes!("../golden/hadoop-v1.state"),
];

/// What each way of using a state says.
async fn kinds(writer: &dyn RecoverableWriter, state: &Recoverable) -> [Option<ErrorKind>; 5] {
    [
        writer.recover(state).await.err().map(|error| error.kind()),
        writer
            .recover_for_commit(state)
            .await
            .err()
            .map(|error| error.kind()),
        writer.abort(state).await.err().map(|error| error.kind()),
        writer.cleanup(state).await.err().map(|error| error.kind()),
        writer.inspect(state).err().map(|error| error.kind()),
    ]
}

async fn refused(fixture: &Fixture, version: u32, bytes: Vec<u8>, kind: ErrorKind, what: &str) {
    let state = Recoverable::new(version, bytes);
    let kinds = kinds(&*fixture.writer(), &state).await;
    assert_eq!(kinds, [Some(kind); 5], "{what}");
}

#[tokio::test]
async fn every_golden_state_is_read() {
    let fixture = Fixture::new().await;
    let lengths = [(5 << 20) * 2 + 1 + 9, 9, (5 << 20) * 2];
    let states = OF_VERSION_2
        .iter()
        .zip(lengths)
        .map(|(bytes, len)| (2, *bytes, len));
    let old = OF_VERSION_1.iter().map(|bytes| (1, *bytes, (5 << 20) + 7));
    for (version, bytes, len) in states.chain(old) {
        let state = Recoverable::new(version, bytes);
        let info = fixture.writer().inspect(&state).unwrap();
        assert_eq!((info.location, info.len), (location(KEY), len));
        fixture.server.requests().clear();
        let recovered = fixture.writer().recover(&state).await;
        if info.upload_id.is_empty() {
            let mut stream = recovered.unwrap();
            stream.close_for_commit().await.unwrap().commit().await.unwrap();
            assert_eq!(fixture.content(KEY).unwrap(), b"123456789");
            fixture.server.store().delete(crate::fixture::BUCKET, KEY);
        } else {
            let error = recovered.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::UploadGone, "{error}");
            assert!(error.to_string().contains("'u1'"), "{error}");
            assert_eq!(fixture.server.requests().count("ListParts"), 1);
        }
    }
}

#[tokio::test]
async fn every_flipped_bit_cut_and_addition_of_a_golden_state_is_corrupt_before_any_request() {
    let fixture = Fixture::new().await;
    for good in OF_VERSION_2 {
        for bit in 0..good.len() * 8 {
            let mut bytes = good.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            refused(&fixture, 2, bytes, ErrorKind::Corrupt, &format!("bit {bit}")).await;
        }
    }
    for (version, good) in OF_VERSION_2
        .map(|bytes| (2, bytes))
        .into_iter()
        .chain(OF_VERSION_1.map(|bytes| (1, bytes)))
    {
        for len in 0..good.len() {
            let cut = good[..len].to_vec();
            refused(
                &fixture,
                version,
                cut,
                ErrorKind::Corrupt,
                &format!("cut to {len} bytes"),
            )
            .await;
        }
        let extended = [good, b"\0"].concat();
        refused(&fixture, version, extended, ErrorKind::Corrupt, "a byte more").await;
    }
    // One for the other.
    refused(
        &fixture,
        1,
        OF_VERSION_2[0].to_vec(),
        ErrorKind::Corrupt,
        "2 as 1",
    )
    .await;
    refused(
        &fixture,
        2,
        OF_VERSION_1[0].to_vec(),
        ErrorKind::Corrupt,
        "1 as 2",
    )
    .await;
    assert_eq!(fixture.server.requests().total(), 0);
}

#[tokio::test]
async fn every_other_version_of_a_golden_state_is_unsupported_before_any_request() {
    let fixture = Fixture::new().await;
    for good in OF_VERSION_2 {
        for outer in [0, 3, 4, 1000, u32::MAX] {
            refused(
                &fixture,
                outer,
                good.to_vec(),
                ErrorKind::Unsupported,
                &format!("outer version {outer}"),
            )
            .await;
        }
        for inner in (0..=u16::MAX).filter(|&inner| inner != 2) {
            let mut bytes = good.to_vec();
            bytes[4..6].copy_from_slice(&inner.to_le_bytes());
            let end = bytes.len() - 4;
            let checksum = crc32c::crc32c(&bytes[..end]);
            bytes[end..].copy_from_slice(&checksum.to_le_bytes());
            refused(
                &fixture,
                2,
                bytes,
                ErrorKind::Unsupported,
                &format!("inner version {inner}"),
            )
            .await;
        }
    }
    assert_eq!(fixture.server.requests().total(), 0);
}
