//! What crosses the C entry: `plugin-api/include/fsplug.h` is generated from this file, [`numbers`](super::numbers)
//! and [`table`](super::table).
//!
//! The comments here are those of the header. A struct with `struct_size` grows at its end; one without is frozen.

use std::ffi::{c_char, c_void};

/// A plugin that was taken into use. Given back with `release`, like every handle.
pub struct CFactory;
/// One file system. Shared between threads.
pub struct CFileSystem;
/// The pages of a listing. Used by one operation at a time.
pub struct CLister;
/// Reads one file. Used by one operation at a time.
pub struct CInputStream;
/// Writes one file. Used by one operation at a time. Released before `output_close` succeeded, it publishes nothing.
pub struct COutputStream;
/// Writes one file that is recoverable. Used by one operation at a time.
pub struct CRecoverableStream;
/// Publishes one finished file. Shared between threads.
pub struct CCommitter;
/// An operation in callback form, to cancel it.
pub struct COperation;

/// Why an operation failed. Every text is UTF-8, ends with NUL and may be empty; none is NULL.
#[repr(C)]
pub struct CError {
    /// Bytes of this struct that the plugin filled in.
    pub struct_size: usize,
    /// One of `FSPLUG_ERROR_`. The set is open: treat an unknown one as `FSPLUG_ERROR_OTHER`.
    pub kind: u32,
    /// One of `FSPLUG_RETRY_`.
    pub retry: u32,
    /// With `FSPLUG_RETRY_AFTER`: the delay in milliseconds.
    pub retry_after_ms: u64,
    /// The HTTP status of the last reply; 0 if there was none.
    pub http_status: u32,
    /// How many attempts were made in all; 0 if that is not known.
    pub attempts: u32,
    /// All of it in one line: operation, path, message, the service's facts and the remedy.
    pub text: *const c_char,
    /// What happened, without path and remedy.
    pub message: *const c_char,
    /// The operation that failed.
    pub operation: *const c_char,
    /// The path that it failed on.
    pub path: *const c_char,
    /// What to do about it.
    pub remedy: *const c_char,
    /// The service's own code, such as `SlowDown`.
    pub service_code: *const c_char,
    /// The service's id of the request.
    pub request_id: *const c_char,
    /// Gives the error back. From any thread, once.
    pub release: unsafe extern "C" fn(error: *mut CError),
}

/// Key and value, UTF-8 with NUL. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CPair {
    /// The key.
    pub key: *const c_char,
    /// The value.
    pub value: *const c_char,
}

/// The bytes from `start` up to and without `end`. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CRange {
    /// The first byte.
    pub start: u64,
    /// The byte behind the last one.
    pub end: u64,
}

/// An option that is not part of a struct. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CExtension {
    /// The key.
    pub key: *const c_char,
    /// The value as a text; NULL if it is a number.
    pub text: *const c_char,
    /// The value as a number.
    pub number: i64,
    /// Not 0: a plugin that does not know the key must refuse the call.
    pub critical: u32,
}

/// One file to copy. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CCopyRequest {
    /// What to copy.
    pub source: *const c_char,
    /// Where to. Missing parent directories are made.
    pub target: *const c_char,
    /// The length of the source if it is known, so that large files start first; 0 otherwise.
    pub size_hint: u64,
}

/// Bytes that belong to the plugin and are lent until they are released. They are not copied and never change.
#[repr(C)]
pub struct CBytes {
    /// Bytes of this struct that the plugin filled in.
    pub struct_size: usize,
    /// The bytes. Behind a text stands a NUL; behind other content stands nothing.
    pub data: *const u8,
    /// How many there are.
    pub size: usize,
    /// The state of a recoverable file: the version of its format, to be stored beside the bytes. 0 for all else.
    pub version: u32,
    /// Gives the bytes back. From any thread, once.
    pub release: unsafe extern "C" fn(bytes: *mut CBytes),
}

/// What is known about a file or directory. Part of a page.
#[repr(C)]
pub struct CStatus {
    /// Bytes of this struct that the plugin filled in.
    pub struct_size: usize,
    /// Its location with scheme and authority, byte for byte as the store has it, and a NUL.
    pub path: *const c_char,
    /// Bytes of the path without the NUL.
    pub path_size: usize,
    /// Length in bytes; 0 for a directory.
    pub size: u64,
    /// Last modification in milliseconds since 1970, or `FSPLUG_TIME_UNKNOWN`.
    pub modified_ms: i64,
    /// 1 for a directory, 0 for a file.
    pub is_directory: u32,
    /// How many attributes there are.
    pub attribute_count: u32,
    /// The entity tag of this version of the content, or "".
    pub etag: *const c_char,
    /// Further facts, such as `version-id`.
    pub attributes: *const CPair,
}

/// Some files and directories.
#[repr(C)]
pub struct CPage {
    /// Bytes of this struct that the plugin filled in.
    pub struct_size: usize,
    /// How many entries there are.
    pub entry_count: usize,
    /// The entries, which live as long as the page.
    pub entries: *const *const CStatus,
    /// Gives the page with all its entries back. From any thread, once.
    pub release: unsafe extern "C" fn(page: *mut CPage),
}

/// What the state of a recoverable file says about itself.
#[repr(C)]
pub struct CRecoverableInfo {
    /// Bytes of this struct that the plugin filled in.
    pub struct_size: usize,
    /// The file that a commit publishes.
    pub path: *const c_char,
    /// The bytes that the state covers.
    pub size: u64,
    /// The upload that it refers to, or "".
    pub upload_id: *const c_char,
    /// How many attributes there are.
    pub attribute_count: usize,
    /// Further facts by key.
    pub attributes: *const CPair,
    /// Gives the information back. From any thread, once.
    pub release: unsafe extern "C" fn(info: *mut CRecoverableInfo),
}

/// An upload that was begun and neither completed nor aborted. Part of a page of uploads.
#[repr(C)]
pub struct CUpload {
    /// Bytes of this struct that the plugin filled in.
    pub struct_size: usize,
    /// The file that it would publish.
    pub path: *const c_char,
    /// The store's id of the upload.
    pub upload_id: *const c_char,
    /// When it was begun, in milliseconds since 1970, or `FSPLUG_TIME_UNKNOWN`.
    pub initiated_ms: i64,
}

/// Some open uploads.
#[repr(C)]
pub struct CUploads {
    /// Bytes of this struct that the plugin filled in.
    pub struct_size: usize,
    /// How many there are; a page may be empty and not the last one.
    pub upload_count: usize,
    /// The uploads, which live as long as the page.
    pub uploads: *const *const CUpload,
    /// With this the next page is asked for; NULL if this is the last one.
    pub next_token: *const c_char,
    /// Gives the page with all its uploads back. From any thread, once.
    pub release: unsafe extern "C" fn(uploads: *mut CUploads),
}

/// Something that the plugin logs. Valid during the call.
#[repr(C)]
pub struct CEvent {
    /// Bytes of this struct that the plugin filled in.
    pub struct_size: usize,
    /// 1 error, 2 warning, 3 information, 4 debug, 5 trace.
    pub level: u32,
    /// Line in the source file, or 0.
    pub line: u32,
    /// What logs, usually a module path.
    pub target: *const c_char,
    /// Source file, or "".
    pub file: *const c_char,
    /// Message and fields as one text.
    pub message: *const c_char,
}

/// How a plugin is taken into use. NULL, and all that is 0, stands for the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CFactoryOptions {
    /// `sizeof(fsplug_factory_options)`.
    pub struct_size: usize,
    /// Called with what the plugin logs, from any thread and several at a time. It must return at once and must not
    /// call into the plugin. It is not called any more once the factory has been released. A plugin has one log in
    /// a process: that of the factory that was made last with one.
    pub log: Option<unsafe extern "C" fn(context: *mut c_void, event: *const CEvent)>,
    /// The first argument of `log`.
    pub log_context: *mut c_void,
    /// Bytes that the plugin may hold in buffers; 0 to use its own configuration.
    pub memory_budget: u64,
    /// Nothing less severe is logged: 1 (errors) to 5 (everything); 0 for 3.
    pub log_level: u32,
    /// 0.
    pub reserved: u32,
}

/// Makes a call return at once and tell its end by a callback. Copied by the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CCompletion {
    /// `sizeof(fsplug_completion)`.
    pub struct_size: usize,
    /// Called exactly once, from a thread of the plugin, and never before the results are written: with NULL after a
    /// success, else with an error that the callback releases. It must return soon: it may start further calls with
    /// completions, but calls that block are refused on that thread. No exception may leave it.
    pub done: Option<unsafe extern "C" fn(context: *mut c_void, error: *mut CError)>,
    /// The first argument of `done`.
    pub context: *mut c_void,
    /// NULL, or where the call puts a handle with which it can be cancelled: before `done` may be called.
    /// Released like any handle, before or after the operation's end, which does not cancel it.
    pub operation: *mut *mut COperation,
}

/// How `list` lists.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CListOptions {
    /// `sizeof(fsplug_list_options)`.
    pub struct_size: usize,
    /// 0 or `FSPLUG_RECURSIVE`.
    pub flags: u32,
    /// At most this many entries a page; 0 for the plugin's own choice.
    pub page_size: u32,
    /// Options by key.
    pub extensions: *const CExtension,
    /// How many there are.
    pub extension_count: usize,
}

/// How `open` opens a file.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct COpenOptions {
    /// `sizeof(fsplug_open_options)`.
    pub struct_size: usize,
    /// Bytes that one read may hold in memory; 0 for the plugin's own choice.
    pub buffer_size: u64,
    /// Open only the version with this entity tag, or fail with `FSPLUG_ERROR_CHANGED`; NULL for whatever is there.
    pub if_match: *const c_char,
    /// Options by key.
    pub extensions: *const CExtension,
    /// How many there are.
    pub extension_count: usize,
}

/// How `create` and `recoverable_open` make a file.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CCreateOptions {
    /// `sizeof(fsplug_create_options)`.
    pub struct_size: usize,
    /// `FSPLUG_OVERWRITE` and `FSPLUG_INJECT_ENTROPY`, or 0.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// The media type to store, or NULL.
    pub content_type: *const c_char,
    /// Bytes that are expected, as a hint for part sizes; 0 if not known.
    pub size_hint: u64,
    /// Options by key.
    pub extensions: *const CExtension,
    /// How many there are.
    pub extension_count: usize,
}

/// How `copy_files` copies. The callbacks come from any thread, must return at once and must not call into the
/// plugin; the last one has returned before the operation ends.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CCopyOptions {
    /// `sizeof(fsplug_copy_options)`.
    pub struct_size: usize,
    /// At most this many files at a time; 0 for the configured number.
    pub max_concurrent: u32,
    /// 0.
    pub reserved: u32,
    /// NULL, or called when `bytes` more of the request with this index have been copied.
    pub advanced: Option<unsafe extern "C" fn(context: *mut c_void, request: usize, bytes: u64)>,
    /// NULL, or called when the request with this index is complete.
    pub finished: Option<unsafe extern "C" fn(context: *mut c_void, request: usize)>,
    /// The first argument of both.
    pub context: *mut c_void,
    /// Options by key.
    pub extensions: *const CExtension,
    /// How many there are.
    pub extension_count: usize,
}
