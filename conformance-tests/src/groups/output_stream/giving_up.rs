//! Streams that are aborted or dropped.

use plugin_api::Capabilities;

use super::super::table;
use super::create;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq};

pub(super) fn cases() -> Vec<Case> {
    let pending = Capabilities::PENDING_UPLOADS;
    table![
        abort_publishes_nothing => "an aborted stream publishes nothing";
        abort_of_a_large_file_publishes_nothing => "nor does one that sent parts";
        aborting_twice_is_fine => "abort is idempotent";
        an_aborted_stream_refuses_everything => "after abort write and close fail";
        abort_after_close_keeps_the_file => "abort after a successful close does not take the file back";
        drop_publishes_nothing => "a dropped stream publishes nothing";
        drop_of_a_large_file_publishes_nothing => "nor does one that sent parts";
        drop_after_flush_and_sync_publishes_nothing => "nor does one that was flushed and synced";
        drop_after_close_keeps_the_file => "a stream dropped after close leaves its file";
        no_upload_stays_open => "aborted and dropped streams leave no open upload", needs(pending);
    ]
}

async fn aborted(c: &Context, len: usize) -> CaseResult {
    let mut stream = create(c, "file").await?;
    stream.write_bytes(content(len, 1)).await?;
    stream.abort().await?;
    c.expect_missing("file", "after abort").await?;
    drop(stream);
    c.expect_files(&[], "after abort").await
}

async fn abort_publishes_nothing(c: &Context) -> CaseResult {
    aborted(c, 0).await?;
    aborted(c, 1000).await
}

async fn abort_of_a_large_file_publishes_nothing(c: &Context) -> CaseResult {
    aborted(c, 2 * LARGE).await
}

async fn aborting_twice_is_fine(c: &Context) -> CaseResult {
    let mut stream = create(c, "file").await?;
    stream.write(b"x").await?;
    for _ in 0..3 {
        stream.abort().await?;
    }
    c.expect_missing("file", "after abort").await
}

async fn an_aborted_stream_refuses_everything(c: &Context) -> CaseResult {
    let mut stream = create(c, "file").await?;
    stream.write(b"x").await?;
    stream.abort().await?;
    ensure!(
        stream.write(b"y").await.is_err(),
        "a write after abort is a success"
    );
    ensure!(stream.close().await.is_err(), "a close after abort is a success");
    c.expect_missing("file", "after abort and close").await
}

async fn abort_after_close_keeps_the_file(c: &Context) -> CaseResult {
    for len in [1, LARGE] {
        let name = format!("file{len}");
        let expected = content(len, 1);
        let mut stream = create(c, &name).await?;
        stream.write_bytes(expected.clone()).await?;
        stream.close().await?;
        stream.abort().await?;
        drop(stream);
        c.expect_content(&name, &expected, "after close and abort")
            .await?;
    }
    Ok(())
}

async fn dropped(c: &Context, len: usize) -> CaseResult {
    let mut stream = create(c, "file").await?;
    stream.write_bytes(content(len, 1)).await?;
    drop(stream);
    c.expect_missing("file", "after drop").await?;
    c.expect_files(&[], "after drop").await
}

async fn drop_publishes_nothing(c: &Context) -> CaseResult {
    dropped(c, 0).await?;
    dropped(c, 1000).await
}

async fn drop_of_a_large_file_publishes_nothing(c: &Context) -> CaseResult {
    dropped(c, 2 * LARGE).await
}

async fn drop_after_flush_and_sync_publishes_nothing(c: &Context) -> CaseResult {
    for len in [1000, LARGE] {
        let mut stream = create(c, "file").await?;
        stream.write_bytes(content(len, 1)).await?;
        stream.flush().await?;
        stream.sync().await?;
        drop(stream);
        c.expect_files(&[], "after drop").await?;
    }
    Ok(())
}

async fn drop_after_close_keeps_the_file(c: &Context) -> CaseResult {
    let mut stream = create(c, "file").await?;
    stream.write(b"x").await?;
    stream.close().await?;
    drop(stream);
    c.expect_content("file", b"x", "after close and drop").await
}

async fn no_upload_stays_open(c: &Context) -> CaseResult {
    let mut stream = create(c, "aborted").await?;
    stream.write_bytes(content(2 * LARGE, 1)).await?;
    stream.abort().await?;
    ensure_eq!(c.pending_uploads().await?.len(), 0, "open uploads after abort");
    let mut stream = create(c, "dropped").await?;
    stream.write_bytes(content(2 * LARGE, 1)).await?;
    drop(stream);
    // A drop cannot wait: the upload is given up in the background.
    for _ in 0..1000 {
        if c.pending_uploads().await?.is_empty() {
            return Ok(());
        }
        std::thread::yield_now();
    }
    ensure_eq!(c.pending_uploads().await?.len(), 0, "open uploads after drop");
    Ok(())
}
