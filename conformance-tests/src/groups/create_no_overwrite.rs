//! `create` with `NoOverwrite`.

use plugin_api::{Bytes, Capabilities, CreateOptions, Error, ErrorKind, FileStatus, WriteMode};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let (atomic, real) = (Capabilities::ATOMIC_CREATE, Capabilities::REAL_DIRECTORIES);
    table![
        is_the_default => "options without a mode do not replace a file";
        a_new_file => "a file that did not exist is made";
        a_new_large_file => "so is one of several parts";
        a_new_empty_file => "so is one without content";
        an_existing_file_stays => "an existing file is AlreadyExists, and stays as it is";
        an_existing_file_stays_however_large_the_new_one => "so it is where the new file has several parts";
        an_existing_empty_file_counts => "an existing file without content counts";
        an_empty_file_does_not_replace => "an empty file replaces nothing either";
        the_error_names_the_path => "the error names the path and says what to do";
        a_file_that_appears_meanwhile_stays => "a file that appears before close stays", needs(atomic);
        a_large_one_loses_to_a_file_that_appears =>
            "so it does where the loser has several parts", needs(atomic);
        an_empty_one_loses_to_a_file_that_appears => "so it does where the loser is empty", needs(atomic);
        the_loser_cannot_be_closed_again =>
            "after a lost race the stream can only be given up", needs(atomic);
        the_loser_leaves_nothing => "a lost race leaves nothing behind", needs(atomic);
        a_name_is_free_after_deletion => "after a deletion the name is free";
        a_name_is_free_after_a_rename => "after a rename the old name is free";
        a_name_is_free_after_an_abort => "after an abort the name is free";
        neighbours_are_not_in_the_way => "files whose names begin alike are not in the way";
        a_directory_is_in_the_way => "a directory of that name is in the way", needs(real);
        a_directory_by_content_is_not_in_the_way =>
            "a directory that only exists by its content is not", without(real);
    ]
}

async fn write_new(c: &Context, name: &str, content: impl Into<Bytes>) -> Result<FileStatus, Error> {
    use plugin_api::FileSystemExt as _;
    c.fs()
        .write_all(&c.at(name), content.into(), &CreateOptions::default())
        .await
}

async fn is_the_default(c: &Context) -> CaseResult {
    ensure_eq!(
        CreateOptions::default().mode,
        WriteMode::NoOverwrite,
        "the default mode"
    );
    c.write("file", "first").await?;
    let result = write_new(c, "file", "second").await;
    expect_error(result, &[ErrorKind::AlreadyExists], "the default mode on a file").map(drop)
}

async fn made(c: &Context, len: usize) -> CaseResult {
    let expected = content(len, 1);
    let status = write_new(c, "file", expected.clone()).await?;
    ensure_eq!(status.len, len as u64, "the length that close returned");
    c.expect_content("file", &expected, "the new file").await
}

async fn a_new_file(c: &Context) -> CaseResult {
    made(c, 1000).await
}

async fn a_new_large_file(c: &Context) -> CaseResult {
    made(c, LARGE).await
}

async fn a_new_empty_file(c: &Context) -> CaseResult {
    made(c, 0).await
}

async fn refused(c: &Context, old: &[u8], new_len: usize) -> CaseResult {
    c.write("file", old.to_vec()).await?;
    let result = write_new(c, "file", content(new_len, 1)).await;
    expect_error(result, &[ErrorKind::AlreadyExists], "an existing file")?;
    c.expect_content("file", old, "the existing file").await?;
    c.expect_files(&["file"], "afterwards").await
}

async fn an_existing_file_stays(c: &Context) -> CaseResult {
    refused(c, b"old", 100).await
}

async fn an_existing_file_stays_however_large_the_new_one(c: &Context) -> CaseResult {
    refused(c, b"old", LARGE).await
}

async fn an_existing_empty_file_counts(c: &Context) -> CaseResult {
    refused(c, b"", 100).await
}

async fn an_empty_file_does_not_replace(c: &Context) -> CaseResult {
    refused(c, b"old", 0).await
}

async fn the_error_names_the_path(c: &Context) -> CaseResult {
    c.write("file", "old").await?;
    let error = expect_error(
        write_new(c, "file", "new").await,
        &[ErrorKind::AlreadyExists],
        "an existing file",
    )?;
    ensure_eq!(error.path(), c.at("file").as_str(), "the path in the error");
    ensure!(
        !error.operation().is_empty(),
        "the error names no operation: {error}"
    );
    ensure!(!error.remedy().is_empty(), "the error says no remedy: {error}");
    Ok(())
}

async fn appears_meanwhile(c: &Context, len: usize) -> CaseResult {
    let mut stream = c.create("file", WriteMode::NoOverwrite).await?;
    stream.write_bytes(content(len, 1)).await?;
    c.write("file", "the other").await?;
    let result = stream.close().await;
    expect_error(
        result,
        &[ErrorKind::AlreadyExists],
        "a file that appeared meanwhile",
    )?;
    c.expect_content("file", b"the other", "the file that appeared")
        .await
}

async fn a_file_that_appears_meanwhile_stays(c: &Context) -> CaseResult {
    appears_meanwhile(c, 1000).await
}

async fn a_large_one_loses_to_a_file_that_appears(c: &Context) -> CaseResult {
    appears_meanwhile(c, LARGE).await
}

async fn an_empty_one_loses_to_a_file_that_appears(c: &Context) -> CaseResult {
    appears_meanwhile(c, 0).await
}

async fn the_loser_cannot_be_closed_again(c: &Context) -> CaseResult {
    let mut stream = c.create("file", WriteMode::NoOverwrite).await?;
    stream.write(b"mine").await?;
    c.write("file", "the other").await?;
    expect_error(stream.close().await, &[ErrorKind::AlreadyExists], "close")?;
    ensure!(stream.close().await.is_err(), "a second close is a success");
    ensure!(
        stream.write(b"more").await.is_err(),
        "a write after the failure is a success"
    );
    stream.abort().await?;
    c.expect_content("file", b"the other", "the file that appeared")
        .await
}

async fn the_loser_leaves_nothing(c: &Context) -> CaseResult {
    for len in [10, LARGE] {
        let mut stream = c.create("file", WriteMode::NoOverwrite).await?;
        stream.write_bytes(content(len, 1)).await?;
        c.write("file", "the other").await?;
        expect_error(stream.close().await, &[ErrorKind::AlreadyExists], "close")?;
        stream.abort().await?;
        drop(stream);
        c.expect_files(&["file"], "after the lost race").await?;
        if c.has(Capabilities::PENDING_UPLOADS) {
            ensure_eq!(
                c.pending_uploads().await?.len(),
                0,
                "open uploads after the lost race"
            );
        }
        c.fs().delete(&c.at("file"), false).await?;
    }
    Ok(())
}

async fn a_name_is_free_after_deletion(c: &Context) -> CaseResult {
    write_new(c, "file", "first").await?;
    c.fs().delete(&c.at("file"), false).await?;
    write_new(c, "file", "second").await?;
    c.expect_content("file", b"second", "the second file").await
}

async fn a_name_is_free_after_a_rename(c: &Context) -> CaseResult {
    write_new(c, "file", "first").await?;
    c.fs().rename(&c.at("file"), &c.at("moved")).await?;
    write_new(c, "file", "second").await?;
    c.expect_content("file", b"second", "the second file").await?;
    c.expect_content("moved", b"first", "the first file").await
}

async fn a_name_is_free_after_an_abort(c: &Context) -> CaseResult {
    let mut stream = c.create("file", WriteMode::NoOverwrite).await?;
    stream.write(b"given up").await?;
    stream.abort().await?;
    write_new(c, "file", "second").await?;
    c.expect_content("file", b"second", "the second file").await
}

async fn neighbours_are_not_in_the_way(c: &Context) -> CaseResult {
    for name in ["file2", "fil", "file.x", "filed/below"] {
        c.write(name, "x").await?;
    }
    write_new(c, "file", "new").await?;
    c.expect_content("file", b"new", "the file").await
}

async fn a_directory_is_in_the_way(c: &Context) -> CaseResult {
    c.write("d/file", "x").await?;
    let kinds = [ErrorKind::IsADirectory, ErrorKind::AlreadyExists];
    expect_error(write_new(c, "d", "new").await, &kinds, "a directory of that name")?;
    c.expect_content("d/file", b"x", "what is in the directory").await
}

async fn a_directory_by_content_is_not_in_the_way(c: &Context) -> CaseResult {
    c.write("d/file", "x").await?;
    write_new(c, "d", "new").await?;
    c.expect_content("d", b"new", "the file").await?;
    c.expect_content("d/file", b"x", "what is below").await
}
