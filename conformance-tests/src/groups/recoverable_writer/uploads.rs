//! Open uploads: listed as long as they are needed, and no longer.

use plugin_api::{Capabilities, ErrorKind};

use super::super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, Failure, ensure, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let pending = Capabilities::PENDING_UPLOADS;
    table![
        no_upload_of_what_was_never_persisted => "and no upload of it stays open", needs(pending);
        a_persisted_upload_is_listed =>
            "an upload that was persisted is among the pending ones", needs(pending);
        a_pending_upload_can_be_aborted => "a pending upload can be aborted, twice", needs(pending);
        a_committed_upload_is_not_pending => "after the commit no upload is pending", needs(pending);
        abort_gives_up_an_upload_for_good =>
            "an aborted upload cannot be recovered or committed", needs(pending);
    ]
}

/// A drop cannot wait: the upload is given up in the background.
async fn expect_no_pending_upload(c: &Context, what: &str) -> CaseResult {
    let mut left = c.pending_uploads().await?.len();
    for _ in 0..1000 {
        if left == 0 {
            return Ok(());
        }
        std::thread::yield_now();
        left = c.pending_uploads().await?.len();
    }
    Err(Failure::new(format!("{left} uploads are still open {what}")))
}

async fn no_upload_of_what_was_never_persisted(c: &Context) -> CaseResult {
    let mut stream = c.begin("closed", &content(2 * LARGE, 1)).await?;
    stream.close().await?;
    expect_no_pending_upload(c, "after close").await?;
    drop(c.begin("dropped", &content(2 * LARGE, 1)).await?);
    expect_no_pending_upload(c, "after drop").await?;
    let mut stream = c.begin("finished", &content(2 * LARGE, 1)).await?;
    drop(stream.close_for_commit().await?);
    drop(stream);
    expect_no_pending_upload(c, "after the committer was dropped").await
}

async fn a_persisted_upload_is_listed(c: &Context) -> CaseResult {
    let state = c.persisted("d/file", &content(2 * LARGE, 1)).await?;
    let id = c.writer()?.inspect(&state)?.upload_id;
    ensure!(!id.is_empty(), "a state of {} bytes names no upload", 2 * LARGE);
    let uploads = c.pending_uploads().await?;
    ensure_eq!(uploads.len(), 1, "the number of pending uploads");
    ensure_eq!(uploads[0].location, c.at("d/file"), "the location of the upload");
    ensure_eq!(uploads[0].upload_id, id, "the id of the upload");
    Ok(())
}

async fn a_pending_upload_can_be_aborted(c: &Context) -> CaseResult {
    let state = c.persisted("file", &content(2 * LARGE, 1)).await?;
    let writer = c.writer()?;
    for upload in c.pending_uploads().await? {
        writer.abort_upload(&upload).await?;
        writer.abort_upload(&upload).await?;
    }
    expect_no_pending_upload(c, "after they were aborted").await?;
    let result = match writer.recover_for_commit(&state).await {
        Ok(committer) => committer.commit().await,
        Err(error) => Err(error),
    };
    expect_error(result, &[ErrorKind::UploadGone], "a commit of an aborted upload")?;
    c.expect_missing("file", "afterwards").await
}

async fn a_committed_upload_is_not_pending(c: &Context) -> CaseResult {
    let mut stream = c.begin("file", &content(2 * LARGE, 1)).await?;
    stream.persist().await?;
    stream.close_for_commit().await?.commit().await?;
    expect_no_pending_upload(c, "after the commit").await
}

async fn abort_gives_up_an_upload_for_good(c: &Context) -> CaseResult {
    let state = c.persisted("file", &content(2 * LARGE, 1)).await?;
    let writer = c.writer()?;
    writer.abort(&state).await?;
    let recovered = writer.recover(&state).await.map(drop);
    expect_error(
        recovered,
        &[ErrorKind::UploadGone],
        "recover of an aborted upload",
    )?;
    let committed = match writer.recover_for_commit(&state).await {
        Ok(committer) => committer.commit().await,
        Err(error) => Err(error),
    };
    expect_error(committed, &[ErrorKind::UploadGone], "commit of an aborted upload")?;
    c.expect_files(&[], "afterwards").await
}
