//! `mkdirs`.

use plugin_api::{Capabilities, CreateOptions, Error, ErrorKind};

use super::table;
use crate::case::Case;
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let real = Capabilities::REAL_DIRECTORIES;
    table![
        a_new_directory => "a new directory is made without an error";
        nested_directories => "missing parents are made too";
        an_existing_directory => "a directory that exists is fine";
        a_directory_that_exists_by_its_files => "so is one that only its files prove";
        with_a_slash => "a slash at the end makes no difference";
        the_root => "the root is there already";
        files_can_be_made_in_it => "a file is made in the new directory";
        content_stays => "what is in a directory stays";
        it_makes_no_file => "no file appears in a recursive listing";
        it_never_harms_a_file => "a file of that name is never harmed";
        it_never_harms_a_file_above => "nor is a file where a parent would be";
        by_many_at_once => "eight callers make one directory at once";
        deleted_afterwards => "a directory that was made can be deleted recursively";
        status_sees_it => "status sees the new directory and those above it", needs(real);
        a_listing_sees_it => "a listing one level up sees it", needs(real);
        a_file_is_in_the_way => "a file of that name is an error", needs(real);
        a_file_above_is_in_the_way => "a file where a parent would be is NotADirectory", needs(real);
        it_can_be_made_again => "a deleted directory can be made again", needs(real);
    ]
}

async fn a_new_directory(c: &Context) -> CaseResult {
    c.mkdirs("d").await
}

async fn nested_directories(c: &Context) -> CaseResult {
    c.mkdirs("a/b/c/d/e").await
}

async fn an_existing_directory(c: &Context) -> CaseResult {
    for _ in 0..3 {
        c.mkdirs("a/b").await?;
    }
    c.mkdirs("a").await
}

async fn a_directory_that_exists_by_its_files(c: &Context) -> CaseResult {
    c.write("a/b/file", "x").await?;
    c.mkdirs("a/b").await?;
    c.mkdirs("a").await?;
    c.expect_content("a/b/file", b"x", "the file").await
}

async fn with_a_slash(c: &Context) -> CaseResult {
    c.mkdirs("a/b/").await?;
    c.write("a/b/file", "x").await?;
    ensure!(c.status("a/b").await?.is_directory(), "it is no directory");
    Ok(())
}

async fn the_root(c: &Context) -> CaseResult {
    Ok(c.fs().mkdirs(&c.directory().with_key("")).await?)
}

async fn files_can_be_made_in_it(c: &Context) -> CaseResult {
    c.mkdirs("a/b").await?;
    c.write("a/b/file", "x").await?;
    c.expect_content("a/b/file", b"x", "the file").await?;
    c.expect_files(&["a/b/file"], "afterwards").await
}

async fn content_stays(c: &Context) -> CaseResult {
    c.mkdirs("d").await?;
    c.write("d/file", "x").await?;
    c.mkdirs("d").await?;
    c.mkdirs("d/s").await?;
    c.expect_content("d/file", b"x", "the file").await
}

async fn it_makes_no_file(c: &Context) -> CaseResult {
    c.mkdirs("a/b").await?;
    c.expect_files(&[], "after mkdirs").await
}

async fn it_never_harms_a_file(c: &Context) -> CaseResult {
    c.write("file", "content").await?;
    // Where directories only exist by their content there is nothing to refuse.
    let _: Result<(), Error> = c.fs().mkdirs(&c.at("file")).await;
    c.expect_content("file", b"content", "the file").await?;
    c.expect_files(&["file"], "afterwards").await
}

async fn it_never_harms_a_file_above(c: &Context) -> CaseResult {
    c.write("file", "content").await?;
    let _: Result<(), Error> = c.fs().mkdirs(&c.at("file/a/b")).await;
    c.expect_content("file", b"content", "the file").await
}

async fn by_many_at_once(c: &Context) -> CaseResult {
    for round in 0..10 {
        let (fs, path) = (c.shared(), c.at(&format!("{round}/a/b/c")));
        let results = c.on_threads(8, async move |_| fs.mkdirs(&path).await).await?;
        for result in results {
            result?;
        }
    }
    Ok(())
}

async fn deleted_afterwards(c: &Context) -> CaseResult {
    c.mkdirs("a/b/c").await?;
    c.fs().delete(&c.at("a"), true).await?;
    c.expect_missing("a", "the deleted directory").await
}

async fn status_sees_it(c: &Context) -> CaseResult {
    c.mkdirs("a/b/c").await?;
    for name in ["a", "a/b", "a/b/c"] {
        let status = c.status(name).await?;
        ensure!(
            status.is_directory() && status.len == 0,
            "the status of {name} is {status:?}"
        );
    }
    Ok(())
}

async fn a_listing_sees_it(c: &Context) -> CaseResult {
    c.mkdirs("a/b").await?;
    c.write("a/file", "x").await?;
    ensure_eq!(
        c.list("a").await?,
        ["b/", "file"].map(str::to_owned).into(),
        "the entries"
    );
    Ok(())
}

async fn a_file_is_in_the_way(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    let result = c.fs().mkdirs(&c.at("file")).await;
    let kinds = [ErrorKind::NotADirectory, ErrorKind::AlreadyExists];
    expect_error(result, &kinds, "a file of that name")?;
    c.expect_content("file", b"x", "the file").await
}

async fn a_file_above_is_in_the_way(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    let result = c.fs().mkdirs(&c.at("file/a/b")).await;
    expect_error(result, &[ErrorKind::NotADirectory], "a file above")?;
    let result = c.fs().create(&c.at("file/a"), &CreateOptions::default()).await;
    expect_error(result, &[ErrorKind::NotADirectory], "a new file below a file").map(drop)
}

async fn it_can_be_made_again(c: &Context) -> CaseResult {
    for _ in 0..3 {
        c.mkdirs("a/b").await?;
        ensure!(
            c.fs().delete(&c.at("a"), true).await?,
            "there was nothing to delete"
        );
        c.expect_missing("a/b", "the deleted directory").await?;
    }
    Ok(())
}
