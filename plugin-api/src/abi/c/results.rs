//! What the caller gets and gives back: errors, bytes, pages.

use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::numbers::{FSPLUG_RETRY_AFTER, FSPLUG_RETRY_NO, FSPLUG_RETRY_YES, FSPLUG_TIME_UNKNOWN};
use super::types::{CBytes, CError, CPage, CPair, CRecoverableInfo, CStatus, CUpload, CUploads};
use crate::{Error, FileStatus, PendingUpload, Recoverable, RecoverableInfo, Retry};

/// What the caller sees, and behind it what that points to.
#[repr(C)]
struct Owned<T, K> {
    visible: T,
    keeps: K,
}

/// Hands it to the caller.
fn give<T, K>(visible: T, keeps: K) -> *mut T {
    Box::into_raw(Box::new(Owned { visible, keeps })).cast()
}

/// Takes it back.
///
/// # Safety
/// `given` is null or comes from [`give`] with the same types, and was not taken back before.
unsafe fn take_back<T, K>(given: *mut T) {
    if given.is_null() {
        return;
    }
    // SAFETY: `give` made it of a box of exactly this type, which begins with the visible part.
    let owned = unsafe { Box::from_raw(given.cast::<Owned<T, K>>()) };
    // The owner of the bytes may be code of the plugin's whose drop panics; that must not cross.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(owned)));
}

/// Texts that end with NUL. They stay where they are when this is moved.
#[derive(Default)]
struct Texts(Vec<Box<[u8]>>);

impl Texts {
    fn add(&mut self, text: &str) -> *const c_char {
        if text.is_empty() {
            return c"".as_ptr();
        }
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        let bytes = bytes.into_boxed_slice();
        let start = bytes.as_ptr();
        self.0.push(bytes);
        start.cast()
    }

    fn pairs(&mut self, pairs: &[(String, String)]) -> Box<[CPair]> {
        let pair = |(key, value): &(String, String)| CPair {
            key: self.add(key),
            value: self.add(value),
        };
        pairs.iter().map(pair).collect()
    }
}

pub(super) fn error(error: &Error) -> *mut CError {
    let (retry, retry_after_ms) = match error.retry() {
        Retry::No => (FSPLUG_RETRY_NO, 0),
        Retry::Yes => (FSPLUG_RETRY_YES, 0),
        Retry::After(delay) => (FSPLUG_RETRY_AFTER, delay.as_millis() as u64),
    };
    let mut texts = Texts::default();
    let visible = CError {
        struct_size: size_of::<CError>(),
        kind: error.kind().number(),
        retry,
        retry_after_ms,
        http_status: error.http_status().unwrap_or(0).into(),
        attempts: error.attempts(),
        text: texts.add(&error.to_string()),
        message: texts.add(error.message()),
        operation: texts.add(error.operation()),
        path: texts.add(error.path()),
        remedy: texts.add(error.remedy()),
        service_code: texts.add(error.service_code()),
        request_id: texts.add(error.request_id()),
        release: release_error,
    };
    give(visible, texts)
}

unsafe extern "C" fn release_error(error: *mut CError) {
    // SAFETY: the caller gives back what `error` gave, once.
    unsafe { take_back::<_, Texts>(error) }
}

pub(super) fn bytes(bytes: Bytes) -> *mut CBytes {
    versioned(0, bytes)
}

pub(super) fn recoverable(state: &Recoverable) -> *mut CBytes {
    versioned(state.version(), state.bytes().clone())
}

/// The text, and behind it a NUL that is not counted.
pub(super) fn text(text: &str) -> *mut CBytes {
    let content = Bytes::from([text.as_bytes(), b"\0"].concat());
    versioned(0, content.slice(..text.len()))
}

fn versioned(version: u32, bytes: Bytes) -> *mut CBytes {
    // Moving the handle does not move the bytes it points to.
    let visible = CBytes {
        struct_size: size_of::<CBytes>(),
        data: bytes.as_ptr(),
        size: bytes.len(),
        version,
        release: release_bytes,
    };
    give(visible, bytes)
}

unsafe extern "C" fn release_bytes(bytes: *mut CBytes) {
    // SAFETY: the caller gives back what `versioned` gave, once.
    unsafe { take_back::<_, Bytes>(bytes) }
}

/// What a page points to.
struct PageParts<T> {
    #[expect(dead_code, reason = "what the entries are pointers to")]
    entries: Box<[T]>,
    #[expect(dead_code, reason = "what the page points to")]
    pointers: Box<[*const T]>,
    #[expect(dead_code, reason = "what the entries point to")]
    attributes: Vec<Box<[CPair]>>,
    #[expect(dead_code, reason = "what all of them point to")]
    texts: Texts,
}

fn pointers<T>(entries: &[T]) -> Box<[*const T]> {
    entries.iter().map(std::ptr::from_ref).collect()
}

pub(super) fn page(statuses: &[FileStatus]) -> *mut CPage {
    let (mut texts, mut attributes) = (Texts::default(), Vec::new());
    let entries: Box<[CStatus]> = statuses
        .iter()
        .map(|status| {
            let pairs = texts.pairs(&status.attributes);
            let entry = CStatus {
                struct_size: size_of::<CStatus>(),
                path: texts.add(status.location.as_str()),
                path_size: status.location.as_str().len(),
                size: status.len,
                modified_ms: milliseconds(status.modified),
                is_directory: status.is_directory().into(),
                attribute_count: pairs.len() as u32,
                etag: texts.add(&status.etag),
                attributes: pairs.as_ptr(),
            };
            attributes.push(pairs);
            entry
        })
        .collect();
    let pointers = pointers(&entries);
    let visible = CPage {
        struct_size: size_of::<CPage>(),
        entry_count: entries.len(),
        entries: pointers.as_ptr(),
        release: release_page,
    };
    give(
        visible,
        PageParts {
            entries,
            pointers,
            attributes,
            texts,
        },
    )
}

unsafe extern "C" fn release_page(page: *mut CPage) {
    // SAFETY: the caller gives back what `page` gave, once.
    unsafe { take_back::<_, PageParts<CStatus>>(page) }
}

pub(super) fn uploads(pending: &[PendingUpload], next: Option<&str>) -> *mut CUploads {
    let mut texts = Texts::default();
    let entries: Box<[CUpload]> = pending
        .iter()
        .map(|upload| CUpload {
            struct_size: size_of::<CUpload>(),
            path: texts.add(upload.location.as_str()),
            upload_id: texts.add(&upload.upload_id),
            initiated_ms: milliseconds(upload.initiated),
        })
        .collect();
    let pointers = pointers(&entries);
    let visible = CUploads {
        struct_size: size_of::<CUploads>(),
        upload_count: entries.len(),
        uploads: pointers.as_ptr(),
        next_token: next.map_or(std::ptr::null(), |token| texts.add(token)),
        release: release_uploads,
    };
    give(
        visible,
        PageParts {
            entries,
            pointers,
            attributes: Vec::new(),
            texts,
        },
    )
}

unsafe extern "C" fn release_uploads(uploads: *mut CUploads) {
    // SAFETY: the caller gives back what `uploads` gave, once.
    unsafe { take_back::<_, PageParts<CUpload>>(uploads) }
}

pub(super) fn info(info: &RecoverableInfo) -> *mut CRecoverableInfo {
    let mut texts = Texts::default();
    let attributes = texts.pairs(&info.attributes);
    let visible = CRecoverableInfo {
        struct_size: size_of::<CRecoverableInfo>(),
        path: texts.add(info.location.as_str()),
        size: info.len,
        upload_id: texts.add(&info.upload_id),
        attribute_count: attributes.len(),
        attributes: attributes.as_ptr(),
        release: release_info,
    };
    give(visible, (attributes, texts))
}

unsafe extern "C" fn release_info(info: *mut CRecoverableInfo) {
    // SAFETY: the caller gives back what `info` gave, once.
    unsafe { take_back::<_, (Box<[CPair]>, Texts)>(info) }
}

fn milliseconds(time: Option<SystemTime>) -> i64 {
    let Some(time) = time else {
        return FSPLUG_TIME_UNKNOWN;
    };
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_millis() as i64,
        Err(before) => -(before.duration().as_millis() as i64),
    }
}
