//! What each request of a copy means, and the order in which they start.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use plugin_api::{CopyRequest, Error, ErrorKind, Location, Result};

use super::beneath::{LocalTarget, Tree, local_path};
use super::{OPERATION, failure};
use crate::bucket::Bucket;

/// Which way a copy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Down,
    Up,
    Inside,
}

impl Direction {
    /// `None` for what cannot be copied here.
    pub(super) fn of(bucket: &Bucket, source: &Location, target: &Location) -> Option<Self> {
        let is_ours = |location: &Location| is_s3(location) && location.authority() == bucket.name;
        if is_ours(target) {
            return if is_local(source) {
                Some(Self::Up)
            } else {
                // Of another bucket as well: the store copies, and the endpoint is the same.
                (is_s3(source) && !source.authority().is_empty()).then_some(Self::Inside)
            };
        }
        (is_ours(source) && is_local(target)).then_some(Self::Down)
    }
}

fn is_s3(location: &Location) -> bool {
    matches!(location.scheme(), "s3" | "s3a")
}

fn is_local(location: &Location) -> bool {
    location.scheme() == "file" && location.authority().is_empty()
}

/// What is to be done for one request.
#[derive(Debug)]
pub(super) struct Task {
    /// Which request of the caller's it is.
    pub(super) index: usize,
    pub(super) request: CopyRequest,
    pub(super) job: Job,
}

#[derive(Debug)]
pub(super) enum Job {
    Download(LocalTarget),
    Upload(PathBuf),
    Duplicate,
}

/// Checks all requests before anything is done, and puts the largest first.
pub(super) fn plan(bucket: &Bucket, tree: &Tree, requests: &[CopyRequest]) -> Result<Vec<Task>> {
    let mut targets = HashSet::with_capacity(requests.len());
    let mut tasks = Vec::with_capacity(requests.len());
    for (index, request) in requests.iter().enumerate() {
        if !targets.insert(&request.target) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("two files would be copied to '{}'", request.target),
            )
            .with_operation(OPERATION)
            .with_path(&request.source)
            .with_remedy("give each file a target of its own"));
        }
        tasks.push(Task {
            index,
            job: job(bucket, tree, request).map_err(|error| failure::naming(error, request))?,
            request: request.clone(),
        });
    }
    // Stable: files of one size keep the caller's order.
    tasks.sort_by_key(|task| Reverse(task.request.size_hint));
    Ok(tasks)
}

fn job(bucket: &Bucket, tree: &Tree, request: &CopyRequest) -> Result<Job> {
    let CopyRequest { source, target, .. } = request;
    match Direction::of(bucket, source, target) {
        Some(Direction::Down) => {
            bucket.check(OPERATION, source)?;
            check_is_file(source)?;
            Ok(Job::Download(tree.place(target)?))
        }
        Some(Direction::Up) => {
            bucket.check(OPERATION, target)?;
            check_is_file(target)?;
            Ok(Job::Upload(Path::new("/").join(local_path(source)?)))
        }
        Some(Direction::Inside) => {
            bucket.check(OPERATION, target)?;
            check_is_file(target)?;
            check_is_file(source)?;
            Ok(Job::Duplicate)
        }
        None => Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "the bucket '{}' cannot copy this to '{target}' in bulk",
                bucket.name
            ),
        )
        .with_operation(OPERATION)
        .with_path(source)
        .with_remedy("read the one file and write the other, or ask can_copy first")),
    }
}

/// The root, and what the SDK takes for it.
fn check_is_file(path: &Location) -> Result<()> {
    if !path.key().trim().is_empty() {
        return Ok(());
    }
    Err(
        Error::new(ErrorKind::IsADirectory, "the root of a bucket cannot be a file")
            .with_operation(OPERATION)
            .with_path(path)
            .with_remedy("name a file inside the bucket"),
    )
}
