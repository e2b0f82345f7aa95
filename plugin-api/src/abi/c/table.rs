//! [`CApi`]: the table of functions.

mod functions;

use std::ffi::{c_char, c_void};

use super::types::{
    CBytes, CCommitter, CCompletion, CCopyOptions, CCopyRequest, CCreateOptions, CError, CFactory,
    CFactoryOptions, CFileSystem, CInputStream, CListOptions, CLister, COpenOptions, COperation,
    COutputStream, CPage, CPair, CRange, CRecoverableInfo, CRecoverableStream, CUploads,
};

pub(super) use functions::table;

/// The table was filled in.
pub const FSPLUG_OK: i32 = 0;
/// The plugin has another major version.
pub const FSPLUG_WRONG_VERSION: i32 = 1;
/// The table is missing, or too small to say anything.
pub const FSPLUG_WRONG_TABLE: i32 = 2;

/// The major version that a caller with this header asks for.
pub const FSPLUG_ABI_MAJOR: u32 = 1;

/// The type of the one function that a plugin exports for callers of this header, under the name `FSPLUG_ENTRY`. It
/// fills in as much of the table as the plugin has and `table_size` allows, and sets the rest to 0: `FSPLUG_OK`,
/// `FSPLUG_WRONG_VERSION` or `FSPLUG_WRONG_TABLE`.
pub type CEntry = unsafe extern "C" fn(abi_major: u32, table: *mut CApi, table_size: usize) -> i32;

/// What a plugin can do. The table grows at its end: a function that the plugin does not have is NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CApi {
    /// Bytes of this table that the plugin filled in.
    pub struct_size: usize,
    /// Major version of the ABI.
    pub abi_major: u32,
    /// Minor version of the ABI.
    pub abi_minor: u32,
    /// The manifest: name, version, schemes and options as JSON in UTF-8, not terminated.
    pub manifest: *const u8,
    /// Length of the manifest in bytes.
    pub manifest_size: usize,

    /// Gives a handle of any kind back, once; does nothing for NULL. Operations that still run on it go on to
    /// their end. An output stream that was not closed publishes nothing.
    pub release: unsafe extern "C" fn(handle: *mut c_void),
    /// Cancels an operation: its callback is called with `FSPLUG_ERROR_CANCELLED`, or with its result if that was
    /// faster. What had been requested may or may not have happened. From any thread, any number of times.
    pub cancel: unsafe extern "C" fn(operation: *const COperation) -> *mut CError,

    /// Takes the plugin into use. Once in a process is enough; runtime and connections belong to the factory.
    pub factory_new:
        unsafe extern "C" fn(options: *const CFactoryOptions, out: *mut *mut CFactory) -> *mut CError,
    /// Ends the work of a factory: running operations may finish within the deadline, new ones fail with
    /// `FSPLUG_ERROR_CLOSED`. The library stays loaded.
    pub factory_shutdown: unsafe extern "C" fn(
        factory: *const CFactory,
        deadline_ms: u64,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Makes the file system of a root such as `s3://bucket`, with the plugin's configuration.
    pub file_system: unsafe extern "C" fn(
        factory: *const CFactory,
        root: *const c_char,
        config: *const CPair,
        config_count: usize,
        out: *mut *mut CFileSystem,
        completion: *const CCompletion,
    ) -> *mut CError,

    /// Lets running operations end within the deadline and refuses new ones with `FSPLUG_ERROR_CLOSED`.
    pub close: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        deadline_ms: u64,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// What the file system promises beyond the basics: the sum of `FSPLUG_CAN_`.
    pub capabilities: unsafe extern "C" fn(file_system: *const CFileSystem, out: *mut u64) -> *mut CError,
    /// The key that `create` replaces in a path; NULL if none is configured.
    pub entropy_key:
        unsafe extern "C" fn(file_system: *const CFileSystem, out: *mut *mut CBytes) -> *mut CError,
    /// The status of a file or directory: a page with one entry.
    pub status: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        path: *const c_char,
        out: *mut *mut CPage,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Whether there is a file or directory. A missing right is an error, not "no".
    pub exists: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        path: *const c_char,
        out: *mut bool,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Lists a directory, or a file as its own only entry.
    pub list: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        path: *const c_char,
        options: *const CListOptions,
        out: *mut *mut CLister,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// The next page of a listing; NULL after the last one. After an error the same page is asked for again.
    pub list_next: unsafe extern "C" fn(
        lister: *const CLister,
        out: *mut *mut CPage,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Opens a file for reading at position 0.
    pub open: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        path: *const c_char,
        options: *const COpenOptions,
        out: *mut *mut CInputStream,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Starts a new file. Nothing can be seen before `output_close` succeeded.
    pub create: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        path: *const c_char,
        options: *const CCreateOptions,
        out: *mut *mut COutputStream,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Deletes a file or an empty directory or, with `recursive` other than 0, all that is below it. `deleted` may
    /// be NULL; false if there was nothing.
    pub delete_path: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        path: *const c_char,
        recursive: u32,
        deleted: *mut bool,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Renames a file, replacing the target; a target that is a directory, or ends with a slash, receives it.
    pub rename: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        from: *const c_char,
        to: *const c_char,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Makes a directory and its parents; succeeds if it exists.
    pub mkdirs: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        path: *const c_char,
        completion: *const CCompletion,
    ) -> *mut CError,

    /// Whether a bulk copy between these two is possible, and faster than reading and writing.
    pub can_copy: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        source: *const c_char,
        target: *const c_char,
        out: *mut bool,
    ) -> *mut CError,
    /// Copies many files at a time, between the store and the local disk (`file:///…`) or inside the store. A target
    /// appears whole or not at all. The first error ends the rest; files that were complete stay.
    pub copy_files: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        requests: *const CCopyRequest,
        request_count: usize,
        options: *const CCopyOptions,
        completion: *const CCompletion,
    ) -> *mut CError,

    /// Reads into memory of the caller: `out` is the number of bytes, 0 only at the end or for no room.
    pub input_read: unsafe extern "C" fn(
        stream: *const CInputStream,
        buffer: *mut u8,
        size: usize,
        out: *mut usize,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// The next bytes, 1 to `max`, without copying them; no bytes only at the end or for no `max`.
    pub input_read_chunk: unsafe extern "C" fn(
        stream: *const CInputStream,
        max: usize,
        out: *mut *mut CBytes,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Reads several ranges at once; the position does not move. `out` has room for `count` pointers, in the order of
    /// the ranges; after an error all are NULL.
    pub input_read_ranges: unsafe extern "C" fn(
        stream: *const CInputStream,
        ranges: *const CRange,
        count: usize,
        out: *mut *mut CBytes,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Moves the position, without any I/O; the length itself is legal.
    pub input_seek: unsafe extern "C" fn(stream: *const CInputStream, position: u64) -> *mut CError,
    /// The position of the next read.
    pub input_position: unsafe extern "C" fn(stream: *const CInputStream, out: *mut u64) -> *mut CError,
    /// The length of the file.
    pub input_size: unsafe extern "C" fn(stream: *const CInputStream, out: *mut u64) -> *mut CError,
    /// Releases what the stream holds, without reading to the end. The handle is still to be released.
    pub input_close:
        unsafe extern "C" fn(stream: *const CInputStream, completion: *const CCompletion) -> *mut CError,

    /// Appends all of the data. Waits while the memory budget is used up.
    pub output_write: unsafe extern "C" fn(
        stream: *const COutputStream,
        data: *const u8,
        size: usize,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Bytes written so far.
    pub output_position: unsafe extern "C" fn(stream: *const COutputStream, out: *mut u64) -> *mut CError,
    /// The location that will be published: what was asked for, after entropy injection.
    pub output_location:
        unsafe extern "C" fn(stream: *const COutputStream, out: *mut *mut CBytes) -> *mut CError,
    /// Hands buffered data on, as far as the store allows. Publishes nothing.
    pub output_flush:
        unsafe extern "C" fn(stream: *const COutputStream, completion: *const CCompletion) -> *mut CError,
    /// Waits until the data handed on is stored, as far as the store allows. Publishes nothing.
    pub output_sync:
        unsafe extern "C" fn(stream: *const COutputStream, completion: *const CCompletion) -> *mut CError,
    /// Publishes the file. `out` may be NULL, or receives its status. The handle is still to be released.
    pub output_close: unsafe extern "C" fn(
        stream: *const COutputStream,
        out: *mut *mut CPage,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Gives the file up: nothing is published and nothing left behind. The handle is still to be released.
    pub output_abort:
        unsafe extern "C" fn(stream: *const COutputStream, completion: *const CCompletion) -> *mut CError,

    /// Starts a file that is published exactly once. A commit replaces what is there unless `options` forbid it.
    pub recoverable_open: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        path: *const c_char,
        options: *const CCreateOptions,
        out: *mut *mut CRecoverableStream,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Continues a file at the position that a state covers; whatever was written later is gone. Version and bytes
    /// are those of `recoverable_persist`.
    pub recoverable_recover: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        version: u32,
        state: *const u8,
        state_size: usize,
        out: *mut *mut CRecoverableStream,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// A committer that publishes exactly the bytes that a state covers.
    pub recoverable_recover_for_commit: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        version: u32,
        state: *const u8,
        state_size: usize,
        out: *mut *mut CCommitter,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Whether `recoverable_cleanup` has anything to do for states of this file system.
    pub recoverable_requires_cleanup:
        unsafe extern "C" fn(file_system: *const CFileSystem, out: *mut bool) -> *mut CError,
    /// Deletes what a state that will never be used again holds beside the upload itself. `cleaned` may be NULL;
    /// false if there was nothing.
    pub recoverable_cleanup: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        version: u32,
        state: *const u8,
        state_size: usize,
        cleaned: *mut bool,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Gives up the file of a state for good. Succeeds if that was done before.
    pub recoverable_discard: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        version: u32,
        state: *const u8,
        state_size: usize,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Reads a state without any request.
    pub recoverable_inspect: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        version: u32,
        state: *const u8,
        state_size: usize,
        out: *mut *mut CRecoverableInfo,
    ) -> *mut CError,
    /// Finds out what a commit of a state would come to, and changes nothing: `condition` is `FSPLUG_COMMITTABLE`,
    /// `FSPLUG_COMMITTED`, `FSPLUG_GONE`, `FSPLUG_CONFLICT` or `FSPLUG_DAMAGED`. `why` may be NULL; it receives a text
    /// for the last three and NULL for the others.
    pub recoverable_verify: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        version: u32,
        state: *const u8,
        state_size: usize,
        condition: *mut u32,
        why: *mut *mut CBytes,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// One page of the open uploads below a path: the first with a `token` that is NULL, the next with `next_token`.
    pub pending_uploads: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        under: *const c_char,
        token: *const c_char,
        out: *mut *mut CUploads,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Aborts an open upload, whoever may still refer to it. Succeeds if it is gone.
    pub abort_upload: unsafe extern "C" fn(
        file_system: *const CFileSystem,
        path: *const c_char,
        upload_id: *const c_char,
        completion: *const CCompletion,
    ) -> *mut CError,

    /// Appends all of the data. Waits while the memory budget is used up.
    pub recoverable_write: unsafe extern "C" fn(
        stream: *const CRecoverableStream,
        data: *const u8,
        size: usize,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Bytes written so far, those before a recovery included.
    pub recoverable_position:
        unsafe extern "C" fn(stream: *const CRecoverableStream, out: *mut u64) -> *mut CError,
    /// The location that a commit publishes.
    pub recoverable_location:
        unsafe extern "C" fn(stream: *const CRecoverableStream, out: *mut *mut CBytes) -> *mut CError,
    /// Hands buffered data on, as far as the store allows.
    pub recoverable_flush: unsafe extern "C" fn(
        stream: *const CRecoverableStream,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Makes everything written so far recoverable, and returns the state that says so. The stream goes on. Keep the
    /// version with the bytes. Nothing aborts the upload implicitly from now on.
    pub recoverable_persist: unsafe extern "C" fn(
        stream: *const CRecoverableStream,
        out: *mut *mut CBytes,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Ends writing: everything is stored, and the committer publishes it.
    pub recoverable_close_for_commit: unsafe extern "C" fn(
        stream: *const CRecoverableStream,
        out: *mut *mut CCommitter,
        completion: *const CCompletion,
    ) -> *mut CError,
    /// Ends the stream. What was persisted stays recoverable; what was never persisted is given up.
    pub recoverable_close: unsafe extern "C" fn(
        stream: *const CRecoverableStream,
        completion: *const CCompletion,
    ) -> *mut CError,

    /// Publishes the file. Calling it again after a success, in any process, is a success.
    pub committer_commit:
        unsafe extern "C" fn(committer: *const CCommitter, completion: *const CCompletion) -> *mut CError,
    /// The same after a failure, when the file may have been published already.
    pub committer_commit_after_recovery:
        unsafe extern "C" fn(committer: *const CCommitter, completion: *const CCompletion) -> *mut CError,
    /// The state from which `recoverable_recover_for_commit` makes this committer again.
    pub committer_state:
        unsafe extern "C" fn(committer: *const CCommitter, out: *mut *mut CBytes) -> *mut CError,
}
