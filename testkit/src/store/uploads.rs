//! Multipart uploads in the store.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use parking_lot::MappedMutexGuard;
use s3s::S3Result;

use super::{Bucket, NewObject, Store};
use crate::conditions::WriteConditions;
use crate::errors;
use crate::multipart::{CompleteRequest, Completed, Part, Upload};

impl Store {
    /// Opens an upload and returns its id.
    pub(crate) fn create_upload(&self, bucket: &str, key: &str, upload: Upload) -> S3Result<String> {
        let mut state = self.bucket(bucket)?;
        let mut id = self.new_id();
        if self.settings().ceph_uploads {
            id.insert_str(0, "2~");
        }
        self.on_folder(|folder| folder.save_upload(bucket, &id, key, &upload))?;
        state.uploads.insert((key.to_owned(), id.clone()), upload);
        Ok(id)
    }

    /// Applies `read` to an open upload.
    pub(crate) fn upload<T>(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        read: impl FnOnce(&Upload) -> S3Result<T>,
    ) -> S3Result<T> {
        let state = self.bucket(bucket)?;
        read(find(&state, key, id)?)
    }

    pub(crate) fn put_part(&self, bucket: &str, key: &str, id: &str, number: u16, part: Part) -> S3Result {
        let mut state = self.bucket(bucket)?;
        let upload = state
            .uploads
            .get_mut(&(key.to_owned(), id.to_owned()))
            .ok_or_else(errors::no_such_upload)?;
        self.on_folder(|folder| folder.save_part(bucket, id, number, &part))?;
        upload.parts.insert(number, part);
        Ok(())
    }

    pub(crate) fn abort_upload(&self, bucket: &str, key: &str, id: &str) -> S3Result {
        let mut state = self.bucket(bucket)?;
        let upload = state.uploads.remove(&(key.to_owned(), id.to_owned()));
        upload.ok_or_else(errors::no_such_upload)?;
        self.on_folder(|folder| folder.remove_upload(bucket, id))
    }

    /// Forgets an upload as if it had never been, whether it is open or was completed; whether there was one.
    pub(crate) fn forget_upload(&self, bucket: &str, key: &str, id: &str) -> S3Result<bool> {
        let mut state = self.bucket(bucket)?;
        let was_open = state.uploads.remove(&(key.to_owned(), id.to_owned())).is_some();
        if was_open {
            self.on_folder(|folder| folder.remove_upload(bucket, id))?;
        }
        let was_completed = state
            .completed
            .get(id)
            .is_some_and(|completed| completed.key == key);
        if was_completed {
            state.completed.remove(id);
            self.on_folder(|folder| folder.remove_completed(bucket, id))?;
        }
        Ok(was_open || was_completed)
    }

    /// Makes the object. As on AWS, a repetition succeeds and changes nothing, even after the object is gone;
    /// conditions are checked each time, so one that the first call made untrue fails the second.
    pub(crate) fn complete_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        request: &CompleteRequest,
        conditions: &WriteConditions,
    ) -> S3Result<Completed> {
        let state = self.bucket(bucket)?;
        let existing = state.objects.get(key).cloned();
        if self.settings().ceph_uploads {
            if let Some(completed) = state.completed.get(id)
                && existing.is_some_and(|object| object.etag == completed.etag)
            {
                return Ok(completed.clone());
            }
            let upload = find(&state, key, id).map_err(|_| errors::completion_in_progress())?;
            if upload.parts.len() != request.parts.len() {
                return Err(errors::invalid_part());
            }
            return self.make_object(state, bucket, key, id, request);
        }
        if let Some(completed) = state.completed.get(id).filter(|c| c.key == key) {
            conditions.check(existing.as_deref())?;
            return Ok(completed.clone());
        }
        find(&state, key, id)?;
        conditions.check(existing.as_deref())?;
        self.make_object(state, bucket, key, id, request)
    }

    /// Makes the object of an open upload, which ends with it.
    fn make_object(
        &self,
        mut state: MappedMutexGuard<'_, Bucket>,
        bucket: &str,
        key: &str,
        id: &str,
        request: &CompleteRequest,
    ) -> S3Result<Completed> {
        let upload = find(&state, key, id)?;
        let settings = self.settings();
        let mut assembled = upload.assemble(request, settings.min_part_size, settings.equal_parts)?;
        if settings.deviations.opaque_tags_of_parts {
            assembled.etag = BASE64.encode(rand::random::<[u8; 12]>());
        }
        let completed = Completed {
            key: key.to_owned(),
            etag: assembled.etag.clone(),
            checksum: assembled.checksum.clone(),
            attributes: upload.attributes.clone(),
        };
        let new = NewObject {
            etag: assembled.etag,
            blob: assembled.blob,
            attributes: upload.attributes.clone(),
            checksum: assembled.checksum,
            parts: assembled.parts,
        };
        self.insert_object(&mut state, bucket, key, new)?;
        if !self.settings().forget_completed_uploads {
            self.on_folder(|folder| folder.save_completed(bucket, id, &completed))?;
            state.completed.insert(id.to_owned(), completed.clone());
        }
        state.uploads.remove(&(key.to_owned(), id.to_owned()));
        self.on_folder(|folder| folder.remove_upload(bucket, id))?;
        Ok(completed)
    }

    /// The open uploads of a bucket without their parts, by key and age.
    pub(crate) fn uploads(&self, bucket: &str) -> S3Result<Vec<(String, String, Upload)>> {
        let state = self.bucket(bucket)?;
        let copy = |((key, id), upload): (&(String, String), &Upload)| {
            let upload = Upload {
                initiated: upload.initiated,
                attributes: upload.attributes.clone(),
                checksum: upload.checksum,
                parts: BTreeMap::new(),
            };
            (key.clone(), id.clone(), upload)
        };
        Ok(state.uploads.iter().map(copy).collect())
    }
}

fn find<'a>(state: &'a Bucket, key: &str, id: &str) -> S3Result<&'a Upload> {
    state
        .uploads
        .get(&(key.to_owned(), id.to_owned()))
        .ok_or_else(errors::no_such_upload)
}
