//! The functions of a file system for exactly-once output.

use std::ffi::c_char;
use std::ptr::null_mut;
use std::sync::Arc;

use super::arguments::{Out, location, optional_text, recoverable, text};
use super::file_system::create_options;
use super::handle::{self, Object, shared, single};
use super::numbers::{FSPLUG_COMMITTABLE, FSPLUG_COMMITTED, FSPLUG_CONFLICT, FSPLUG_DAMAGED, FSPLUG_GONE};
use super::operation::{Completion, at_once, entry, recall, start};
use super::results;
use super::types::{
    CBytes, CCommitter, CCompletion, CCreateOptions, CError, CFileSystem, CRecoverableInfo,
    CRecoverableStream, CUploads,
};
use crate::{PendingUpload, RecoverableCondition};

pub(super) unsafe extern "C" fn open(
    file_system: *const CFileSystem,
    path: *const c_char,
    given: *const CCreateOptions,
    out: *mut *mut CRecoverableStream,
    completion: *const CCompletion,
) -> *mut CError {
    entry("open recoverable", || {
        // SAFETY: arguments as the table says.
        let (file_system, path, given, out, completion) = unsafe {
            (
                Arc::clone(handle::file_system(file_system)?),
                location(path)?,
                create_options(given)?,
                Out::new(out, null_mut())?,
                Completion::new(completion)?,
            )
        };
        let enter = file_system.enter.clone();
        let work = async move {
            let stream = file_system.recoverable_writer()?.open(&path, &given).await?;
            out.give(Object::Recoverable(single(stream, &file_system.enter)));
            Ok(())
        };
        start("open recoverable", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn recover(
    file_system: *const CFileSystem,
    version: u32,
    state: *const u8,
    state_size: usize,
    out: *mut *mut CRecoverableStream,
    completion: *const CCompletion,
) -> *mut CError {
    entry("recover", || {
        // SAFETY: arguments as the table says.
        let (file_system, state, out, completion) = unsafe {
            (
                Arc::clone(handle::file_system(file_system)?),
                recoverable(version, state, state_size)?,
                Out::new(out, null_mut())?,
                Completion::new(completion)?,
            )
        };
        let enter = file_system.enter.clone();
        let work = async move {
            let stream = file_system.recoverable_writer()?.recover(&state).await?;
            out.give(Object::Recoverable(single(stream, &file_system.enter)));
            Ok(())
        };
        start("recover", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn recover_for_commit(
    file_system: *const CFileSystem,
    version: u32,
    state: *const u8,
    state_size: usize,
    out: *mut *mut CCommitter,
    completion: *const CCompletion,
) -> *mut CError {
    entry("recover for commit", || {
        // SAFETY: arguments as the table says.
        let (file_system, state, out, completion) = unsafe {
            (
                Arc::clone(handle::file_system(file_system)?),
                recoverable(version, state, state_size)?,
                Out::new(out, null_mut())?,
                Completion::new(completion)?,
            )
        };
        let enter = file_system.enter.clone();
        let work = async move {
            let writer = file_system.recoverable_writer()?;
            let committer = writer.recover_for_commit(&state).await?;
            out.give(Object::Committer(shared(committer, &file_system.enter)));
            Ok(())
        };
        start("recover for commit", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn requires_cleanup(
    file_system: *const CFileSystem,
    out: *mut bool,
) -> *mut CError {
    entry("requires cleanup", || {
        // SAFETY: arguments as the table says.
        let (file_system, out) = unsafe { (handle::file_system(file_system)?, Out::new(out, false)?) };
        out.set(at_once("requires cleanup", &file_system.enter, || {
            Ok(file_system.recoverable_writer()?.requires_cleanup())
        })?);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn cleanup(
    file_system: *const CFileSystem,
    version: u32,
    state: *const u8,
    state_size: usize,
    cleaned: *mut bool,
    completion: *const CCompletion,
) -> *mut CError {
    entry("clean up", || {
        // SAFETY: arguments as the table says.
        let (file_system, state, out, completion) = unsafe {
            (
                Arc::clone(handle::file_system(file_system)?),
                recoverable(version, state, state_size)?,
                Out::optional(cleaned, false)?,
                Completion::new(completion)?,
            )
        };
        let enter = file_system.enter.clone();
        let work = async move {
            let cleaned = file_system.recoverable_writer()?.cleanup(&state).await?;
            if let Some(out) = out {
                out.set(cleaned);
            }
            Ok(())
        };
        start("clean up", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn discard(
    file_system: *const CFileSystem,
    version: u32,
    state: *const u8,
    state_size: usize,
    completion: *const CCompletion,
) -> *mut CError {
    entry("discard", || {
        // SAFETY: arguments as the table says.
        let (file_system, state, completion) = unsafe {
            (
                Arc::clone(handle::file_system(file_system)?),
                recoverable(version, state, state_size)?,
                Completion::new(completion)?,
            )
        };
        let enter = file_system.enter.clone();
        let work = async move { file_system.recoverable_writer()?.abort(&state).await };
        start("discard", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn inspect(
    file_system: *const CFileSystem,
    version: u32,
    state: *const u8,
    state_size: usize,
    out: *mut *mut CRecoverableInfo,
) -> *mut CError {
    entry("inspect", || {
        // SAFETY: arguments as the table says.
        let (file_system, state, out) = unsafe {
            (
                handle::file_system(file_system)?,
                recoverable(version, state, state_size)?,
                Out::new(out, null_mut())?,
            )
        };
        let info = recall("inspect", &file_system.enter, || {
            file_system.recoverable_writer()?.inspect(&state)
        })?;
        out.set(results::info(&info));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn verify(
    file_system: *const CFileSystem,
    version: u32,
    state: *const u8,
    state_size: usize,
    condition: *mut u32,
    why: *mut *mut CBytes,
    completion: *const CCompletion,
) -> *mut CError {
    entry("verify", || {
        // SAFETY: arguments as the table says.
        let (file_system, state, condition, why, completion) = unsafe {
            (
                Arc::clone(handle::file_system(file_system)?),
                recoverable(version, state, state_size)?,
                Out::new(condition, FSPLUG_DAMAGED)?,
                Out::optional(why, null_mut())?,
                Completion::new(completion)?,
            )
        };
        let enter = file_system.enter.clone();
        let work = async move {
            let (number, text) = match file_system.recoverable_writer()?.verify(&state).await? {
                RecoverableCondition::Committable => (FSPLUG_COMMITTABLE, None),
                RecoverableCondition::Committed => (FSPLUG_COMMITTED, None),
                RecoverableCondition::Gone(why) => (FSPLUG_GONE, Some(why)),
                RecoverableCondition::Conflict(why) => (FSPLUG_CONFLICT, Some(why)),
                RecoverableCondition::Damaged(why) => (FSPLUG_DAMAGED, Some(why)),
            };
            condition.set(number);
            if let (Some(out), Some(text)) = (why, text) {
                out.set(results::text(&text));
            }
            Ok(())
        };
        start("verify", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn pending_uploads(
    file_system: *const CFileSystem,
    under: *const c_char,
    token: *const c_char,
    out: *mut *mut CUploads,
    completion: *const CCompletion,
) -> *mut CError {
    entry("list uploads", || {
        // SAFETY: arguments as the table says.
        let (file_system, under, token, out, completion) = unsafe {
            (
                Arc::clone(handle::file_system(file_system)?),
                location(under)?,
                optional_text(token, "token")?.to_owned(),
                Out::new(out, null_mut())?,
                Completion::new(completion)?,
            )
        };
        let enter = file_system.enter.clone();
        let work = async move {
            let writer = file_system.recoverable_writer()?;
            let (uploads, next) = writer.pending_uploads(&under, &token).await?;
            out.set(results::uploads(&uploads, next.as_deref()));
            Ok(())
        };
        start("list uploads", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn abort_upload(
    file_system: *const CFileSystem,
    path: *const c_char,
    upload_id: *const c_char,
    completion: *const CCompletion,
) -> *mut CError {
    entry("abort upload", || {
        // SAFETY: arguments as the table says.
        let (file_system, location, upload_id, completion) = unsafe {
            (
                Arc::clone(handle::file_system(file_system)?),
                location(path)?,
                text(upload_id, "id of the upload")?.to_owned(),
                Completion::new(completion)?,
            )
        };
        let enter = file_system.enter.clone();
        let upload = PendingUpload {
            location,
            upload_id,
            initiated: None,
        };
        let work = async move { file_system.recoverable_writer()?.abort_upload(&upload).await };
        start("abort upload", &enter, completion, Box::pin(work))
    })
}
