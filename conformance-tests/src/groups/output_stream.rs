//! The life of an output stream: flush, sync, close, abort, drop.

mod giving_up;

use plugin_api::{Capabilities, ErrorKind, OutputStream, WriteMode};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, PART, content};
use crate::context::Context;
use crate::failure::{CaseResult, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let atomic = Capabilities::ATOMIC_PUBLISH;
    let mut cases = table![
        nothing_is_at_the_path_before_close => "before close there is nothing at the path";
        nothing_of_a_large_file_is_at_the_path_before_close => "nor is there where parts were sent already";
        nothing_is_listed_before_close => "before close no listing shows anything", needs(atomic);
        a_new_stream_is_at_position_zero => "position is 0 and the location what was asked for";
        the_position_counts_what_was_written => "position counts written bytes, flushed or not";
        an_empty_file_is_published => "a stream closed without a write publishes an empty file";
        an_empty_write_is_nothing => "writes of no bytes change nothing";
        flush_publishes_nothing => "flush publishes nothing, and the stream goes on";
        sync_publishes_nothing => "sync publishes nothing, and the stream goes on";
        sync_of_a_large_file_publishes_nothing => "so it does behind a full part";
        sync_then_close_publishes_once_and_whole => "sync right before close is harmless";
        sync_after_every_write => "sync after every write leaves a whole file";
        flush_and_sync_of_nothing => "flush and sync before the first write are harmless";
        flush_around_the_size_of_a_part => "flush and sync around 5 MiB leave a whole file";
        closing_twice_gives_the_same => "a second close does nothing and returns the same";
        a_second_close_does_not_publish_again => "a second close does not bring a deleted file back";
        a_closed_stream_refuses_writes => "a write after close fails and changes nothing";
        streams_do_not_mix => "bytes of streams written in turn stay apart";
        many_streams_are_open_at_a_time => "32 streams are open and written in turn";
        a_stream_outlives_its_directory => "a stream whose directory is deleted publishes whole or fails";
        a_file_read_while_another_is_written => "reading and writing go on side by side";
    ];
    cases.extend(giving_up::cases());
    cases
}

async fn create(c: &Context, name: &str) -> CaseResult<Box<dyn OutputStream>> {
    c.create(name, WriteMode::NoOverwrite).await
}

async fn invisible(c: &Context, len: usize) -> CaseResult {
    let expected = content(len, 1);
    let mut stream = create(c, "file").await?;
    c.expect_missing("file", "after create").await?;
    stream.write_bytes(expected.clone()).await?;
    c.expect_missing("file", "after the write").await?;
    stream.close().await?;
    c.expect_content("file", &expected, "after close").await
}

async fn nothing_is_at_the_path_before_close(c: &Context) -> CaseResult {
    invisible(c, 1000).await
}

async fn nothing_of_a_large_file_is_at_the_path_before_close(c: &Context) -> CaseResult {
    invisible(c, 2 * LARGE).await
}

async fn nothing_is_listed_before_close(c: &Context) -> CaseResult {
    for len in [0, 1000, LARGE] {
        let mut stream = create(c, "d/file").await?;
        stream.write_bytes(content(len, 1)).await?;
        stream.flush().await?;
        c.expect_files(&[], "before close").await?;
        stream.close().await?;
        c.expect_files(&["d/file"], "after close").await?;
        c.fs().delete(&c.at("d/file"), false).await?;
    }
    Ok(())
}

async fn a_new_stream_is_at_position_zero(c: &Context) -> CaseResult {
    let mut stream = create(c, "d/file").await?;
    ensure_eq!(stream.position(), 0, "the position");
    ensure_eq!(stream.location(), c.at("d/file"), "the location");
    stream.abort().await?;
    Ok(())
}

async fn the_position_counts_what_was_written(c: &Context) -> CaseResult {
    let mut stream = create(c, "file").await?;
    let mut sum = 0;
    for len in [1, 10, 100_000, 0, 7] {
        stream.write(&content(len, 1)).await?;
        sum += len as u64;
        ensure_eq!(stream.position(), sum, "the position after a write");
        stream.flush().await?;
        ensure_eq!(stream.position(), sum, "the position after flush");
    }
    ensure_eq!(stream.close().await?.len, sum, "the length");
    Ok(())
}

async fn an_empty_file_is_published(c: &Context) -> CaseResult {
    let mut stream = create(c, "empty").await?;
    ensure_eq!(stream.close().await?.len, 0, "the length that close returned");
    c.expect_content("empty", b"", "the empty file").await
}

async fn an_empty_write_is_nothing(c: &Context) -> CaseResult {
    let mut stream = create(c, "file").await?;
    for _ in 0..5 {
        stream.write(b"").await?;
        stream.write_bytes(plugin_api::Bytes::new()).await?;
    }
    ensure_eq!(stream.position(), 0, "the position");
    stream.write(b"x").await?;
    stream.write(b"").await?;
    stream.close().await?;
    c.expect_content("file", b"x", "the file").await
}

async fn flush_publishes_nothing(c: &Context) -> CaseResult {
    let mut stream = create(c, "file").await?;
    stream.write(b"one ").await?;
    stream.flush().await?;
    c.expect_missing("file", "after flush").await?;
    stream.write(b"two").await?;
    stream.flush().await?;
    stream.close().await?;
    c.expect_content("file", b"one two", "the file").await
}

async fn sync_publishes_nothing(c: &Context) -> CaseResult {
    let mut stream = create(c, "file").await?;
    stream.write(b"one ").await?;
    stream.sync().await?;
    c.expect_missing("file", "after sync").await?;
    stream.write(b"two").await?;
    stream.close().await?;
    c.expect_content("file", b"one two", "the file").await
}

async fn sync_of_a_large_file_publishes_nothing(c: &Context) -> CaseResult {
    let expected = content(2 * LARGE, 1);
    let mut stream = create(c, "file").await?;
    stream.write(&expected[..LARGE]).await?;
    stream.sync().await?;
    c.expect_missing("file", "after sync").await?;
    stream.write(&expected[LARGE..]).await?;
    stream.close().await?;
    c.expect_content("file", &expected, "the file").await
}

async fn sync_then_close_publishes_once_and_whole(c: &Context) -> CaseResult {
    for len in [0, 100, LARGE] {
        let name = format!("file{len}");
        let expected = content(len, 1);
        let mut stream = create(c, &name).await?;
        stream.write_bytes(expected.clone()).await?;
        stream.sync().await?;
        ensure_eq!(
            stream.close().await?.len,
            len as u64,
            "the length that close returned"
        );
        c.expect_content(&name, &expected, "the file").await?;
    }
    Ok(())
}

async fn sync_after_every_write(c: &Context) -> CaseResult {
    let expected = content(10_000, 1);
    let mut stream = create(c, "file").await?;
    for piece in expected.chunks(1000) {
        stream.write(piece).await?;
        stream.sync().await?;
        stream.sync().await?;
    }
    stream.close().await?;
    c.expect_content("file", &expected, "the file").await
}

async fn flush_and_sync_of_nothing(c: &Context) -> CaseResult {
    let mut stream = create(c, "file").await?;
    stream.flush().await?;
    stream.sync().await?;
    stream.write(b"x").await?;
    stream.close().await?;
    c.expect_content("file", b"x", "the file").await
}

async fn flush_around_the_size_of_a_part(c: &Context) -> CaseResult {
    let expected = content(PART + 5, 1);
    let mut stream = create(c, "file").await?;
    let mut at = 0;
    for end in [PART - 1, PART, PART + 1, PART + 5] {
        stream.write(&expected[at..end]).await?;
        stream.flush().await?;
        stream.sync().await?;
        at = end;
    }
    stream.close().await?;
    c.expect_content("file", &expected, "the file").await
}

async fn closing_twice_gives_the_same(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        let mut stream = create(c, &format!("file{len}")).await?;
        stream.write_bytes(content(len, 1)).await?;
        let first = stream.close().await?;
        for _ in 0..2 {
            ensure_eq!(stream.close().await?, first, "what a later close returned");
        }
    }
    Ok(())
}

async fn a_second_close_does_not_publish_again(c: &Context) -> CaseResult {
    let mut stream = create(c, "file").await?;
    stream.write(b"x").await?;
    stream.close().await?;
    c.fs().delete(&c.at("file"), false).await?;
    stream.close().await?;
    c.expect_missing("file", "after the second close").await
}

async fn a_closed_stream_refuses_writes(c: &Context) -> CaseResult {
    let mut stream = create(c, "file").await?;
    stream.write(b"x").await?;
    stream.close().await?;
    expect_error(
        stream.write(b"y").await,
        &[ErrorKind::Closed],
        "a write after close",
    )?;
    let owned = stream.write_bytes(content(100_000, 1)).await;
    expect_error(owned, &[ErrorKind::Closed], "an owned write after close")?;
    c.expect_content("file", b"x", "the file").await
}

async fn streams_do_not_mix(c: &Context) -> CaseResult {
    let contents: Vec<_> = (0..4).map(|seed| content(200_000 + seed, seed as u64)).collect();
    let mut streams = Vec::new();
    for index in 0..contents.len() {
        streams.push(create(c, &format!("file{index}")).await?);
    }
    for at in (0..200_000).step_by(10_000) {
        for (stream, content) in streams.iter_mut().zip(&contents) {
            let end = if at == 190_000 { content.len() } else { at + 10_000 };
            stream.write(&content[at..end]).await?;
        }
    }
    for stream in &mut streams {
        stream.close().await?;
    }
    for (index, content) in contents.iter().enumerate() {
        c.expect_content(&format!("file{index}"), content, "one of the files")
            .await?;
    }
    Ok(())
}

async fn many_streams_are_open_at_a_time(c: &Context) -> CaseResult {
    let mut streams = Vec::new();
    for index in 0..32 {
        let mut stream = create(c, &format!("d/{index}")).await?;
        stream.write(&content(1000, index)).await?;
        streams.push(stream);
    }
    for (index, stream) in streams.iter_mut().enumerate() {
        stream.write(&content(500, index as u64)).await?;
        stream.close().await?;
    }
    for index in 0..32 {
        let expected = [content(1000, index), content(500, index)].concat();
        c.expect_content(&format!("d/{index}"), &expected, "one of the files")
            .await?;
    }
    Ok(())
}

async fn a_stream_outlives_its_directory(c: &Context) -> CaseResult {
    c.write("d/other", "x").await?;
    let expected = content(100_000, 1);
    let mut stream = create(c, "d/file").await?;
    stream.write(&expected).await?;
    c.fs().delete(&c.at("d"), true).await?;
    match stream.close().await {
        Ok(_) => c.expect_content("d/file", &expected, "the published file").await,
        Err(_) => c.expect_missing("d/file", "after a failed close").await,
    }
}

async fn a_file_read_while_another_is_written(c: &Context) -> CaseResult {
    let source = content(300_000, 1);
    c.write("source", source.clone()).await?;
    let mut input = c
        .fs()
        .open(&c.at("source"), &plugin_api::OpenOptions::default())
        .await?;
    let mut output = create(c, "copy").await?;
    loop {
        let chunk = input.read(9999).await?;
        if chunk.is_empty() {
            break;
        }
        output.write_bytes(chunk).await?;
    }
    input.close().await?;
    output.close().await?;
    c.expect_content("copy", &source, "the copy").await
}
