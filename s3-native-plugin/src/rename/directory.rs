//! Renaming a directory: every object below it is copied, then the sources are deleted.
//!
//! Nothing is deleted before everything is copied. A failure before that takes the copies back, so
//! that the directory is as it was; one after it leaves sources behind whose copies exist. What is
//! written into the directory meanwhile stays there. Memory grows by some bytes for each file, which
//! tell what was copied from what came later.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use plugin_api::{Error, ErrorKind, FileStatus, Location, Result};

use super::{OPERATION, kind};
use crate::bucket::Bucket;
use crate::{copy, delete, listing, mkdirs};

/// Objects that are copied at a time.
const CONCURRENT_COPIES: usize = 16;

pub(super) async fn rename(bucket: &Arc<Bucket>, from: &Location, to: &Location) -> Result<()> {
    let source = from.with_key(&from.directory_prefix());
    let target = target(bucket, &source, to).await?;
    if target.key() == source.key() {
        return Ok(());
    }
    if target.key().starts_with(source.key()) {
        return Err(refusal(
            ErrorKind::InvalidInput,
            from,
            "a directory cannot be moved into itself",
            format!("choose another target than '{to}'"),
        ));
    }
    let there = listing::probe(bucket, OPERATION, &target, 2).await?;
    if there.iter().any(|object| object.location.key() != target.key()) {
        return Err(refusal(
            ErrorKind::DirectoryNotEmpty,
            &target,
            "the target is a directory that is not empty",
            "delete it first, or choose another target".to_owned(),
        ));
    }
    mkdirs::check_directory(bucket, OPERATION, &target).await?;
    let mut copied = Copied::default();
    if let Err(error) = copy_all(bucket, &source, &target, &mut copied).await {
        return Err(take_back(bucket, &target, &copied, error).await);
    }
    mkdirs::keep_parent(bucket, OPERATION, &source).await?;
    delete::delete_below(bucket, OPERATION, &source, |object| copied.has_source(object))
        .await
        .map_err(|error| {
            error.with_remedy(format!(
                "everything was copied to {target}; delete the source yourself"
            ))
        })
}

/// The prefix that the directory goes to.
async fn target(bucket: &Bucket, source: &Location, to: &Location) -> Result<Location> {
    let name = source.name();
    if source.is_root() || name.is_empty() {
        return Err(refusal(
            ErrorKind::InvalidInput,
            source,
            "a directory without a name cannot be renamed",
            "name a directory below it".to_owned(),
        ));
    }
    let prefix = |location: &Location| location.with_key(&location.directory_prefix());
    let there = match kind(bucket, to).await? {
        // With markers no file may have the name either, whether or not it was written with a slash.
        None if bucket.settings.directory_markers => kind_without_slash(bucket, to).await?,
        there => there,
    };
    let target = match there {
        None => prefix(to),
        Some(there) if there.is_directory() => {
            if to.directory_prefix() == source.key() {
                return Ok(source.clone());
            }
            let inside = to.join(name);
            match kind(bucket, &inside).await? {
                Some(there) if there.is_file() => return Err(is_a_file(&inside)),
                _ => prefix(&inside),
            }
        }
        Some(_) => return Err(is_a_file(to)),
    };
    bucket.check(OPERATION, &target)?;
    Ok(target)
}

/// What is at `to` without the slash at its end, if it has one.
async fn kind_without_slash(bucket: &Bucket, to: &Location) -> Result<Option<FileStatus>> {
    match to.key().strip_suffix('/').map(|key| to.with_key(key)) {
        Some(file) if !file.is_root() && bucket.check(OPERATION, &file).is_ok() => kind(bucket, &file).await,
        _ => Ok(None),
    }
}

fn is_a_file(to: &Location) -> Error {
    refusal(
        ErrorKind::NotADirectory,
        to,
        "a directory cannot replace a file",
        "choose another target, or delete the file first".to_owned(),
    )
}

fn refusal(kind: ErrorKind, path: &Location, message: &str, remedy: String) -> Error {
    Error::new(kind, message)
        .with_operation(OPERATION)
        .with_path(path)
        .with_remedy(remedy)
}

/// Copies page after page. After a failure nothing new is begun, and what runs may end, so that it is
/// known what was copied.
async fn copy_all(
    bucket: &Arc<Bucket>,
    source: &Location,
    target: &Location,
    copied: &mut Copied,
) -> Result<()> {
    let mut token: Option<String> = None;
    loop {
        let page = listing::page(
            bucket,
            OPERATION,
            source,
            false,
            listing::MAX_PAGE,
            token.as_deref(),
        )
        .await?;
        let has_failed = AtomicBool::new(false);
        let mut failure = None;
        let objects = page
            .objects
            .into_iter()
            .take_while(|_| !has_failed.load(Ordering::Relaxed));
        let mut running = futures::stream::iter(objects)
            .map(|object| copy_one(bucket, source, target, object))
            .buffer_unordered(CONCURRENT_COPIES);
        while let Some(result) = running.next().await {
            match result {
                Ok((object, to, etag)) => copied.add(&object, &to, &etag),
                Err(error) => {
                    has_failed.store(true, Ordering::Relaxed);
                    failure.get_or_insert(error);
                }
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        match page.next {
            Some(next) => token = Some(next),
            None => return Ok(()),
        }
    }
}

async fn copy_one(
    bucket: &Arc<Bucket>,
    source: &Location,
    target: &Location,
    object: FileStatus,
) -> Result<(FileStatus, Location, String)> {
    let below = object.location.key().strip_prefix(source.key()).ok_or_else(|| {
        Error::new(
            ErrorKind::Corrupt,
            "the listing has a key that does not belong to it",
        )
        .with_operation(OPERATION)
        .with_path(&object.location)
    })?;
    let to = target.with_key(&format!("{}{below}", target.key()));
    let etag = copy::copy(bucket, OPERATION, &object, &to).await?;
    Ok((object, to, etag))
}

/// Deletes the copies again.
async fn take_back(bucket: &Bucket, target: &Location, copied: &Copied, error: Error) -> Error {
    match delete::delete_below(bucket, OPERATION, target, |object| copied.has_target(object)).await {
        Ok(()) => error.with_remedy("the directory is as it was; rename it again once the cause is removed"),
        Err(failure) => {
            tracing::warn!(error = %failure, "the copies of a directory that could not be renamed are left");
            error.with_remedy(format!(
                "the directory is as it was; delete what was copied to {target} before you rename it again"
            ))
        }
    }
}

/// What was copied: keys with entity tags, as keyed hashes of 64 bits.
#[derive(Default)]
struct Copied {
    hasher: RandomState,
    sources: HashSet<u64>,
    targets: HashSet<u64>,
}

impl Copied {
    fn add(&mut self, source: &FileStatus, target: &Location, etag: &str) {
        self.sources.insert(self.hash(&source.location, &source.etag));
        self.targets.insert(self.hash(target, etag));
    }

    fn has_source(&self, object: &FileStatus) -> bool {
        self.sources.contains(&self.hash(&object.location, &object.etag))
    }

    fn has_target(&self, object: &FileStatus) -> bool {
        self.targets.contains(&self.hash(&object.location, &object.etag))
    }

    /// Not every reply of every store has the quotes of an entity tag.
    fn hash(&self, location: &Location, etag: &str) -> u64 {
        self.hasher.hash_one((location.key(), etag.trim_matches('"')))
    }
}
