//! Files that are published exactly once: what their stream promises.

mod persist_points;
mod recovery;
mod states;
mod uploads;
mod verification;

use plugin_api::{Capabilities, CreateOptions, ErrorKind};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let writer = Capabilities::RECOVERABLE_WRITER;
    let mut cases = table![
        nothing_is_visible_before_commit => "nothing is at the path before the commit", needs(writer);
        nothing_of_a_large_file_is_visible_before_commit =>
            "nor is there where parts were stored", needs(writer);
        nothing_is_listed_before_commit =>
            "no listing shows anything before the commit", needs(writer | Capabilities::ATOMIC_PUBLISH);
        the_position_counts_what_was_written => "position counts written bytes", needs(writer);
        the_location_is_what_was_asked_for =>
            "the stream tells the path that a commit publishes", needs(writer);
        persist_before_the_first_write => "persist works before the first write", needs(writer);
        persist_again_and_again =>
            "persist works any number of times, with and without writes between", needs(writer);
        flush_is_harmless => "flush neither publishes nor ends the stream", needs(writer);
        a_closed_stream_refuses => "after close everything but close fails", needs(writer);
        a_stream_closed_for_commit_refuses =>
            "after close_for_commit everything but close fails", needs(writer);
        close_after_close_for_commit_is_harmless =>
            "close after close_for_commit takes nothing back", needs(writer);
        closing_twice_is_fine => "close is idempotent", needs(writer);
        close_keeps_what_was_persisted => "close does not give up what was persisted", needs(writer);
        drop_keeps_what_was_persisted => "nor does drop", needs(writer);
        close_gives_up_what_was_never_persisted =>
            "a stream closed without persist leaves nothing", needs(writer);
        drop_gives_up_what_was_never_persisted => "nor does one that is dropped", needs(writer);
        an_existing_file_is_not_replaced =>
            "a file at the path is left alone unless it may be replaced", needs(writer);
        an_existing_file_is_replaced_by_option => "with Overwrite the commit replaces it", needs(writer);
    ];
    cases.extend(states::cases());
    cases.extend(uploads::cases());
    cases.extend(recovery::cases());
    cases.extend(persist_points::cases());
    cases.extend(verification::cases());
    cases
}

async fn invisible(c: &Context, len: usize) -> CaseResult {
    let expected = content(len, 1);
    let mut stream = c.begin("file", &expected).await?;
    c.expect_missing("file", "after the write").await?;
    stream.persist().await?;
    c.expect_missing("file", "after persist").await?;
    let committer = stream.close_for_commit().await?;
    c.expect_missing("file", "after close_for_commit").await?;
    committer.commit().await?;
    c.expect_content("file", &expected, "after the commit").await?;
    c.expect_files(&["file"], "after the commit").await
}

async fn nothing_is_visible_before_commit(c: &Context) -> CaseResult {
    invisible(c, 1000).await
}

async fn nothing_of_a_large_file_is_visible_before_commit(c: &Context) -> CaseResult {
    invisible(c, LARGE).await
}

async fn nothing_is_listed_before_commit(c: &Context) -> CaseResult {
    for len in [0, 1000, LARGE] {
        let mut stream = c.begin("d/file", &content(len, 1)).await?;
        stream.persist().await?;
        c.expect_files(&[], "after persist").await?;
        let committer = stream.close_for_commit().await?;
        c.expect_files(&[], "after close_for_commit").await?;
        committer.commit().await?;
        c.expect_files(&["d/file"], "after the commit").await?;
        c.fs().delete(&c.at("d/file"), false).await?;
    }
    Ok(())
}

async fn the_position_counts_what_was_written(c: &Context) -> CaseResult {
    let mut stream = c.begin("file", b"").await?;
    let mut sum = 0;
    for len in [0, 1, 1000, 100_000] {
        stream.write(&content(len, 1)).await?;
        stream.write_bytes(content(len, 2)).await?;
        sum += 2 * len as u64;
        ensure_eq!(stream.position(), sum, "the position after a write");
        stream.persist().await?;
        ensure_eq!(stream.position(), sum, "the position after persist");
    }
    stream.close().await?;
    Ok(())
}

async fn the_location_is_what_was_asked_for(c: &Context) -> CaseResult {
    let mut stream = c.begin("d/file", b"x").await?;
    ensure_eq!(stream.location(), c.at("d/file"), "the location");
    stream.close().await?;
    Ok(())
}

async fn persist_before_the_first_write(c: &Context) -> CaseResult {
    let state = c.persisted("file", b"").await?;
    let writer = c.writer()?;
    ensure_eq!(writer.inspect(&state)?.len, 0, "the length that the state covers");
    writer.recover_for_commit(&state).await?.commit().await?;
    c.expect_content("file", b"", "the empty file").await
}

async fn persist_again_and_again(c: &Context) -> CaseResult {
    let expected = content(5000, 1);
    let mut stream = c.begin("file", b"").await?;
    for piece in expected.chunks(500) {
        stream.persist().await?;
        stream.write(piece).await?;
        stream.persist().await?;
        stream.persist().await?;
    }
    stream.close_for_commit().await?.commit().await?;
    c.expect_content("file", &expected, "the file").await?;
    c.expect_files(&["file"], "afterwards").await
}

async fn flush_is_harmless(c: &Context) -> CaseResult {
    let mut stream = c.begin("file", b"one ").await?;
    stream.flush().await?;
    c.expect_missing("file", "after flush").await?;
    stream.write(b"two").await?;
    stream.flush().await?;
    stream.close_for_commit().await?.commit().await?;
    c.expect_content("file", b"one two", "the file").await
}

async fn a_closed_stream_refuses(c: &Context) -> CaseResult {
    let mut stream = c.begin("file", b"x").await?;
    stream.close().await?;
    expect_error(
        stream.write(b"y").await,
        &[ErrorKind::Closed],
        "a write after close",
    )?;
    expect_error(stream.flush().await, &[ErrorKind::Closed], "flush after close")?;
    expect_error(
        stream.persist().await,
        &[ErrorKind::Closed],
        "persist after close",
    )?;
    let committer = stream.close_for_commit().await.map(drop);
    expect_error(committer, &[ErrorKind::Closed], "close_for_commit after close")?;
    stream.close().await?;
    c.expect_missing("file", "after close").await
}

async fn a_stream_closed_for_commit_refuses(c: &Context) -> CaseResult {
    let mut stream = c.begin("file", b"x").await?;
    let committer = stream.close_for_commit().await?;
    expect_error(
        stream.write(b"y").await,
        &[ErrorKind::Closed],
        "a write after close_for_commit",
    )?;
    expect_error(
        stream.flush().await,
        &[ErrorKind::Closed],
        "flush after close_for_commit",
    )?;
    expect_error(
        stream.persist().await,
        &[ErrorKind::Closed],
        "persist after close_for_commit",
    )?;
    let second = stream.close_for_commit().await.map(drop);
    expect_error(second, &[ErrorKind::Closed], "a second close_for_commit")?;
    committer.commit().await?;
    c.expect_content("file", b"x", "the file").await
}

async fn close_after_close_for_commit_is_harmless(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        let name = format!("file{len}");
        let expected = content(len, 1);
        let mut stream = c.begin(&name, &expected).await?;
        let committer = stream.close_for_commit().await?;
        stream.close().await?;
        drop(stream);
        committer.commit().await?;
        c.expect_content(&name, &expected, "the file").await?;
    }
    Ok(())
}

async fn closing_twice_is_fine(c: &Context) -> CaseResult {
    for persisted in [false, true] {
        let mut stream = c.begin("file", b"x").await?;
        if persisted {
            stream.persist().await?;
        }
        for _ in 0..3 {
            stream.close().await?;
        }
    }
    c.expect_missing("file", "afterwards").await
}

async fn keeps(c: &Context, by_close: bool) -> CaseResult {
    for len in [0, 10, LARGE] {
        let name = format!("file{len}");
        let expected = content(len, 1);
        let mut stream = c.begin(&name, &expected).await?;
        let state = stream.persist().await?;
        stream.write(b"lost").await?;
        if by_close {
            stream.close().await?;
        }
        drop(stream);
        c.writer()?.recover_for_commit(&state).await?.commit().await?;
        c.expect_content(&name, &expected, "what was persisted").await?;
    }
    Ok(())
}

async fn close_keeps_what_was_persisted(c: &Context) -> CaseResult {
    keeps(c, true).await
}

async fn drop_keeps_what_was_persisted(c: &Context) -> CaseResult {
    keeps(c, false).await
}

async fn gives_up(c: &Context, by_close: bool) -> CaseResult {
    for len in [0, 10, LARGE] {
        let mut stream = c.begin("file", &content(len, 1)).await?;
        if by_close {
            stream.close().await?;
        }
        drop(stream);
        c.expect_missing("file", "afterwards").await?;
        c.expect_files(&[], "afterwards").await?;
    }
    Ok(())
}

async fn close_gives_up_what_was_never_persisted(c: &Context) -> CaseResult {
    gives_up(c, true).await
}

async fn drop_gives_up_what_was_never_persisted(c: &Context) -> CaseResult {
    gives_up(c, false).await
}

async fn an_existing_file_is_not_replaced(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        c.write("file", "old").await?;
        let result = async {
            let mut stream = c
                .fs()
                .recoverable_writer()?
                .open(&c.at("file"), &CreateOptions::default())
                .await?;
            stream.write(&content(len, 1)).await?;
            stream.close_for_commit().await?.commit().await
        };
        let kinds = [ErrorKind::AlreadyExists, ErrorKind::Conflict];
        expect_error(result.await, &kinds, "a file at the path")?;
        c.expect_content("file", b"old", "the file at the path").await?;
    }
    Ok(())
}

async fn an_existing_file_is_replaced_by_option(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        c.write("file", "old").await?;
        let expected = content(len, 1);
        let mut stream = c
            .writer()?
            .open(&c.at("file"), &CreateOptions::overwrite())
            .await?;
        stream.write(&expected).await?;
        let committer = stream.close_for_commit().await?;
        c.expect_content("file", b"old", "before the commit").await?;
        committer.commit().await?;
        c.expect_content("file", &expected, "after the commit").await?;
    }
    Ok(())
}
