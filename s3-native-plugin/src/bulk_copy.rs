//! [`S3BulkCopy`]: many files at a time, between the bucket and the local disk or inside the store.
//!
//! | from | to | how |
//! |---|---|---|
//! | this bucket | local disk | ranges of large objects in parallel, into an unnamed file that gets its name once it is whole |
//! | local disk | this bucket | one `PutObject`, or a multipart upload |
//! | any bucket of the endpoint | this bucket | `CopyObject`, or `UploadPartCopy`: no byte comes here |
//!
//! The largest files start first, and a window of files slides: nobody waits for a group. All copies
//! of a file system share [`s3.bulk-copy.max-concurrent`](crate::options::BULK_COPY_MAX_CONCURRENT)
//! requests, and what they hold in memory counts against the plugin's one budget.
//!
//! Targets are taken as they are written: no entropy is injected or removed.
//!
//! Keys of a store are not to be trusted as names of local files. With the option
//! [`copy.root`](crate::options::COPY_ROOT) every local target is resolved beneath one directory by
//! the kernel; without it the caller answers for the directories.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use plugin_api::{BulkCopy, CopyOptions, CopyProgress, CopyRequest, Error, Location, Result, async_trait};
use tokio::sync::Semaphore;

use crate::bucket::Bucket;
use crate::options::COPY_ROOT;

mod beneath;
mod checksum;
mod download;
mod duplicate;
mod failure;
mod fetch;
mod plan;
mod temp_file;
mod upload;
mod window;

use beneath::Tree;
use plan::Direction;
use window::Window;

/// What the errors of a copy call it.
const OPERATION: &str = "copy";

/// Copies many files at a time.
pub(crate) struct S3BulkCopy {
    bucket: Arc<Bucket>,
    limits: Limits,
}

/// What all copies of one file system share.
#[derive(Clone)]
struct Limits {
    /// Requests that may be open at a time.
    requests: Arc<Semaphore>,
    /// How many these are in all.
    count: usize,
    /// Whether the store has refused to tell checksums.
    without_checksums: Arc<AtomicBool>,
}

impl fmt::Debug for S3BulkCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3BulkCopy").finish_non_exhaustive()
    }
}

impl S3BulkCopy {
    /// The copies of a bucket, unless they are switched off.
    pub(crate) fn new(bucket: &Arc<Bucket>) -> Option<Self> {
        let count = bucket.settings.bulk_copy_concurrency?;
        Some(Self {
            bucket: Arc::clone(bucket),
            limits: Limits {
                requests: Arc::new(Semaphore::new(count)),
                count,
                without_checksums: Arc::default(),
            },
        })
    }
}

#[async_trait]
impl BulkCopy for S3BulkCopy {
    fn can_copy(&self, source: &Location, target: &Location) -> bool {
        Direction::of(&self.bucket, source, target).is_some()
    }

    /// Everything that can be told without a request, such as a name that leads out of the target
    /// folder, is refused before the first byte.
    async fn copy_files(
        &self,
        requests: &[CopyRequest],
        options: &CopyOptions,
        progress: Box<dyn CopyProgress>,
    ) -> Result<()> {
        let _pass = self.bucket.gate.enter()?;
        let tree = options
            .extensions
            .refuse_unknown(&[COPY_ROOT])
            .and_then(|()| Tree::new(options.extensions.get(COPY_ROOT)))
            .map_err(|error: Error| error.with_operation(OPERATION).with_path(&self.bucket.root))?;
        let tasks = plan::plan(&self.bucket, &tree, requests)?;
        let files = match options.max_concurrent {
            0 => self.limits.count,
            files => (files as usize).min(self.limits.count),
        };
        Window::new(&self.bucket, &self.limits, tree)
            .run(tasks, files, &*progress)
            .await
    }
}
