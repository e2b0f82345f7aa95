//! [`Uploads`]: the unfinished files of a store.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use plugin_api::{Location, PendingUpload};

use crate::store::{now, unpoisoned};

/// The unfinished files of a store.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<Numbered>);

#[derive(Debug, Default)]
struct Numbered {
    last: u64,
    open: BTreeMap<u64, Upload>,
}

#[derive(Debug)]
struct Upload {
    location: Location,
    initiated: SystemTime,
    /// What was persisted, by number. Chunks are shared between them.
    snapshots: BTreeMap<u64, Vec<Bytes>>,
}

impl Uploads {
    /// Begins an upload; its number, from 1.
    pub(crate) fn begin(&self, location: &Location) -> u64 {
        let mut uploads = unpoisoned(&self.0);
        uploads.last += 1;
        let number = uploads.last;
        let upload = Upload {
            location: location.clone(),
            initiated: now(),
            snapshots: BTreeMap::new(),
        };
        uploads.open.insert(number, upload);
        number
    }

    /// Keeps what was written so far; its number, or `None` if the upload is gone.
    pub(crate) fn keep(&self, upload: u64, chunks: &[Bytes]) -> Option<u64> {
        let mut uploads = unpoisoned(&self.0);
        uploads.last += 1;
        let number = uploads.last;
        uploads
            .open
            .get_mut(&upload)?
            .snapshots
            .insert(number, chunks.to_vec());
        Some(number)
    }

    /// What was kept under a number, if the upload is still open.
    pub(crate) fn snapshot(&self, upload: u64, snapshot: u64) -> Option<Vec<Bytes>> {
        unpoisoned(&self.0)
            .open
            .get(&upload)?
            .snapshots
            .get(&snapshot)
            .cloned()
    }

    /// Ends an upload: it was published or given up.
    pub(crate) fn end(&self, upload: u64) {
        unpoisoned(&self.0).open.remove(&upload);
    }

    /// Open uploads with a number above `after`, of a path or below it.
    pub(crate) fn page(&self, under: &Location, after: u64, limit: usize) -> Vec<(u64, PendingUpload)> {
        let uploads = unpoisoned(&self.0);
        let prefix = under.directory_prefix();
        let fits = |location: &Location| location == under || location.key().starts_with(&prefix);
        uploads
            .open
            .range(after + 1..)
            .filter(|(_, upload)| fits(&upload.location))
            .take(limit)
            .map(|(&number, upload)| {
                let pending = PendingUpload {
                    location: upload.location.clone(),
                    upload_id: number.to_string(),
                    initiated: Some(upload.initiated),
                };
                (number, pending)
            })
            .collect()
    }
}

/// All chunks as one.
pub(crate) fn joined(chunks: &[Bytes]) -> Bytes {
    if let [only] = chunks {
        return only.clone();
    }
    let mut whole = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum());
    for chunk in chunks {
        whole.extend_from_slice(chunk);
    }
    whole.freeze()
}
