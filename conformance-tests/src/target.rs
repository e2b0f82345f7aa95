//! [`Target`]: the file system under test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use plugin_api::{FileSystem, Location, Result};

use crate::context::Context;

/// Makes another instance of the file system on the same files, as another process would.
pub type Connect = Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn FileSystem>>> + Send + Sync>;

/// The file system under test, and the directory that the cases may use.
///
/// Each run works in a new directory of its own below that one, and each case in one below that.
pub struct Target {
    fs: Arc<dyn FileSystem>,
    connect: Connect,
    /// The directory of this run.
    directory: Location,
}

impl Target {
    /// A target whose cases work below `root`. `connect` is called once here, and again by the cases
    /// that need another instance.
    pub async fn new(root: &Location, connect: Connect) -> Result<Self> {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!(
            "fsplug-conformance-{:x}-{:x}-{:x}",
            since.as_micros(),
            std::process::id(),
            RUNS.fetch_add(1, Ordering::Relaxed)
        );
        Ok(Self {
            fs: connect().await?,
            connect,
            directory: root.join(&name),
        })
    }

    /// The file system.
    pub fn fs(&self) -> &dyn FileSystem {
        &*self.fs
    }

    /// The directory of this run.
    pub fn directory(&self) -> &Location {
        &self.directory
    }

    /// What the case of this name works with.
    pub(crate) fn context(&self, case: &str, rounds: u32) -> Context {
        let directory = self.directory.join(&case.replace("::", "."));
        Context::new(Arc::clone(&self.fs), Arc::clone(&self.connect), directory, rounds)
    }

    /// Deletes the directory of this run, after all cases.
    pub async fn clean_up(&self) -> Result<()> {
        self.fs.delete(&self.directory, true).await.map(drop)
    }
}
