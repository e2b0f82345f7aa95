//! Futures that are dropped before they end.

mod recoverable;

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use plugin_api::{CreateOptions, ErrorKind, FileSystemExt as _, ListOptions, OpenOptions, WriteMode};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, Failure, ensure, ensure_eq, expect_same};

/// A future is dropped after it was polled this often.
const POLLS: [u32; 6] = [0, 1, 2, 3, 5, 9];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = table![
        of_status => "a status that was dropped disturbs nothing";
        of_list => "a listing that was dropped disturbs nothing";
        of_a_page => "after a page was dropped the listing still has every entry once";
        of_open => "an open that was dropped disturbs nothing";
        of_a_read => "after a dropped read the position has not moved, and the bytes come";
        of_a_read_after_a_seek => "so it is after a seek";
        of_a_read_into => "so it is for read_into";
        of_read_ranges => "dropped ranges do not move the position";
        of_create => "a create that was dropped publishes nothing";
        of_a_write => "after a dropped write the file is not published short";
        of_flush_and_sync => "after a dropped flush or sync the file is whole or fails";
        of_close => "after a dropped close the file is whole or not there";
        of_an_overwriting_close => "or the old file is there";
        of_abort => "a stream whose abort was dropped publishes nothing";
        of_delete => "after a dropped deletion the file is whole or gone, and a second deletes it";
        of_a_recursive_delete => "after a dropped recursive deletion a second one finishes";
        of_rename => "after a dropped rename the content is at one of the names, whole";
        of_mkdirs => "a mkdirs that was dropped can be repeated";
        a_storm_of_dropped_calls => "after 200 dropped calls the file system works as before";
    ];
    cases.extend(recoverable::cases());
    cases
}

/// Polls a future a number of times and drops it: its output if it was ready by then.
///
/// Between polls it waits until the future wants to be polled.
async fn cut<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polled = 0;
    std::future::poll_fn(move |context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled == polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn of_status(c: &Context) -> CaseResult {
    c.write("file", "content").await?;
    for polls in POLLS {
        let _ = cut(c.fs().status(&c.at("file")), polls).await;
        ensure_eq!(c.status("file").await?.len, 7, "the length after {polls} polls");
    }
    Ok(())
}

async fn of_list(c: &Context) -> CaseResult {
    c.write("d/file", "x").await?;
    for polls in POLLS {
        let _ = cut(c.fs().list_all(&c.at("d"), &ListOptions::default()), polls).await;
        ensure_eq!(c.list("d").await?.len(), 1, "the entries after {polls} polls");
    }
    Ok(())
}

async fn of_a_page(c: &Context) -> CaseResult {
    for index in 0..9 {
        c.write(&format!("d/{index}"), "x").await?;
    }
    let options = ListOptions {
        page_size: 2,
        ..ListOptions::default()
    };
    for polls in POLLS {
        let mut lister = c.fs().list(&c.at("d"), &options).await?;
        let mut names = Vec::new();
        loop {
            let page = match cut(lister.next_page(), polls).await {
                Some(page) => page?,
                None => lister.next_page().await?,
            };
            let Some(page) = page else { break };
            names.extend(page.into_iter().map(|entry| entry.location.name().to_owned()));
        }
        names.sort();
        let expected: Vec<String> = (0..9).map(|index| index.to_string()).collect();
        ensure_eq!(names, expected, "the entries after {polls} polls");
    }
    Ok(())
}

async fn of_open(c: &Context) -> CaseResult {
    let expected = content(1000, 1);
    c.write("file", expected.clone()).await?;
    for polls in POLLS {
        let _ = cut(c.fs().open(&c.at("file"), &OpenOptions::default()), polls).await;
        c.expect_content("file", &expected, "after the drop").await?;
    }
    Ok(())
}

/// Reads a file through, every read first cut off.
async fn read_through(c: &Context, polls: u32, start: usize, into: bool) -> CaseResult {
    let expected = content(LARGE, 1);
    let mut stream = c.fs().open(&c.at("file"), &OpenOptions::default()).await?;
    stream.seek(start as u64)?;
    let (mut at, mut buffer) = (start, vec![0; 400_000]);
    while at < expected.len() {
        ensure_eq!(stream.position(), at as u64, "the position after {polls} polls");
        if into {
            let read = match cut(stream.read_into(&mut buffer), polls).await {
                Some(read) => read?,
                None => stream.read_into(&mut buffer).await?,
            };
            ensure!(read > 0, "the file ends at {at}");
            expect_same(
                &buffer[..read],
                &expected[at..at + read],
                format_args!("the bytes at {at}"),
            )?;
            at += read;
            continue;
        }
        let chunk = match cut(stream.read(400_000), polls).await {
            Some(chunk) => chunk?,
            None => stream.read(400_000).await?,
        };
        ensure!(!chunk.is_empty(), "the file ends at {at}");
        expect_same(
            &chunk,
            &expected[at..at + chunk.len()],
            format_args!("the bytes at {at}"),
        )?;
        at += chunk.len();
    }
    Ok(())
}

async fn of_a_read(c: &Context) -> CaseResult {
    c.write("file", content(LARGE, 1)).await?;
    for polls in POLLS {
        read_through(c, polls, 0, false).await?;
    }
    Ok(())
}

async fn of_a_read_after_a_seek(c: &Context) -> CaseResult {
    c.write("file", content(LARGE, 1)).await?;
    for polls in POLLS {
        read_through(c, polls, LARGE - 900_000, false).await?;
    }
    Ok(())
}

async fn of_a_read_into(c: &Context) -> CaseResult {
    c.write("file", content(LARGE, 1)).await?;
    for polls in POLLS {
        read_through(c, polls, LARGE / 2, true).await?;
    }
    Ok(())
}

async fn of_read_ranges(c: &Context) -> CaseResult {
    let expected = content(LARGE, 1);
    c.write("file", expected.clone()).await?;
    let ranges = [0..1000, 3_000_000..3_100_000, 5..10];
    for polls in POLLS {
        let mut stream = c.fs().open(&c.at("file"), &OpenOptions::default()).await?;
        stream.seek(77)?;
        let _ = cut(stream.read_ranges(&ranges), polls).await;
        ensure_eq!(stream.position(), 77, "the position after {polls} polls");
        let chunks = stream.read_ranges(&ranges).await?;
        for (chunk, range) in chunks.iter().zip(&ranges) {
            expect_same(
                chunk,
                &expected[range.start as usize..range.end as usize],
                "a range",
            )?;
        }
        let chunk = stream.read(100).await?;
        expect_same(&chunk, &expected[77..77 + chunk.len()], "the next read")?;
    }
    Ok(())
}

async fn of_create(c: &Context) -> CaseResult {
    for polls in POLLS {
        let _ = cut(c.fs().create(&c.at("file"), &CreateOptions::default()), polls).await;
        c.expect_missing("file", "after a dropped create").await?;
    }
    c.write("file", "x").await?;
    c.expect_files(&["file"], "afterwards").await
}

/// Whatever happened to the stream: at its path is nothing, or all of the content.
async fn whole_or_missing(c: &Context, name: &str, expected: &[u8], what: &str) -> CaseResult {
    match c.fs().read_all(&c.at(name)).await {
        Ok(found) => expect_same(&found, expected, what),
        // It may also go away after it was opened.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Changed) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn of_a_write(c: &Context) -> CaseResult {
    let expected = content(3 * LARGE, 1);
    for polls in POLLS {
        let name = format!("file{polls}");
        let mut stream = c.create(&name, WriteMode::NoOverwrite).await?;
        stream.write(&expected[..LARGE]).await?;
        let written = cut(stream.write(&expected[LARGE..]), polls).await;
        let closed = stream.close().await;
        match (written, closed) {
            (Some(Ok(())), Ok(_)) => c.expect_content(&name, &expected, "after a whole write").await?,
            (_, Err(_)) => c.expect_missing(&name, "after a failed close").await?,
            (_, Ok(status)) => {
                // A write that was dropped before it took anything leaves the stream as it was.
                ensure!(
                    polls == 0 && status.len == LARGE as u64,
                    "a file of {} bytes was published after a write dropped after {polls} polls",
                    status.len
                );
            }
        }
        c.fs().delete(&c.at(&name), false).await?;
    }
    Ok(())
}

async fn of_flush_and_sync(c: &Context) -> CaseResult {
    let expected = content(LARGE, 1);
    for polls in POLLS {
        for sync in [false, true] {
            let name = format!("file{polls}{sync}");
            let mut stream = c.create(&name, WriteMode::NoOverwrite).await?;
            stream.write(&expected).await?;
            if sync {
                let _ = cut(stream.sync(), polls).await;
            } else {
                let _ = cut(stream.flush(), polls).await;
            }
            match stream.close().await {
                Ok(_) => c.expect_content(&name, &expected, "after close").await?,
                Err(_) => c.expect_missing(&name, "after a failed close").await?,
            }
        }
    }
    Ok(())
}

async fn of_close(c: &Context) -> CaseResult {
    for len in [100, LARGE] {
        let expected = content(len, 1);
        for polls in POLLS {
            let name = format!("file{len}-{polls}");
            let mut stream = c.create(&name, WriteMode::NoOverwrite).await?;
            stream.write(&expected).await?;
            let closed = cut(stream.close(), polls).await;
            drop(stream);
            if let Some(closed) = closed {
                closed?;
                c.expect_content(&name, &expected, "after close").await?;
            } else {
                whole_or_missing(c, &name, &expected, "after a dropped close").await?;
            }
        }
    }
    Ok(())
}

async fn of_an_overwriting_close(c: &Context) -> CaseResult {
    let (old, new) = (content(5000, 1), content(LARGE, 2));
    for polls in POLLS {
        c.write("file", old.clone()).await?;
        let mut stream = c.create("file", WriteMode::Overwrite).await?;
        stream.write(&new).await?;
        let _ = cut(stream.close(), polls).await;
        drop(stream);
        let found = c.read("file").await?;
        ensure!(
            found == old || found == new,
            "after {polls} polls the file is neither the old nor the new one ({} bytes)",
            found.len()
        );
    }
    Ok(())
}

async fn of_abort(c: &Context) -> CaseResult {
    for polls in POLLS {
        let mut stream = c.create("file", WriteMode::NoOverwrite).await?;
        stream.write(&content(LARGE, 1)).await?;
        let _ = cut(stream.abort(), polls).await;
        drop(stream);
        c.expect_missing("file", "after a dropped abort").await?;
    }
    Ok(())
}

async fn of_delete(c: &Context) -> CaseResult {
    let expected = content(1000, 1);
    for polls in POLLS {
        c.write("file", expected.clone()).await?;
        let _ = cut(c.fs().delete(&c.at("file"), false), polls).await;
        whole_or_missing(c, "file", &expected, "after a dropped deletion").await?;
        c.fs().delete(&c.at("file"), false).await?;
        c.expect_missing("file", "after the second deletion").await?;
    }
    Ok(())
}

async fn of_a_recursive_delete(c: &Context) -> CaseResult {
    for polls in POLLS {
        for index in 0..12 {
            c.write(&format!("d/{}/{index}", index % 3), "x").await?;
        }
        let _ = cut(c.fs().delete(&c.at("d"), true), polls).await;
        c.fs().delete(&c.at("d"), true).await?;
        c.expect_files(&[], "after the second deletion").await?;
    }
    Ok(())
}

async fn of_rename(c: &Context) -> CaseResult {
    let expected = content(LARGE, 1);
    for polls in POLLS {
        let (old, new) = (format!("old{polls}"), format!("new{polls}"));
        c.write(&old, expected.clone()).await?;
        let _ = cut(c.fs().rename(&c.at(&old), &c.at(&new)), polls).await;
        let files = c.files().await?;
        ensure!(
            files.contains(&old) || files.contains(&new),
            "after {polls} polls the file is lost"
        );
        whole_or_missing(c, &old, &expected, "the old name").await?;
        whole_or_missing(c, &new, &expected, "the new name").await?;
        // A request that was under way may take effect at any time, and the old name go.
        match c.fs().rename(&c.at(&old), &c.at(&new)).await {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Changed) => {}
            renamed => renamed?,
        }
        c.expect_content(&new, &expected, "after a second rename").await?;
        c.fs().delete(&c.at(&new), false).await?;
    }
    Ok(())
}

async fn of_mkdirs(c: &Context) -> CaseResult {
    for polls in POLLS {
        let name = format!("{polls}/a/b");
        let _ = cut(c.fs().mkdirs(&c.at(&name)), polls).await;
        c.mkdirs(&name).await?;
        c.write(&format!("{name}/file"), "x").await?;
    }
    Ok(())
}

async fn a_storm_of_dropped_calls(c: &Context) -> CaseResult {
    let expected = content(200_000, 1);
    c.write("file", expected.clone()).await?;
    for round in 0..50_u32 {
        let polls = round % 4;
        let _ = cut(c.fs().status(&c.at("file")), polls).await;
        let _ = cut(c.fs().read_all(&c.at("file")), polls).await;
        let _ = cut(c.fs().list_all(c.directory(), &ListOptions::default()), polls).await;
        let name = c.at(&format!("new{round}"));
        let _ = cut(
            c.fs()
                .write_all(&name, expected.clone(), &CreateOptions::default()),
            polls,
        )
        .await;
    }
    for name in c.files().await? {
        let found = c.read(&name).await?;
        if found != expected {
            return Err(Failure::new(format!("'{name}' has {} bytes", found.len())));
        }
    }
    c.expect_content("file", &expected, "the file").await
}
