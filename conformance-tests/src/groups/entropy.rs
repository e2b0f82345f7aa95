//! Entropy injection: the configured key in the path of a new file.

use plugin_api::{Capabilities, CreateOptions, ErrorKind, FileSystemExt as _, Location};

use super::table;
use crate::case::Case;
use crate::context::{Context, through_a_checkpoint};
use crate::failure::{CaseResult, Failure, ensure, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let cases = table![
        a_path_without_the_key_is_unchanged => "a path without the key stays as it is, injected or not";
        the_key_is_replaced_by_random_characters => "injected, the key becomes random letters and digits";
        two_files_get_different_characters => "files of one path get different characters";
        without_injection_the_key_is_removed => "without injection a segment that is the key collapses";
        a_key_inside_a_segment_is_removed => "without injection a key inside a segment leaves the rest";
        only_the_first_key_counts => "only the first key in a path is replaced or removed";
        the_stream_tells_the_real_path => "the stream and its status tell the path that came out";
        reading_does_not_rewrite => "status and open take a path with the key literally";
        no_overwrite_looks_at_the_real_path => "NoOverwrite is about the path without the key";
        recoverable_files_too =>
            "recoverable files get it too, and their state knows the real path", needs(Capabilities::RECOVERABLE_WRITER);
    ];
    cases.into_iter().map(Case::needs_entropy_key).collect()
}

fn key(c: &Context) -> CaseResult<String> {
    c.fs()
        .entropy_key()
        .ok_or_else(|| Failure::new("the entropy key is gone"))
}

/// Makes a file; where it really is.
async fn make(c: &Context, name: &str, inject: bool) -> CaseResult<Location> {
    let options = CreateOptions {
        inject_entropy: inject,
        ..CreateOptions::overwrite()
    };
    let mut stream = c.fs().create(&c.at(name), &options).await?;
    stream.write(b"content").await?;
    let promised = stream.location();
    ensure_eq!(
        stream.close().await?.location,
        promised,
        "the location that close returned"
    );
    ensure_eq!(
        c.fs().read_all(&promised).await?.len(),
        7,
        "the length of the file there"
    );
    Ok(promised)
}

/// What replaced the key between these two parts of a path.
fn replaced(c: &Context, location: &Location, before: &str, after: &str) -> CaseResult<String> {
    let name = c.name_of(location)?;
    let middle = name
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after));
    let middle = middle.ok_or_else(|| Failure::new(format!("'{name}' is not {before}…{after}")))?;
    ensure!(
        !middle.is_empty() && middle.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "the key was replaced by '{middle}'"
    );
    Ok(middle.to_owned())
}

async fn a_path_without_the_key_is_unchanged(c: &Context) -> CaseResult {
    for inject in [false, true] {
        ensure_eq!(
            make(c, "a/b/file", inject).await?,
            c.at("a/b/file"),
            "the location"
        );
    }
    Ok(())
}

async fn the_key_is_replaced_by_random_characters(c: &Context) -> CaseResult {
    let key = key(c)?;
    let location = make(c, &format!("a/{key}/file"), true).await?;
    replaced(c, &location, "a/", "/file")?;
    let location = make(c, &format!("a/x-{key}-y/file"), true).await?;
    replaced(c, &location, "a/x-", "-y/file").map(drop)
}

async fn two_files_get_different_characters(c: &Context) -> CaseResult {
    let name = format!("{}/file", key(c)?);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..12 {
        seen.insert(replaced(c, &make(c, &name, true).await?, "", "/file")?);
    }
    ensure!(
        seen.len() > 6,
        "12 files got only {} different replacements",
        seen.len()
    );
    Ok(())
}

async fn without_injection_the_key_is_removed(c: &Context) -> CaseResult {
    let key = key(c)?;
    ensure_eq!(
        make(c, &format!("a/{key}/b/file"), false).await?,
        c.at("a/b/file"),
        "the location"
    );
    ensure_eq!(
        make(c, &format!("{key}/file"), false).await?,
        c.at("file"),
        "the location"
    );
    Ok(())
}

async fn a_key_inside_a_segment_is_removed(c: &Context) -> CaseResult {
    let key = key(c)?;
    let location = make(c, &format!("a/entropy-{key}-suffix/file"), false).await?;
    ensure_eq!(location, c.at("a/entropy--suffix/file"), "the location");
    Ok(())
}

async fn only_the_first_key_counts(c: &Context) -> CaseResult {
    let key = key(c)?;
    let name = format!("{key}/{key}/file");
    replaced(c, &make(c, &name, true).await?, "", &format!("/{key}/file"))?;
    ensure_eq!(
        make(c, &name, false).await?,
        c.at(&format!("{key}/file")),
        "the location"
    );
    Ok(())
}

async fn the_stream_tells_the_real_path(c: &Context) -> CaseResult {
    let location = make(c, &format!("{}/file", key(c)?), true).await?;
    ensure!(c.fs().exists(&location).await?, "there is no file at {location}");
    let files = c.files().await?;
    ensure_eq!(files, [c.name_of(&location)?].into(), "the files");
    Ok(())
}

async fn reading_does_not_rewrite(c: &Context) -> CaseResult {
    let name = format!("{}/file", key(c)?);
    make(c, &name, false).await?;
    make(c, &name, true).await?;
    c.expect_missing(&name, "the path with the key").await?;
    let opened = c
        .fs()
        .open(&c.at(&name), &plugin_api::OpenOptions::default())
        .await;
    expect_error(opened, &[ErrorKind::NotFound], "open with the key").map(drop)
}

async fn no_overwrite_looks_at_the_real_path(c: &Context) -> CaseResult {
    c.write("a/file", "old").await?;
    let name = c.at(&format!("a/{}/file", key(c)?));
    let result = c
        .fs()
        .write_all(&name, "new".into(), &CreateOptions::default())
        .await;
    expect_error(result, &[ErrorKind::AlreadyExists], "the path without the key")?;
    c.expect_content("a/file", b"old", "the file").await
}

async fn recoverable_files_too(c: &Context) -> CaseResult {
    let options = CreateOptions {
        inject_entropy: true,
        ..CreateOptions::default()
    };
    let writer = c.writer()?;
    let name = format!("a/{}/file", key(c)?);
    let mut stream = writer.open(&c.at(&name), &options).await?;
    stream.write(b"content").await?;
    let location = stream.location();
    replaced(c, &location, "a/", "/file")?;
    let state = through_a_checkpoint(&stream.persist().await?);
    drop(stream);
    ensure_eq!(
        writer.inspect(&state)?.location,
        location,
        "the location in the state"
    );
    writer.recover_for_commit(&state).await?.commit().await?;
    ensure_eq!(
        c.fs().read_all(&location).await?.len(),
        7,
        "the length of the file"
    );
    Ok(())
}
