//! Many callers at a time, each on a thread of its own.

mod races;

use std::sync::Arc;

use plugin_api::{Bytes, Capabilities, CreateOptions, Error, FileSystemExt as _, ListOptions, OpenOptions};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, Failure, ensure, ensure_eq, expect_same};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = table![
        writers_of_different_files => "16 writers of 10 files each lose and mix nothing";
        writers_of_large_files => "8 writers of files of several parts lose and mix nothing";
        readers_of_one_file => "16 readers of one file each read all of it";
        readers_of_different_places => "16 readers each read their own part of a large file";
        readers_of_ranges => "8 readers of ranges of one file get their bytes";
        listings_during_writes => "a listing while files come and go has all that stay";
        streams_move_between_threads => "a stream opened on one thread is used on others";
        everything_at_once => "a mix of operations by 12 callers ends without a surprise";
        committers_of_one_state =>
            "of committers of one state all succeed, and the file is whole", needs(Capabilities::RECOVERABLE_WRITER);
        recoverable_writers_side_by_side =>
            "12 recoverable files written at a time are whole", needs(Capabilities::RECOVERABLE_WRITER);
    ];
    cases.extend(races::cases());
    cases
}

fn all(results: Vec<CaseResult>) -> CaseResult {
    results.into_iter().collect()
}

async fn writers(c: &Context, threads: usize, files: usize, len: usize) -> CaseResult {
    let (fs, paths) = (c.shared(), paths(c, threads * files));
    let results = c
        .on_threads(threads, async move |thread| -> CaseResult {
            for number in 0..files {
                let index = thread * files + number;
                let data = content(len + index, index as u64);
                fs.write_all(&paths[index], data, &CreateOptions::default())
                    .await?;
            }
            Ok(())
        })
        .await?;
    all(results)?;
    ensure_eq!(c.files().await?.len(), threads * files, "the number of files");
    for index in 0..threads * files {
        let expected = content(len + index, index as u64);
        c.expect_content(&format!("d/{index}"), &expected, "one of the files")
            .await?;
    }
    Ok(())
}

fn paths(c: &Context, number: usize) -> Arc<Vec<plugin_api::Location>> {
    Arc::new((0..number).map(|index| c.at(&format!("d/{index}"))).collect())
}

async fn writers_of_different_files(c: &Context) -> CaseResult {
    writers(c, 16, 10, 5000).await
}

async fn writers_of_large_files(c: &Context) -> CaseResult {
    writers(c, 8, 1, LARGE).await
}

async fn readers(c: &Context, threads: usize, len: usize) -> CaseResult {
    let expected = content(len, 1);
    c.write("file", expected.clone()).await?;
    let (fs, path) = (c.shared(), c.at("file"));
    let results = c
        .on_threads(threads, async move |_| -> CaseResult {
            expect_same(&fs.read_all(&path).await?, &expected, "the content")
        })
        .await?;
    all(results)
}

async fn readers_of_one_file(c: &Context) -> CaseResult {
    readers(c, 16, 500_000).await
}

async fn readers_of_different_places(c: &Context) -> CaseResult {
    let expected = content(LARGE, 1);
    c.write("file", expected.clone()).await?;
    let (fs, path) = (c.shared(), c.at("file"));
    let results = c
        .on_threads(16, async move |thread| -> CaseResult {
            let (start, end) = (thread * LARGE / 16, (thread + 1) * LARGE / 16);
            let mut stream = fs.open(&path, &OpenOptions::default()).await?;
            stream.seek(start as u64)?;
            let mut at = start;
            while at < end {
                let chunk = stream.read((end - at).min(70_000)).await?;
                ensure!(!chunk.is_empty(), "the file ends at {at}");
                expect_same(
                    &chunk,
                    &expected[at..at + chunk.len()],
                    format_args!("the bytes at {at}"),
                )?;
                at += chunk.len();
            }
            Ok(())
        })
        .await?;
    all(results)
}

async fn readers_of_ranges(c: &Context) -> CaseResult {
    let expected = content(LARGE, 1);
    c.write("file", expected.clone()).await?;
    let (fs, path) = (c.shared(), c.at("file"));
    let results = c
        .on_threads(8, async move |thread| -> CaseResult {
            let mut stream = fs.open(&path, &OpenOptions::default()).await?;
            let start = (thread * 500_000) as u64;
            let ranges = [start..start + 1000, start + 90_000..start + 200_000, 0..10];
            let chunks = stream.read_ranges(&ranges).await?;
            for (chunk, range) in chunks.iter().zip(&ranges) {
                let bytes = &expected[range.start as usize..range.end as usize];
                expect_same(chunk, bytes, format_args!("the range at {}", range.start))?;
            }
            Ok(())
        })
        .await?;
    all(results)
}

async fn listings_during_writes(c: &Context) -> CaseResult {
    for index in 0..20 {
        c.write(&format!("d/stays{index:02}"), "x").await?;
    }
    let (fs, directory) = (c.shared(), c.at("d"));
    let results = c
        .on_threads(4, async move |thread| -> CaseResult {
            for round in 0..30 {
                if thread < 2 {
                    let path = directory.join(&format!("comes-and-goes-{thread}-{round}"));
                    fs.write_all(&path, Bytes::new(), &CreateOptions::default())
                        .await?;
                    fs.delete(&path, false).await?;
                    continue;
                }
                let options = ListOptions {
                    page_size: 7,
                    ..ListOptions::default()
                };
                let entries = fs.list_all(&directory, &options).await?;
                let stays = entries
                    .iter()
                    .filter(|entry| entry.location.name().starts_with("stays"));
                ensure_eq!(stays.count(), 20, "the files that stay");
            }
            Ok(())
        })
        .await?;
    all(results)
}

async fn streams_move_between_threads(c: &Context) -> CaseResult {
    let expected = content(LARGE, 1);
    let output = Arc::new(std::sync::Mutex::new(Some(
        c.fs().create(&c.at("file"), &CreateOptions::default()).await?,
    )));
    let take = |slot: &std::sync::Mutex<Option<_>>| match slot.lock() {
        Ok(mut slot) => slot.take().ok_or_else(|| Failure::new("the stream is gone")),
        Err(_) => Err(Failure::new("a task panicked")),
    };
    for at in (0..LARGE).step_by(LARGE / 5 + 1) {
        let (slot, piece) = (
            Arc::clone(&output),
            expected.slice(at..LARGE.min(at + LARGE / 5 + 1)),
        );
        let results = c
            .on_threads(1, async move |_| -> CaseResult {
                let mut stream: Box<dyn plugin_api::OutputStream> = take(&slot)?;
                stream.write_bytes(piece.clone()).await?;
                slot.lock()
                    .map_err(|_| Failure::new("a task panicked"))?
                    .replace(stream);
                Ok(())
            })
            .await?;
        all(results)?;
    }
    take(&output)?.close().await?;
    let stream = c.fs().open(&c.at("file"), &OpenOptions::default()).await?;
    let input = Arc::new(std::sync::Mutex::new(Some(stream)));
    let results = c
        .on_threads(1, async move |_| -> CaseResult {
            let stream = input.lock().map_err(|_| Failure::new("a task panicked"))?.take();
            let mut stream = stream.ok_or_else(|| Failure::new("the stream is gone"))?;
            let mut at = 0;
            while at < expected.len() {
                let chunk = stream.read(1 << 20).await?;
                ensure!(!chunk.is_empty(), "the file ends at {at}");
                expect_same(
                    &chunk,
                    &expected[at..at + chunk.len()],
                    "what another thread reads",
                )?;
                at += chunk.len();
            }
            Ok(())
        })
        .await?;
    all(results)
}

async fn everything_at_once(c: &Context) -> CaseResult {
    let (fs, directory) = (c.shared(), c.directory().clone());
    let results = c
        .on_threads(12, async move |thread| -> CaseResult {
            for round in 0..6_u64 {
                let own = directory.join(&format!("caller{thread}/file{round}"));
                let data = content(3000 + thread, round);
                fs.write_all(&own, data.clone(), &CreateOptions::default())
                    .await?;
                expect_same(&fs.read_all(&own).await?, &data, "an own file")?;
                let moved = directory.join(&format!("caller{thread}/moved{round}"));
                fs.rename(&own, &moved).await?;
                ensure!(!fs.exists(&own).await?, "the old name is still there");
                ensure_eq!(fs.status(&moved).await?.len, data.len() as u64, "the length");
                fs.list_all(&directory, &ListOptions::recursive()).await?;
                if round % 2 == 0 {
                    ensure!(fs.delete(&moved, false).await?, "there was nothing to delete");
                }
            }
            Ok(())
        })
        .await?;
    all(results)?;
    ensure_eq!(c.files().await?.len(), 36, "the files that are left");
    Ok(())
}

async fn committers_of_one_state(c: &Context) -> CaseResult {
    for len in [100, LARGE] {
        let name = format!("file{len}");
        let expected = content(len, 1);
        let state = c.persisted(&name, &expected).await?;
        let writer = c.writer()?;
        let results = c
            .on_threads(4, async move |_| -> Result<(), Error> {
                writer
                    .recover_for_commit(&state)
                    .await?
                    .commit_after_recovery()
                    .await
            })
            .await?;
        for result in results {
            result?;
        }
        c.expect_content(&name, &expected, "the file").await?;
    }
    Ok(())
}

async fn recoverable_writers_side_by_side(c: &Context) -> CaseResult {
    let (fs, paths) = (c.shared(), paths(c, 12));
    let results = c
        .on_threads(12, async move |thread| -> CaseResult {
            let data = content(if thread % 4 == 0 { LARGE } else { 9000 }, thread as u64);
            let writer = fs.recoverable_writer()?;
            let mut stream = writer.open(&paths[thread], &CreateOptions::default()).await?;
            for piece in data.chunks(data.len() / 3 + 1) {
                stream.write(piece).await?;
                stream.persist().await?;
            }
            stream.close_for_commit().await?.commit().await?;
            expect_same(&fs.read_all(&paths[thread]).await?, &data, "the file")
        })
        .await?;
    all(results)
}
