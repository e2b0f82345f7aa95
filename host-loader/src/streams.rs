//! [`Streams`]: the streams of all file systems of a registry.
//!
//! Every file system that a registry hands out is wrapped once, by [`Streams::watch`]. The wrapper lets through
//! whatever opens no stream. It knows of every open stream, counts its bytes, and keeps the number of streams within
//! the limits of the configuration. For that whoever opens one takes a credit of the [`Pool`] first,
//! which goes back exactly once: with the [`Registration`](pool::Registration) of the stream, however that ends.

mod bulk_copy;
mod clock;
mod counters;
mod file_system;
mod handle;
mod input;
mod limits;
mod output;
mod pool;
mod record;
mod recoverable;
mod series;
mod waiting;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plugin_api::{FileSystem, Location};

use pool::Pool;

pub(crate) use clock::Clock;
pub(crate) use file_system::WatchedFileSystem;
pub(crate) use limits::Limits;
pub(crate) use series::STREAM_METRICS;

pub use counters::StreamCounts;
pub use record::{OpenStream, StreamKind};

/// The streams of all file systems of a registry.
pub(crate) struct Streams {
    clock: Arc<Clock>,
    /// Whether it is noted where streams are opened.
    has_backtraces: bool,
    /// Of every file system that there ever was: their counts stay.
    pools: Mutex<Vec<Arc<Pool>>>,
}

impl Streams {
    pub(crate) fn new(clock: Clock) -> Self {
        let wish = std::env::var_os("FSPLUG_BACKTRACE");
        Self {
            clock: Arc::new(clock),
            has_backtraces: wish.is_some_and(|wish| !wish.is_empty() && wish != "0"),
            pools: Mutex::default(),
        }
    }

    fn pools(&self) -> MutexGuard<'_, Vec<Arc<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file system at this root, with its streams watched and kept within these limits.
    pub(crate) fn watch(
        &self,
        root: Location,
        limits: Limits,
        file_system: Arc<dyn FileSystem>,
    ) -> Arc<WatchedFileSystem> {
        let clock = Arc::clone(&self.clock);
        let pool = Arc::new(Pool::new(root, limits, clock, self.has_backtraces));
        self.pools().push(Arc::clone(&pool));
        Arc::new(WatchedFileSystem { pool, file_system })
    }

    /// Every open stream: by file system, the longest open first.
    pub(crate) fn open(&self) -> Vec<OpenStream> {
        let pools = self.pools().clone();
        pools
            .iter()
            .flat_map(|pool| pool.streams())
            .map(|stream| stream.record().tell())
            .collect()
    }

    /// What the streams of each file system have come to.
    pub(crate) fn counts(&self) -> Vec<StreamCounts> {
        let pools = self.pools().clone();
        pools.iter().map(|pool| pool.counts()).collect()
    }

    /// Refuses whoever waits to open a stream.
    pub(crate) fn close(&self) {
        let pools = self.pools().clone();
        for pool in &pools {
            pool.close();
        }
    }

    /// Logs every stream that is still open, with where it was opened.
    pub(crate) fn report_open(&self) {
        for stream in self.open() {
            match &stream.backtrace {
                None => tracing::warn!("left open: {stream}"),
                Some(backtrace) => tracing::warn!("left open: {stream}, opened at\n{backtrace}"),
            }
        }
    }

    /// Looks at the clock, which was set.
    pub(crate) fn clock_changed(&self) {
        self.clock.changed();
    }
}
