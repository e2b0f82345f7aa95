//! States as values: what they tell, and what becomes of damaged ones.

use plugin_api::{Capabilities, ErrorKind, Recoverable};

use super::super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::{Context, through_a_checkpoint};
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let writer = Capabilities::RECOVERABLE_WRITER;
    table![
        later_writes_do_not_change_a_state =>
            "a state covers what was written when it was taken", needs(writer);
        inspect_tells_path_and_length => "a state tells its path and length without a request", needs(writer);
        a_state_survives_bytes => "a state is its version and bytes, and nothing else", needs(writer);
        a_state_hides_its_content => "the debug form of a state does not show its data", needs(writer);
        a_damaged_state_is_refused =>
            "any flipped bit of a state is Corrupt, before anything is done", needs(writer);
        a_cut_state_is_refused => "a state that was cut or extended is Corrupt", needs(writer);
        a_foreign_state_is_refused => "bytes that are no state are refused", needs(writer);
        an_unknown_version_is_refused =>
            "a state of an unknown version is refused, and the version named", needs(writer);
        cleanup_never_fails_on_what_is_gone =>
            "cleanup of a state is idempotent and keeps the file committable", needs(writer);
        aborting_twice_is_fine => "abort of a state is idempotent", needs(writer);
    ]
}

async fn later_writes_do_not_change_a_state(c: &Context) -> CaseResult {
    let mut stream = c.begin("file", b"covered").await?;
    let state = stream.persist().await?;
    let bytes = state.bytes().to_vec();
    stream.write(&content(LARGE, 1)).await?;
    stream.persist().await?;
    stream.write(b"more").await?;
    stream.close().await?;
    ensure!(
        state.bytes()[..] == bytes[..],
        "the state changed after it was taken"
    );
    c.writer()?.recover_for_commit(&state).await?.commit().await?;
    c.expect_content("file", b"covered", "the file").await
}

async fn inspect_tells_path_and_length(c: &Context) -> CaseResult {
    for len in [0, 1, 12_345, LARGE] {
        let state = c.persisted("d/file", &content(len, 1)).await?;
        let writer = c.writer()?;
        let info = writer.inspect(&state)?;
        ensure_eq!(info.location, c.at("d/file"), "the path");
        ensure_eq!(info.len, len as u64, "the length");
        writer.abort(&state).await?;
    }
    Ok(())
}

async fn a_state_survives_bytes(c: &Context) -> CaseResult {
    let mut stream = c.begin("file", b"content").await?;
    let state = stream.persist().await?;
    drop(stream);
    let copy = through_a_checkpoint(&state);
    ensure_eq!(copy, state, "the copy of the state");
    drop(state);
    c.another()
        .await?
        .recoverable_writer()?
        .recover_for_commit(&copy)
        .await?
        .commit()
        .await?;
    c.expect_content("file", b"content", "the file").await
}

async fn a_state_hides_its_content(c: &Context) -> CaseResult {
    let canary = "canary-in-the-tail-of-a-state";
    let state = c.persisted("file", canary.as_bytes()).await?;
    ensure!(
        !format!("{state:?}").contains("canary"),
        "the debug form shows the data"
    );
    let info = c.writer()?.inspect(&state)?;
    ensure!(
        !format!("{info:?}").contains(canary),
        "what is known of the state shows the data"
    );
    Ok(c.writer()?.abort(&state).await?)
}

async fn refused(c: &Context, state: &Recoverable, kinds: &[ErrorKind], what: &str) -> CaseResult {
    let writer = c.writer()?;
    expect_error(writer.inspect(state), kinds, format_args!("inspect of {what}"))?;
    let committer = writer.recover_for_commit(state).await.map(drop);
    expect_error(committer, kinds, format_args!("recover_for_commit of {what}"))?;
    if c.has(Capabilities::RECOVERABLE_RESUME) {
        let stream = writer.recover(state).await.map(drop);
        expect_error(stream, kinds, format_args!("recover of {what}"))?;
    }
    expect_error(writer.abort(state).await, kinds, format_args!("abort of {what}")).map(drop)
}

async fn a_damaged_state_is_refused(c: &Context) -> CaseResult {
    let state = c.persisted("file", &content(100, 1)).await?;
    let good = state.bytes().to_vec();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        let damaged = Recoverable::new(state.version(), bad);
        // A damaged mark may make it look like bytes that are no state at all.
        let kinds = [ErrorKind::Corrupt];
        refused(
            c,
            &damaged,
            &kinds,
            &format!("a state with a flipped bit in byte {at}"),
        )
        .await?;
    }
    c.writer()?.recover_for_commit(&state).await?.commit().await?;
    c.expect_content("file", &content(100, 1), "the file of the good state")
        .await
}

async fn a_cut_state_is_refused(c: &Context) -> CaseResult {
    let state = c.persisted("file", &content(100, 1)).await?;
    let good = state.bytes().to_vec();
    for len in 0..good.len() {
        let cut = Recoverable::new(state.version(), good[..len].to_vec());
        refused(
            c,
            &cut,
            &[ErrorKind::Corrupt],
            &format!("a state cut to {len} bytes"),
        )
        .await?;
    }
    let extended = Recoverable::new(state.version(), [&good[..], &[0]].concat());
    refused(c, &extended, &[ErrorKind::Corrupt], "an extended state").await?;
    Ok(c.writer()?.abort(&state).await?)
}

async fn a_foreign_state_is_refused(c: &Context) -> CaseResult {
    let version = c.persisted("file", b"x").await?.version();
    for bytes in [&b""[..], b"{}", b"not a state", &[0; 64], &[0xFF; 64]] {
        let foreign = Recoverable::new(version, bytes.to_vec());
        refused(c, &foreign, &[ErrorKind::Corrupt], "bytes that are no state").await?;
    }
    Ok(())
}

async fn an_unknown_version_is_refused(c: &Context) -> CaseResult {
    let state = c.persisted("file", b"x").await?;
    let newer = Recoverable::new(4_000_000_001, state.bytes().clone());
    let kinds = [ErrorKind::Unsupported, ErrorKind::Corrupt];
    refused(c, &newer, &kinds, "a state of an unknown version").await?;
    let error = expect_error(c.writer()?.inspect(&newer), &kinds, "inspect")?;
    ensure!(
        error.to_string().contains("4000000001"),
        "the error does not name the version: {error}"
    );
    Ok(c.writer()?.abort(&state).await?)
}

async fn cleanup_never_fails_on_what_is_gone(c: &Context) -> CaseResult {
    let state = c.persisted("file", &content(1000, 1)).await?;
    let writer = c.writer()?;
    if !writer.requires_cleanup() {
        ensure!(
            !writer.cleanup(&state).await?,
            "there is something to clean up, although none is required"
        );
        writer.recover_for_commit(&state).await?.commit().await?;
        c.expect_content("file", &content(1000, 1), "the file").await?;
    }
    writer.cleanup(&state).await?;
    ensure!(!writer.cleanup(&state).await?, "a second cleanup found something");
    Ok(())
}

async fn aborting_twice_is_fine(c: &Context) -> CaseResult {
    for len in [0, 10, LARGE] {
        let state = c.persisted("file", &content(len, 1)).await?;
        for _ in 0..3 {
            c.writer()?.abort(&state).await?;
        }
        c.expect_files(&[], "afterwards").await?;
    }
    Ok(())
}
