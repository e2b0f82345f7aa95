//! Verification: what a commit would come to, told without changing anything.

use plugin_api::{Capabilities, CreateOptions, ErrorKind, Recoverable, RecoverableCondition};

use super::super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let verify = Capabilities::RECOVERABLE_WRITER | Capabilities::RECOVERABLE_VERIFY;
    table![
        verify_before_the_commit => "what was persisted can be committed, and verify says so", needs(verify);
        verify_of_a_large_file_before_the_commit =>
            "also where parts and a tail were stored", needs(verify);
        verify_after_the_commit =>
            "after the commit the state is committed, by any instance", needs(verify);
        verify_after_an_abort => "an aborted upload is gone, with a reason", needs(verify);
        verify_with_a_foreign_file_at_the_path =>
            "a foreign file that would not be replaced is a conflict", needs(verify);
        verify_after_a_foreign_file_took_the_place_of_ours =>
            "so is one that replaced ours after the commit", needs(verify);
        verify_of_a_file_that_may_be_replaced =>
            "with Overwrite a foreign file is not in the way", needs(verify);
        verify_after_another_recovery_was_committed =>
            "the file of another recovery is a conflict",
            needs(verify | Capabilities::RECOVERABLE_RESUME);
        verify_of_a_damaged_state => "a damaged or cut state is Corrupt", needs(verify);
        verify_changes_nothing =>
            "verify publishes and gives up nothing, and takes back no later write", needs(verify);
        recover_and_commit_after_verify =>
            "a state that was verified can be recovered and committed",
            needs(verify | Capabilities::RECOVERABLE_RESUME);
    ]
}

async fn verified(c: &Context, state: &Recoverable) -> CaseResult<RecoverableCondition> {
    Ok(c.writer()?.verify(state).await?)
}

async fn committable(c: &Context, state: &Recoverable, what: &str) -> CaseResult {
    ensure_eq!(
        verified(c, state).await?,
        RecoverableCondition::Committable,
        "{what}"
    );
    Ok(())
}

async fn conflict(c: &Context, state: &Recoverable, what: &str) -> CaseResult {
    let condition = verified(c, state).await?;
    ensure!(
        matches!(&condition, RecoverableCondition::Conflict(why) if !why.is_empty()),
        "{what}: expected a conflict with its reason, got {condition:?}"
    );
    Ok(())
}

async fn before_the_commit(c: &Context, lengths: &[usize]) -> CaseResult {
    for &len in lengths {
        let state = c.persisted(&format!("file{len}"), &content(len, 1)).await?;
        committable(c, &state, "a state that was persisted").await?;
    }
    Ok(())
}

async fn verify_before_the_commit(c: &Context) -> CaseResult {
    before_the_commit(c, &[0, 1, 1000]).await
}

async fn verify_of_a_large_file_before_the_commit(c: &Context) -> CaseResult {
    before_the_commit(c, &[LARGE, 2 * LARGE + 1]).await
}

async fn verify_after_the_commit(c: &Context) -> CaseResult {
    for len in [0, 1000, LARGE, 2 * LARGE + 1] {
        let state = c.persisted(&format!("file{len}"), &content(len, 1)).await?;
        c.writer()?.recover_for_commit(&state).await?.commit().await?;
        let other = c.another().await?.recoverable_writer()?;
        for condition in [verified(c, &state).await?, other.verify(&state).await?] {
            ensure_eq!(condition, RecoverableCondition::Committed, "after the commit");
        }
    }
    Ok(())
}

async fn verify_after_an_abort(c: &Context) -> CaseResult {
    let state = c.persisted("file", &content(2 * LARGE, 1)).await?;
    let writer = c.writer()?;
    // Without an upload there is nothing that an abort could take away.
    if writer.inspect(&state)?.upload_id.is_empty() {
        return Ok(());
    }
    writer.abort(&state).await?;
    let condition = verified(c, &state).await?;
    ensure!(
        matches!(&condition, RecoverableCondition::Gone(why) if !why.is_empty()),
        "after an abort: expected that it is gone, with a reason, got {condition:?}"
    );
    Ok(())
}

async fn verify_with_a_foreign_file_at_the_path(c: &Context) -> CaseResult {
    for len in [0, 1000, LARGE] {
        let state = c.persisted("file", &content(len, 1)).await?;
        c.write("file", "foreign").await?;
        conflict(c, &state, "a foreign file at the path").await?;
        c.expect_content("file", b"foreign", "the foreign file").await?;
        c.fs().delete(&c.at("file"), false).await?;
        committable(c, &state, "after the foreign file went away").await?;
    }
    Ok(())
}

async fn verify_after_a_foreign_file_took_the_place_of_ours(c: &Context) -> CaseResult {
    for len in [1000, LARGE] {
        let state = c.persisted("file", &content(len, 1)).await?;
        c.writer()?.recover_for_commit(&state).await?.commit().await?;
        c.write("file", content(len, 2)).await?;
        conflict(c, &state, "a file that replaced ours").await?;
        c.fs().delete(&c.at("file"), false).await?;
    }
    Ok(())
}

async fn verify_of_a_file_that_may_be_replaced(c: &Context) -> CaseResult {
    for len in [1000, LARGE] {
        c.write("file", "old").await?;
        let options = CreateOptions::overwrite();
        let mut stream = c.writer()?.open(&c.at("file"), &options).await?;
        stream.write(&content(len, 1)).await?;
        let state = stream.persist().await?;
        stream.close().await?;
        committable(c, &state, "a state that may replace the file").await?;
        c.expect_content("file", b"old", "the file that may be replaced")
            .await?;
    }
    Ok(())
}

async fn verify_after_another_recovery_was_committed(c: &Context) -> CaseResult {
    for len in [1000, LARGE] {
        let name = format!("file{len}");
        let state = c.persisted(&name, &content(len, 1)).await?;
        let mut successor = c.writer()?.recover(&state).await?;
        successor.write(b"more").await?;
        successor.close_for_commit().await?.commit().await?;
        conflict(c, &state, "the file of a successor").await?;
    }
    Ok(())
}

async fn verify_of_a_damaged_state(c: &Context) -> CaseResult {
    let state = c.persisted("file", &content(100, 1)).await?;
    let good = state.bytes();
    let mut flipped = good.to_vec();
    flipped[good.len() / 2] ^= 1;
    for bytes in [flipped, good[..good.len() - 1].to_vec(), Vec::new()] {
        let damaged = Recoverable::new(state.version(), bytes);
        let result = c.writer()?.verify(&damaged).await;
        expect_error(result, &[ErrorKind::Corrupt], "verify of a damaged state")?;
    }
    committable(c, &state, "the good state").await
}

/// The number of open uploads; 0 where they cannot be listed.
async fn open_uploads(c: &Context) -> CaseResult<usize> {
    if c.has(Capabilities::PENDING_UPLOADS) {
        return Ok(c.pending_uploads().await?.len());
    }
    Ok(0)
}

async fn verify_changes_nothing(c: &Context) -> CaseResult {
    for len in [0, 10, LARGE] {
        let name = format!("file{len}");
        let mut stream = c.begin(&name, &content(len, 1)).await?;
        let state = stream.persist().await?;
        stream.write(b"later").await?;
        let uploads = open_uploads(c).await?;
        for _ in 0..3 {
            committable(c, &state, "while the stream is open").await?;
        }
        c.expect_missing(&name, "after verify").await?;
        ensure_eq!(
            open_uploads(c).await?,
            uploads,
            "the number of open uploads after verify"
        );
        // What was written after the state is still there for the stream's own commit.
        let committer = stream.close_for_commit().await?;
        committable(c, &state, "after close_for_commit").await?;
        committer.commit().await?;
        let expected = [&content(len, 1)[..], b"later"].concat();
        c.expect_content(&name, &expected, "the file of the stream")
            .await?;
    }
    Ok(())
}

async fn recover_and_commit_after_verify(c: &Context) -> CaseResult {
    for len in [0, 1000, LARGE + 1] {
        let name = format!("file{len}");
        let state = c.persisted(&name, &content(len, 1)).await?;
        committable(c, &state, "before recover").await?;
        let mut stream = c.writer()?.recover(&state).await?;
        committable(c, &state, "while it is recovered").await?;
        stream.write(b" and on").await?;
        stream.close_for_commit().await?.commit().await?;
        let expected = [&content(len, 1)[..], b" and on"].concat();
        c.expect_content(&name, &expected, "the recovered file").await?;
    }
    Ok(())
}
