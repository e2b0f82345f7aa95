//! Sizes around the boundaries of buffers and parts.

use plugin_api::{Capabilities, OpenOptions, WriteMode};

use crate::case::Case;
use crate::content::{PART, content};
use crate::context::{Context, through_a_checkpoint};
use crate::failure::{CaseResult, ensure_eq, expect_same};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Around a page, a buffer of a file, a read buffer, a write buffer, and one to three parts.
const SIZES: &[usize] = &[
    1,
    4095,
    4096,
    4097,
    64 * KIB - 1,
    64 * KIB,
    64 * KIB + 1,
    256 * KIB - 1,
    256 * KIB,
    256 * KIB + 1,
    MIB - 1,
    MIB,
    MIB + 1,
    PART - 1,
    PART,
    PART + 1,
    8 * MIB,
    2 * PART - 1,
    2 * PART,
    2 * PART + 1,
    16 * MIB + 3,
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for &size in SIZES {
        cases.push(Case::new(
            format!("plain_{size}"),
            format!("{size} bytes written at once and in pieces are read back, whole and in the middle"),
            async move |c: &Context| plain(c, size).await,
        ));
        cases.push(
            Case::new(
                format!("recoverable_{size}"),
                format!("{size} bytes are whole after persist and recovery in their middle"),
                async move |c: &Context| recoverable(c, size).await,
            )
            .needs(Capabilities::RECOVERABLE_RESUME),
        );
    }
    cases
}

async fn plain(c: &Context, size: usize) -> CaseResult {
    let expected = content(size, size as u64);
    ensure_eq!(
        c.write("at-once", expected.clone()).await?.len,
        size as u64,
        "the length"
    );
    c.expect_content("at-once", &expected, "written at once").await?;
    let mut stream = c.create("in-pieces", WriteMode::NoOverwrite).await?;
    for piece in expected.chunks(size / 3 + 1) {
        stream.write(piece).await?;
    }
    stream.close().await?;
    c.expect_content("in-pieces", &expected, "written in pieces")
        .await?;
    let mut stream = c.fs().open(&c.at("in-pieces"), &OpenOptions::default()).await?;
    let at = size / 2;
    stream.seek(at as u64)?;
    let mut rest = Vec::new();
    loop {
        let chunk = stream.read(usize::MAX).await?;
        if chunk.is_empty() {
            return expect_same(&rest, &expected[at..], "read from the middle");
        }
        rest.extend_from_slice(&chunk);
    }
}

async fn recoverable(c: &Context, size: usize) -> CaseResult {
    let expected = content(size, size as u64);
    let (first, second) = expected.split_at(size / 2);
    let mut stream = c.begin("file", first).await?;
    let state = stream.persist().await?;
    stream.write(second).await?;
    drop(stream);
    let mut stream = c.writer()?.recover(&through_a_checkpoint(&state)).await?;
    stream.write(second).await?;
    stream.close_for_commit().await?.commit().await?;
    c.expect_content("file", &expected, "the file").await
}
