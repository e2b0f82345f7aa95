//! `read_ranges`.

use std::ops::Range;

use plugin_api::{ErrorKind, InputStream, OpenOptions};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, PART, content, numbers};
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error, expect_same};

pub(super) fn cases() -> Vec<Case> {
    table![
        no_range_gives_nothing => "no range gives no chunk";
        one_range => "one range gives its bytes";
        the_whole_file => "a range of the whole file gives all of it";
        in_the_order_asked_for => "chunks come in the order of the ranges, not of the file";
        neighbours => "ranges that touch keep their borders";
        overlapping => "ranges that overlap each have all of their bytes";
        the_same_twice => "a range asked for twice comes twice";
        one_inside_another => "a range inside another has its bytes";
        empty_ranges => "empty ranges give empty chunks, also at the end of the file";
        single_bytes => "ranges of one byte give that byte";
        far_apart => "ranges at both ends of a large file give their bytes";
        across_the_boundary_of_a_part => "a range across 5 MiB has its bytes";
        large_ranges => "ranges of more than a mebibyte have their bytes";
        many_small_ranges => "500 small ranges in no order give their bytes";
        beyond_the_end_is_refused => "a range that ends beyond the file is UnexpectedEof, never short";
        one_bad_range_fails_all => "a good range beside a bad one does not hide it";
        an_absurd_range_is_refused => "a range up to the largest number is refused without memory for it";
        in_an_empty_file => "in an empty file only empty ranges are legal";
        the_position_does_not_move => "position and later reads are as if nothing had been asked";
        between_sequential_reads => "ranges read between sequential reads disturb neither";
        a_closed_stream_refuses => "ranges after close are Closed";
    ]
}

async fn open(c: &Context, len: usize) -> CaseResult<(Box<dyn InputStream>, plugin_api::Bytes)> {
    let expected = content(len, 1);
    c.write("file", expected.clone()).await?;
    let stream = c.fs().open(&c.at("file"), &OpenOptions::default()).await?;
    Ok((stream, expected))
}

async fn check(stream: &mut dyn InputStream, expected: &[u8], ranges: &[Range<u64>]) -> CaseResult {
    let chunks = stream.read_ranges(ranges).await?;
    ensure_eq!(chunks.len(), ranges.len(), "the number of chunks");
    for (chunk, range) in chunks.iter().zip(ranges) {
        let bytes = &expected[range.start as usize..range.end as usize];
        expect_same(
            chunk,
            bytes,
            format_args!("the range {}..{}", range.start, range.end),
        )?;
    }
    Ok(())
}

#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges")]
async fn checked(c: &Context, len: usize, ranges: &[Range<u64>]) -> CaseResult {
    let (mut stream, expected) = open(c, len).await?;
    check(&mut *stream, &expected, ranges).await
}

async fn no_range_gives_nothing(c: &Context) -> CaseResult {
    checked(c, 1000, &[]).await
}

async fn one_range(c: &Context) -> CaseResult {
    checked(c, 1000, std::slice::from_ref(&(10..500))).await
}

async fn the_whole_file(c: &Context) -> CaseResult {
    checked(c, 100_000, std::slice::from_ref(&(0..100_000))).await
}

async fn in_the_order_asked_for(c: &Context) -> CaseResult {
    checked(c, 100_000, &[90_000..90_010, 5..500, 50_000..60_000, 0..1]).await
}

async fn neighbours(c: &Context) -> CaseResult {
    checked(c, 10_000, &[0..100, 100..200, 200..1000, 1000..10_000]).await
}

async fn overlapping(c: &Context) -> CaseResult {
    checked(c, 10_000, &[0..500, 400..900, 100..600, 899..10_000]).await
}

async fn the_same_twice(c: &Context) -> CaseResult {
    checked(c, 10_000, &[700..900, 700..900, 0..1, 700..900]).await
}

async fn one_inside_another(c: &Context) -> CaseResult {
    checked(c, 10_000, &[0..10_000, 5000..5001, 100..9000]).await
}

async fn empty_ranges(c: &Context) -> CaseResult {
    checked(c, 1000, &[0..0, 500..500, 1000..1000, 3..7]).await
}

async fn single_bytes(c: &Context) -> CaseResult {
    checked(c, 1000, &[999..1000, 0..1, 500..501, 501..502]).await
}

async fn far_apart(c: &Context) -> CaseResult {
    let end = LARGE as u64;
    checked(c, LARGE, &[end - 100..end, 0..100, end / 2..end / 2 + 100]).await
}

async fn across_the_boundary_of_a_part(c: &Context) -> CaseResult {
    let part = PART as u64;
    checked(c, LARGE, &[part - 10..part + 10, part..part + 1, part - 1..part]).await
}

async fn large_ranges(c: &Context) -> CaseResult {
    let end = LARGE as u64;
    checked(c, LARGE, &[0..3 << 20, (3 << 20)..end, 1 << 20..(3 << 20) + 1]).await
}

async fn many_small_ranges(c: &Context) -> CaseResult {
    let len = 300_000_u64;
    let ranges: Vec<Range<u64>> = numbers(2, len)
        .zip(numbers(3, 200))
        .map(|(start, size)| start..len.min(start + size))
        .take(500)
        .collect();
    checked(c, len as usize, &ranges).await
}

async fn beyond_the_end_is_refused(c: &Context) -> CaseResult {
    let (mut stream, _) = open(c, 1000).await?;
    for range in [990..1001, 1000..1001, 0..5000, 1001..1002] {
        let what = format!("the range {}..{} of 1000 bytes", range.start, range.end);
        let result = stream.read_ranges(&[range]).await;
        expect_error(result, &[ErrorKind::UnexpectedEof], what)?;
    }
    Ok(())
}

async fn one_bad_range_fails_all(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 1000).await?;
    let result = stream.read_ranges(&[0..10, 999..1001, 20..30]).await;
    expect_error(
        result,
        &[ErrorKind::UnexpectedEof],
        "a bad range between good ones",
    )?;
    check(&mut *stream, &expected, &[0..10, 20..30]).await
}

async fn an_absurd_range_is_refused(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 1000).await?;
    for range in [0..u64::MAX, u64::MAX - 1..u64::MAX] {
        let result = stream.read_ranges(&[range]).await;
        expect_error(
            result,
            &[ErrorKind::UnexpectedEof],
            "a range up to the largest number",
        )?;
    }
    check(&mut *stream, &expected, std::slice::from_ref(&(0..1000))).await
}

async fn in_an_empty_file(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 0).await?;
    check(&mut *stream, &expected, &[0..0, 0..0]).await?;
    let one = 0..1;
    let result = stream.read_ranges(&[one]).await;
    expect_error(result, &[ErrorKind::UnexpectedEof], "a byte of an empty file").map(drop)
}

async fn the_position_does_not_move(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 50_000).await?;
    stream.seek(1234)?;
    check(&mut *stream, &expected, &[40_000..50_000, 0..10]).await?;
    ensure_eq!(stream.position(), 1234, "the position");
    let chunk = stream.read(100).await?;
    ensure!(!chunk.is_empty(), "nothing is read behind the ranges");
    expect_same(&chunk, &expected[1234..1234 + chunk.len()], "the next read")
}

async fn between_sequential_reads(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 200_000).await?;
    let mut all = Vec::new();
    for at in numbers(4, 199_000) {
        let chunk = stream.read(5000).await?;
        if chunk.is_empty() {
            break;
        }
        all.extend_from_slice(&chunk);
        check(&mut *stream, &expected, &[at..at + 500, 0..3]).await?;
    }
    expect_same(&all, &expected, "the sequential reads")
}

async fn a_closed_stream_refuses(c: &Context) -> CaseResult {
    let (mut stream, _) = open(c, 1000).await?;
    stream.close().await?;
    let result = stream.read_ranges(&[0..10, 20..30]).await;
    expect_error(result, &[ErrorKind::Closed], "ranges after close").map(drop)
}
