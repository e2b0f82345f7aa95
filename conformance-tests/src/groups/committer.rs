//! `commit`, `commit_after_recovery` and `recoverable` of a committer.

use std::sync::Arc;

use plugin_api::{Capabilities, Committer, CreateOptions, Error, ErrorKind, FileSystemExt as _};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::{Context, through_a_checkpoint};
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let resume = Capabilities::RECOVERABLE_RESUME;
    let cases = table![
        commit_publishes => "a commit publishes exactly what was written";
        commit_publishes_a_large_file => "so it does with several parts";
        commit_publishes_an_empty_file => "a file that nothing was written to is published, empty";
        commit_without_persist => "a file that was never persisted is committed";
        commit_after_persist => "a file that was persisted is committed";
        committing_twice_is_fine => "a second commit is a success and changes nothing";
        committing_twice_a_large_file => "so it is with several parts";
        commit_after_recovery_of_what_is_committed => "commit_after_recovery after the commit is a success";
        commit_after_recovery_of_what_is_not => "commit_after_recovery of an uncommitted file publishes it";
        through_its_own_state => "the committer's own state makes a committer of another process";
        the_own_state_of_a_large_file => "so does that of a file of several parts";
        the_own_state_after_the_commit => "it can be taken after the commit, and committed again";
        again_by_another_instance => "a committed state is committed again by another instance";
        by_several_instances_at_a_time =>
            "several instances commit one state at the same time, and all succeed";
        an_empty_state_again => "an empty file is committed again by another process";
        a_resumed_state_publishes_its_tail => "a state taken by persist is committed with its tail";
        a_foreign_file_is_a_conflict => "another file at the path is a conflict, and stays";
        a_foreign_file_against_a_large_one => "so it is for a file of several parts";
        a_foreign_file_against_an_empty_one => "so it is for an empty file";
        a_foreign_file_of_the_same_length => "a file of the same length is not taken for ours";
        a_foreign_file_of_the_same_bytes_stays => "a file of the same bytes is left alone";
        a_file_that_replaced_ours_is_a_conflict => "a file that replaced the committed one stays";
        a_conflict_can_be_resolved => "after the file in the way has gone the commit succeeds";
        a_dropped_committer_publishes_nothing => "a committer that is dropped publishes nothing";
        an_uncommitted_state_stays_usable =>
            "a committer dropped after its state was taken can be made again";
        committed_files_are_ordinary_files =>
            "a committed file is renamed, listed and deleted like any other";
        of_two_successors_one_wins =>
            "of two recoveries the first commit wins, the other fails clearly", needs(resume);
        of_two_large_successors_one_wins => "so it is with several parts", needs(resume);
    ];
    cases
        .into_iter()
        .map(|case| case.needs(Capabilities::RECOVERABLE_WRITER))
        .collect()
}

/// The committer of a finished file.
async fn finished(c: &Context, name: &str, content: &[u8]) -> CaseResult<Arc<dyn Committer>> {
    Ok(c.begin(name, content).await?.close_for_commit().await?)
}

async fn committed(c: &Context, len: usize, persist: bool) -> CaseResult {
    let expected = content(len, 1);
    let mut stream = c.begin("d/file", &expected).await?;
    if persist {
        stream.persist().await?;
    }
    stream.close_for_commit().await?.commit().await?;
    c.expect_content("d/file", &expected, "the committed file")
        .await?;
    c.expect_files(&["d/file"], "afterwards").await
}

async fn commit_publishes(c: &Context) -> CaseResult {
    committed(c, 1000, false).await
}

async fn commit_publishes_a_large_file(c: &Context) -> CaseResult {
    committed(c, 3 * LARGE, false).await
}

async fn commit_publishes_an_empty_file(c: &Context) -> CaseResult {
    committed(c, 0, false).await
}

async fn commit_without_persist(c: &Context) -> CaseResult {
    committed(c, LARGE, false).await
}

async fn commit_after_persist(c: &Context) -> CaseResult {
    committed(c, LARGE, true).await?;
    c.fs().delete(&c.at("d"), true).await?;
    committed(c, 0, true).await
}

async fn twice(c: &Context, len: usize) -> CaseResult {
    let expected = content(len, 1);
    let committer = finished(c, "file", &expected).await?;
    committer.commit().await?;
    let first = c.status("file").await?;
    committer.commit().await?;
    committer.commit_after_recovery().await?;
    ensure_eq!(
        c.status("file").await?.etag,
        first.etag,
        "the entity tag after further commits"
    );
    c.expect_content("file", &expected, "the file").await
}

async fn committing_twice_is_fine(c: &Context) -> CaseResult {
    twice(c, 100).await
}

async fn committing_twice_a_large_file(c: &Context) -> CaseResult {
    twice(c, LARGE).await
}

async fn commit_after_recovery_of_what_is_committed(c: &Context) -> CaseResult {
    for len in [0, 100, LARGE] {
        let name = format!("file{len}");
        let expected = content(len, 1);
        let state = c.persisted(&name, &expected).await?;
        let writer = c.writer()?;
        writer.recover_for_commit(&state).await?.commit().await?;
        for _ in 0..3 {
            let committer = writer.recover_for_commit(&state).await?;
            committer.commit_after_recovery().await?;
        }
        c.expect_content(&name, &expected, "the file").await?;
    }
    Ok(())
}

async fn commit_after_recovery_of_what_is_not(c: &Context) -> CaseResult {
    for len in [0, 100, LARGE] {
        let name = format!("file{len}");
        let expected = content(len, 1);
        let state = c.persisted(&name, &expected).await?;
        let committer = c.writer()?.recover_for_commit(&state).await?;
        c.expect_missing(&name, "before the commit").await?;
        committer.commit_after_recovery().await?;
        c.expect_content(&name, &expected, "the file").await?;
    }
    Ok(())
}

async fn own_state(c: &Context, len: usize) -> CaseResult {
    let expected = content(len, 1);
    let committer = finished(c, "file", &expected).await?;
    let state = through_a_checkpoint(&committer.recoverable()?);
    drop(committer);
    c.expect_missing("file", "before the commit").await?;
    let writer = c.another().await?.recoverable_writer()?;
    ensure_eq!(
        writer.inspect(&state)?.len,
        len as u64,
        "the length that the state covers"
    );
    writer.recover_for_commit(&state).await?.commit().await?;
    c.expect_content("file", &expected, "the file").await
}

async fn through_its_own_state(c: &Context) -> CaseResult {
    own_state(c, 100).await
}

async fn the_own_state_of_a_large_file(c: &Context) -> CaseResult {
    own_state(c, 2 * LARGE).await
}

async fn the_own_state_after_the_commit(c: &Context) -> CaseResult {
    for len in [0, 10, LARGE] {
        let name = format!("file{len}");
        let committer = finished(c, &name, &content(len, 1)).await?;
        committer.commit().await?;
        let state = committer.recoverable()?;
        c.writer()?
            .recover_for_commit(&state)
            .await?
            .commit_after_recovery()
            .await?;
        c.expect_content(&name, &content(len, 1), "the file").await?;
    }
    Ok(())
}

async fn again_by_another_instance(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        let name = format!("file{len}");
        let expected = content(len, 1);
        let state = c.persisted(&name, &expected).await?;
        c.writer()?.recover_for_commit(&state).await?.commit().await?;
        let etag = c.status(&name).await?.etag;
        let other = c.another().await?.recoverable_writer()?;
        other.recover_for_commit(&state).await?.commit().await?;
        ensure_eq!(
            c.status(&name).await?.etag,
            etag,
            "the entity tag after the second commit"
        );
        c.expect_content(&name, &expected, "the file").await?;
    }
    Ok(())
}

async fn by_several_instances_at_a_time(c: &Context) -> CaseResult {
    for len in [0, 10, LARGE] {
        let name = format!("file{len}");
        let expected = content(len, 1);
        let state = c.persisted(&name, &expected).await?;
        let mut writers = Vec::new();
        for _ in 0..4 {
            writers.push(c.another().await?.recoverable_writer()?);
        }
        let results = c
            .on_threads(4, async move |thread| -> Result<(), Error> {
                let committer = writers[thread].recover_for_commit(&state).await?;
                committer.commit().await
            })
            .await?;
        for result in results {
            result?;
        }
        c.expect_content(&name, &expected, "the file").await?;
    }
    c.expect_files(&["file0", "file10", &format!("file{LARGE}")], "afterwards")
        .await
}

async fn an_empty_state_again(c: &Context) -> CaseResult {
    let state = c.persisted("empty", b"").await?;
    for _ in 0..3 {
        let writer = c.another().await?.recoverable_writer()?;
        writer
            .recover_for_commit(&state)
            .await?
            .commit_after_recovery()
            .await?;
        c.expect_content("empty", b"", "the empty file").await?;
    }
    Ok(())
}

async fn a_resumed_state_publishes_its_tail(c: &Context) -> CaseResult {
    for len in [1, 1000, LARGE, LARGE + 1] {
        let name = format!("file{len}");
        let expected = content(len, 1);
        let mut stream = c.begin(&name, &expected).await?;
        let state = stream.persist().await?;
        stream.write(b"not covered").await?;
        stream.close().await?;
        c.writer()?.recover_for_commit(&state).await?.commit().await?;
        c.expect_content(&name, &expected, "the tail").await?;
    }
    Ok(())
}

async fn conflict(c: &Context, len: usize, foreign: &[u8]) -> CaseResult {
    let state = c.persisted("file", &content(len, 1)).await?;
    c.write("file", foreign.to_vec()).await?;
    let committer = c.writer()?.recover_for_commit(&state).await?;
    for result in [committer.commit().await, committer.commit_after_recovery().await] {
        let error = expect_error(result, &[ErrorKind::Conflict], "a foreign file at the path")?;
        ensure!(
            error.to_string().contains("file"),
            "the error does not name the file: {error}"
        );
        ensure!(!error.remedy().is_empty(), "the error says no remedy: {error}");
    }
    c.expect_content("file", foreign, "the foreign file").await
}

async fn a_foreign_file_is_a_conflict(c: &Context) -> CaseResult {
    conflict(c, 1000, b"foreign").await
}

async fn a_foreign_file_against_a_large_one(c: &Context) -> CaseResult {
    conflict(c, LARGE, b"foreign").await
}

async fn a_foreign_file_against_an_empty_one(c: &Context) -> CaseResult {
    conflict(c, 0, b"foreign").await
}

async fn a_foreign_file_of_the_same_length(c: &Context) -> CaseResult {
    conflict(c, 1000, &content(1000, 2)).await?;
    c.fs().delete(&c.at("file"), false).await?;
    conflict(c, LARGE, &content(LARGE, 2)).await
}

async fn a_foreign_file_of_the_same_bytes_stays(c: &Context) -> CaseResult {
    // Whether it counts as ours cannot be told on every store; its bytes stay in any case.
    let expected = content(1000, 1);
    let state = c.persisted("file", &expected).await?;
    c.write("file", expected.clone()).await?;
    if let Err(error) = c.writer()?.recover_for_commit(&state).await?.commit().await {
        expect_error::<()>(Err(error), &[ErrorKind::Conflict], "the same bytes")?;
    }
    c.expect_content("file", &expected, "the file").await
}

async fn a_file_that_replaced_ours_is_a_conflict(c: &Context) -> CaseResult {
    for len in [100, LARGE] {
        let state = c.persisted("file", &content(len, 1)).await?;
        c.writer()?.recover_for_commit(&state).await?.commit().await?;
        c.write("file", "newer").await?;
        let committer = c.writer()?.recover_for_commit(&state).await?;
        let result = committer.commit_after_recovery().await;
        expect_error(result, &[ErrorKind::Conflict], "a file that replaced ours")?;
        c.expect_content("file", b"newer", "the newer file").await?;
        c.fs().delete(&c.at("file"), false).await?;
    }
    Ok(())
}

async fn a_conflict_can_be_resolved(c: &Context) -> CaseResult {
    for len in [100, LARGE] {
        let expected = content(len, 1);
        let state = c.persisted("file", &expected).await?;
        c.write("file", "foreign").await?;
        let committer = c.writer()?.recover_for_commit(&state).await?;
        expect_error(committer.commit().await, &[ErrorKind::Conflict], "a foreign file")?;
        c.fs().delete(&c.at("file"), false).await?;
        committer.commit().await?;
        c.expect_content("file", &expected, "the file").await?;
        c.fs().delete(&c.at("file"), false).await?;
    }
    Ok(())
}

async fn a_dropped_committer_publishes_nothing(c: &Context) -> CaseResult {
    for len in [0, 10, LARGE] {
        drop(finished(c, "file", &content(len, 1)).await?);
        c.expect_missing("file", "afterwards").await?;
    }
    Ok(())
}

async fn an_uncommitted_state_stays_usable(c: &Context) -> CaseResult {
    let expected = content(LARGE, 1);
    let committer = finished(c, "file", &expected).await?;
    let state = committer.recoverable()?;
    drop(committer);
    drop(c.writer()?.recover_for_commit(&state).await?);
    c.writer()?.recover_for_commit(&state).await?.commit().await?;
    c.expect_content("file", &expected, "the file").await
}

async fn committed_files_are_ordinary_files(c: &Context) -> CaseResult {
    finished(c, "d/file", b"content").await?.commit().await?;
    ensure_eq!(c.list("d").await?, ["file".to_owned()].into(), "the entries");
    c.fs().rename(&c.at("d/file"), &c.at("d/moved")).await?;
    c.expect_content("d/moved", b"content", "the moved file").await?;
    let again = c
        .fs()
        .write_all(&c.at("d/moved"), "x".into(), &CreateOptions::default())
        .await;
    expect_error(again, &[ErrorKind::AlreadyExists], "a file of that name")?;
    ensure!(
        c.fs().delete(&c.at("d/moved"), false).await?,
        "there was nothing to delete"
    );
    c.expect_missing("d/moved", "the deleted file").await
}

async fn successors(c: &Context, len: usize) -> CaseResult {
    let kept = content(len, 1);
    let state = c.persisted("file", &kept).await?;
    let writer = c.writer()?;
    let mut first = writer.recover(&state).await?;
    first.write(&content(len, 2)).await?;
    let first = first.close_for_commit().await?;
    let mut second = writer.recover(&state).await?;
    second.write(&content(len + 1, 3)).await?;
    let second = second.close_for_commit().await?;
    second.commit().await?;
    let expected = [&kept[..], &content(len + 1, 3)[..]].concat();
    c.expect_content("file", &expected, "the file of the winner")
        .await?;
    let kinds = [ErrorKind::Conflict, ErrorKind::UploadGone];
    expect_error(first.commit().await, &kinds, "the commit of the other")?;
    c.expect_content("file", &expected, "the file afterwards").await?;
    Ok(second.commit_after_recovery().await?)
}

async fn of_two_successors_one_wins(c: &Context) -> CaseResult {
    successors(c, 100).await
}

async fn of_two_large_successors_one_wins(c: &Context) -> CaseResult {
    successors(c, LARGE).await
}
