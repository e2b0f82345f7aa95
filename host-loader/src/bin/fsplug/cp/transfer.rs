//! Copying one file.

use host_loader::plugin_api::{
    CreateOptions, Error, ErrorKind, FileSystem, InputStream, Location, OpenOptions, OutputStream, Result,
    WriteMode,
};

use crate::failure::At as _;

use super::bulk;
use super::plan::{Task, is_directory_mark};
use super::progress::{FileProgress, Progress};

/// At most this much of a file is being read, and as much being written, at a time.
pub(super) const CHUNK: usize = 1 << 20;

/// How a copy ended.
pub(super) enum Outcome {
    /// The target is there, whole.
    Copied {
        source: Location,
        target: Location,
        bytes: u64,
    },
    /// A directory was made of its mark.
    Directory,
    /// The target was there before and was kept, as the mode asks.
    Kept(Error),
}

/// Copies a file; the target appears whole or not at all.
pub(super) async fn run(task: Task, mode: WriteMode, progress: &Progress) -> Result<Outcome> {
    if is_directory_mark(&task.source) {
        let result = task.target_system.mkdirs(&task.target).await;
        progress.finished_one();
        return result.at("mkdir", &task.target).map(|()| Outcome::Directory);
    }
    let result = match mode {
        WriteMode::NoOverwrite => copy_unless_there(&task, progress).await,
        WriteMode::Overwrite => match bulk::copy(&task, progress).await {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => copy(&task, mode, progress).await,
            Err(error) => Err(error),
        },
    };
    match result {
        Ok(bytes) => {
            progress.finished_one();
            Ok(Outcome::Copied {
                source: task.source.location,
                target: task.target,
                bytes,
            })
        }
        Err(error) if mode == WriteMode::NoOverwrite && error.kind() == ErrorKind::AlreadyExists => {
            progress.finished_one();
            Ok(Outcome::Kept(error))
        }
        Err(error) => Err(error),
    }
}

/// Looks before it copies, since many stores can refuse only after the last byte.
async fn copy_unless_there(task: &Task, progress: &Progress) -> Result<u64> {
    match task.target_system.status(&task.target).await {
        Ok(_) => Err(Error::new(ErrorKind::AlreadyExists, "it exists and is kept")
            .with_operation("create")
            .with_path(&task.target)
            .with_remedy("leave out --no-clobber to replace it")),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied => {
                copy(task, WriteMode::NoOverwrite, progress).await
            }
            _ => Err(error.with_operation("status").with_path(&task.target)),
        },
    }
}

/// Copies what the listing told of; if that has been replaced since, what is there now.
async fn copy(task: &Task, mode: WriteMode, progress: &Progress) -> Result<u64> {
    // The status spares a store a request for each file. A local file may have grown since, without
    // anything to notice it by, and is cheap to look at again.
    let known = (task.source.location.scheme() != "file").then(|| OpenOptions {
        status: Some(task.source.clone()),
        ..OpenOptions::default()
    });
    if let Some(options) = known {
        match copy_version(task, &options, mode, progress).await {
            Err(error) if error.kind() == ErrorKind::Changed => {}
            result => return result,
        }
    }
    copy_version(task, &OpenOptions::default(), mode, progress).await
}

async fn copy_version(
    task: &Task,
    options: &OpenOptions,
    mode: WriteMode,
    progress: &Progress,
) -> Result<u64> {
    let source = &task.source.location;
    let mut input = task
        .source_system
        .open(source, options)
        .await
        .at("open", source)?;
    let length = input.len();
    let create = CreateOptions {
        mode,
        size_hint: length,
        ..CreateOptions::default()
    };
    let mut output = start(&*task.target_system, &task.target, &create).await?;
    let progress = progress.start(source, length);
    let result = pump(&mut *input, &mut *output, source, &task.target, &progress).await;
    let result = match result {
        Ok(copied) if copied != length => {
            let message = format!("{copied} bytes were read of a file of {length}");
            Err(Error::new(ErrorKind::UnexpectedEof, message)
                .with_operation("read")
                .with_path(source)
                .with_remedy("run the command again; if it persists, the store is damaged"))
        }
        Ok(copied) => publish(&mut *output, copied, &task.target).await,
        Err(error) => Err(error),
    };
    if result.is_err() {
        progress.take_back();
    }
    give_up_unless(&result, &mut *output).await;
    // What was read has been checked; there is nothing that closing could still tell about it.
    let _ = input.close().await;
    result
}

/// Starts the target file.
pub(super) async fn start(
    file_system: &dyn FileSystem,
    target: &Location,
    options: &CreateOptions,
) -> Result<Box<dyn OutputStream>> {
    file_system.create(target, options).await.at("create", target)
}

/// Makes the target appear, and checks that it is all there.
pub(super) async fn publish(output: &mut dyn OutputStream, bytes: u64, target: &Location) -> Result<u64> {
    let status = output.close().await.at("close", target)?;
    if status.len == bytes {
        return Ok(bytes);
    }
    let message = format!("{bytes} bytes were written, but the file has {}", status.len);
    Err(Error::new(ErrorKind::Corrupt, message)
        .with_operation("close")
        .with_path(target)
        .with_remedy("delete the target and copy again"))
}

/// Gives up the target after a failure, so that nothing of it is left.
pub(super) async fn give_up_unless<T>(result: &Result<T>, output: &mut dyn OutputStream) {
    if result.is_err() {
        // The failure itself is what the user needs to hear of.
        let _ = output.abort().await;
    }
}

/// Moves all content; the next chunk is read while the last one is being written.
async fn pump(
    input: &mut dyn InputStream,
    output: &mut dyn OutputStream,
    source: &Location,
    target: &Location,
    progress: &FileProgress<'_>,
) -> Result<u64> {
    let mut copied = 0;
    let mut chunk = input.read(CHUNK).await.at("read", source)?;
    while !chunk.is_empty() {
        let length = chunk.len() as u64;
        let write = async { output.write_bytes(chunk).await.at("write", target) };
        let read = async { input.read(CHUNK).await.at("read", source) };
        ((), chunk) = futures::try_join!(write, read)?;
        copied += length;
        progress.advance(length);
    }
    Ok(copied)
}
