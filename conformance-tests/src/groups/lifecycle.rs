//! Instances, their capabilities, and what is left of one after `close`.

use std::time::Duration;

use plugin_api::{
    Capabilities, CreateOptions, Error, ErrorKind, FileSystem, FileSystemExt as _, ListOptions, OpenOptions,
};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error, expect_same};

/// More than any operation that still runs should need.
const DEADLINE: Duration = Duration::from_secs(20);

pub(super) fn cases() -> Vec<Case> {
    let writer = Capabilities::RECOVERABLE_WRITER;
    table![
        capabilities_do_not_change => "capabilities are the same at each call and for each instance";
        capabilities_agree_with_each_other => "a capability that builds on another comes with it";
        what_is_claimed_is_there => "claimed features have their object, others are Unsupported";
        instances_share_their_files => "what one instance writes another reads, lists and deletes";
        a_closed_one_refuses_everything => "after close every operation is Closed";
        a_closed_one_refuses_its_writer => "after close there is no recoverable writer", needs(writer);
        closing_twice_is_fine => "close is idempotent";
        closing_one_leaves_the_others => "an instance that is closed does not close another";
        files_outlive_the_instance => "files are there after their instance was closed and dropped";
        an_open_reader_ends_well => "a stream that was open at close reads on or is Closed";
        an_open_writer_ends_well => "a file that was being written at close is whole or not there";
        many_instances => "sixteen instances are made, used and closed side by side";
    ]
}

async fn capabilities_do_not_change(c: &Context) -> CaseResult {
    let first = c.fs().capabilities();
    c.write("file", "x").await?;
    ensure_eq!(c.fs().capabilities(), first, "the capabilities later");
    ensure_eq!(
        c.another().await?.capabilities(),
        first,
        "the capabilities of another instance"
    );
    Ok(())
}

async fn capabilities_agree_with_each_other(c: &Context) -> CaseResult {
    for (flag, base) in [
        (Capabilities::RECOVERABLE_RESUME, Capabilities::RECOVERABLE_WRITER),
        (Capabilities::PENDING_UPLOADS, Capabilities::RECOVERABLE_WRITER),
    ] {
        ensure!(
            !c.has(flag) || c.has(base),
            "{flag:?} is claimed without {base:?}"
        );
    }
    ensure!(
        c.fs().entropy_key().is_none_or(|key| !key.is_empty()),
        "the entropy key is empty"
    );
    c.expect_missing("none", "a status").await
}

async fn what_is_claimed_is_there(c: &Context) -> CaseResult {
    let writer = c.fs().recoverable_writer().map(drop);
    let copy = c.fs().bulk_copy().map(drop);
    for (flag, result) in [
        (Capabilities::RECOVERABLE_WRITER, writer),
        (Capabilities::BULK_COPY, copy),
    ] {
        if c.has(flag) {
            result?;
        } else {
            expect_error(
                result,
                &[ErrorKind::Unsupported],
                format_args!("what {flag:?} stands for"),
            )?;
        }
    }
    c.expect_missing("none", "a status").await
}

async fn instances_share_their_files(c: &Context) -> CaseResult {
    let other = c.another().await?;
    c.write("d/file", "content").await?;
    ensure_eq!(
        other.read_all(&c.at("d/file")).await?.len(),
        7,
        "the length seen by the other"
    );
    other
        .write_all(&c.at("d/second"), "x".into(), &CreateOptions::default())
        .await?;
    c.expect_files(&["d/file", "d/second"], "the files seen by the one")
        .await?;
    ensure!(
        other.delete(&c.at("d"), true).await?,
        "the other found nothing to delete"
    );
    c.expect_files(&[], "after the other deleted them").await
}

async fn every_operation(c: &Context, fs: &dyn FileSystem) -> Vec<(&'static str, Result<(), Error>)> {
    let list = match fs.list(c.directory(), &ListOptions::default()).await {
        Ok(mut lister) => lister.next_page().await.map(drop),
        Err(error) => Err(error),
    };
    vec![
        ("status", fs.status(&c.at("file")).await.map(drop)),
        ("list", list),
        (
            "open",
            fs.open(&c.at("file"), &OpenOptions::default()).await.map(drop),
        ),
        (
            "create",
            fs.create(&c.at("new"), &CreateOptions::default()).await.map(drop),
        ),
        ("delete", fs.delete(&c.at("file"), true).await.map(drop)),
        ("rename", fs.rename(&c.at("file"), &c.at("new")).await),
        ("mkdirs", fs.mkdirs(&c.at("d")).await),
    ]
}

async fn a_closed_one_refuses_everything(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    let other = c.another().await?;
    other.close(DEADLINE).await?;
    for (operation, result) in every_operation(c, &*other).await {
        expect_error(
            result,
            &[ErrorKind::Closed],
            format_args!("{operation} after close"),
        )?;
    }
    c.expect_content("file", b"x", "the file").await?;
    c.expect_files(&["file"], "afterwards").await
}

async fn a_closed_one_refuses_its_writer(c: &Context) -> CaseResult {
    let other = c.another().await?;
    let before = other.recoverable_writer()?;
    other.close(DEADLINE).await?;
    let opened = match other.recoverable_writer() {
        Ok(after) => after
            .open(&c.at("file"), &CreateOptions::default())
            .await
            .map(drop),
        Err(error) => Err(error),
    };
    expect_error(opened, &[ErrorKind::Closed], "a writer after close")?;
    // A writer from before close publishes nothing behind the back of a closed file system, or still does whole.
    if let Ok(mut stream) = before.open(&c.at("file"), &CreateOptions::default()).await {
        stream.close().await?;
    }
    c.expect_files(&[], "afterwards").await
}

async fn closing_twice_is_fine(c: &Context) -> CaseResult {
    let other = c.another().await?;
    for _ in 0..3 {
        other.close(DEADLINE).await?;
    }
    c.write("file", "x").await.map(drop)
}

async fn closing_one_leaves_the_others(c: &Context) -> CaseResult {
    let (one, other) = (c.another().await?, c.another().await?);
    one.close(DEADLINE).await?;
    other
        .write_all(&c.at("file"), "content".into(), &CreateOptions::default())
        .await?;
    c.expect_content("file", b"content", "the file").await?;
    Ok(other.close(DEADLINE).await?)
}

async fn files_outlive_the_instance(c: &Context) -> CaseResult {
    let expected = content(LARGE, 1);
    let other = c.another().await?;
    other
        .write_all(&c.at("file"), expected.clone(), &CreateOptions::default())
        .await?;
    other.close(DEADLINE).await?;
    drop(other);
    c.expect_content("file", &expected, "the file").await
}

async fn an_open_reader_ends_well(c: &Context) -> CaseResult {
    let expected = content(LARGE, 1);
    c.write("file", expected.clone()).await?;
    let other = c.another().await?;
    let mut stream = other.open(&c.at("file"), &OpenOptions::default()).await?;
    let mut read = stream.read(1000).await?.to_vec();
    other.close(DEADLINE).await?;
    loop {
        match stream.read(1 << 20).await {
            Ok(chunk) if chunk.is_empty() => return expect_same(&read, &expected, "the content"),
            Ok(chunk) => read.extend_from_slice(&chunk),
            Err(error) => {
                expect_error::<()>(Err(error), &[ErrorKind::Closed], "a read after close")?;
                return expect_same(&read, &expected[..read.len()], "the content so far");
            }
        }
    }
}

async fn an_open_writer_ends_well(c: &Context) -> CaseResult {
    let expected = content(LARGE, 1);
    let other = c.another().await?;
    let mut stream = other.create(&c.at("file"), &CreateOptions::default()).await?;
    stream.write(&expected).await?;
    other.close(DEADLINE).await?;
    match stream.close().await {
        Ok(_) => c.expect_content("file", &expected, "the file").await,
        Err(error) => {
            expect_error::<()>(Err(error), &[ErrorKind::Closed], "close of the stream")?;
            drop(stream);
            c.expect_missing("file", "after the failed close").await
        }
    }
}

async fn many_instances(c: &Context) -> CaseResult {
    let mut instances = Vec::new();
    for _ in 0..16 {
        instances.push(c.another().await?);
    }
    for (index, fs) in instances.iter().enumerate() {
        let content = index.to_string();
        fs.write_all(
            &c.at(&format!("d/{index}")),
            content.into(),
            &CreateOptions::default(),
        )
        .await?;
    }
    for fs in &instances {
        ensure_eq!(
            fs.list_all(&c.at("d"), &ListOptions::default()).await?.len(),
            16,
            "the number of files"
        );
        fs.close(DEADLINE).await?;
    }
    c.expect_content("d/15", b"15", "the last file").await
}
