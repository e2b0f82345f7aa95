//! Directories that exist by themselves: an empty object `dir/` marks each.
//!
//! [`mkdirs`] marks a directory and those above it. One that exists because of what is in it is marked
//! when something is about to leave it, by [`keep_parent`]. What is made is kept apart from directories
//! and files of the same name by [`check_file`] and [`check_directory`]; the check and what follows are
//! two steps, between which another client may do as it likes.

use std::sync::Arc;

use bytes::Bytes;
use plugin_api::{Error, ErrorKind, Location, Result, WriteMode};

use crate::bucket::Bucket;
use crate::multipart_upload::{Nonce, Target, put};
use crate::{listing, status};

const OPERATION: &str = "mkdirs";

/// The media type of a marker.
const MEDIA_TYPE: &str = "application/x-directory";

/// Marks the directory `path` and those above it that are not marked yet, the uppermost first.
///
/// Nothing keeps another client from making a file of the same name meanwhile.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if `path` is a file, [`ErrorKind::NotADirectory`] if it is below one.
pub(crate) async fn mkdirs(bucket: &Arc<Bucket>, path: &Location) -> Result<()> {
    if path.is_root() {
        status::status(bucket, OPERATION, path).await?;
        return Ok(());
    }
    let marker = path.with_key(&path.directory_prefix());
    bucket.check(OPERATION, &marker)?;
    let missing = unmarked(bucket, OPERATION, path, Some(marker)).await?;
    for marker in missing.into_iter().rev() {
        make(bucket, OPERATION, marker).await?;
    }
    Ok(())
}

/// Refuses a new file where a directory is, or below a file. Without markers this does nothing: names of
/// files and directories do not meet then.
///
/// # Errors
/// [`ErrorKind::IsADirectory`], [`ErrorKind::NotADirectory`].
pub(crate) async fn check_file(bucket: &Bucket, operation: &'static str, path: &Location) -> Result<()> {
    if !bucket.settings.directory_markers || path.is_root() {
        return Ok(());
    }
    let below = listing::probe(bucket, operation, path, 1).await?;
    // A key that ends with a slash may be that of a file, which is what its status says then.
    if below
        .first()
        .is_some_and(|first| first.location != *path || first.len == 0)
    {
        return Err(
            Error::new(ErrorKind::IsADirectory, "there is a directory of this name")
                .with_operation(operation)
                .with_path(path)
                .with_remedy("choose another name, or delete the directory"),
        );
    }
    check_directory(bucket, operation, path).await
}

/// Refuses anything new below a file. Without markers this does nothing.
///
/// # Errors
/// [`ErrorKind::NotADirectory`].
pub(crate) async fn check_directory(bucket: &Bucket, operation: &'static str, path: &Location) -> Result<()> {
    if bucket.settings.directory_markers {
        unmarked(bucket, operation, path, parent(path)).await?;
    }
    Ok(())
}

/// The markers that are missing, from `marker` upwards to the first that is there: what that one is
/// below was looked at when it was made.
async fn unmarked(
    bucket: &Bucket,
    operation: &'static str,
    path: &Location,
    mut marker: Option<Location>,
) -> Result<Vec<Location>> {
    let mut missing = Vec::new();
    while let Some(directory) = marker {
        let key = directory.key().strip_suffix('/').unwrap_or_default();
        let file = directory.with_key(key);
        // A key that ends with a slash is a marker itself, of a directory without a name.
        if !key.is_empty() && !key.ends_with('/') && exists(bucket, operation, &file).await? {
            return Err(in_the_way(operation, path, &file));
        }
        if exists(bucket, operation, &directory).await? {
            break;
        }
        marker = parent(&directory);
        missing.push(directory);
    }
    Ok(missing)
}

/// Marks the directory that `path` is in, so that it stays when `path` goes. Without markers this does
/// nothing.
pub(crate) async fn keep_parent(
    bucket: &Arc<Bucket>,
    operation: &'static str,
    path: &Location,
) -> Result<()> {
    if bucket.settings.directory_markers
        && let Some(marker) = parent(path)
        && !exists(bucket, operation, &marker).await?
    {
        make(bucket, operation, marker).await?;
    }
    Ok(())
}

/// The marker of the directory that `path` is in; `None` for the root.
fn parent(path: &Location) -> Option<Location> {
    let key = path.key().strip_suffix('/').unwrap_or(path.key());
    let slash = key.rfind('/')?;
    Some(path.with_key(&key[..=slash]))
}

/// A key of nothing but white space cannot be asked for: see [`Bucket::check`].
async fn exists(bucket: &Bucket, operation: &'static str, object: &Location) -> Result<bool> {
    Ok(bucket.check(operation, object).is_ok() && status::head(bucket, operation, object).await?.is_some())
}

async fn make(bucket: &Arc<Bucket>, operation: &'static str, marker: Location) -> Result<()> {
    let mut target = Target::new(
        bucket,
        marker,
        // Whatever else a client keeps under such a key is not replaced.
        WriteMode::NoOverwrite,
        Nonce::random(),
        ErrorKind::AlreadyExists,
    );
    MEDIA_TYPE.clone_into(&mut target.content_type);
    match put(operation, &target, Bytes::new()).await {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn in_the_way(operation: &'static str, path: &Location, file: &Location) -> Error {
    let error = if path.key() == file.key() || path.key().strip_suffix('/') == Some(file.key()) {
        Error::new(ErrorKind::AlreadyExists, "there is a file of this name")
    } else {
        Error::new(ErrorKind::NotADirectory, format!("'{file}' above it is a file"))
    };
    error
        .with_operation(operation)
        .with_path(path)
        .with_remedy("choose another name, or move the file away")
}
