//! Reads a folder store at start.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::de::DeserializeOwned;

use super::Folder;
use super::records::{BucketRecord, ObjectRecord, PartRecord, SegmentRecord, UploadRecord};
use crate::blob::{Blob, DataFile, Segment};
use crate::multipart::Part;
use crate::store::Bucket;

/// What a folder holds.
pub(crate) struct Loaded {
    pub(crate) buckets: BTreeMap<String, Bucket>,
    /// Higher than the number of any id in use.
    pub(crate) next_id: u64,
}

/// Data files by id, shared between all records that refer to them.
type Files = HashMap<String, Arc<DataFile>>;

impl Folder {
    pub(super) fn load(&self) -> io::Result<Loaded> {
        let mut files = Files::new();
        let mut loaded = Loaded {
            buckets: BTreeMap::new(),
            next_id: 0,
        };
        for path in sorted(&self.root.join("buckets"))? {
            // A bucket without a record was being created or removed.
            if let Ok(record) = read_json::<BucketRecord>(&path.join("bucket.json")) {
                let bucket = self.load_bucket(&path, &record, &mut files, &mut loaded.next_id)?;
                loaded.buckets.insert(file_stem(&path), bucket);
            }
        }
        for path in sorted(&self.root.join("data"))? {
            loaded.next_id = loaded.next_id.max(after(&file_stem(&path)));
            if !files.contains_key(&file_stem(&path)) {
                fs::remove_file(path)?;
            }
        }
        // Before `files` is dropped: what only replaced records referred to goes with it.
        self.open.store(true, Ordering::Release);
        Ok(loaded)
    }

    fn load_bucket(
        &self,
        dir: &Path,
        record: &BucketRecord,
        files: &mut Files,
        next_id: &mut u64,
    ) -> io::Result<Bucket> {
        let mut bucket = Bucket::new(record.created);
        // In the order of ids: of two records for a key, of which a crash left the older, the later wins.
        for path in sorted(&dir.join("objects"))? {
            let id = file_stem(&path);
            *next_id = after(&id).max(*next_id);
            let record: ObjectRecord = read_json(&path)?;
            let blob = self.blob(&record.segments, files);
            let (key, object) = record.into_object(id, blob);
            if let Some(old) = bucket.objects.insert(key, Arc::new(object)) {
                fs::remove_file(dir.join("objects").join(format!("{}.json", old.id)))?;
            }
        }
        for path in sorted(&dir.join("completed"))? {
            *next_id = after(&file_stem(&path)).max(*next_id);
            bucket.completed.insert(file_stem(&path), read_json(&path)?);
        }
        for path in sorted(&dir.join("uploads"))? {
            let id = file_stem(&path);
            *next_id = after(&id).max(*next_id);
            let record = read_json::<UploadRecord>(&path.join("upload.json"));
            if bucket.completed.contains_key(&id) || record.is_err() {
                fs::remove_dir_all(&path)?;
                continue;
            }
            let parts = self.load_parts(&path, files)?;
            let (key, upload) = record?.into_upload(parts);
            bucket.uploads.insert((key, id), upload);
        }
        Ok(bucket)
    }

    fn load_parts(&self, dir: &Path, files: &mut Files) -> io::Result<BTreeMap<u16, Part>> {
        let mut parts = BTreeMap::new();
        for path in sorted(dir)? {
            if let Ok(number) = file_stem(&path).parse() {
                let record: PartRecord = read_json(&path)?;
                let blob = self.blob(&record.segments, files);
                parts.insert(number, record.into_part(blob));
            }
        }
        Ok(parts)
    }

    fn blob(&self, records: &[SegmentRecord], files: &mut Files) -> Blob {
        Blob::new(records.iter().map(|record| {
            let file = files
                .entry(record.data.clone())
                .or_insert_with(|| Arc::new(self.data_file(&record.data)));
            Segment::File {
                file: Arc::clone(file),
                offset: record.offset,
                len: record.len,
            }
        }))
    }
}

/// Entries by name; unfinished records are removed.
fn sorted(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_file() && path.extension().is_some_and(|e| e == "tmp") {
            fs::remove_file(path)?;
        } else {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The name without `.json`. Names of buckets may contain dots.
fn file_stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(".json").unwrap_or(&name).to_owned()
}

/// The number behind that at the front of an id.
fn after(id: &str) -> u64 {
    let digits = id
        .get(..16)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    digits.map_or(0, |number| number + 1)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}
