//! A store on a folder: data in files named by id, and a JSON record for each object, upload and part.
//!
//! ```text
//! data/<id>                                     bytes of a PUT or part
//! buckets/<bucket>/bucket.json
//! buckets/<bucket>/objects/<id>.json            names its key: keys are not file names
//! buckets/<bucket>/uploads/<upload>/upload.json
//! buckets/<bucket>/uploads/<upload>/<part>.json
//! buckets/<bucket>/completed/<upload>.json
//! ```
//!
//! Data is written before the record that refers to it; a record appears by renaming. What a crash leaves
//! unreferenced is removed at the next start.

mod loading;
mod records;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use serde::Serialize;

use crate::blob::{Blob, DataFile, Segment};
use crate::multipart::{Completed, Part, Upload};
use crate::object::{Millis, Object};
use records::{BucketRecord, ObjectRecord, PartRecord, UploadRecord};

pub(crate) use loading::Loaded;

/// Writes what changes; everything but the data is also kept in memory.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    /// Not set while loading either, so that a record which cannot be read costs no data.
    open: Arc<AtomicBool>,
}

impl Folder {
    /// Opens or creates a store, and reads what it holds.
    pub(crate) fn open(root: &Path) -> io::Result<(Self, Loaded)> {
        fs::create_dir_all(root.join("data"))?;
        fs::create_dir_all(root.join("buckets"))?;
        let folder = Self {
            root: root.to_owned(),
            open: Arc::new(AtomicBool::new(false)),
        };
        let loaded = folder.load()?;
        Ok((folder, loaded))
    }

    /// From here on, dropping objects does not mean deleting them.
    pub(crate) fn close(&self) {
        self.open.store(false, Ordering::Release);
    }

    pub(crate) fn write_data(&self, id: &str, bytes: &Bytes) -> io::Result<Blob> {
        if bytes.is_empty() {
            return Ok(Blob::default());
        }
        let file = self.data_file(id);
        fs::write(&file.path, bytes)?;
        let segment = Segment::File {
            file: Arc::new(file),
            offset: 0,
            len: bytes.len() as u64,
        };
        Ok(Blob::new([segment]))
    }

    pub(crate) fn save_bucket(&self, bucket: &str, created: Millis) -> io::Result<()> {
        for sub in ["objects", "uploads", "completed"] {
            fs::create_dir_all(self.bucket(bucket).join(sub))?;
        }
        write_json(
            &self.bucket(bucket).join("bucket.json"),
            &BucketRecord { created },
        )
    }

    pub(crate) fn remove_bucket(&self, bucket: &str) -> io::Result<()> {
        fs::remove_dir_all(self.bucket(bucket))
    }

    pub(crate) fn save_object(&self, bucket: &str, key: &str, object: &Object) -> io::Result<()> {
        write_json(&self.object(bucket, &object.id), &ObjectRecord::new(key, object))
    }

    pub(crate) fn remove_object(&self, bucket: &str, object: &Object) -> io::Result<()> {
        fs::remove_file(self.object(bucket, &object.id))
    }

    pub(crate) fn save_upload(&self, bucket: &str, id: &str, key: &str, upload: &Upload) -> io::Result<()> {
        let dir = self.upload(bucket, id);
        fs::create_dir_all(&dir)?;
        write_json(&dir.join("upload.json"), &UploadRecord::new(key, upload))
    }

    pub(crate) fn save_part(&self, bucket: &str, upload: &str, number: u16, part: &Part) -> io::Result<()> {
        let path = self.upload(bucket, upload).join(format!("{number}.json"));
        write_json(&path, &PartRecord::new(part))
    }

    pub(crate) fn remove_upload(&self, bucket: &str, id: &str) -> io::Result<()> {
        fs::remove_dir_all(self.upload(bucket, id))
    }

    pub(crate) fn save_completed(&self, bucket: &str, id: &str, completed: &Completed) -> io::Result<()> {
        write_json(
            &self.bucket(bucket).join("completed").join(format!("{id}.json")),
            completed,
        )
    }

    pub(crate) fn remove_completed(&self, bucket: &str, id: &str) -> io::Result<()> {
        fs::remove_file(self.bucket(bucket).join("completed").join(format!("{id}.json")))
    }

    fn data_file(&self, id: &str) -> DataFile {
        DataFile {
            id: id.to_owned(),
            path: self.root.join("data").join(id),
            owned: Arc::clone(&self.open),
        }
    }

    fn bucket(&self, bucket: &str) -> PathBuf {
        self.root.join("buckets").join(bucket)
    }

    fn object(&self, bucket: &str, id: &str) -> PathBuf {
        self.bucket(bucket).join("objects").join(format!("{id}.json"))
    }

    fn upload(&self, bucket: &str, id: &str) -> PathBuf {
        self.bucket(bucket).join("uploads").join(id)
    }
}

fn write_json(path: &Path, record: &impl Serialize) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = fs::File::create(&temporary)?;
    file.write_all(&serde_json::to_vec(record)?)?;
    fs::rename(&temporary, path)
}
