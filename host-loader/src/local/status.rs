//! [`FileStatus`] of what the operating system knows about a file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plugin_api::{FileStatus, Location};

/// The status of an entry. Devices, pipes and sockets show as files without content.
pub(super) fn file_status(location: Location, metadata: &Metadata) -> FileStatus {
    let status = if metadata.is_dir() {
        FileStatus::directory(location)
    } else if metadata.is_file() {
        FileStatus::file(location, metadata.len()).with_etag(Version::of(metadata).etag())
    } else {
        FileStatus::file(location, 0)
    };
    status.with_modified(modified(metadata))
}

/// The time of the last modification in the precision of [`FileStatus`].
fn modified(metadata: &Metadata) -> Option<SystemTime> {
    let nanos = u64::try_from(metadata.mtime_nsec()).unwrap_or(0);
    let within = Duration::from_millis(nanos / 1_000_000);
    let seconds = Duration::from_secs(metadata.mtime().unsigned_abs());
    let whole = if metadata.mtime() < 0 {
        UNIX_EPOCH.checked_sub(seconds)
    } else {
        UNIX_EPOCH.checked_add(seconds)
    };
    whole?.checked_add(within)
}

/// What tells one content of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    inode: u64,
    modified: (i64, i64),
    pub(super) len: u64,
}

impl Version {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            len: metadata.len(),
        }
    }

    pub(super) fn etag(&self) -> String {
        let (seconds, nanos) = self.modified;
        let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        format!("{:x}-{nanos:x}-{:x}", self.inode, self.len)
    }
}
