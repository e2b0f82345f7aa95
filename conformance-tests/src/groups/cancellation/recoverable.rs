//! Dropped calls of the recoverable writer.

use plugin_api::Capabilities;

use super::super::table;
use super::{POLLS, cut, whole_or_missing};
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::CaseResult;

pub(super) fn cases() -> Vec<Case> {
    let (writer, resume) = (Capabilities::RECOVERABLE_WRITER, Capabilities::RECOVERABLE_RESUME);
    table![
        of_persist => "after a dropped persist an earlier state is as good as before", needs(writer);
        of_close_for_commit =>
            "after a dropped close_for_commit an earlier state is as good as before", needs(writer);
        of_a_commit =>
            "a dropped commit can be repeated, and the file is published once and whole", needs(writer);
        of_recover => "a dropped recover can be repeated", needs(resume);
    ]
}

async fn of_persist(c: &Context) -> CaseResult {
    let expected = content(LARGE, 1);
    for polls in POLLS {
        let name = format!("file{polls}");
        let mut stream = c.begin(&name, &expected).await?;
        let state = stream.persist().await?;
        stream.write(&content(LARGE, 2)).await?;
        let _ = cut(stream.persist(), polls).await;
        drop(stream);
        c.writer()?.recover_for_commit(&state).await?.commit().await?;
        c.expect_content(&name, &expected, "the earlier state").await?;
    }
    Ok(())
}

async fn of_close_for_commit(c: &Context) -> CaseResult {
    let expected = content(LARGE, 1);
    for polls in POLLS {
        let name = format!("file{polls}");
        let mut stream = c.begin(&name, &expected).await?;
        let state = stream.persist().await?;
        stream.write(&content(LARGE, 2)).await?;
        let _ = cut(stream.close_for_commit(), polls).await;
        drop(stream);
        c.expect_missing(&name, "before any commit").await?;
        c.writer()?.recover_for_commit(&state).await?.commit().await?;
        c.expect_content(&name, &expected, "the earlier state").await?;
    }
    Ok(())
}

async fn of_a_commit(c: &Context) -> CaseResult {
    for len in [0, 100, LARGE] {
        let expected = content(len, 1);
        for polls in POLLS {
            let name = format!("file{len}-{polls}");
            let state = c.persisted(&name, &expected).await?;
            let committer = c.writer()?.recover_for_commit(&state).await?;
            let _ = cut(committer.commit(), polls).await;
            whole_or_missing(c, &name, &expected, "after a dropped commit").await?;
            committer.commit().await?;
            c.expect_content(&name, &expected, "after the second commit")
                .await?;
            c.writer()?
                .recover_for_commit(&state)
                .await?
                .commit_after_recovery()
                .await?;
            c.expect_content(&name, &expected, "after a commit by another")
                .await?;
        }
    }
    Ok(())
}

async fn of_recover(c: &Context) -> CaseResult {
    let expected = content(LARGE + 10, 1);
    for polls in POLLS {
        let name = format!("file{polls}");
        let state = c.persisted(&name, &expected[..LARGE]).await?;
        let _ = cut(c.writer()?.recover(&state), polls).await;
        let mut stream = c.writer()?.recover(&state).await?;
        stream.write(&expected[LARGE..]).await?;
        stream.close_for_commit().await?.commit().await?;
        c.expect_content(&name, &expected, "the file").await?;
    }
    Ok(())
}
