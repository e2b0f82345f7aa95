//! The JSON records of a folder store.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, Segment};
use crate::checksums::{Algorithm, Checksum, Kind};
use crate::multipart::{Part, Upload};
use crate::object::{Attributes, Millis, Object, PartOfObject};

#[derive(Serialize, Deserialize)]
pub(super) struct BucketRecord {
    pub(super) created: Millis,
}

/// A range of a data file.
#[derive(Serialize, Deserialize)]
pub(super) struct SegmentRecord {
    pub(super) data: String,
    pub(super) offset: u64,
    pub(super) len: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ObjectRecord {
    pub(super) key: String,
    pub(super) etag: String,
    pub(super) modified: Millis,
    pub(super) segments: Vec<SegmentRecord>,
    pub(super) attributes: Attributes,
    pub(super) checksum: Checksum,
    pub(super) parts: Vec<PartOfObject>,
}

impl ObjectRecord {
    pub(super) fn new(key: &str, object: &Object) -> Self {
        Self {
            key: key.to_owned(),
            etag: object.etag.clone(),
            modified: object.modified,
            segments: segments(&object.blob),
            attributes: object.attributes.clone(),
            checksum: object.checksum.clone(),
            parts: object.parts.clone(),
        }
    }

    pub(super) fn into_object(self, id: String, blob: Blob) -> (String, Object) {
        let object = Object {
            id,
            etag: self.etag,
            modified: self.modified,
            blob,
            attributes: self.attributes,
            checksum: self.checksum,
            parts: self.parts,
        };
        (self.key, object)
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct UploadRecord {
    pub(super) key: String,
    pub(super) initiated: Millis,
    pub(super) attributes: Attributes,
    pub(super) checksum: Option<(Algorithm, Kind)>,
}

impl UploadRecord {
    pub(super) fn new(key: &str, upload: &Upload) -> Self {
        Self {
            key: key.to_owned(),
            initiated: upload.initiated,
            attributes: upload.attributes.clone(),
            checksum: upload.checksum,
        }
    }

    pub(super) fn into_upload(self, parts: BTreeMap<u16, Part>) -> (String, Upload) {
        let upload = Upload {
            initiated: self.initiated,
            attributes: self.attributes,
            checksum: self.checksum,
            parts,
        };
        (self.key, upload)
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct PartRecord {
    pub(super) etag: String,
    pub(super) modified: Millis,
    pub(super) segments: Vec<SegmentRecord>,
    pub(super) checksum: Checksum,
}

impl PartRecord {
    pub(super) fn new(part: &Part) -> Self {
        Self {
            etag: part.etag.clone(),
            modified: part.modified,
            segments: segments(&part.blob),
            checksum: part.checksum.clone(),
        }
    }

    pub(super) fn into_part(self, blob: Blob) -> Part {
        Part {
            etag: self.etag,
            modified: self.modified,
            blob,
            checksum: self.checksum,
        }
    }
}

fn segments(blob: &Blob) -> Vec<SegmentRecord> {
    let of_file = |segment: &Segment| match segment {
        Segment::File { file, offset, len } => Some(SegmentRecord {
            data: file.id.clone(),
            offset: *offset,
            len: *len,
        }),
        // A folder store writes all data to files.
        Segment::Memory(_) => None,
    };
    blob.segments().iter().filter_map(of_file).collect()
}
