//! What tests use to look into a server, and to prepare what it holds.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use s3s::S3Result;
use s3s::validation::NameValidation as _;

use super::{NewObject, Store};
use crate::bucket_names::BucketNames;
use crate::checksums::Algorithm;
use crate::conditions::WriteConditions;
use crate::multipart::UploadInfo;
use crate::object::{Attributes, ObjectInfo};
use crate::payload::Digests;

impl Store {
    /// Creates a bucket; one of that name may exist.
    ///
    /// # Panics
    /// If S3 does not allow the name.
    pub fn create_bucket(&self, name: &str) {
        assert!(
            BucketNames.validate_bucket_name(name),
            "not a bucket name: {name:?}"
        );
        // The only other failures are those of the folder, which a test cannot go on without.
        if self.bucket(name).is_err() {
            self.make_bucket(name)
                .expect("the bucket was absent and the folder is writable");
        }
    }

    /// Names of the buckets, sorted.
    pub fn buckets(&self) -> Vec<String> {
        self.bucket_names().into_iter().map(|(name, _)| name).collect()
    }

    /// The objects of a bucket in the order of a listing; none, if there is no such bucket.
    pub fn objects(&self, bucket: &str) -> Vec<ObjectInfo> {
        let Ok(bucket) = self.bucket(bucket) else {
            return Vec::new();
        };
        bucket
            .objects
            .iter()
            .map(|(key, object)| object.info(key))
            .collect()
    }

    /// The keys of a bucket in the order of a listing; none, if there is no such bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let Ok(bucket) = self.bucket(bucket) else {
            return Vec::new();
        };
        bucket.objects.keys().cloned().collect()
    }

    /// Describes an object.
    pub fn object(&self, bucket: &str, key: &str) -> Option<ObjectInfo> {
        self.bucket(bucket)
            .ok()?
            .object(key)
            .ok()
            .map(|object| object.info(key))
    }

    /// The content of an object.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let object = self.bucket(bucket).ok()?.object(key).ok()?;
        Some(
            object
                .blob
                .read()
                .expect("data files live as long as objects refer to them"),
        )
    }

    /// Stores an object, as an unconditional PUT without headers does.
    ///
    /// # Panics
    /// If there is no such bucket.
    pub fn put(&self, bucket: &str, key: &str, content: impl Into<Bytes>) {
        let stored = self.store(bucket, key, content.into());
        assert!(
            stored.is_ok(),
            "cannot store {key:?} in bucket {bucket:?}: {stored:?}"
        );
    }

    /// Stores an object without metadata, if there is such a bucket.
    pub(crate) fn swap(&self, bucket: &str, key: &str, content: impl Into<Bytes>) {
        drop(self.store(bucket, key, content.into()));
    }

    fn store(&self, bucket: &str, key: &str, content: Bytes) -> S3Result {
        let mut digests = Digests::new(self.settings().etag, Algorithm::Crc64Nvme, false);
        digests.update(&content);
        let (etag, checksum, _) = digests.finish();
        let blob = self.keep(content)?;
        let new = NewObject {
            etag,
            blob,
            attributes: Attributes::default(),
            checksum,
            parts: Vec::new(),
        };
        self.put_object(bucket, key, new, &WriteConditions::default())
            .map(drop)
    }

    /// Deletes an object, and tells whether there was one.
    pub fn delete(&self, bucket: &str, key: &str) -> bool {
        self.delete_object(bucket, key, |_| Ok(())).unwrap_or(false)
    }

    /// Forgets an upload, open or completed, as if it had never been: what a lifecycle rule does. Tells whether
    /// there was one.
    pub fn expire_upload(&self, bucket: &str, key: &str, upload_id: &str) -> bool {
        self.forget_upload(bucket, key, upload_id).unwrap_or(false)
    }

    /// Uploads that are neither completed nor aborted, by key and age.
    pub fn open_uploads(&self, bucket: &str) -> Vec<UploadInfo> {
        let Ok(bucket) = self.bucket(bucket) else {
            return Vec::new();
        };
        let info = |((key, id), upload): (&(String, String), &crate::multipart::Upload)| UploadInfo {
            key: key.clone(),
            upload_id: id.clone(),
            parts: upload
                .parts
                .iter()
                .map(|(number, part)| (*number, part.blob.len()))
                .collect(),
            encryption: upload.attributes.encryption.clone(),
        };
        bucket.uploads.iter().map(info).collect()
    }

    /// Lets an open upload appear to have been begun so much earlier, and tells whether there is one.
    ///
    /// # Panics
    /// If the server keeps its state in a folder that cannot be written to.
    pub fn backdate_upload(&self, bucket: &str, upload_id: &str, by: Duration) -> bool {
        let Ok(mut state) = self.bucket(bucket) else {
            return false;
        };
        let Some(((key, _), upload)) = state.uploads.iter_mut().find(|((_, id), _)| id == upload_id) else {
            return false;
        };
        upload.initiated = upload.initiated.earlier(by);
        self.on_folder(|folder| folder.save_upload(bucket, upload_id, key, upload))
            .expect("the folder is writable");
        true
    }

    /// Bytes held by objects and open uploads; what several refer to counts for each.
    pub fn size(&self) -> u64 {
        let buckets = self.shared.buckets.lock();
        let objects = buckets
            .values()
            .flat_map(|b| b.objects.values().map(Arc::as_ref).map(|o| o.blob.len()));
        let parts = buckets
            .values()
            .flat_map(|b| b.uploads.values())
            .flat_map(|u| u.parts.values());
        objects.sum::<u64>() + parts.map(|p| p.blob.len()).sum::<u64>()
    }
}
