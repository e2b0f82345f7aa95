//! `open`, `read`, `read_into` and `close` of an input stream.

mod pinned;

use plugin_api::{Bytes, ErrorKind, InputStream, OpenOptions};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error, expect_same};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = table![
        missing_is_not_found => "a missing file is NotFound when it is opened";
        a_directory_is_refused => "a directory is IsADirectory when it is opened";
        a_file_with_a_slash_is_refused => "a file with a slash at its end is not opened";
        a_stream_begins_at_zero_and_knows_its_length => "position and length are right before the first read";
        a_file_is_read_whole => "reads until the end give every byte once, in order";
        a_large_file_is_read_whole => "so they do where a file is stored in parts";
        every_byte_value_survives => "all 256 values of a byte come back";
        an_empty_file_ends_at_once => "an empty file is at its end, and stays there";
        a_read_returns_at_most_what_was_asked_for => "a chunk is never longer than asked for";
        a_read_of_nothing_moves_nothing => "a read of 0 bytes is empty and moves nothing";
        a_read_before_the_end_is_not_empty => "an empty chunk comes at the end only";
        the_end_is_reported_again_and_again => "a read at the end is empty, however often";
        the_position_follows_the_reads => "the position is the sum of the chunks";
        read_into_fills_from_the_position => "read_into gives the same bytes as read";
        read_into_no_room_reads_nothing => "read_into without room is 0 and moves nothing";
        read_into_more_room_than_file => "read_into with room to spare fills no more than the file";
        reads_of_both_kinds_mix => "read and read_into continue each other";
        single_bytes_are_read_in_order => "a file is read byte by byte";
        two_streams_have_two_positions => "streams on one file do not share a position";
        a_chunk_outlives_its_stream => "a chunk stays valid after its stream is gone";
        closing_twice_is_fine => "close is idempotent";
        a_closed_stream_refuses_to_read => "a read after close is Closed";
        a_stream_may_be_dropped_anywhere => "a stream dropped unread or half read does no harm";
        many_streams_are_open_at_a_time => "32 streams are open and read in turn";
    ];
    cases.extend(pinned::cases());
    for size in [1_u64, 4096, 1 << 20, 64 << 20] {
        cases.push(Case::new(
            format!("a_buffer_of_{size}_reads_the_same"),
            format!("with a buffer size of {size} the bytes are the same"),
            async move |c: &Context| buffer_size(c, size).await,
        ));
    }
    cases
}

async fn open(c: &Context, name: &str) -> CaseResult<Box<dyn InputStream>> {
    Ok(c.fs().open(&c.at(name), &OpenOptions::default()).await?)
}

async fn read_to_end(stream: &mut dyn InputStream, max: usize) -> CaseResult<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let chunk = stream.read(max).await?;
        if chunk.is_empty() {
            return Ok(all);
        }
        all.extend_from_slice(&chunk);
    }
}

async fn missing_is_not_found(c: &Context) -> CaseResult {
    let result = c.fs().open(&c.at("none"), &OpenOptions::default()).await;
    expect_error(result, &[ErrorKind::NotFound], "a missing file").map(drop)
}

async fn a_directory_is_refused(c: &Context) -> CaseResult {
    c.write("d/file", "x").await?;
    let result = c.fs().open(&c.at("d"), &OpenOptions::default()).await;
    expect_error(result, &[ErrorKind::IsADirectory], "a directory").map(drop)
}

async fn a_file_with_a_slash_is_refused(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    let result = c.fs().open(&c.at("file/"), &OpenOptions::default()).await;
    let kinds = [
        ErrorKind::NotFound,
        ErrorKind::IsADirectory,
        ErrorKind::NotADirectory,
    ];
    expect_error(result, &kinds, "a file with a slash").map(drop)
}

async fn a_stream_begins_at_zero_and_knows_its_length(c: &Context) -> CaseResult {
    c.write("file", content(999, 1)).await?;
    let stream = open(c, "file").await?;
    ensure_eq!((stream.position(), stream.len()), (0, 999), "position and length");
    Ok(())
}

async fn whole(c: &Context, len: usize) -> CaseResult {
    let expected = content(len, 2);
    c.write("file", expected.clone()).await?;
    let mut stream = open(c, "file").await?;
    expect_same(
        &read_to_end(&mut *stream, usize::MAX).await?,
        &expected,
        "the content",
    )?;
    ensure_eq!(stream.position(), len as u64, "the position at the end");
    stream.close().await?;
    Ok(())
}

async fn a_file_is_read_whole(c: &Context) -> CaseResult {
    whole(c, 100_003).await
}

async fn a_large_file_is_read_whole(c: &Context) -> CaseResult {
    whole(c, LARGE).await
}

async fn every_byte_value_survives(c: &Context) -> CaseResult {
    let expected: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    c.write("file", expected.clone()).await?;
    c.expect_content("file", &expected, "all values of a byte").await
}

async fn an_empty_file_ends_at_once(c: &Context) -> CaseResult {
    c.write("empty", "").await?;
    let mut stream = open(c, "empty").await?;
    ensure_eq!(stream.len(), 0, "the length");
    for _ in 0..3 {
        ensure!(
            stream.read(10).await?.is_empty(),
            "there is a byte in an empty file"
        );
        ensure_eq!(
            stream.read_into(&mut [0; 4]).await?,
            0,
            "the number of bytes in an empty file"
        );
    }
    stream.close().await?;
    Ok(())
}

async fn a_read_returns_at_most_what_was_asked_for(c: &Context) -> CaseResult {
    let expected = content(50_000, 3);
    c.write("file", expected.clone()).await?;
    for max in [1, 7, 1000, 49_999, 50_000, 50_001] {
        let mut stream = open(c, "file").await?;
        let chunk = stream.read(max).await?;
        ensure!(chunk.len() <= max, "asked for {max} bytes, got {}", chunk.len());
        expect_same(&chunk, &expected[..chunk.len()], format_args!("a read of {max}"))?;
    }
    Ok(())
}

async fn a_read_of_nothing_moves_nothing(c: &Context) -> CaseResult {
    c.write("file", "content").await?;
    let mut stream = open(c, "file").await?;
    ensure!(stream.read(0).await?.is_empty(), "a read of 0 bytes has bytes");
    ensure_eq!(stream.position(), 0, "the position");
    expect_same(&read_to_end(&mut *stream, 3).await?, b"content", "the content")?;
    ensure!(
        stream.read(0).await?.is_empty(),
        "a read of 0 bytes at the end has bytes"
    );
    Ok(())
}

async fn a_read_before_the_end_is_not_empty(c: &Context) -> CaseResult {
    let expected = content(300_000, 4);
    c.write("file", expected.clone()).await?;
    let mut stream = open(c, "file").await?;
    while stream.position() < stream.len() {
        let at = stream.position();
        ensure!(
            !stream.read(8191).await?.is_empty(),
            "the chunk at {at} of {} is empty",
            stream.len()
        );
    }
    Ok(())
}

async fn the_end_is_reported_again_and_again(c: &Context) -> CaseResult {
    c.write("file", "12345").await?;
    let mut stream = open(c, "file").await?;
    read_to_end(&mut *stream, 100).await?;
    for _ in 0..5 {
        ensure!(stream.read(100).await?.is_empty(), "there is more behind the end");
        ensure_eq!(stream.position(), 5, "the position");
    }
    Ok(())
}

async fn the_position_follows_the_reads(c: &Context) -> CaseResult {
    c.write("file", content(20_000, 5)).await?;
    let mut stream = open(c, "file").await?;
    let mut sum = 0;
    loop {
        let chunk = stream.read(777).await?;
        sum += chunk.len() as u64;
        ensure_eq!(stream.position(), sum, "the position");
        if chunk.is_empty() {
            ensure_eq!(sum, 20_000, "the sum of the chunks");
            return Ok(());
        }
    }
}

async fn read_into_fills_from_the_position(c: &Context) -> CaseResult {
    let expected = content(70_001, 6);
    c.write("file", expected.clone()).await?;
    for room in [1_usize, 100, 16 << 10, 64 << 10] {
        let mut stream = open(c, "file").await?;
        let (mut buffer, mut all) = (vec![0; room], Vec::new());
        // Byte by byte only the beginning is worth the time.
        while room > 1 || all.len() < 500 {
            let read = stream.read_into(&mut buffer).await?;
            if read == 0 {
                break;
            }
            all.extend_from_slice(&buffer[..read]);
            ensure_eq!(stream.position(), all.len() as u64, "the position");
        }
        expect_same(
            &all,
            &expected[..all.len()],
            format_args!("reads into {room} bytes"),
        )?;
        ensure!(
            room == 1 || all.len() == expected.len(),
            "only {} bytes were read",
            all.len()
        );
    }
    Ok(())
}

async fn read_into_no_room_reads_nothing(c: &Context) -> CaseResult {
    c.write("file", "content").await?;
    let mut stream = open(c, "file").await?;
    ensure_eq!(stream.read_into(&mut []).await?, 0, "bytes read into no room");
    ensure_eq!(stream.position(), 0, "the position");
    Ok(())
}

async fn read_into_more_room_than_file(c: &Context) -> CaseResult {
    c.write("file", "abc").await?;
    let mut stream = open(c, "file").await?;
    let mut buffer = [0xEE; 100];
    let mut read = 0;
    loop {
        match stream.read_into(&mut buffer[read..]).await? {
            0 => break,
            more => read += more,
        }
    }
    ensure_eq!(read, 3, "the bytes read");
    expect_same(&buffer[..3], b"abc", "what was read")?;
    ensure!(
        buffer[3..].iter().all(|&byte| byte == 0xEE),
        "bytes behind the content were written"
    );
    Ok(())
}

async fn reads_of_both_kinds_mix(c: &Context) -> CaseResult {
    let expected = content(40_000, 7);
    c.write("file", expected.clone()).await?;
    let mut stream = open(c, "file").await?;
    let (mut all, mut buffer) = (Vec::new(), [0; 333]);
    loop {
        let chunk = stream.read(500).await?;
        all.extend_from_slice(&chunk);
        let read = stream.read_into(&mut buffer).await?;
        all.extend_from_slice(&buffer[..read]);
        if chunk.is_empty() && read == 0 {
            break;
        }
    }
    expect_same(&all, &expected, "reads of both kinds")
}

async fn single_bytes_are_read_in_order(c: &Context) -> CaseResult {
    let expected = content(2000, 8);
    c.write("file", expected.clone()).await?;
    let mut stream = open(c, "file").await?;
    expect_same(&read_to_end(&mut *stream, 1).await?, &expected, "single bytes")
}

async fn two_streams_have_two_positions(c: &Context) -> CaseResult {
    let expected = content(10_000, 9);
    c.write("file", expected.clone()).await?;
    let (mut one, mut other) = (open(c, "file").await?, open(c, "file").await?);
    let first = one.read(100).await?;
    ensure_eq!(other.position(), 0, "the position of the other stream");
    expect_same(
        &read_to_end(&mut *other, 512).await?,
        &expected,
        "the other stream",
    )?;
    let rest = read_to_end(&mut *one, 333).await?;
    expect_same(&[&first[..], &rest[..]].concat(), &expected, "the one stream")
}

async fn a_chunk_outlives_its_stream(c: &Context) -> CaseResult {
    let expected = content(5000, 10);
    c.write("file", expected.clone()).await?;
    let mut stream = open(c, "file").await?;
    let first = stream.read(1000).await?;
    let mut others: Vec<Bytes> = Vec::new();
    while stream.position() < stream.len() {
        others.push(stream.read(1000).await?);
    }
    stream.close().await?;
    drop(stream);
    c.fs().delete(&c.at("file"), false).await?;
    let all: Vec<u8> = std::iter::once(&first)
        .chain(&others)
        .flatten()
        .copied()
        .collect();
    expect_same(&all, &expected, "the chunks")
}

async fn closing_twice_is_fine(c: &Context) -> CaseResult {
    c.write("file", "content").await?;
    let mut stream = open(c, "file").await?;
    stream.read(3).await?;
    for _ in 0..3 {
        stream.close().await?;
    }
    Ok(())
}

async fn a_closed_stream_refuses_to_read(c: &Context) -> CaseResult {
    c.write("file", "content").await?;
    let mut stream = open(c, "file").await?;
    stream.close().await?;
    expect_error(stream.read(1).await, &[ErrorKind::Closed], "a read after close")?;
    let into = stream.read_into(&mut [0; 1]).await;
    expect_error(into, &[ErrorKind::Closed], "read_into after close")?;
    let mut half = open(c, "file").await?;
    half.read(2).await?;
    half.close().await?;
    expect_error(
        half.read(1).await,
        &[ErrorKind::Closed],
        "a read after a read and close",
    )
    .map(drop)
}

async fn a_stream_may_be_dropped_anywhere(c: &Context) -> CaseResult {
    let expected = content(LARGE, 11);
    c.write("file", expected.clone()).await?;
    for reads in 0..4 {
        let mut stream = open(c, "file").await?;
        for _ in 0..reads {
            stream.read(1000).await?;
        }
        drop(stream);
    }
    c.expect_content("file", &expected, "the content afterwards")
        .await
}

async fn many_streams_are_open_at_a_time(c: &Context) -> CaseResult {
    let expected = content(200_000, 12);
    c.write("file", expected.clone()).await?;
    let mut streams = Vec::new();
    for _ in 0..32 {
        streams.push(open(c, "file").await?);
    }
    for round in 0..4 {
        for (index, stream) in streams.iter_mut().enumerate() {
            let at = stream.position() as usize;
            let chunk = stream.read(1000 + index).await?;
            let what = format_args!("stream {index} in round {round}");
            expect_same(&chunk, &expected[at..at + chunk.len()], what)?;
        }
    }
    Ok(())
}

async fn buffer_size(c: &Context, size: u64) -> CaseResult {
    // With a buffer of one byte a store may be asked for each: the file is small.
    let expected = content(if size == 1 { 300 } else { 400_000 }, 14);
    c.write("file", expected.clone()).await?;
    let options = OpenOptions {
        buffer_size: size,
        ..OpenOptions::default()
    };
    let mut stream = c.fs().open(&c.at("file"), &options).await?;
    expect_same(
        &read_to_end(&mut *stream, 100_000).await?,
        &expected,
        "the content",
    )?;
    stream.seek(7)?;
    let chunk = stream.read(50).await?;
    expect_same(&chunk, &expected[7..7 + chunk.len()], "after a seek")
}
