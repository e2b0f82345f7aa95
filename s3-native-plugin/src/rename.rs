//! Renaming: a copy inside the store, then a deletion. Neither is one step with the other.

use std::sync::Arc;

use plugin_api::{Error, ErrorKind, FileStatus, Location, Result};

use crate::bucket::Bucket;
use crate::{copy, delete, listing, mkdirs, status};

mod directory;

const OPERATION: &str = "rename";

/// Renames a file, or by option a directory, to `to`, or into `to` if that is a directory.
///
/// When it is cancelled, the source is still there unless the copy was made whole.
pub(crate) async fn rename(bucket: &Arc<Bucket>, from: &Location, to: &Location) -> Result<()> {
    if from.key() == to.key() {
        return Ok(());
    }
    match source(bucket, from).await? {
        Some(file) => rename_file(bucket, &file, to).await,
        None if !bucket.settings.rename_directories => Err(Error::new(
            ErrorKind::Unsupported,
            "renaming a directory is not supported",
        )
        .with_operation(OPERATION)
        .with_path(from)
        .with_remedy("set 's3.rename.directories' to true, or rename its files one by one")),
        None => directory::rename(bucket, from, to).await,
    }
}

/// The file that is to be renamed, or `None` for a directory.
async fn source(bucket: &Bucket, from: &Location) -> Result<Option<FileStatus>> {
    if from.is_root() {
        return Ok(None);
    }
    if let Some(file) = status::head(bucket, OPERATION, from).await? {
        return Ok(Some(file).filter(|file| !listing::is_marker(file)));
    }
    if listing::probe(bucket, OPERATION, from, 1).await?.is_empty() {
        return Err(status::not_found(OPERATION, from));
    }
    Ok(None)
}

async fn rename_file(bucket: &Arc<Bucket>, file: &FileStatus, to: &Location) -> Result<()> {
    let to = target(bucket, &file.location, to).await?;
    if file.location.key() == to.key() {
        return Ok(());
    }
    mkdirs::check_file(bucket, OPERATION, &to).await?;
    copy::copy(bucket, OPERATION, file, &to).await?;
    mkdirs::keep_parent(bucket, OPERATION, &file.location).await?;
    delete::delete_unchanged(bucket, OPERATION, &file.location, &file.etag)
        .await
        .map_err(|error| {
            let remedy = if error.kind() == ErrorKind::Changed {
                format!("the earlier content was copied to {to}; rename the new one as well if it is meant")
            } else {
                format!("the file was copied to {to}; delete the source yourself")
            };
            error.with_remedy(remedy)
        })
}

/// Where the file really goes.
async fn target(bucket: &Bucket, from: &Location, to: &Location) -> Result<Location> {
    let inside = to.is_root()
        || to.key().ends_with('/')
        || kind(bucket, to).await?.is_some_and(|there| there.is_directory());
    Ok(if inside { to.join(from.name()) } else { to.clone() })
}

/// What is at `path`, if anything.
async fn kind(bucket: &Bucket, path: &Location) -> Result<Option<FileStatus>> {
    match status::status(bucket, OPERATION, path).await {
        Ok(status) => Ok(Some(status)),
        Err(error) if error.kind() == ErrorKind::NotFound && error.service_code() != "NoSuchBucket" => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
