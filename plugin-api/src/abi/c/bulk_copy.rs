//! The functions of bulk copies.

use std::ffi::{c_char, c_void};
use std::sync::{Arc, PoisonError, RwLock};

use super::arguments::{Out, array, extensions, location, options};
use super::operation::Call;
use super::types::{CCompletion, CCopyOptions, CCopyRequest, CError, CFileSystem};
use crate::{CopyOptions, CopyProgress, CopyRequest, Result};

pub(super) unsafe extern "C" fn can_copy(
    file_system: *const CFileSystem,
    source: *const c_char,
    target: *const c_char,
    out: *mut bool,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::new("bulk copy", file_system, || {
            Ok((Out::new(out, false)?, location(source)?, location(target)?))
        })
    }
    .at_once(|file_system, (out, source, target)| {
        out.set(file_system.bulk_copy()?.can_copy(&source, &target));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn copy_files(
    file_system: *const CFileSystem,
    requests: *const CCopyRequest,
    request_count: usize,
    given: *const CCopyOptions,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("bulk copy", file_system, completion, || {
            Ok((copy_requests(requests, request_count)?, copy_options(given)?))
        })
    }
    .start(async |file_system, (requests, (given, progress))| {
        // Closed when this is dropped, whatever the plugin still has of it.
        let _closed = Closed(progress.clone());
        let copy = file_system.bulk_copy()?;
        copy.copy_files(&requests, &given, Box::new(progress)).await
    })
}

/// # Safety
/// `requests` is null or points to `count` requests whose texts end with NUL.
unsafe fn copy_requests(requests: *const CCopyRequest, count: usize) -> Result<Vec<CopyRequest>> {
    // SAFETY: the caller's promise is passed on.
    let requests = unsafe { array(requests, count, "requests")? };
    let request = |request: &CCopyRequest| {
        Ok(CopyRequest {
            // SAFETY: as above.
            source: unsafe { location(request.source)? },
            // SAFETY: as above.
            target: unsafe { location(request.target)? },
            size_hint: request.size_hint,
        })
    };
    requests.iter().map(request).collect()
}

/// # Safety
/// `given` is null or points to options as `fsplug.h` describes them.
unsafe fn copy_options(given: *const CCopyOptions) -> Result<(CopyOptions, Progress)> {
    // SAFETY: the caller's promise is passed on.
    let Some(given) = (unsafe { options(given)? }) else {
        return Ok((CopyOptions::default(), Progress::default()));
    };
    let progress = Callbacks {
        advanced: given.advanced,
        finished: given.finished,
        context: given.context,
    };
    let options = CopyOptions {
        max_concurrent: given.max_concurrent,
        // SAFETY: as above.
        extensions: unsafe { extensions(given.extensions, given.extension_count)? },
    };
    Ok((options, Progress(Arc::new(RwLock::new(Some(progress))))))
}

struct Callbacks {
    advanced: Option<unsafe extern "C" fn(context: *mut c_void, request: usize, bytes: u64)>,
    finished: Option<unsafe extern "C" fn(context: *mut c_void, request: usize)>,
    context: *mut c_void,
}

// SAFETY: the caller says that the callbacks may be called from any thread, with this context.
unsafe impl Send for Callbacks {}
// SAFETY: and from several at a time.
unsafe impl Sync for Callbacks {}

/// Read for the time of a callback, so that whoever closes it waits. `None` once the operation has ended.
#[derive(Clone, Default)]
struct Progress(Arc<RwLock<Option<Callbacks>>>);

impl CopyProgress for Progress {
    fn advanced(&self, request: usize, bytes: u64) {
        let callbacks = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((Some(advanced), context)) = callbacks.as_ref().map(|it| (it.advanced, it.context)) {
            // SAFETY: the caller says that the callback takes these; the operation has not ended.
            unsafe { advanced(context, request, bytes) };
        }
    }

    fn finished(&self, request: usize) {
        let callbacks = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((Some(finished), context)) = callbacks.as_ref().map(|it| (it.finished, it.context)) {
            // SAFETY: as above.
            unsafe { finished(context, request) };
        }
    }
}

struct Closed(Progress);

impl Drop for Closed {
    fn drop(&mut self) {
        *self.0.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
