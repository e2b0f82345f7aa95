//! `seek`, which does no I/O, and the reads behind it.

use plugin_api::{ErrorKind, InputStream, OpenOptions};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, PART, content, numbers};
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error, expect_same};

pub(super) fn cases() -> Vec<Case> {
    table![
        to_the_beginning_reads_again => "after a seek to 0 the same bytes come again";
        the_position_is_at_once_what_was_asked_for => "position follows a seek without a read";
        forward_a_little => "a short jump forward gives the bytes there";
        forward_far => "a long jump forward gives the bytes there";
        backward => "jumps backward give the bytes there";
        to_the_length_is_legal_and_the_end => "a seek to the length is legal, and a read there is the end";
        beyond_the_length_is_refused => "a seek beyond the length is UnexpectedEof";
        a_refused_seek_changes_nothing => "after a refused seek the stream goes on where it was";
        an_absurd_position_is_refused => "the largest number is refused like any other";
        in_an_empty_file => "in an empty file 0 is legal and 1 is not";
        every_position_of_a_small_file => "each position of a small file gives its byte";
        many_seeks_before_a_read => "of many seeks without a read the last one counts";
        many_small_jumps_forward => "a hundred short jumps forward give the right bytes";
        at_random => "reads at 300 positions in no order give the right bytes";
        to_the_current_position => "a seek to where the stream is changes nothing";
        from_the_end_back => "a stream that was at its end reads on after a seek";
        after_part_of_a_chunk => "a seek while a chunk is half used gives the right bytes";
        around_the_boundary_of_a_part => "reads around 5 MiB give the right bytes";
        then_read_into => "read_into after a seek gives the right bytes";
        the_length_stays => "a seek does not change the length";
    ]
}

async fn open(c: &Context, len: usize) -> CaseResult<(Box<dyn InputStream>, plugin_api::Bytes)> {
    let expected = content(len, 1);
    c.write("file", expected.clone()).await?;
    let stream = c.fs().open(&c.at("file"), &OpenOptions::default()).await?;
    Ok((stream, expected))
}

/// Seeks and checks `len` bytes there.
async fn check_at(stream: &mut dyn InputStream, expected: &[u8], at: usize, len: usize) -> CaseResult {
    stream.seek(at as u64)?;
    ensure_eq!(stream.position(), at as u64, "the position after a seek");
    let end = expected.len().min(at + len);
    let mut read = Vec::new();
    while at + read.len() < end {
        let chunk = stream.read(end - at - read.len()).await?;
        ensure!(!chunk.is_empty(), "the file ends at {} of {end}", at + read.len());
        read.extend_from_slice(&chunk);
    }
    expect_same(&read, &expected[at..end], format_args!("the bytes at {at}"))
}

async fn to_the_beginning_reads_again(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 5000).await?;
    for _ in 0..3 {
        check_at(&mut *stream, &expected, 0, 5000).await?;
    }
    Ok(())
}

async fn the_position_is_at_once_what_was_asked_for(c: &Context) -> CaseResult {
    let (mut stream, _) = open(c, 5000).await?;
    for position in [5000, 0, 17, 4999] {
        stream.seek(position)?;
        ensure_eq!(stream.position(), position, "the position");
    }
    Ok(())
}

async fn forward_a_little(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 300_000).await?;
    check_at(&mut *stream, &expected, 0, 100).await?;
    for at in [101, 250, 1000, 9000, 70_000] {
        check_at(&mut *stream, &expected, at, 64).await?;
    }
    Ok(())
}

async fn forward_far(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, LARGE).await?;
    check_at(&mut *stream, &expected, 0, 100).await?;
    check_at(&mut *stream, &expected, 3 << 20, 100).await?;
    check_at(&mut *stream, &expected, LARGE - 100, 100).await
}

async fn backward(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, LARGE).await?;
    for at in [LARGE - 10, 4 << 20, 1 << 20, 70_000, 500, 0] {
        check_at(&mut *stream, &expected, at, 300).await?;
    }
    Ok(())
}

async fn to_the_length_is_legal_and_the_end(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 5000).await?;
    stream.seek(5000)?;
    ensure!(stream.read(10).await?.is_empty(), "there is more behind the end");
    ensure_eq!(stream.read_into(&mut [0; 10]).await?, 0, "bytes behind the end");
    check_at(&mut *stream, &expected, 4990, 10).await
}

async fn beyond_the_length_is_refused(c: &Context) -> CaseResult {
    let (mut stream, _) = open(c, 5000).await?;
    let error = expect_error(
        stream.seek(5001),
        &[ErrorKind::UnexpectedEof],
        "a seek beyond the length",
    )?;
    ensure!(
        error.to_string().contains("5001"),
        "the error does not name the position: {error}"
    );
    Ok(())
}

async fn a_refused_seek_changes_nothing(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 5000).await?;
    check_at(&mut *stream, &expected, 0, 1000).await?;
    expect_error(
        stream.seek(9999),
        &[ErrorKind::UnexpectedEof],
        "a seek beyond the length",
    )?;
    ensure_eq!(stream.position(), 1000, "the position after a refused seek");
    let chunk = stream.read(10).await?;
    expect_same(
        &chunk,
        &expected[1000..1000 + chunk.len()],
        "the bytes after a refused seek",
    )
}

async fn an_absurd_position_is_refused(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 5000).await?;
    expect_error(
        stream.seek(u64::MAX),
        &[ErrorKind::UnexpectedEof],
        "the largest position",
    )?;
    check_at(&mut *stream, &expected, 0, 5000).await
}

async fn in_an_empty_file(c: &Context) -> CaseResult {
    let (mut stream, _) = open(c, 0).await?;
    stream.seek(0)?;
    expect_error(
        stream.seek(1),
        &[ErrorKind::UnexpectedEof],
        "a seek in an empty file",
    )?;
    ensure!(
        stream.read(1).await?.is_empty(),
        "there is a byte in an empty file"
    );
    Ok(())
}

async fn every_position_of_a_small_file(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 64).await?;
    for at in (0..64).rev() {
        check_at(&mut *stream, &expected, at, 1).await?;
    }
    Ok(())
}

async fn many_seeks_before_a_read(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, LARGE).await?;
    for (round, last) in numbers(5, LARGE as u64 - 100).take(20).enumerate() {
        for position in numbers(round as u64, LARGE as u64).take(50) {
            stream.seek(position)?;
        }
        check_at(&mut *stream, &expected, last as usize, 100).await?;
    }
    Ok(())
}

async fn many_small_jumps_forward(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 200_000).await?;
    for step in 0..100 {
        check_at(&mut *stream, &expected, step * 1900, 100).await?;
    }
    Ok(())
}

async fn at_random(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, LARGE).await?;
    let positions = numbers(6, LARGE as u64).take(300);
    for (at, len) in positions.zip(numbers(7, 3000)) {
        check_at(&mut *stream, &expected, at as usize, len as usize).await?;
    }
    Ok(())
}

async fn to_the_current_position(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 100_000).await?;
    let mut at = 0;
    while at < expected.len() {
        check_at(&mut *stream, &expected, at, 997).await?;
        at += 997;
    }
    Ok(())
}

async fn from_the_end_back(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 100_000).await?;
    check_at(&mut *stream, &expected, 0, 100_000).await?;
    ensure!(stream.read(1).await?.is_empty(), "there is more behind the end");
    check_at(&mut *stream, &expected, 99_000, 1000).await?;
    check_at(&mut *stream, &expected, 1, 1000).await
}

async fn after_part_of_a_chunk(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 100_000).await?;
    for (at, len) in [
        (0, 1),
        (2, 3),
        (1, 5),
        (4, 1),
        (50_000, 7),
        (50_003, 50_000),
        (49_999, 10),
    ] {
        check_at(&mut *stream, &expected, at, len).await?;
    }
    Ok(())
}

async fn around_the_boundary_of_a_part(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, LARGE).await?;
    for at in [PART - 1, PART, PART + 1, PART - 1000] {
        check_at(&mut *stream, &expected, at, 2000).await?;
    }
    Ok(())
}

async fn then_read_into(c: &Context) -> CaseResult {
    let (mut stream, expected) = open(c, 100_000).await?;
    let mut buffer = vec![0; 20_000];
    for at in [70_000_usize, 3, 40_000, 99_999] {
        stream.seek(at as u64)?;
        let read = stream.read_into(&mut buffer).await?;
        ensure!(read > 0, "nothing was read at {at}");
        expect_same(
            &buffer[..read],
            &expected[at..at + read],
            format_args!("the bytes at {at}"),
        )?;
        ensure_eq!(stream.position(), (at + read) as u64, "the position");
    }
    Ok(())
}

async fn the_length_stays(c: &Context) -> CaseResult {
    let (mut stream, _) = open(c, 5000).await?;
    for position in [4000, 0, 5000] {
        stream.seek(position)?;
        ensure_eq!(stream.len(), 5000, "the length");
    }
    Ok(())
}
