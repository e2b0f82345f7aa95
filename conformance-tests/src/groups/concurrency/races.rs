//! Callers that want the same path.

use std::sync::{Arc, Barrier};

use plugin_api::{Capabilities, CreateOptions, Error, ErrorKind, FileSystemExt as _};

use super::super::table;
use super::all;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error, expect_same};

pub(super) fn cases() -> Vec<Case> {
    let atomic = Capabilities::ATOMIC_CREATE;
    table![
        of_two_racing_creates_exactly_one_wins =>
            "of two writers of one new file exactly one wins, in every round", needs(atomic);
        of_eight_racing_creates_exactly_one_wins => "of eight writers exactly one wins", needs(atomic);
        of_racing_large_creates_exactly_one_wins =>
            "of writers of several parts exactly one wins", needs(atomic);
        of_racing_empty_creates_exactly_one_wins =>
            "of writers of empty files exactly one wins", needs(atomic);
        racing_overwrites_leave_one_whole => "of racing overwrites one is left, whole";
        racing_large_overwrites_leave_one_whole => "so it is where files have several parts";
        readers_during_overwrites =>
            "who reads during overwrites sees whole versions or Changed", needs(Capabilities::PINNED_READS);
        deletions_of_one_file => "many deletions of one file are no error, and it is gone";
        deletions_of_one_tree => "many deletions of one tree are no error, and it is gone";
        creation_during_deletion => "a file made while its directory is deleted is whole or gone";
    ]
}

/// Racing writers of one new file; each writes another content.
async fn race(c: &Context, rounds: u32, writers: usize, len: usize) -> CaseResult {
    for round in 0..rounds {
        let name = format!("round{round}");
        let (fs, path) = (c.shared(), c.at(&name));
        let start = Arc::new(Barrier::new(writers));
        let results = c
            .on_threads(writers, async move |writer| -> Result<(), Error> {
                let data = content(len, writer as u64);
                start.wait();
                let mut stream = fs.create(&path, &CreateOptions::default()).await?;
                stream.write_bytes(data).await?;
                stream.close().await.map(drop)
            })
            .await?;
        let winners: Vec<usize> = (0..writers).filter(|&writer| results[writer].is_ok()).collect();
        ensure_eq!(winners.len(), 1, "the number of winners in round {round}");
        for result in results {
            if result.is_err() {
                expect_error(
                    result,
                    &[ErrorKind::AlreadyExists],
                    format_args!("a loser of round {round}"),
                )?;
            }
        }
        let expected = content(len, winners[0] as u64);
        c.expect_content(&name, &expected, "the file of the winner")
            .await?;
        c.fs().delete(&c.at(&name), false).await?;
    }
    Ok(())
}

async fn of_two_racing_creates_exactly_one_wins(c: &Context) -> CaseResult {
    race(c, c.rounds(), 2, 64).await
}

async fn of_eight_racing_creates_exactly_one_wins(c: &Context) -> CaseResult {
    race(c, c.rounds().min(30), 8, 64).await
}

async fn of_racing_large_creates_exactly_one_wins(c: &Context) -> CaseResult {
    race(c, 3, 3, LARGE).await
}

async fn of_racing_empty_creates_exactly_one_wins(c: &Context) -> CaseResult {
    race(c, c.rounds().min(30), 4, 0).await
}

async fn overwrites(c: &Context, rounds: u64, len: usize) -> CaseResult {
    const WRITERS: u64 = 4;
    for round in 0..rounds {
        let (fs, path) = (c.shared(), c.at("file"));
        let results = c
            .on_threads(WRITERS as usize, async move |writer| -> CaseResult {
                let data = content(len, round * WRITERS + writer as u64);
                fs.write_all(&path, data, &CreateOptions::overwrite()).await?;
                Ok(())
            })
            .await?;
        all(results)?;
        let left = c.read("file").await?;
        let whole = (0..WRITERS).any(|writer| content(len, round * WRITERS + writer) == left);
        ensure!(
            whole,
            "after round {round} the file is what no writer wrote ({} bytes)",
            left.len()
        );
    }
    Ok(())
}

async fn racing_overwrites_leave_one_whole(c: &Context) -> CaseResult {
    overwrites(c, 25, 10_000).await
}

async fn racing_large_overwrites_leave_one_whole(c: &Context) -> CaseResult {
    overwrites(c, 2, LARGE).await
}

async fn readers_during_overwrites(c: &Context) -> CaseResult {
    const VERSIONS: u64 = 40;
    let version = |number: u64| content(100_000 + number as usize, number);
    c.write("file", version(0)).await?;
    let (fs, path) = (c.shared(), c.at("file"));
    let results = c
        .on_threads(4, async move |thread| -> CaseResult {
            for number in 0..VERSIONS {
                if thread == 0 {
                    fs.write_all(&path, version(number), &CreateOptions::overwrite())
                        .await?;
                    continue;
                }
                match fs.read_all(&path).await {
                    Ok(seen) => {
                        let number = (seen.len() as u64).saturating_sub(100_000);
                        expect_same(&seen, &version(number), "a version")?;
                    }
                    Err(error) => {
                        expect_error::<()>(Err(error), &[ErrorKind::Changed], "a read during overwrites")?;
                    }
                }
            }
            Ok(())
        })
        .await?;
    all(results)
}

async fn deletions_of_one_file(c: &Context) -> CaseResult {
    for round in 0..10 {
        c.write("file", "x").await?;
        let (fs, path) = (c.shared(), c.at("file"));
        let results = c
            .on_threads(6, async move |_| fs.delete(&path, false).await)
            .await?;
        let mut deleted = 0;
        for result in results {
            deleted += usize::from(result?);
        }
        ensure!(deleted >= 1, "in round {round} nobody deleted the file");
        c.expect_missing("file", "the deleted file").await?;
    }
    Ok(())
}

async fn deletions_of_one_tree(c: &Context) -> CaseResult {
    for index in 0..60 {
        c.write(&format!("d/{}/{index}", index % 7), "x").await?;
    }
    let (fs, path) = (c.shared(), c.at("d"));
    let results = c
        .on_threads(4, async move |_| fs.delete(&path, true).await)
        .await?;
    for result in results {
        result?;
    }
    c.expect_files(&[], "afterwards").await
}

async fn creation_during_deletion(c: &Context) -> CaseResult {
    for index in 0..30 {
        c.write(&format!("d/{index}"), "x").await?;
    }
    let expected = content(20_000, 1);
    let (fs, directory, data) = (c.shared(), c.at("d"), expected.clone());
    let results = c
        .on_threads(2, async move |thread| -> Result<(), Error> {
            if thread == 0 {
                return fs.delete(&directory, true).await.map(drop);
            }
            let path = directory.join("new");
            fs.write_all(&path, data.clone(), &CreateOptions::default())
                .await
                .map(drop)
        })
        .await?;
    // On a disk either may fail, since a directory cannot go while it is filled.
    let made = results[1].is_ok();
    match c.fs().status(&c.at("d/new")).await {
        Ok(_) => c.expect_content("d/new", &expected, "the new file").await,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            ensure!(
                !made || results[0].is_ok(),
                "the new file is gone, and nobody deleted it"
            );
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
