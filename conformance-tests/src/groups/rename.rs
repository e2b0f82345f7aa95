//! `rename`.

use plugin_api::{Capabilities, CreateOptions, ErrorKind, FileSystemExt as _, OpenOptions};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, Failure, ensure, ensure_eq, expect_error, expect_same};

pub(super) fn cases() -> Vec<Case> {
    let (atomic, directory) = (Capabilities::ATOMIC_RENAME, Capabilities::RENAME_DIRECTORY);
    let real = Capabilities::REAL_DIRECTORIES;
    table![
        a_file_moves => "a file is under its new name and no longer under the old";
        an_empty_file_moves => "so is one without content";
        a_large_file_moves => "so is one of several parts";
        missing_is_not_found => "a missing source is NotFound, and the target stays as it is";
        a_target_is_replaced => "a file at the target is replaced";
        into_a_directory => "a target that is a directory receives the file under its own name";
        into_a_directory_with_a_slash => "so does one with a slash at its end";
        into_a_directory_replaces_a_file_there => "a file of that name in it is replaced";
        onto_itself_does_nothing => "a rename to the same path changes nothing";
        into_its_own_directory_does_nothing => "a rename into the directory it is in changes nothing";
        to_another_directory => "directories above the target need not exist";
        there_and_back => "a file moved there and back is the same";
        neighbours_stay => "files whose names begin alike stay";
        dirty_to_clean => "a marker renamed from dirty to clean is found by a listing as clean only";
        below_a_file_is_not_found => "a source inside a file is NotFound";
        a_file_with_a_slash_is_not_found => "a file is not moved under its name with a slash";
        a_stream_on_the_old_name => "a stream that was open before reads on or reports the change";
        a_directory_is_refused => "a directory is Unsupported, and stays as it is", without(directory);
        a_directory_moves_with_everything => "a directory moves with everything in it", needs(directory);
        a_directory_into_a_directory => "a directory moves into a directory that exists", needs(directory);
        a_directory_not_into_itself => "a directory cannot be moved into itself", needs(directory);
        a_directory_onto_itself_does_nothing =>
            "a directory renamed to itself stays, with or without a slash", needs(directory);
        a_directory_to_a_new_name_with_a_slash =>
            "a directory renamed to nothing with a slash gets that name", needs(directory);
        a_directory_not_over_a_file =>
            "a directory does not replace a file, nor go beside it", needs(directory | real);
        not_over_a_directory_with_directories =>
            "a directory that has directories in it is not replaced", needs(directory | real);
        a_missing_directory_is_not_found => "a missing directory is NotFound", needs(directory);
        neighbours_of_a_directory_stay => "neighbours of a moved directory stay", needs(directory);
        an_empty_directory_moves => "an empty directory moves", needs(directory | real);
        not_below_a_file => "a target below a file is refused, and the source stays", needs(real);
        readers_see_one_or_the_other =>
            "who reads the target meanwhile sees the old or the new file", needs(atomic);
        one_of_two_racing_renames_wins => "of two renames of one file exactly one succeeds", needs(atomic);
    ]
}

async fn rename(c: &Context, from: &str, to: &str) -> CaseResult {
    Ok(c.fs().rename(&c.at(from), &c.at(to)).await?)
}

async fn moved(c: &Context, len: usize) -> CaseResult {
    let expected = content(len, 1);
    c.write("old", expected.clone()).await?;
    rename(c, "old", "new").await?;
    c.expect_missing("old", "the old name").await?;
    c.expect_content("new", &expected, "the new name").await?;
    c.expect_files(&["new"], "afterwards").await
}

async fn a_file_moves(c: &Context) -> CaseResult {
    moved(c, 1000).await
}

async fn an_empty_file_moves(c: &Context) -> CaseResult {
    moved(c, 0).await
}

async fn a_large_file_moves(c: &Context) -> CaseResult {
    moved(c, 2 * LARGE).await
}

async fn missing_is_not_found(c: &Context) -> CaseResult {
    c.write("target", "x").await?;
    for target in ["target", "other"] {
        let result = c.fs().rename(&c.at("none"), &c.at(target)).await;
        expect_error(result, &[ErrorKind::NotFound], "a missing source")?;
    }
    c.expect_content("target", b"x", "the target").await?;
    c.expect_missing("other", "the other target").await
}

async fn a_target_is_replaced(c: &Context) -> CaseResult {
    c.write("old", "new content").await?;
    c.write("target", content(50_000, 1)).await?;
    rename(c, "old", "target").await?;
    c.expect_content("target", b"new content", "the target").await?;
    c.expect_files(&["target"], "afterwards").await
}

async fn into_a_directory(c: &Context) -> CaseResult {
    c.write("d/other", "x").await?;
    c.write("file", "content").await?;
    rename(c, "file", "d").await?;
    c.expect_content("d/file", b"content", "the moved file").await?;
    c.expect_files(&["d/file", "d/other"], "afterwards").await
}

async fn into_a_directory_with_a_slash(c: &Context) -> CaseResult {
    c.write("d/other", "x").await?;
    c.write("s/file", "content").await?;
    rename(c, "s/file", "d/").await?;
    c.expect_content("d/file", b"content", "the moved file").await
}

async fn into_a_directory_replaces_a_file_there(c: &Context) -> CaseResult {
    c.write("d/file", "old").await?;
    c.write("file", "new").await?;
    rename(c, "file", "d").await?;
    c.expect_content("d/file", b"new", "the replaced file").await?;
    c.expect_files(&["d/file"], "afterwards").await
}

async fn onto_itself_does_nothing(c: &Context) -> CaseResult {
    for len in [0, 1000, LARGE] {
        let expected = content(len, 1);
        c.write("file", expected.clone()).await?;
        rename(c, "file", "file").await?;
        c.expect_content("file", &expected, "the file").await?;
    }
    Ok(())
}

async fn into_its_own_directory_does_nothing(c: &Context) -> CaseResult {
    c.write("d/file", "content").await?;
    rename(c, "d/file", "d").await?;
    c.expect_content("d/file", b"content", "the file").await?;
    c.expect_files(&["d/file"], "afterwards").await
}

async fn to_another_directory(c: &Context) -> CaseResult {
    c.write("a/b/file", "content").await?;
    rename(c, "a/b/file", "x/y/z/other").await?;
    c.expect_content("x/y/z/other", b"content", "the moved file")
        .await?;
    c.expect_files(&["x/y/z/other"], "afterwards").await
}

async fn there_and_back(c: &Context) -> CaseResult {
    let expected = content(100_000, 1);
    c.write("a", expected.clone()).await?;
    for _ in 0..3 {
        rename(c, "a", "d/b").await?;
        rename(c, "d/b", "a").await?;
    }
    c.expect_content("a", &expected, "the file").await
}

async fn neighbours_stay(c: &Context) -> CaseResult {
    for name in ["file", "file2", "fil", "filed/below"] {
        c.write(name, name.to_owned()).await?;
    }
    rename(c, "file", "moved").await?;
    c.expect_files(&["file2", "fil", "filed/below", "moved"], "afterwards")
        .await
}

async fn dirty_to_clean(c: &Context) -> CaseResult {
    for job in ["a", "b", "c"] {
        c.write(&format!("jobs/{job}_DIRTY.json"), job.to_owned()).await?;
    }
    rename(c, "jobs/b_DIRTY.json", "jobs/b.json").await?;
    let expected = ["a_DIRTY.json", "b.json", "c_DIRTY.json"]
        .map(str::to_owned)
        .into();
    ensure_eq!(c.list("jobs").await?, expected, "the markers");
    Ok(())
}

async fn below_a_file_is_not_found(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    let result = c.fs().rename(&c.at("file/below"), &c.at("new")).await;
    expect_error(result, &[ErrorKind::NotFound], "a source inside a file").map(drop)
}

async fn a_file_with_a_slash_is_not_found(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    let result = c.fs().rename(&c.at("file/"), &c.at("new")).await;
    expect_error(result, &[ErrorKind::NotFound], "a file with a slash")?;
    c.expect_content("file", b"x", "the file").await
}

async fn a_stream_on_the_old_name(c: &Context) -> CaseResult {
    let expected = content(LARGE, 1);
    c.write("old", expected.clone()).await?;
    let mut stream = c.fs().open(&c.at("old"), &OpenOptions::default()).await?;
    let mut read = stream.read(1000).await?.to_vec();
    rename(c, "old", "new").await?;
    loop {
        match stream.read(1 << 20).await {
            Ok(chunk) if chunk.is_empty() => return expect_same(&read, &expected, "the content"),
            Ok(chunk) => read.extend_from_slice(&chunk),
            Err(error) => {
                expect_same(&read, &expected[..read.len()], "the content so far")?;
                let kinds = [ErrorKind::NotFound, ErrorKind::Changed];
                return expect_error::<()>(Err(error), &kinds, "a read after the rename").map(drop);
            }
        }
    }
}

async fn a_directory_is_refused(c: &Context) -> CaseResult {
    c.write("d/file", "x").await?;
    let result = c.fs().rename(&c.at("d"), &c.at("e")).await;
    expect_error(result, &[ErrorKind::Unsupported], "a directory")?;
    c.expect_files(&["d/file"], "afterwards").await
}

async fn a_directory_moves_with_everything(c: &Context) -> CaseResult {
    for name in ["d/a", "d/s/b", "d/s/t/c", "d/.h"] {
        c.write(name, name.to_owned()).await?;
    }
    rename(c, "d", "e").await?;
    c.expect_missing("d", "the old directory").await?;
    c.expect_files(&["e/a", "e/s/b", "e/s/t/c", "e/.h"], "afterwards")
        .await?;
    c.expect_content("e/s/t/c", b"d/s/t/c", "a file in it").await
}

async fn a_directory_into_a_directory(c: &Context) -> CaseResult {
    c.write("d/a", "x").await?;
    c.write("e/b", "x").await?;
    rename(c, "d", "e").await?;
    c.expect_files(&["e/b", "e/d/a"], "afterwards").await
}

async fn a_directory_not_into_itself(c: &Context) -> CaseResult {
    c.write("d/a", "x").await?;
    for target in ["d/s", "d/s/t"] {
        let result = c.fs().rename(&c.at("d"), &c.at(target)).await;
        expect_error(result, &[ErrorKind::InvalidInput], "a directory into itself")?;
    }
    c.expect_files(&["d/a"], "afterwards").await
}

async fn a_directory_onto_itself_does_nothing(c: &Context) -> CaseResult {
    c.write("d/a", "x").await?;
    for (from, to) in [("d", "d"), ("d/", "d"), ("d", "d/"), ("d/", "d/")] {
        rename(c, from, to).await?;
        c.expect_files(&["d/a"], "afterwards").await?;
    }
    Ok(())
}

async fn a_directory_to_a_new_name_with_a_slash(c: &Context) -> CaseResult {
    c.write("d/a", "x").await?;
    rename(c, "d", "e/f/").await?;
    c.expect_files(&["e/f/a"], "afterwards").await
}

async fn a_directory_not_over_a_file(c: &Context) -> CaseResult {
    c.write("d/a", "x").await?;
    c.write("file", "y").await?;
    for target in ["file", "file/"] {
        let result = c.fs().rename(&c.at("d"), &c.at(target)).await;
        expect_error(result, &[ErrorKind::NotADirectory], target)?;
    }
    c.expect_files(&["d/a", "file"], "afterwards").await
}

async fn not_over_a_directory_with_directories(c: &Context) -> CaseResult {
    c.write("d/a", "x").await?;
    c.mkdirs("e/d/s").await?;
    let result = c.fs().rename(&c.at("d"), &c.at("e")).await;
    expect_error(
        result,
        &[ErrorKind::DirectoryNotEmpty],
        "a directory of that name",
    )?;
    c.expect_files(&["d/a"], "afterwards").await?;
    ensure!(
        c.status("e/d/s").await?.is_directory(),
        "the directory in the target is gone"
    );
    Ok(())
}

async fn a_missing_directory_is_not_found(c: &Context) -> CaseResult {
    let result = c.fs().rename(&c.at("none/"), &c.at("new")).await;
    expect_error(result, &[ErrorKind::NotFound], "a missing directory").map(drop)
}

async fn neighbours_of_a_directory_stay(c: &Context) -> CaseResult {
    for name in ["d/a", "d2/b", "d.txt", "dd/c"] {
        c.write(name, "x").await?;
    }
    rename(c, "d", "e").await?;
    c.expect_files(&["e/a", "d2/b", "d.txt", "dd/c"], "afterwards")
        .await
}

async fn an_empty_directory_moves(c: &Context) -> CaseResult {
    c.mkdirs("d/s").await?;
    rename(c, "d", "e").await?;
    c.expect_missing("d", "the old directory").await?;
    ensure!(
        c.status("e/s").await?.is_directory(),
        "the directory in it is gone"
    );
    Ok(())
}

async fn not_below_a_file(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    c.write("in-the-way", "y").await?;
    let result = c.fs().rename(&c.at("file"), &c.at("in-the-way/file")).await;
    expect_error(result, &[ErrorKind::NotADirectory], "a target below a file")?;
    c.expect_content("file", b"x", "the source").await?;
    c.expect_content("in-the-way", b"y", "what is in the way").await
}

async fn readers_see_one_or_the_other(c: &Context) -> CaseResult {
    c.write("target", content(5000, 0)).await?;
    let (fs, target, source) = (c.shared(), c.at("target"), c.at("source"));
    let rounds = u64::from(c.rounds());
    let results = c
        .on_threads(2, async move |thread| -> CaseResult {
            for round in 0..rounds {
                if thread == 0 {
                    fs.write_all(&source, content(5000, round), &CreateOptions::overwrite())
                        .await?;
                    fs.rename(&source, &target).await?;
                    continue;
                }
                let seen = match fs.read_all(&target).await {
                    Err(error) if error.kind() == ErrorKind::Changed => continue,
                    seen => seen?,
                };
                ensure!(
                    (0..rounds).any(|version| content(5000, version) == seen),
                    "a reader saw {} bytes that are no version of the target",
                    seen.len()
                );
            }
            Ok(())
        })
        .await?;
    results.into_iter().collect()
}

async fn one_of_two_racing_renames_wins(c: &Context) -> CaseResult {
    for round in 0..c.rounds().min(200) {
        c.write("source", "x").await?;
        let (fs, source) = (c.shared(), c.at("source"));
        let targets = [c.at("one"), c.at("two")];
        let results = c
            .on_threads(2, async move |thread| fs.rename(&source, &targets[thread]).await)
            .await?;
        let winners = results.iter().filter(|result| result.is_ok()).count();
        ensure_eq!(winners, 1, "the winners in round {round}");
        for result in results {
            if result.is_err() {
                expect_error(result, &[ErrorKind::NotFound], "the loser")?;
            }
        }
        let files = c.files().await?;
        if files.len() != 1 || files.contains("source") {
            return Err(Failure::new(format!(
                "after round {round} the files are {files:?}"
            )));
        }
        c.fs().delete(c.directory(), true).await?;
    }
    Ok(())
}
