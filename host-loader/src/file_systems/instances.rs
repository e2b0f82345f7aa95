//! The cache of file systems by scheme and authority.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::lock::Mutex as AsyncMutex;
use plugin_api::{FileSystem, Location, Result};

use crate::metrics::{OPEN_FILE_SYSTEMS, Series, Source};
use crate::streams::WatchedFileSystem;

/// Where one file system is, or is being made. Who makes it holds the lock, so that the others wait.
type Slot = Arc<AsyncMutex<Option<Arc<WatchedFileSystem>>>>;

/// File systems by `scheme://authority/`.
#[derive(Default)]
pub(super) struct Instances(Mutex<HashMap<String, Slot>>);

impl Instances {
    /// The file system at this scheme and authority; `create` makes it if there is none, or one that was closed, once
    /// for any number of concurrent callers. A failure is not kept: the next caller tries again.
    pub(super) async fn get_or_create<F>(
        &self,
        path: &Location,
        create: impl FnOnce() -> F,
    ) -> Result<Arc<dyn FileSystem>>
    where
        F: Future<Output = Result<Arc<WatchedFileSystem>>>,
    {
        let root = &path.as_str()[..path.as_str().len() - path.key().len()];
        let lease = Lease::take(self, root);
        let mut instance = lease.slot.lock().await;
        match &*instance {
            Some(instance) if !instance.is_closed() => return Ok(Arc::clone(instance) as _),
            _ => *instance = None,
        }
        let made = create().await?;
        *instance = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Forgets every file system.
    pub(super) fn clear(&self) {
        let forgotten = std::mem::take(&mut *self.slots());
        drop(forgotten);
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        // Nothing that can panic happens under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Instances {
    fn series(&self) -> Vec<Series> {
        let made = self
            .slots()
            .values()
            // Who holds the lock is making it.
            .filter(|slot| slot.try_lock().is_some_and(|instance| instance.is_some()))
            .count();
        let mut series = Series::new(OPEN_FILE_SYSTEMS.name, OPEN_FILE_SYSTEMS.kind, &[]);
        series.measure(f64::from(u32::try_from(made).unwrap_or(u32::MAX)));
        vec![series]
    }
}

/// The use of a slot by one caller. The last one out removes a slot that stayed empty, so that
/// failed and cancelled calls leave nothing behind.
struct Lease<'a> {
    instances: &'a Instances,
    root: &'a str,
    slot: Slot,
}

impl<'a> Lease<'a> {
    fn take(instances: &'a Instances, root: &'a str) -> Self {
        let mut slots = instances.slots();
        let slot = match slots.get(root) {
            Some(slot) => Arc::clone(slot),
            None => Arc::clone(slots.entry(root.to_owned()).or_default()),
        };
        Self {
            instances,
            root,
            slot,
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        const MAP_AND_LEASE: usize = 2;
        let mut slots = self.instances.slots();
        let is_ours = slots
            .get(self.root)
            .is_some_and(|slot| Arc::ptr_eq(slot, &self.slot));
        // Counted under the lock of the map, so that nobody can take a lease meanwhile.
        if is_ours
            && Arc::strong_count(&self.slot) == MAP_AND_LEASE
            && self.slot.try_lock().is_some_and(|instance| instance.is_none())
        {
            slots.remove(self.root);
        }
    }
}
