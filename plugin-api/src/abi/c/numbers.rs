//! The numbers of the C entry: error kinds, capabilities, flags. Part of the header.

/// Anything that no other kind describes.
pub const FSPLUG_ERROR_OTHER: u32 = 0;
/// The file, directory or bucket does not exist.
pub const FSPLUG_ERROR_NOT_FOUND: u32 = 1;
/// The target exists and must not be overwritten.
pub const FSPLUG_ERROR_ALREADY_EXISTS: u32 = 2;
/// The identity is known but may not do this.
pub const FSPLUG_ERROR_PERMISSION_DENIED: u32 = 3;
/// No usable credentials, or the service does not accept them.
pub const FSPLUG_ERROR_UNAUTHENTICATED: u32 = 4;
/// The location is malformed or cannot be a file here.
pub const FSPLUG_ERROR_INVALID_PATH: u32 = 5;
/// An argument is out of range or contradicts another.
pub const FSPLUG_ERROR_INVALID_INPUT: u32 = 6;
/// A configuration value is missing, malformed or out of range.
pub const FSPLUG_ERROR_INVALID_CONFIG: u32 = 7;
/// The plugin or the store cannot do this.
pub const FSPLUG_ERROR_UNSUPPORTED: u32 = 8;
/// A file where a directory is needed.
pub const FSPLUG_ERROR_NOT_A_DIRECTORY: u32 = 9;
/// A directory where a file is needed.
pub const FSPLUG_ERROR_IS_A_DIRECTORY: u32 = 10;
/// A directory with content, deleted without `recursive`.
pub const FSPLUG_ERROR_DIRECTORY_NOT_EMPTY: u32 = 11;
/// The file changed while it was being read or committed.
pub const FSPLUG_ERROR_CHANGED: u32 = 12;
/// Something else stands where our result should be.
pub const FSPLUG_ERROR_CONFLICT: u32 = 13;
/// A precondition that the caller stated does not hold.
pub const FSPLUG_ERROR_PRECONDITION_FAILED: u32 = 14;
/// The service asks for fewer requests.
pub const FSPLUG_ERROR_THROTTLED: u32 = 15;
/// A deadline passed.
pub const FSPLUG_ERROR_TIMEOUT: u32 = 16;
/// The service cannot be reached or failed.
pub const FSPLUG_ERROR_UNAVAILABLE: u32 = 17;
/// Data ended before its declared length.
pub const FSPLUG_ERROR_UNEXPECTED_EOF: u32 = 18;
/// Data or state does not match its checksum or format.
pub const FSPLUG_ERROR_CORRUPT: u32 = 19;
/// The stream, file system or plugin is closed.
pub const FSPLUG_ERROR_CLOSED: u32 = 20;
/// The operation was cancelled.
pub const FSPLUG_ERROR_CANCELLED: u32 = 21;
/// A panic inside the plugin, caught at the boundary.
pub const FSPLUG_ERROR_PLUGIN_PANIC: u32 = 22;
/// A plugin cannot be loaded or refuses this host.
pub const FSPLUG_ERROR_PLUGIN_LOAD: u32 = 23;
/// No plugin serves the scheme.
pub const FSPLUG_ERROR_UNKNOWN_SCHEME: u32 = 24;
/// The upload that state refers to is gone: expired or aborted.
pub const FSPLUG_ERROR_UPLOAD_GONE: u32 = 25;
/// No memory, disk or connection is left within the limits.
pub const FSPLUG_ERROR_EXHAUSTED: u32 = 26;

/// The same call fails again.
pub const FSPLUG_RETRY_NO: u32 = 0;
/// A later call may succeed.
pub const FSPLUG_RETRY_YES: u32 = 1;
/// A call may succeed after `retry_after_ms`.
pub const FSPLUG_RETRY_AFTER: u32 = 2;

/// `create` without overwriting is atomic: of two racing writers exactly one wins.
pub const FSPLUG_CAN_CREATE_ATOMICALLY: u64 = 1;
/// `rename` of a file is atomic.
pub const FSPLUG_CAN_RENAME_ATOMICALLY: u64 = 2;
/// `rename` accepts a directory.
pub const FSPLUG_CAN_RENAME_DIRECTORIES: u64 = 4;
/// Directories exist by themselves: `mkdirs` makes one that `status` sees.
pub const FSPLUG_CAN_REAL_DIRECTORIES: u64 = 8;
/// Open streams are pinned to the version they were opened on.
pub const FSPLUG_CAN_PINNED_READS: u64 = 16;
/// The functions `recoverable_*` and `committer_*` work.
pub const FSPLUG_CAN_RECOVERABLE_WRITER: u64 = 32;
/// `recoverable_recover` continues a stream (not only commits it).
pub const FSPLUG_CAN_RECOVERABLE_RESUME: u64 = 64;
/// `copy_files` works.
pub const FSPLUG_CAN_BULK_COPY: u64 = 128;
/// Listings may be recursive at the cost of a flat one.
pub const FSPLUG_CAN_RECURSIVE_LIST: u64 = 256;
/// Open uploads can be listed and aborted.
pub const FSPLUG_CAN_PENDING_UPLOADS: u64 = 512;
/// Nothing below a path can be seen before it is published.
pub const FSPLUG_CAN_ATOMIC_PUBLISH: u64 = 1024;
/// `recoverable_verify` works.
pub const FSPLUG_CAN_RECOVERABLE_VERIFY: u64 = 2048;

/// A commit publishes the file.
pub const FSPLUG_COMMITTABLE: u32 = 0;
/// Exactly the bytes that the state covers are published; a commit changes nothing.
pub const FSPLUG_COMMITTED: u32 = 1;
/// What the state refers to expired or was aborted, and nothing of it is published.
pub const FSPLUG_GONE: u32 = 2;
/// Something that a commit would not replace stands in the way.
pub const FSPLUG_CONFLICT: u32 = 3;
/// The store no longer has what was persisted.
pub const FSPLUG_DAMAGED: u32 = 4;

/// For `modified_ms` and `initiated_ms`: the store does not say.
pub const FSPLUG_TIME_UNKNOWN: i64 = i64::MIN;

/// In `flags` of the options of `list`: everything below, files only, instead of one level.
pub const FSPLUG_RECURSIVE: u32 = 1;
/// In `flags` of the options of `create`: replace the file if it exists.
pub const FSPLUG_OVERWRITE: u32 = 1;
/// In `flags` of the options of `create`: replace the configured entropy key in the path with random characters
/// (checkpoint data) instead of removing it.
pub const FSPLUG_INJECT_ENTROPY: u32 = 2;
