//! [`WatchedBulkCopy`].

use std::sync::Arc;

use plugin_api::{BulkCopy, CopyOptions, CopyProgress, CopyRequest, Location, Result, async_trait};

use super::pool::{Direction, Pool};

/// So many files at a time, at most, where there is a limit and the caller leaves the number to the plugin.
const FILES: usize = 16;

/// Copies that hold a credit for each file that they copy at a time.
///
/// The number is found when a copy begins: one for certain, and more as far as nobody else waits. A copy is never
/// ended for others: copies inside a store move nothing that could be seen from here.
pub(super) struct WatchedBulkCopy {
    pub(super) pool: Arc<Pool>,
    pub(super) bulk_copy: Arc<dyn BulkCopy>,
}

impl WatchedBulkCopy {
    /// Writing counts as output, also where the store reads too.
    fn direction(&self, requests: &[CopyRequest]) -> Direction {
        if requests.iter().any(|request| self.is_here(&request.target)) {
            Direction::Out
        } else {
            Direction::In
        }
    }

    fn is_here(&self, path: &Location) -> bool {
        path.scheme() == self.pool.root.scheme()
    }

    /// Whether bytes go through this process.
    fn is_moved_here(&self, request: &CopyRequest) -> bool {
        self.is_here(&request.source) != self.is_here(&request.target)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BulkCopy for WatchedBulkCopy {
    fn can_copy(&self, source: &Location, target: &Location) -> bool {
        self.bulk_copy.can_copy(source, target)
    }

    async fn copy_files(
        &self,
        requests: &[CopyRequest],
        options: &CopyOptions,
        progress: Box<dyn CopyProgress>,
    ) -> Result<()> {
        let direction = self.direction(requests);
        let progress = Box::new(CountedProgress {
            counts: requests
                .iter()
                .map(|request| self.is_moved_here(request))
                .collect(),
            pool: Arc::clone(&self.pool),
            direction,
            progress,
        });
        if !self.pool.limits.is_limited() {
            return self.bulk_copy.copy_files(requests, options, progress).await;
        }
        let path = requests
            .first()
            .map_or(&self.pool.root, |request| &request.target);
        let mut credits = vec![self.pool.acquire(direction, path).await?];
        let wanted = match options.max_concurrent {
            0 => FILES,
            files => files as usize,
        };
        credits.extend(
            self.pool
                .take_free(direction, wanted.min(requests.len()).saturating_sub(1)),
        );
        let options = CopyOptions {
            max_concurrent: u32::try_from(credits.len()).unwrap_or(u32::MAX),
            ..options.clone()
        };
        self.bulk_copy.copy_files(requests, &options, progress).await
    }
}

/// Counts bytes on their way to the caller's progress.
struct CountedProgress {
    pool: Arc<Pool>,
    direction: Direction,
    /// By request, whether its bytes count.
    counts: Vec<bool>,
    progress: Box<dyn CopyProgress>,
}

impl CopyProgress for CountedProgress {
    fn advanced(&self, request: usize, bytes: u64) {
        if self.counts.get(request).copied().unwrap_or_default() {
            self.pool.counters.moved(self.direction, bytes);
        }
        self.progress.advanced(request, bytes);
    }

    fn finished(&self, request: usize) {
        self.progress.finished(request);
    }
}
