//! Copies from the local disk: one `PutObject`, or a multipart upload.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use plugin_api::{CopyRequest, CreateOptions, Error, ErrorKind, Result};
use rustix::fs::OFlags;

use super::window::Shared;
use super::{OPERATION, failure};
use crate::multipart_upload::MultipartUpload;
use crate::output_stream;

/// Read at a time, on top of what the upload buffers.
const CHUNK: usize = 256 << 10;

/// A version of a local file: what changes when its content does.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Uploads one file. The object appears only if the file was the same all the time.
pub(super) async fn upload(
    shared: &Shared,
    index: usize,
    request: &CopyRequest,
    path: PathBuf,
) -> Result<()> {
    let CopyRequest { source, target, .. } = request;
    let bucket = &shared.bucket;
    let (file, version) = shared.blocking(source, move || open(&path)).await?;
    let file = Arc::new(file);
    let settings = &bucket.settings;
    let parts_at_a_time = if version.len > settings.upload_part_size {
        settings.upload_concurrency
    } else {
        1
    };
    let _permits = shared.requests(parts_at_a_time).await;
    let options = CreateOptions {
        size_hint: version.len,
        ..CreateOptions::overwrite()
    };
    let mut writer = output_stream::open(bucket, target, &options, OPERATION, ErrorKind::Conflict)?;
    let sent = send(shared, index, request, &file, version, &mut writer).await;
    if let Err(error) = sent {
        // Dropping the writer tries it again, in the background.
        drop(writer.abort().await);
        return Err(error);
    }
    let status = writer.publish(OPERATION).await?;
    if status.len == version.len {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Corrupt,
        format!("the store has {} bytes instead of {}", status.len, version.len),
    )
    .with_operation(OPERATION)
    .with_path(target)
    .with_remedy("copy the file again"))
}

async fn send(
    shared: &Shared,
    index: usize,
    request: &CopyRequest,
    file: &Arc<File>,
    version: Version,
    writer: &mut MultipartUpload,
) -> Result<()> {
    let source = &request.source;
    while writer.position() < version.len {
        let (file, at) = (Arc::clone(file), writer.position());
        let wanted = (CHUNK as u64).min(version.len - at) as usize;
        let chunk = shared.blocking(source, move || read(&file, at, wanted)).await?;
        if chunk.is_empty() {
            return Err(failure::changed(source, "it is shorter now"));
        }
        let len = chunk.len() as u64;
        writer.write_bytes(chunk).await?;
        shared.advanced(index, len);
    }
    let file = Arc::clone(file);
    let now = shared
        .blocking(source, move || Ok(Version::of(&file.metadata()?)))
        .await?;
    if now == version {
        return Ok(());
    }
    Err(failure::changed(source, "it was written to"))
}

/// Opens a regular file; one that is a pipe must not be waited for.
fn open(path: &PathBuf) -> io::Result<(File, Version)> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is neither a file nor a link to one",
        ));
    }
    Ok((file, Version::of(&metadata)))
}

/// Up to `wanted` bytes; fewer at the end alone.
fn read(file: &File, at: u64, wanted: usize) -> io::Result<Bytes> {
    let mut chunk = vec![0; wanted];
    let mut filled = 0;
    while filled < wanted {
        match file.read_at(&mut chunk[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(filled);
    Ok(chunk.into())
}
