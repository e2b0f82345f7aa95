//! The functions of a file system for exactly-once output.

use std::ffi::c_char;
use std::ptr::null_mut;

use super::arguments::{Out, location, optional_text, recoverable, text};
use super::file_system::create_options;
use super::handle::{Object, shared, single};
use super::numbers::{FSPLUG_COMMITTABLE, FSPLUG_COMMITTED, FSPLUG_CONFLICT, FSPLUG_DAMAGED, FSPLUG_GONE};
use super::operation::Call;
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
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("open recoverable", file_system, completion, || {
            Ok((
                Out::new(out, null_mut())?,
                location(path)?,
                create_options(given)?,
            ))
        })
    }
    .start(async |file_system, (out, path, given)| {
        let stream = file_system.recoverable_writer()?.open(&path, &given).await?;
        out.give(Object::Recoverable(single(stream, &file_system.enter)));
        Ok(())
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
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("recover", file_system, completion, || {
            Ok((
                Out::new(out, null_mut())?,
                recoverable(version, state, state_size)?,
            ))
        })
    }
    .start(async |file_system, (out, state)| {
        let stream = file_system.recoverable_writer()?.recover(&state).await?;
        out.give(Object::Recoverable(single(stream, &file_system.enter)));
        Ok(())
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
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("recover for commit", file_system, completion, || {
            Ok((
                Out::new(out, null_mut())?,
                recoverable(version, state, state_size)?,
            ))
        })
    }
    .start(async |file_system, (out, state)| {
        let writer = file_system.recoverable_writer()?;
        let committer = writer.recover_for_commit(&state).await?;
        out.give(Object::Committer(shared(committer, &file_system.enter)));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn requires_cleanup(
    file_system: *const CFileSystem,
    out: *mut bool,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::new("requires cleanup", file_system, || Out::new(out, false)) }.at_once(
        |file_system, out| {
            out.set(file_system.recoverable_writer()?.requires_cleanup());
            Ok(())
        },
    )
}

pub(super) unsafe extern "C" fn cleanup(
    file_system: *const CFileSystem,
    version: u32,
    state: *const u8,
    state_size: usize,
    cleaned: *mut bool,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("clean up", file_system, completion, || {
            Ok((
                Out::optional(cleaned, false)?,
                recoverable(version, state, state_size)?,
            ))
        })
    }
    .start(async |file_system, (out, state)| {
        let cleaned = file_system.recoverable_writer()?.cleanup(&state).await?;
        if let Some(out) = out {
            out.set(cleaned);
        }
        Ok(())
    })
}

pub(super) unsafe extern "C" fn discard(
    file_system: *const CFileSystem,
    version: u32,
    state: *const u8,
    state_size: usize,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("discard", file_system, completion, || {
            recoverable(version, state, state_size)
        })
    }
    .start(async |file_system, state| file_system.recoverable_writer()?.abort(&state).await)
}

pub(super) unsafe extern "C" fn inspect(
    file_system: *const CFileSystem,
    version: u32,
    state: *const u8,
    state_size: usize,
    out: *mut *mut CRecoverableInfo,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::new("inspect", file_system, || {
            Ok((
                Out::new(out, null_mut())?,
                recoverable(version, state, state_size)?,
            ))
        })
    }
    .recall(|file_system, (out, state)| {
        let info = file_system.recoverable_writer()?.inspect(&state)?;
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
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("verify", file_system, completion, || {
            // Both, also if one of them is refused.
            let (condition, why) = (
                Out::new(condition, FSPLUG_DAMAGED),
                Out::optional(why, null_mut()),
            );
            Ok((condition?, why?, recoverable(version, state, state_size)?))
        })
    }
    .start(async |file_system, (condition, why, state)| {
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
    })
}

pub(super) unsafe extern "C" fn pending_uploads(
    file_system: *const CFileSystem,
    under: *const c_char,
    token: *const c_char,
    out: *mut *mut CUploads,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("list uploads", file_system, completion, || {
            let out = Out::new(out, null_mut())?;
            Ok((out, location(under)?, optional_text(token, "token")?.to_owned()))
        })
    }
    .start(async |file_system, (out, under, token)| {
        let writer = file_system.recoverable_writer()?;
        let (uploads, next) = writer.pending_uploads(&under, &token).await?;
        out.set(results::uploads(&uploads, next.as_deref()));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn abort_upload(
    file_system: *const CFileSystem,
    path: *const c_char,
    upload_id: *const c_char,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("abort upload", file_system, completion, || {
            Ok(PendingUpload {
                location: location(path)?,
                upload_id: text(upload_id, "id of the upload")?.to_owned(),
                initiated: None,
            })
        })
    }
    .start(async |file_system, upload| file_system.recoverable_writer()?.abort_upload(&upload).await)
}
