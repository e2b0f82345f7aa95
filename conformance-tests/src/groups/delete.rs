//! `delete`.

use std::collections::BTreeSet;

use plugin_api::{Capabilities, ErrorKind};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let real = Capabilities::REAL_DIRECTORIES;
    table![
        missing_is_false => "a deletion of nothing is false, without an error";
        missing_recursively_is_false => "so is a recursive one";
        a_file_is_deleted => "a file is deleted, and was there";
        a_file_is_deleted_recursively => "the recursive flag makes no difference for a file";
        an_empty_file_is_deleted => "a file without content is deleted";
        a_large_file_is_deleted => "a file of several parts is deleted";
        a_second_deletion_is_false => "what was deleted is not there to be deleted again";
        a_directory_with_content_is_refused => "a directory with content is DirectoryNotEmpty";
        a_refused_deletion_deletes_nothing => "a refused deletion leaves everything in place";
        a_directory_of_directories_is_refused => "so it does where only directories are inside";
        a_tree_is_deleted => "a recursive deletion takes everything below";
        a_tree_is_deleted_by_its_name_with_a_slash => "so it does with a slash at the end";
        a_deep_tree_is_deleted => "a tree of 40 levels is deleted";
        hidden_files_go_too => "hidden files go with their directory";
        neighbours_stay => "neighbours whose names begin alike stay";
        a_file_with_a_slash_stays => "a file is not deleted under its name with a slash";
        below_a_file_is_false => "there is nothing to delete inside a file";
        a_file_among_others => "only the named file goes";
        a_name_is_free_again => "a deleted name can be used again, as file or directory";
        an_empty_directory_is_deleted => "an empty directory is deleted without recursive", needs(real);
        an_empty_directory_is_deleted_recursively => "and with it", needs(real);
        nested_empty_directories => "a directory of empty directories is not empty", needs(real);
        the_parent_stays => "the directory above a deleted one stays", needs(real);
        a_file_beside_a_directory_of_its_name =>
            "of a file and a directory of one name only the file goes", without(real);
    ]
}

async fn delete(c: &Context, name: &str, recursive: bool) -> CaseResult<bool> {
    Ok(c.fs().delete(&c.at(name), recursive).await?)
}

async fn missing_is_false(c: &Context) -> CaseResult {
    ensure!(!delete(c, "none", false).await?, "something was deleted");
    ensure!(!delete(c, "no/such/path", false).await?, "something was deleted");
    Ok(())
}

async fn missing_recursively_is_false(c: &Context) -> CaseResult {
    ensure!(!delete(c, "none", true).await?, "something was deleted");
    ensure!(!delete(c, "no/such/path", true).await?, "something was deleted");
    Ok(())
}

async fn file_deleted(c: &Context, len: usize, recursive: bool) -> CaseResult {
    c.write("file", content(len, 1)).await?;
    ensure!(delete(c, "file", recursive).await?, "there was nothing to delete");
    c.expect_missing("file", "the deleted file").await?;
    c.expect_files(&[], "afterwards").await
}

async fn a_file_is_deleted(c: &Context) -> CaseResult {
    file_deleted(c, 10, false).await
}

async fn a_file_is_deleted_recursively(c: &Context) -> CaseResult {
    file_deleted(c, 10, true).await
}

async fn an_empty_file_is_deleted(c: &Context) -> CaseResult {
    file_deleted(c, 0, false).await
}

async fn a_large_file_is_deleted(c: &Context) -> CaseResult {
    file_deleted(c, LARGE, false).await
}

async fn a_second_deletion_is_false(c: &Context) -> CaseResult {
    c.write("d/file", "x").await?;
    ensure!(delete(c, "d/file", false).await?, "there was nothing to delete");
    ensure!(
        !delete(c, "d/file", false).await?,
        "a second deletion found something"
    );
    delete(c, "d", true).await?;
    ensure!(
        !delete(c, "d", true).await?,
        "a second deletion of the directory found something"
    );
    Ok(())
}

async fn a_directory_with_content_is_refused(c: &Context) -> CaseResult {
    c.write("d/file", "x").await?;
    let result = c.fs().delete(&c.at("d"), false).await;
    let error = expect_error(
        result,
        &[ErrorKind::DirectoryNotEmpty],
        "a directory with content",
    )?;
    ensure_eq!(error.path(), c.at("d").as_str(), "the path in the error");
    ensure!(!error.remedy().is_empty(), "the error says no remedy: {error}");
    Ok(())
}

async fn a_refused_deletion_deletes_nothing(c: &Context) -> CaseResult {
    for name in ["d/a", "d/b", "d/s/c"] {
        c.write(name, name.to_owned()).await?;
    }
    let result = c.fs().delete(&c.at("d"), false).await;
    expect_error(
        result,
        &[ErrorKind::DirectoryNotEmpty],
        "a directory with content",
    )?;
    c.expect_files(&["d/a", "d/b", "d/s/c"], "afterwards").await?;
    c.expect_content("d/s/c", b"d/s/c", "a file in it").await
}

async fn a_directory_of_directories_is_refused(c: &Context) -> CaseResult {
    c.write("d/s/t/file", "x").await?;
    let result = c.fs().delete(&c.at("d"), false).await;
    expect_error(
        result,
        &[ErrorKind::DirectoryNotEmpty],
        "a directory of directories",
    )?;
    c.expect_files(&["d/s/t/file"], "afterwards").await
}

async fn tree_deleted(c: &Context, name: &str) -> CaseResult {
    for file in ["d/a", "d/b", "d/s/c", "d/s/t/d", "d/u/e"] {
        c.write(file, "x").await?;
    }
    c.mkdirs("d/empty").await?;
    ensure!(delete(c, name, true).await?, "there was nothing to delete");
    c.expect_missing("d", "the deleted directory").await?;
    c.expect_missing("d/s", "a directory in it").await?;
    c.expect_missing("d/s/t/d", "a file in it").await?;
    c.expect_files(&[], "afterwards").await
}

async fn a_tree_is_deleted(c: &Context) -> CaseResult {
    tree_deleted(c, "d").await
}

async fn a_tree_is_deleted_by_its_name_with_a_slash(c: &Context) -> CaseResult {
    tree_deleted(c, "d/").await
}

async fn a_deep_tree_is_deleted(c: &Context) -> CaseResult {
    for depth in [1, 10, 40] {
        c.write(&format!("d/{}file", "level/".repeat(depth)), "x").await?;
    }
    ensure!(delete(c, "d", true).await?, "there was nothing to delete");
    c.expect_missing("d", "the deleted directory").await
}

async fn hidden_files_go_too(c: &Context) -> CaseResult {
    for name in ["d/.hidden", "d/_x", "d/.s/.t"] {
        c.write(name, "x").await?;
    }
    delete(c, "d", true).await?;
    c.expect_files(&[], "afterwards").await
}

async fn neighbours_stay(c: &Context) -> CaseResult {
    let neighbours = ["d.txt", "d2", "db/file", "D/file", "d-/file", "c"];
    for name in neighbours.iter().chain(&["d/file", "d/s/file"]) {
        c.write(name, "x").await?;
    }
    delete(c, "d", true).await?;
    c.expect_files(&neighbours, "afterwards").await
}

async fn a_file_with_a_slash_stays(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    for recursive in [false, true] {
        ensure!(!delete(c, "file/", recursive).await?, "something was deleted");
    }
    c.expect_content("file", b"x", "the file").await
}

async fn below_a_file_is_false(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    for recursive in [false, true] {
        ensure!(
            !delete(c, "file/below", recursive).await?,
            "something was deleted"
        );
    }
    c.expect_content("file", b"x", "the file").await
}

async fn a_file_among_others(c: &Context) -> CaseResult {
    for name in ["d/a", "d/b", "d/c", "d/b2", "d/bb/x"] {
        c.write(name, "x").await?;
    }
    delete(c, "d/b", true).await?;
    let expected: BTreeSet<String> = ["a", "c", "b2", "bb/"].map(str::to_owned).into();
    ensure_eq!(c.list("d").await?, expected, "the entries");
    Ok(())
}

async fn a_name_is_free_again(c: &Context) -> CaseResult {
    c.write("name", "file").await?;
    delete(c, "name", false).await?;
    c.write("name/below", "x").await?;
    ensure!(
        c.status("name").await?.is_directory(),
        "the new directory is none"
    );
    delete(c, "name", true).await?;
    c.write("name", "again").await?;
    c.expect_content("name", b"again", "the new file").await
}

async fn empty_deleted(c: &Context, recursive: bool) -> CaseResult {
    c.mkdirs("empty").await?;
    ensure!(
        delete(c, "empty", recursive).await?,
        "there was nothing to delete"
    );
    c.expect_missing("empty", "the deleted directory").await
}

async fn an_empty_directory_is_deleted(c: &Context) -> CaseResult {
    empty_deleted(c, false).await
}

async fn an_empty_directory_is_deleted_recursively(c: &Context) -> CaseResult {
    empty_deleted(c, true).await
}

async fn nested_empty_directories(c: &Context) -> CaseResult {
    c.mkdirs("a/b/c").await?;
    let result = c.fs().delete(&c.at("a"), false).await;
    expect_error(
        result,
        &[ErrorKind::DirectoryNotEmpty],
        "a directory of directories",
    )?;
    ensure!(delete(c, "a/b/c", false).await?, "there was nothing to delete");
    ensure!(delete(c, "a", true).await?, "there was nothing to delete");
    c.expect_missing("a", "the deleted directory").await
}

async fn the_parent_stays(c: &Context) -> CaseResult {
    c.write("a/b/file", "x").await?;
    delete(c, "a/b", true).await?;
    ensure!(c.status("a").await?.is_directory(), "the directory above is gone");
    Ok(())
}

async fn a_file_beside_a_directory_of_its_name(c: &Context) -> CaseResult {
    c.write("name", "file").await?;
    c.write("name/below", "x").await?;
    ensure!(delete(c, "name", false).await?, "there was nothing to delete");
    c.expect_files(&["name/below"], "afterwards").await?;
    ensure!(c.status("name").await?.is_directory(), "the directory is gone");
    Ok(())
}
