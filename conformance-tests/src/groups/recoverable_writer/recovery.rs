//! Going on from a state: `recover`.

use plugin_api::{Capabilities, ErrorKind};

use super::super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::{Context, through_a_checkpoint};
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let resume = Capabilities::RECOVERABLE_RESUME;
    table![
        recover_at_the_persisted_position =>
            "a recovered stream is at the position of its state", needs(resume);
        bytes_after_persist_are_dropped =>
            "what was written after persist is gone after recovery", needs(resume);
        large_bytes_after_persist_are_dropped => "so are parts that were stored after it", needs(resume);
        recover_after_close => "a stream is recovered after it was closed", needs(resume);
        recover_while_the_stream_lives =>
            "a stream is recovered while the first one still exists", needs(resume);
        recover_by_another_instance => "a stream is recovered by another instance", needs(resume);
        two_recoveries_of_one_state =>
            "one state is recovered twice, and each begins where it says", needs(resume);
        three_cycles => "persist and recover three times over leave a whole file", needs(resume);
        ten_cycles_of_small_tails => "ten cycles of a few bytes leave a whole file", needs(resume);
        persist_after_recover => "a recovered stream persists at once", needs(resume);
        close_of_a_recovered_stream_keeps_the_state =>
            "close of a recovered stream keeps its state usable", needs(resume);
        an_older_state_after_a_newer =>
            "an older state is recovered although a newer one exists", needs(resume);
        resume_after_commit_is_refused => "after the commit a state cannot be continued", needs(resume);
        resume_of_a_large_file_after_commit_is_refused =>
            "nor can one of a file of several parts", needs(resume);
        a_zombie_cannot_harm_its_successor =>
            "a stream that goes on writing does not harm the recovered one", needs(resume);
    ]
}

async fn recover_at_the_persisted_position(c: &Context) -> CaseResult {
    for len in [0, 17, LARGE] {
        let state = c.persisted("d/file", &content(len, 1)).await?;
        let mut stream = c.writer()?.recover(&state).await?;
        ensure_eq!(stream.position(), len as u64, "the position");
        ensure_eq!(stream.location(), c.at("d/file"), "the location");
        stream.close().await?;
        c.writer()?.abort(&state).await?;
    }
    Ok(())
}

async fn dropped_after_persist(c: &Context, kept: usize, lost: usize) -> CaseResult {
    let expected = content(kept + 100, 1);
    let mut stream = c.begin("file", &expected[..kept]).await?;
    let state = stream.persist().await?;
    stream.write(&content(lost, 2)).await?;
    drop(stream);
    let mut stream = c.writer()?.recover(&state).await?;
    stream.write(&expected[kept..]).await?;
    stream.close_for_commit().await?.commit().await?;
    c.expect_content("file", &expected, "the file").await?;
    c.expect_files(&["file"], "afterwards").await
}

async fn bytes_after_persist_are_dropped(c: &Context) -> CaseResult {
    dropped_after_persist(c, 15, 10).await
}

async fn large_bytes_after_persist_are_dropped(c: &Context) -> CaseResult {
    dropped_after_persist(c, LARGE, 2 * LARGE).await
}

async fn recover_after_close(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        let name = format!("file{len}");
        let expected = content(len + 5, 1);
        let mut stream = c.begin(&name, &expected[..len]).await?;
        let state = stream.persist().await?;
        stream.close().await?;
        let mut stream = c.writer()?.recover(&state).await?;
        stream.write(&expected[len..]).await?;
        stream.close_for_commit().await?.commit().await?;
        c.expect_content(&name, &expected, "the file").await?;
    }
    Ok(())
}

async fn recover_while_the_stream_lives(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        let name = format!("file{len}");
        let expected = content(len + 5, 1);
        let mut first = c.begin(&name, &expected[..len]).await?;
        let state = first.persist().await?;
        let mut second = c.writer()?.recover(&state).await?;
        second.write(&expected[len..]).await?;
        second.close_for_commit().await?.commit().await?;
        c.expect_content(&name, &expected, "the file").await?;
        drop(first);
        c.expect_content(&name, &expected, "after the first stream was dropped")
            .await?;
    }
    Ok(())
}

async fn recover_by_another_instance(c: &Context) -> CaseResult {
    let expected = content(2 * LARGE, 1);
    let state = c.persisted("file", &expected[..LARGE]).await?;
    let other = c.another().await?;
    let mut stream = other.recoverable_writer()?.recover(&state).await?;
    stream.write(&expected[LARGE..]).await?;
    stream.close_for_commit().await?.commit().await?;
    c.expect_content("file", &expected, "the file").await
}

async fn two_recoveries_of_one_state(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        let name = format!("file{len}");
        let kept = content(len, 1);
        let state = c.persisted(&name, &kept).await?;
        let mut first = c.writer()?.recover(&state).await?;
        first.write(&content(len, 2)).await?;
        drop(first);
        let mut second = c.writer()?.recover(&state).await?;
        ensure_eq!(second.position(), len as u64, "the position of the second");
        second.write(b"second").await?;
        second.close_for_commit().await?.commit().await?;
        let expected = [&kept[..], b"second"].concat();
        c.expect_content(&name, &expected, "the file of the second")
            .await?;
    }
    Ok(())
}

async fn cycles(c: &Context, sizes: &[usize]) -> CaseResult {
    let expected = content(sizes.iter().sum(), 1);
    let (mut state, mut at) = (c.persisted("file", b"").await?, 0);
    for &size in sizes {
        let mut stream = c.another().await?.recoverable_writer()?.recover(&state).await?;
        ensure_eq!(stream.position(), at as u64, "the position after recovery");
        stream.write(&expected[at..at + size]).await?;
        at += size;
        state = through_a_checkpoint(&stream.persist().await?);
        stream.write(b"lost with the process").await?;
        drop(stream);
    }
    c.writer()?.recover_for_commit(&state).await?.commit().await?;
    c.expect_content("file", &expected, "the file").await
}

async fn three_cycles(c: &Context) -> CaseResult {
    cycles(c, &[LARGE, 3, LARGE + 1]).await
}

async fn ten_cycles_of_small_tails(c: &Context) -> CaseResult {
    cycles(c, &[1, 2, 0, 5, 1000, 1, 70_000, 0, 3, 9]).await
}

async fn persist_after_recover(c: &Context) -> CaseResult {
    let state = c.persisted("file", b"content").await?;
    let mut stream = c.writer()?.recover(&state).await?;
    let again = stream.persist().await?;
    drop(stream);
    ensure_eq!(
        c.writer()?.inspect(&again)?.len,
        7,
        "the length that the second state covers"
    );
    c.writer()?.recover_for_commit(&again).await?.commit().await?;
    c.expect_content("file", b"content", "the file").await
}

async fn close_of_a_recovered_stream_keeps_the_state(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        let name = format!("file{len}");
        let expected = content(len, 1);
        let state = c.persisted(&name, &expected).await?;
        for _ in 0..2 {
            let mut stream = c.writer()?.recover(&state).await?;
            stream.write(b"lost").await?;
            stream.close().await?;
        }
        drop(c.writer()?.recover(&state).await?);
        c.writer()?.recover_for_commit(&state).await?.commit().await?;
        c.expect_content(&name, &expected, "the file").await?;
    }
    Ok(())
}

async fn an_older_state_after_a_newer(c: &Context) -> CaseResult {
    let mut stream = c.begin("file", b"old").await?;
    let older = stream.persist().await?;
    stream.write(b" and new").await?;
    stream.persist().await?;
    drop(stream);
    let mut stream = c.writer()?.recover(&older).await?;
    ensure_eq!(stream.position(), 3, "the position");
    stream.write(b"er").await?;
    stream.close_for_commit().await?.commit().await?;
    c.expect_content("file", b"older", "the file").await
}

async fn no_resume_after_commit(c: &Context, len: usize) -> CaseResult {
    let expected = content(len, 1);
    let mut stream = c.begin("file", &expected).await?;
    let state = stream.persist().await?;
    stream.close_for_commit().await?.commit().await?;
    let result = c.writer()?.recover(&state).await.map(drop);
    expect_error(result, &[ErrorKind::UploadGone], "recover after the commit")?;
    c.expect_content("file", &expected, "the committed file").await
}

async fn resume_after_commit_is_refused(c: &Context) -> CaseResult {
    no_resume_after_commit(c, 100).await
}

async fn resume_of_a_large_file_after_commit_is_refused(c: &Context) -> CaseResult {
    no_resume_after_commit(c, LARGE).await
}

async fn a_zombie_cannot_harm_its_successor(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        let name = format!("file{len}");
        let expected = content(len + LARGE, 1);
        let mut zombie = c.begin(&name, &expected[..len]).await?;
        let state = zombie.persist().await?;
        let mut successor = c.another().await?.recoverable_writer()?.recover(&state).await?;
        successor.write(&expected[len..]).await?;
        // The zombie does not know that it was replaced, and may fail or not.
        let _ = zombie.write(&content(LARGE, 9)).await;
        let _ = zombie.persist().await;
        successor.close_for_commit().await?.commit().await?;
        c.expect_content(&name, &expected, "the file of the successor")
            .await?;
        if let Ok(committer) = zombie.close_for_commit().await {
            ensure!(
                committer.commit().await.is_err(),
                "the zombie's commit is a success"
            );
        }
        c.expect_content(&name, &expected, "after the zombie").await?;
    }
    Ok(())
}
