//! `status` and `exists`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plugin_api::{Capabilities, ErrorKind, FileKind, FileSystemExt as _};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let real = Capabilities::REAL_DIRECTORIES;
    table![
        missing_is_not_found => "nothing there is NotFound";
        a_file_has_its_kind_length_and_location =>
            "a file has its kind, its length and the location asked for";
        a_zero_byte_file_is_a_file => "a file of no bytes is a file, not a directory and not missing";
        a_large_file_has_its_length => "the length is right where a file is stored in parts";
        what_holds_a_file_is_a_directory => "each level above a file is a directory of length 0";
        the_root_is_a_directory => "the root has a status, and it is a directory";
        a_directory_may_be_named_with_a_slash => "a directory is found with a slash at its end too";
        a_file_with_a_slash_is_not_found => "a file is not found with a slash at its end";
        the_beginning_of_a_name_is_not_found => "a path that a name merely begins with is NotFound";
        a_longer_name_is_not_found => "a path that merely begins with a file's name is NotFound";
        below_a_file_is_not_found => "a path inside a file is NotFound";
        a_name_in_other_case_is_not_found => "names that differ in case are different";
        the_time_is_plausible => "the time of modification, if there is one, is recent";
        it_does_not_change_by_looking => "two looks at one file see the same";
        the_etag_tells_versions_apart => "another content of the same length has another entity tag";
        an_overwritten_file_has_the_new_length => "after an overwrite the status is the new one at once";
        a_deleted_file_is_not_found => "after a deletion the file is NotFound at once";
        close_returns_the_status_of_the_file => "what close returns agrees with a status asked for later";
        exists_tells_files_directories_and_nothing_apart =>
            "exists is true for files and directories, false for nothing";
        a_file_wins_over_a_directory =>
            "where a file and a directory share a name, the status is the file's", without(real);
        a_directory_ends_with_its_last_file =>
            "a directory that exists by its content alone ends with it", without(real);
        an_empty_directory_stays => "a directory stays when the last file in it is deleted", needs(real);
    ]
}

async fn missing_is_not_found(c: &Context) -> CaseResult {
    c.expect_missing("nothing", "a path where nothing is").await?;
    c.expect_missing("no/such/directory/file", "a path in no directory")
        .await
}

async fn a_file_has_its_kind_length_and_location(c: &Context) -> CaseResult {
    c.write("dir/file", content(1234, 1)).await?;
    let status = c.status("dir/file").await?;
    ensure_eq!(status.kind, FileKind::File, "the kind");
    ensure_eq!(status.len, 1234, "the length");
    ensure_eq!(status.location, c.at("dir/file"), "the location");
    Ok(())
}

async fn a_zero_byte_file_is_a_file(c: &Context) -> CaseResult {
    c.write("empty", "").await?;
    let status = c.status("empty").await?;
    ensure!(status.is_file() && status.len == 0, "the status is {status:?}");
    Ok(())
}

async fn a_large_file_has_its_length(c: &Context) -> CaseResult {
    c.write("large", content(LARGE, 2)).await?;
    ensure_eq!(c.status("large").await?.len, LARGE as u64, "the length");
    Ok(())
}

async fn what_holds_a_file_is_a_directory(c: &Context) -> CaseResult {
    c.write("a/b/c/file", "x").await?;
    for name in ["a", "a/b", "a/b/c"] {
        let status = c.status(name).await?;
        ensure!(
            status.is_directory() && status.len == 0,
            "the status of {name} is {status:?}"
        );
        ensure_eq!(
            status.location.name(),
            name.rsplit('/').next().unwrap_or(name),
            "the name"
        );
    }
    Ok(())
}

async fn the_root_is_a_directory(c: &Context) -> CaseResult {
    let root = c.directory().with_key("");
    let status = c.fs().status(&root).await?;
    ensure!(status.is_directory(), "the status is {status:?}");
    ensure!(c.fs().exists(&root).await?, "the root does not exist");
    Ok(())
}

async fn a_directory_may_be_named_with_a_slash(c: &Context) -> CaseResult {
    c.write("dir/file", "x").await?;
    let status = c.status("dir/").await?;
    ensure!(status.is_directory(), "the status is {status:?}");
    Ok(())
}

async fn a_file_with_a_slash_is_not_found(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    c.expect_missing("file/", "a file with a slash").await
}

async fn the_beginning_of_a_name_is_not_found(c: &Context) -> CaseResult {
    c.write("dir/file", "x").await?;
    c.expect_missing("dir/fil", "the beginning of a file's name")
        .await?;
    c.expect_missing("di", "the beginning of a directory's name")
        .await
}

async fn a_longer_name_is_not_found(c: &Context) -> CaseResult {
    c.write("dir/file", "x").await?;
    c.expect_missing("dir/file2", "a longer name").await?;
    c.expect_missing("dir2", "a longer name of a directory").await
}

async fn below_a_file_is_not_found(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    c.expect_missing("file/below", "a path inside a file").await?;
    c.expect_missing("file/far/below", "a path deep inside a file")
        .await
}

async fn a_name_in_other_case_is_not_found(c: &Context) -> CaseResult {
    c.write("File", "x").await?;
    c.expect_missing("file", "the name in another case").await
}

async fn the_time_is_plausible(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    if let Some(modified) = c.status("file").await?.modified {
        // The store has a clock of its own.
        let day = Duration::from_hours(24);
        let now = SystemTime::now();
        ensure!(
            modified > now - day && modified < now + day,
            "modified at {modified:?}, and it is {now:?}"
        );
        let nanos = modified
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .subsec_nanos();
        ensure_eq!(
            nanos % 1_000_000,
            0,
            "nanoseconds beyond the precision of a status"
        );
    }
    Ok(())
}

async fn it_does_not_change_by_looking(c: &Context) -> CaseResult {
    c.write("file", "content").await?;
    let first = c.status("file").await?;
    c.read("file").await?;
    let second = c.status("file").await?;
    ensure_eq!(second, first, "the second status");
    Ok(())
}

async fn the_etag_tells_versions_apart(c: &Context) -> CaseResult {
    c.write("file", "aaaa").await?;
    let first = c.status("file").await?.etag;
    c.write("file", "bbbb").await?;
    let second = c.status("file").await?.etag;
    ensure_eq!(
        second.is_empty(),
        first.is_empty(),
        "whether there is an entity tag"
    );
    ensure!(
        first.is_empty() || first != second,
        "both versions have the entity tag {first}"
    );
    Ok(())
}

async fn an_overwritten_file_has_the_new_length(c: &Context) -> CaseResult {
    for len in [10_usize, 1000, 0, 5] {
        c.write("file", content(len, 3)).await?;
        ensure_eq!(c.status("file").await?.len, len as u64, "the length");
    }
    Ok(())
}

async fn a_deleted_file_is_not_found(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    ensure!(
        c.fs().delete(&c.at("file"), false).await?,
        "there was nothing to delete"
    );
    c.expect_missing("file", "the deleted file").await
}

async fn close_returns_the_status_of_the_file(c: &Context) -> CaseResult {
    for len in [0, 7, LARGE] {
        let closed = c.write("file", content(len, 4)).await?;
        let status = c.status("file").await?;
        ensure_eq!(closed.location, c.at("file"), "the location that close returned");
        ensure_eq!(
            (closed.kind, closed.len),
            (status.kind, status.len),
            "kind and length"
        );
        let either_unknown = closed.etag.is_empty() || status.etag.is_empty();
        ensure!(
            either_unknown || closed.etag == status.etag,
            "close said the entity tag {}, and it is {}",
            closed.etag,
            status.etag
        );
    }
    Ok(())
}

async fn exists_tells_files_directories_and_nothing_apart(c: &Context) -> CaseResult {
    c.write("dir/file", "x").await?;
    for (name, expected) in [
        ("dir/file", true),
        ("dir", true),
        ("dir/none", false),
        ("none/none", false),
    ] {
        ensure_eq!(
            c.fs().exists(&c.at(name)).await?,
            expected,
            "whether {name} exists"
        );
    }
    Ok(())
}

async fn a_file_wins_over_a_directory(c: &Context) -> CaseResult {
    c.write("both", "file").await?;
    c.write("both/below", "below").await?;
    let status = c.status("both").await?;
    ensure!(status.is_file() && status.len == 4, "the status is {status:?}");
    c.expect_content("both", b"file", "the file").await?;
    c.expect_content("both/below", b"below", "the file below").await
}

async fn a_directory_ends_with_its_last_file(c: &Context) -> CaseResult {
    c.write("dir/sub/file", "x").await?;
    c.fs().delete(&c.at("dir/sub/file"), false).await?;
    c.expect_missing("dir/sub", "the directory without content")
        .await?;
    let status = c.fs().status(&c.at("dir")).await;
    expect_error(status, &[ErrorKind::NotFound], "the directory above it").map(drop)
}

async fn an_empty_directory_stays(c: &Context) -> CaseResult {
    c.write("dir/file", "x").await?;
    c.fs().delete(&c.at("dir/file"), false).await?;
    ensure!(c.status("dir").await?.is_directory(), "the directory is gone");
    Ok(())
}
