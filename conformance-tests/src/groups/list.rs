//! `list`, one level and recursive.

use std::collections::BTreeSet;

use plugin_api::{Capabilities, ErrorKind, FileStatus, FileSystemExt as _, ListOptions, Location};

use super::table;
use crate::case::Case;
use crate::content::content;
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let real = Capabilities::REAL_DIRECTORIES;
    table![
        missing_is_not_found => "a listing of nothing is NotFound, at once or by the first page";
        missing_recursively_is_not_found => "so is a recursive one";
        a_file_lists_as_itself => "a listing of a file is that file";
        a_file_lists_as_itself_recursively => "a recursive listing of a file is that file";
        a_zero_byte_file_lists_as_itself => "a listing of a file of no bytes is that file";
        below_a_file_is_not_found => "a listing of a path inside a file is NotFound";
        one_level_has_files_and_directories => "one level has the files and directories, each once";
        files_have_their_status => "an entry has the length, time and entity tag of its status";
        directories_have_no_length => "a directory entry has length 0";
        zero_byte_files_are_listed_as_files => "files of no bytes are listed as files";
        hidden_names_are_listed => "names that begin with a dot or underscore are listed";
        a_slash_at_the_end_changes_nothing => "a directory lists alike with a slash at its end";
        the_directory_is_not_in_its_own_listing => "no entry is the listed directory itself";
        a_sibling_that_begins_alike_is_not_listed => "neighbours whose names begin alike are not listed";
        a_directory_of_many_files_is_listed_once => "a directory is one entry, however much is below it";
        recursive_has_every_file_at_any_depth => "a recursive listing has every file below, at any depth";
        recursive_has_no_directories => "a recursive listing has files only";
        recursive_stays_below_its_directory => "a recursive listing leaves neighbours out";
        locations_lead_back_to_the_entries => "what is listed is found under the location it is listed with";
        a_listed_directory_can_be_listed => "a directory can be listed by its listed location";
        a_new_file_is_listed_at_once => "a listing shows a file as soon as it is closed";
        a_deleted_file_is_not_listed => "a listing does not show a deleted file";
        an_overwritten_file_is_listed_once => "an overwritten file is one entry, with the new length";
        a_renamed_file_is_listed_under_its_new_name =>
            "a listing shows a renamed file under its new name alone";
        the_root_can_be_listed => "a listing of the root gives its first page";
        names_are_told_apart_by_case => "names that differ in case are separate entries";
        deep_trees_are_listed_whole => "a file 40 levels down is listed";
        an_empty_directory_lists_nothing =>
            "a listing of an empty directory is empty, not an error", needs(real);
        an_empty_directory_is_listed_above => "an empty directory is an entry one level up", needs(real);
    ]
}

async fn listed(c: &Context, path: &Location, options: &ListOptions) -> CaseResult<Vec<FileStatus>> {
    Ok(c.fs().list_all(path, options).await?)
}

/// The files below a path, by their path below the case's directory.
async fn below(c: &Context, name: &str) -> CaseResult<BTreeSet<String>> {
    let entries = listed(c, &c.at(name), &ListOptions::recursive()).await?;
    let number = entries.len();
    let names: BTreeSet<String> = entries
        .iter()
        .map(|entry| c.name_of(&entry.location))
        .collect::<CaseResult<_>>()?;
    ensure_eq!(names.len(), number, "distinct names among the entries");
    Ok(names)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

async fn missing_is_not_found(c: &Context) -> CaseResult {
    let result = c.fs().list_all(&c.at("none"), &ListOptions::default()).await;
    expect_error(result, &[ErrorKind::NotFound], "a listing of nothing").map(drop)
}

async fn missing_recursively_is_not_found(c: &Context) -> CaseResult {
    let result = c.fs().list_all(&c.at("none"), &ListOptions::recursive()).await;
    expect_error(result, &[ErrorKind::NotFound], "a recursive listing of nothing").map(drop)
}

async fn expect_itself(c: &Context, name: &str, options: &ListOptions) -> CaseResult {
    let entries = listed(c, &c.at(name), options).await?;
    ensure_eq!(entries.len(), 1, "the number of entries");
    let status = c.status(name).await?;
    ensure_eq!(entries[0].location, status.location, "the location");
    ensure_eq!(
        (entries[0].kind, entries[0].len),
        (status.kind, status.len),
        "kind and length"
    );
    Ok(())
}

async fn a_file_lists_as_itself(c: &Context) -> CaseResult {
    c.write("dir/file", content(77, 1)).await?;
    c.write("dir/file2", "x").await?;
    expect_itself(c, "dir/file", &ListOptions::default()).await
}

async fn a_file_lists_as_itself_recursively(c: &Context) -> CaseResult {
    c.write("dir/file", content(77, 1)).await?;
    expect_itself(c, "dir/file", &ListOptions::recursive()).await
}

async fn a_zero_byte_file_lists_as_itself(c: &Context) -> CaseResult {
    c.write("empty", "").await?;
    expect_itself(c, "empty", &ListOptions::default()).await
}

async fn below_a_file_is_not_found(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    for name in ["file/below", "file/"] {
        let result = c.fs().list_all(&c.at(name), &ListOptions::default()).await;
        expect_error(result, &[ErrorKind::NotFound], name)?;
    }
    Ok(())
}

async fn one_level_has_files_and_directories(c: &Context) -> CaseResult {
    for name in ["d/b", "d/a", "d/s/x", "d/t/u/y"] {
        c.write(name, "x").await?;
    }
    ensure_eq!(c.list("d").await?, set(&["a", "b", "s/", "t/"]), "the entries");
    Ok(())
}

async fn files_have_their_status(c: &Context) -> CaseResult {
    c.write("d/file", content(4321, 2)).await?;
    for options in [ListOptions::default(), ListOptions::recursive()] {
        let entries = listed(c, &c.at("d"), &options).await?;
        let status = c.status("d/file").await?;
        ensure_eq!(entries.len(), 1, "the number of entries");
        ensure_eq!(entries[0].len, 4321, "the length");
        ensure_eq!(entries[0].location, status.location, "the location");
        let known = |etag: &str| (!etag.is_empty()).then(|| etag.to_owned());
        if let (Some(listed), Some(asked)) = (known(&entries[0].etag), known(&status.etag)) {
            ensure_eq!(listed, asked, "the entity tag");
        }
        if let (Some(listed), Some(asked)) = (entries[0].modified, status.modified) {
            // Headers have whole seconds, listings may have more.
            let apart = listed
                .max(asked)
                .duration_since(listed.min(asked))
                .unwrap_or_default();
            ensure!(
                apart.as_millis() < 1000,
                "listed as of {listed:?}, and it is of {asked:?}"
            );
        }
    }
    Ok(())
}

async fn directories_have_no_length(c: &Context) -> CaseResult {
    c.write("d/s/file", content(99, 1)).await?;
    let entries = listed(c, &c.at("d"), &ListOptions::default()).await?;
    ensure_eq!(entries.len(), 1, "the number of entries");
    ensure!(
        entries[0].is_directory() && entries[0].len == 0,
        "the entry is {:?}",
        entries[0]
    );
    Ok(())
}

async fn zero_byte_files_are_listed_as_files(c: &Context) -> CaseResult {
    c.write("d/empty", "").await?;
    ensure_eq!(c.list("d").await?, set(&["empty"]), "the entries");
    ensure_eq!(below(c, "d").await?, set(&["d/empty"]), "the files below");
    Ok(())
}

async fn hidden_names_are_listed(c: &Context) -> CaseResult {
    for name in ["d/.hidden", "d/_underscore", "d/.dir/x", "d/~", "d/#x#"] {
        c.write(name, "x").await?;
    }
    let expected = set(&[".hidden", "_underscore", ".dir/", "~", "#x#"]);
    ensure_eq!(c.list("d").await?, expected, "the entries");
    Ok(())
}

async fn a_slash_at_the_end_changes_nothing(c: &Context) -> CaseResult {
    c.write("d/a", "x").await?;
    c.write("d/s/b", "x").await?;
    ensure_eq!(
        c.list("d/").await?,
        c.list("d").await?,
        "the entries with a slash"
    );
    ensure_eq!(
        below(c, "d/").await?,
        below(c, "d").await?,
        "the files below with a slash"
    );
    Ok(())
}

async fn the_directory_is_not_in_its_own_listing(c: &Context) -> CaseResult {
    c.mkdirs("d").await?;
    c.write("d/file", "x").await?;
    ensure_eq!(c.list("d").await?, set(&["file"]), "the entries");
    Ok(())
}

async fn a_sibling_that_begins_alike_is_not_listed(c: &Context) -> CaseResult {
    for name in ["a/x", "ab/y", "a-b/z", "a.txt", "a0"] {
        c.write(name, "x").await?;
    }
    ensure_eq!(c.list("a").await?, set(&["x"]), "the entries");
    Ok(())
}

async fn a_directory_of_many_files_is_listed_once(c: &Context) -> CaseResult {
    for number in 0..30 {
        c.write(&format!("d/s/{number}"), "x").await?;
    }
    c.write("d/s/t/u", "x").await?;
    c.write("d/z", "x").await?;
    ensure_eq!(c.list("d").await?, set(&["s/", "z"]), "the entries");
    Ok(())
}

async fn recursive_has_every_file_at_any_depth(c: &Context) -> CaseResult {
    let names = ["d/a", "d/b/c", "d/b/d/e", "d/f/g/h/i", "d/.x/y"];
    for name in names {
        c.write(name, "x").await?;
    }
    ensure_eq!(below(c, "d").await?, set(&names), "the files below");
    Ok(())
}

async fn recursive_has_no_directories(c: &Context) -> CaseResult {
    c.write("d/s/t/file", "x").await?;
    c.mkdirs("d/empty").await?;
    let entries = listed(c, &c.at("d"), &ListOptions::recursive()).await?;
    ensure!(
        entries.iter().all(FileStatus::is_file),
        "there are directories in {entries:?}"
    );
    ensure_eq!(below(c, "d").await?, set(&["d/s/t/file"]), "the files below");
    Ok(())
}

async fn recursive_stays_below_its_directory(c: &Context) -> CaseResult {
    for name in ["a/x", "a/b/y", "ab/z", "a.b/z", "A/z"] {
        c.write(name, "x").await?;
    }
    ensure_eq!(below(c, "a").await?, set(&["a/x", "a/b/y"]), "the files below");
    Ok(())
}

async fn locations_lead_back_to_the_entries(c: &Context) -> CaseResult {
    c.write("d/file", content(50, 5)).await?;
    c.write("d/s/deep", content(60, 6)).await?;
    for options in [ListOptions::default(), ListOptions::recursive()] {
        for entry in listed(c, &c.at("d"), &options).await? {
            let status = c.fs().status(&entry.location).await?;
            ensure_eq!(
                (status.kind, status.len),
                (entry.kind, entry.len),
                "what is at {}",
                entry.location
            );
        }
    }
    Ok(())
}

async fn a_listed_directory_can_be_listed(c: &Context) -> CaseResult {
    c.write("d/s/file", "x").await?;
    let entries = listed(c, &c.at("d"), &ListOptions::default()).await?;
    ensure_eq!(entries.len(), 1, "the number of entries");
    let inside = listed(c, &entries[0].location, &ListOptions::default()).await?;
    ensure_eq!(inside.len(), 1, "the number of entries one level down");
    ensure_eq!(inside[0].location, c.at("d/s/file"), "the entry one level down");
    Ok(())
}

async fn a_new_file_is_listed_at_once(c: &Context) -> CaseResult {
    for number in 0..20_usize {
        c.write(&format!("d/{number}"), "x").await?;
        ensure_eq!(c.list("d").await?.len(), number + 1, "the number of entries");
    }
    Ok(())
}

async fn a_deleted_file_is_not_listed(c: &Context) -> CaseResult {
    c.write("d/a", "x").await?;
    c.write("d/b", "x").await?;
    c.fs().delete(&c.at("d/a"), false).await?;
    ensure_eq!(c.list("d").await?, set(&["b"]), "the entries");
    Ok(())
}

async fn an_overwritten_file_is_listed_once(c: &Context) -> CaseResult {
    c.write("d/a", "x").await?;
    c.write("d/a", "longer").await?;
    let entries = listed(c, &c.at("d"), &ListOptions::default()).await?;
    ensure_eq!(entries.len(), 1, "the number of entries");
    ensure_eq!(entries[0].len, 6, "the length");
    Ok(())
}

async fn a_renamed_file_is_listed_under_its_new_name(c: &Context) -> CaseResult {
    c.write("d/old", "x").await?;
    c.fs().rename(&c.at("d/old"), &c.at("d/new")).await?;
    ensure_eq!(c.list("d").await?, set(&["new"]), "the entries");
    Ok(())
}

async fn the_root_can_be_listed(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    let root = c.directory().with_key("");
    let mut lister = c.fs().list(&root, &ListOptions::default()).await?;
    let page = lister.next_page().await?;
    ensure!(
        page.is_some_and(|page| !page.is_empty()),
        "the root has no entries"
    );
    Ok(())
}

async fn names_are_told_apart_by_case(c: &Context) -> CaseResult {
    c.write("d/name", "lower").await?;
    c.write("d/Name", "upper").await?;
    ensure_eq!(c.list("d").await?, set(&["name", "Name"]), "the entries");
    c.expect_content("d/name", b"lower", "the one").await?;
    c.expect_content("d/Name", b"upper", "the other").await
}

async fn deep_trees_are_listed_whole(c: &Context) -> CaseResult {
    let name = format!("d/{}file", "level/".repeat(40));
    c.write(&name, "x").await?;
    ensure_eq!(below(c, "d").await?, set(&[&name]), "the files below");
    ensure_eq!(c.list("d").await?, set(&["level/"]), "the entries");
    Ok(())
}

async fn an_empty_directory_lists_nothing(c: &Context) -> CaseResult {
    c.mkdirs("empty").await?;
    for options in [ListOptions::default(), ListOptions::recursive()] {
        let entries = listed(c, &c.at("empty"), &options).await?;
        ensure!(entries.is_empty(), "there are entries: {entries:?}");
    }
    Ok(())
}

async fn an_empty_directory_is_listed_above(c: &Context) -> CaseResult {
    c.mkdirs("d/empty").await?;
    ensure_eq!(c.list("d").await?, set(&["empty/"]), "the entries");
    Ok(())
}
