//! [`BulkCopy`]: many files at a time, between the store and the local disk or inside the store.

use async_trait::async_trait;

use crate::{Extensions, Location, Result};

/// One file to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyRequest {
    /// What to copy.
    pub source: Location,
    /// Where to. Missing parent directories are made.
    pub target: Location,
    /// The length of the source if it is known, so that large files start first; 0 otherwise.
    pub size_hint: u64,
}

/// What a bulk copy reports while it runs. Called from any thread; must return at once.
pub trait CopyProgress: Send + Sync + 'static {
    /// `bytes` more of the request with this index have been copied.
    fn advanced(&self, request: usize, bytes: u64);

    /// The request with this index is complete.
    fn finished(&self, request: usize);
}

/// A progress that is not looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl CopyProgress for NoProgress {
    fn advanced(&self, _request: usize, _bytes: u64) {}
    fn finished(&self, _request: usize) {}
}

/// Options of a bulk copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// At most this many files at a time; 0 for the configured number.
    pub max_concurrent: u32,
    /// Options by key.
    pub extensions: Extensions,
}

/// Copies of many files at a time.
///
/// A target appears whole or not at all. The first error ends the rest; files that were complete
/// stay. A dropped future leaves no temporary file.
#[async_trait]
pub trait BulkCopy: Send + Sync + 'static {
    /// Whether a copy between these two is possible, and faster than reading and writing.
    fn can_copy(&self, source: &Location, target: &Location) -> bool;

    /// Copies the files, in no particular order.
    ///
    /// # Errors
    /// The first failure, which names its file. [`ErrorKind::Unsupported`](crate::ErrorKind) for a
    /// direction that `can_copy` denies.
    async fn copy_files(
        &self,
        requests: &[CopyRequest],
        options: &CopyOptions,
        progress: Box<dyn CopyProgress>,
    ) -> Result<()>;
}
