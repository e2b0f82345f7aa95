//! The state of the server: buckets, objects and uploads, each change atomic under one lock.

mod inspection;
mod uploads;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::blob::{Blob, Segment};
use crate::checksums::Checksum;
use crate::conditions::WriteConditions;
use crate::deviations::Deviations;
use crate::errors;
use crate::folder::{Folder, Loaded};
use crate::multipart::{Completed, Upload};
use crate::object::{Attributes, Millis, Object, PartOfObject};

/// How entity tags are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EtagKind {
    /// MD5 of the content, as S3 does.
    #[default]
    Md5,
    /// Random: hashing is most of what a write costs, and would dominate a throughput measurement.
    Random,
}

/// Properties of the store that a server is started with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The region of the endpoint, and of buckets that are given none.
    pub(crate) region: String,
    pub(crate) bucket_regions: BTreeMap<String, String>,
    pub(crate) min_part_size: u64,
    pub(crate) etag: EtagKind,
    pub(crate) forget_completed_uploads: bool,
    /// Whether all parts but the last must have the same size.
    pub(crate) equal_parts: bool,
    /// The highest part number.
    pub(crate) max_parts: u16,
    pub(crate) ceph_uploads: bool,
    pub(crate) deviations: Deviations,
}

impl Settings {
    pub(crate) fn region_of(&self, bucket: &str) -> &str {
        self.bucket_regions.get(bucket).unwrap_or(&self.region)
    }
}

/// A handle to what a server stores, to look into and change it past the protocol.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    folder: Option<Folder>,
    buckets: Mutex<BTreeMap<String, Bucket>>,
    next_id: AtomicU64,
}

/// A bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) created: Millis,
    pub(crate) objects: BTreeMap<String, Arc<Object>>,
    /// By key and upload id, the order of `ListMultipartUploads`.
    pub(crate) uploads: BTreeMap<(String, String), Upload>,
    pub(crate) completed: HashMap<String, Completed>,
}

impl Bucket {
    pub(crate) fn new(created: Millis) -> Self {
        Self {
            created,
            objects: BTreeMap::new(),
            uploads: BTreeMap::new(),
            completed: HashMap::new(),
        }
    }

    pub(crate) fn object(&self, key: &str) -> S3Result<Arc<Object>> {
        self.objects.get(key).cloned().ok_or_else(errors::no_such_key)
    }
}

/// An object about to be stored.
#[derive(Debug)]
pub(crate) struct NewObject {
    pub(crate) etag: String,
    pub(crate) blob: Blob,
    pub(crate) attributes: Attributes,
    pub(crate) checksum: Checksum,
    pub(crate) parts: Vec<PartOfObject>,
}

impl Store {
    pub(crate) fn open(settings: Settings, folder: Option<&Path>) -> io::Result<Self> {
        let (folder, loaded) = match folder {
            Some(path) => {
                let (folder, loaded) = Folder::open(path)?;
                (Some(folder), loaded)
            }
            None => (
                None,
                Loaded {
                    buckets: BTreeMap::new(),
                    next_id: 0,
                },
            ),
        };
        let shared = Shared {
            settings,
            folder,
            buckets: Mutex::new(loaded.buckets),
            next_id: AtomicU64::new(loaded.next_id),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Keeps the files of a folder store, whatever is dropped from now on.
    pub(crate) fn close(&self) {
        if let Some(folder) = &self.shared.folder {
            folder.close();
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Locks a bucket; nothing else happens in the store until the guard is dropped.
    pub(crate) fn bucket(&self, name: &str) -> S3Result<MappedMutexGuard<'_, Bucket>> {
        MutexGuard::try_map(self.shared.buckets.lock(), |buckets| buckets.get_mut(name))
            .map_err(|_| errors::no_such_bucket())
    }

    pub(crate) fn bucket_names(&self) -> Vec<(String, Millis)> {
        self.shared
            .buckets
            .lock()
            .iter()
            .map(|(name, bucket)| (name.clone(), bucket.created))
            .collect()
    }

    pub(crate) fn make_bucket(&self, name: &str) -> S3Result {
        let mut buckets = self.shared.buckets.lock();
        if buckets.contains_key(name) {
            return Err(S3Error::with_message(
                S3ErrorCode::BucketAlreadyOwnedByYou,
                "Your previous request to create the named bucket succeeded and you already own it.",
            ));
        }
        let bucket = Bucket::new(Millis::now());
        self.on_folder(|folder| folder.save_bucket(name, bucket.created))?;
        buckets.insert(name.to_owned(), bucket);
        Ok(())
    }

    pub(crate) fn remove_bucket(&self, name: &str) -> S3Result {
        let mut buckets = self.shared.buckets.lock();
        let bucket = buckets.get(name).ok_or_else(errors::no_such_bucket)?;
        if !bucket.objects.is_empty() {
            return Err(S3Error::with_message(
                S3ErrorCode::BucketNotEmpty,
                "The bucket you tried to delete is not empty",
            ));
        }
        self.on_folder(|folder| folder.remove_bucket(name))?;
        buckets.remove(name);
        Ok(())
    }

    /// Keeps received bytes, in memory or in a file.
    pub(crate) fn keep(&self, bytes: Bytes) -> S3Result<Blob> {
        match &self.shared.folder {
            Some(folder) => folder
                .write_data(&self.new_id(), &bytes)
                .map_err(errors::internal),
            None => Ok(Blob::new([Segment::Memory(bytes)])),
        }
    }

    pub(crate) fn put_object(
        &self,
        bucket: &str,
        key: &str,
        new: NewObject,
        conditions: &WriteConditions,
    ) -> S3Result<Arc<Object>> {
        let mut bucket_state = self.bucket(bucket)?;
        conditions.check(bucket_state.objects.get(key).map(Arc::as_ref))?;
        self.insert_object(&mut bucket_state, bucket, key, new)
    }

    /// Replaces whatever was at the key.
    fn insert_object(
        &self,
        state: &mut Bucket,
        bucket: &str,
        key: &str,
        new: NewObject,
    ) -> S3Result<Arc<Object>> {
        let NewObject {
            etag,
            blob,
            attributes,
            checksum,
            parts,
        } = new;
        let object = Object {
            id: self.new_id(),
            etag,
            modified: Millis::now(),
            blob,
            attributes,
            checksum,
            parts,
        };
        if self.settings().deviations.tree {
            check_tree(state, key)?;
        }
        let object = Arc::new(object);
        self.on_folder(|folder| folder.save_object(bucket, key, &object))?;
        if let Some(old) = state.objects.insert(key.to_owned(), Arc::clone(&object)) {
            self.on_folder(|folder| folder.remove_object(bucket, &old))?;
        }
        Ok(object)
    }

    /// Whether there was such an object.
    pub(crate) fn delete_object(
        &self,
        bucket: &str,
        key: &str,
        check: impl FnOnce(Option<&Object>) -> S3Result,
    ) -> S3Result<bool> {
        let mut state = self.bucket(bucket)?;
        check(state.objects.get(key).map(Arc::as_ref))?;
        let Some(object) = state.objects.remove(key) else {
            return Ok(false);
        };
        self.on_folder(|folder| folder.remove_object(bucket, &object))?;
        Ok(true)
    }

    fn on_folder(&self, act: impl FnOnce(&Folder) -> io::Result<()>) -> S3Result {
        self.shared
            .folder
            .as_ref()
            .map_or(Ok(()), act)
            .map_err(errors::internal)
    }

    /// Sorts behind all earlier ones, and cannot be guessed from them.
    fn new_id(&self) -> String {
        let number = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        format!("{number:016x}{:016x}", rand::random::<u64>())
    }
}

/// Refuses what would be a file and a directory at a time. A marker `dir/` is the directory itself.
fn check_tree(state: &Bucket, key: &str) -> S3Result {
    let path = key.strip_suffix('/').unwrap_or(key);
    let above = path.match_indices('/').map(|(at, _)| &path[..at]);
    let own = (path.len() < key.len()).then_some(path);
    if above.chain(own).any(|file| state.objects.contains_key(file)) {
        return Err(errors::existing_object_is("File", "a file"));
    }
    let below = format!("{path}/");
    let mut behind = state.objects.range(below.clone()..);
    let is_directory = behind.next().is_some_and(|(other, _)| other.starts_with(&below));
    if own.is_none() && is_directory {
        return Err(errors::existing_object_is("Directory", "a directory"));
    }
    Ok(())
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}
