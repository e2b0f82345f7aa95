//! A stream reads one version: that of the conditions of `open`, or that which was there.

use plugin_api::{Capabilities, ErrorKind, FileStatus, InputStream, OpenOptions};

use super::super::table;
use super::{open, read_to_end};
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, ensure_eq, expect_error, expect_same};

pub(super) fn cases() -> Vec<Case> {
    let pinned = Capabilities::PINNED_READS;
    table![
        the_etag_that_is_there_opens => "a file opens under the condition of its own entity tag";
        another_etag_is_changed => "a condition of another entity tag is Changed";
        a_known_status_opens => "a file opens with a status that the caller has";
        an_overwritten_file_is_not_mixed =>
            "a stream gives the version it was opened on, or Changed", needs(pinned);
        an_overwrite_before_the_first_read =>
            "so does one that was not read before the overwrite", needs(pinned);
        an_overwrite_of_the_same_length => "versions of one length are told apart", needs(pinned);
        a_deleted_file_is_not_cut_short =>
            "a stream on a deleted file never ends early without an error", needs(pinned);
    ]
}

async fn the_etag_that_is_there_opens(c: &Context) -> CaseResult {
    c.write("file", "content").await?;
    let options = OpenOptions {
        if_match: c.status("file").await?.etag,
        ..OpenOptions::default()
    };
    let mut stream = c.fs().open(&c.at("file"), &options).await?;
    expect_same(&read_to_end(&mut *stream, 100).await?, b"content", "the content")
}

async fn another_etag_is_changed(c: &Context) -> CaseResult {
    c.write("file", "first").await?;
    let first = c.status("file").await?.etag;
    c.write("file", "other").await?;
    if first.is_empty() {
        return Ok(());
    }
    let options = OpenOptions {
        if_match: first,
        ..OpenOptions::default()
    };
    // A store may notice only when something is read.
    let result = match c.fs().open(&c.at("file"), &options).await {
        Ok(mut stream) => stream.read(100).await.map(drop),
        Err(error) => Err(error),
    };
    expect_error(
        result,
        &[ErrorKind::Changed],
        "the entity tag of an older version",
    )
    .map(drop)
}

async fn a_known_status_opens(c: &Context) -> CaseResult {
    let expected = content(3000, 13);
    c.write("file", expected.clone()).await?;
    let mut known = c.status("file").await?;
    for status in [
        known.clone(),
        FileStatus::file(known.location.clone(), known.len),
        {
            known.modified = None;
            known
        },
    ] {
        let options = OpenOptions {
            status: Some(status),
            ..OpenOptions::default()
        };
        let mut stream = c.fs().open(&c.at("file"), &options).await?;
        ensure_eq!(stream.len(), 3000, "the length");
        expect_same(&read_to_end(&mut *stream, 1024).await?, &expected, "the content")?;
    }
    Ok(())
}

/// Reads on; what comes has to be the old content, or the change has to be reported.
async fn old_or_changed(stream: &mut dyn InputStream, old: &[u8], also: &[ErrorKind]) -> CaseResult {
    loop {
        let at = stream.position() as usize;
        match stream.read(64 << 10).await {
            Ok(chunk) if chunk.is_empty() => {
                ensure_eq!(at, old.len(), "the position of the end");
                return Ok(());
            }
            Ok(chunk) => expect_same(&chunk, &old[at..at + chunk.len()], "the version that was opened")?,
            Err(error) => {
                let kinds = [&[ErrorKind::Changed], also].concat();
                return expect_error::<()>(Err(error), &kinds, "a read after the change").map(drop);
            }
        }
    }
}

async fn overwritten(c: &Context, read_before: usize, new_len: usize) -> CaseResult {
    let (old, new) = (content(LARGE, 20), content(new_len, 21));
    c.write("file", old.clone()).await?;
    let mut stream = open(c, "file").await?;
    if read_before > 0 {
        let chunk = stream.read(read_before).await?;
        expect_same(&chunk, &old[..chunk.len()], "the first chunk")?;
    }
    c.write("file", new.clone()).await?;
    old_or_changed(&mut *stream, &old, &[]).await?;
    c.expect_content("file", &new, "the new version").await
}

async fn an_overwritten_file_is_not_mixed(c: &Context) -> CaseResult {
    overwritten(c, 10_000, 1000).await
}

async fn an_overwrite_before_the_first_read(c: &Context) -> CaseResult {
    overwritten(c, 0, LARGE + 5).await
}

async fn an_overwrite_of_the_same_length(c: &Context) -> CaseResult {
    overwritten(c, 10_000, LARGE).await
}

async fn a_deleted_file_is_not_cut_short(c: &Context) -> CaseResult {
    let old = content(LARGE, 22);
    c.write("file", old.clone()).await?;
    let mut stream = open(c, "file").await?;
    stream.read(100).await?;
    c.fs().delete(&c.at("file"), false).await?;
    old_or_changed(&mut *stream, &old, &[ErrorKind::NotFound]).await
}
