//! The functions of a file system and its listings.

use std::ffi::c_char;
use std::ptr::null_mut;
use std::time::Duration;

use super::arguments::{Out, extensions, location, optional_text, options};
use super::handle::{Object, single};
use super::numbers::{FSPLUG_INJECT_ENTROPY, FSPLUG_OVERWRITE, FSPLUG_RECURSIVE};
use super::operation::Call;
use super::results;
use super::types::{
    CBytes, CCompletion, CCreateOptions, CError, CFileSystem, CInputStream, CListOptions, CLister,
    COpenOptions, COutputStream, CPage,
};
use crate::{CreateOptions, FileSystemExt, ListOptions, OpenOptions, Result, WriteMode};

pub(super) unsafe extern "C" fn close(
    file_system: *const CFileSystem,
    deadline_ms: u64,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("close", file_system, completion, || Ok(())) }.start_last(
        async move |file_system, ()| {
            let deadline = Duration::from_millis(deadline_ms);
            let end = file_system.enter.end(deadline, |rest| file_system.close(rest));
            end.await
        },
    )
}

pub(super) unsafe extern "C" fn capabilities(file_system: *const CFileSystem, out: *mut u64) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::new("capabilities", file_system, || Out::new(out, 0)) }
        .ask(|file_system| file_system.capabilities().bits())
}

pub(super) unsafe extern "C" fn entropy_key(
    file_system: *const CFileSystem,
    out: *mut *mut CBytes,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::new("entropy key", file_system, || Out::new(out, null_mut())) }.at_once(
        |file_system, out| {
            out.set(
                file_system
                    .entropy_key()
                    .map_or(null_mut(), |key| results::text(&key)),
            );
            Ok(())
        },
    )
}

pub(super) unsafe extern "C" fn status(
    file_system: *const CFileSystem,
    path: *const c_char,
    out: *mut *mut CPage,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("status", file_system, completion, || {
            Ok((Out::new(out, null_mut())?, location(path)?))
        })
    }
    .start(async |file_system, (out, path)| {
        file_system
            .status(&path)
            .await
            .map(|status| out.set(results::page(&[status])))
    })
}

pub(super) unsafe extern "C" fn exists(
    file_system: *const CFileSystem,
    path: *const c_char,
    out: *mut bool,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("exists", file_system, completion, || {
            Ok((Out::new(out, false)?, location(path)?))
        })
    }
    .start(async |file_system, (out, path)| file_system.exists(&path).await.map(|exists| out.set(exists)))
}

pub(super) unsafe extern "C" fn list(
    file_system: *const CFileSystem,
    path: *const c_char,
    given: *const CListOptions,
    out: *mut *mut CLister,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("list", file_system, completion, || {
            Ok((Out::new(out, null_mut())?, location(path)?, list_options(given)?))
        })
    }
    .start(async |file_system, (out, path, given)| {
        let lister = file_system.list(&path, &given).await?;
        out.give(Object::Lister(single(lister, &file_system.enter)));
        Ok(())
    })
}

/// # Safety
/// `given` is null or points to options as `fsplug.h` describes them.
unsafe fn list_options(given: *const CListOptions) -> Result<ListOptions> {
    // SAFETY: the caller's promise is passed on.
    let Some(given) = (unsafe { options(given)? }) else {
        return Ok(ListOptions::default());
    };
    Ok(ListOptions {
        recursive: given.flags & FSPLUG_RECURSIVE != 0,
        page_size: given.page_size,
        // SAFETY: as above.
        extensions: unsafe { extensions(given.extensions, given.extension_count)? },
    })
}

pub(super) unsafe extern "C" fn list_next(
    lister: *const CLister,
    out: *mut *mut CPage,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("list", lister, completion, || Out::new(out, null_mut())) }.start(
        async |mut lister, out| {
            if let Some(page) = lister.next_page().await? {
                out.set(results::page(&page));
            }
            Ok(())
        },
    )
}

pub(super) unsafe extern "C" fn open(
    file_system: *const CFileSystem,
    path: *const c_char,
    given: *const COpenOptions,
    out: *mut *mut CInputStream,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("open", file_system, completion, || {
            Ok((Out::new(out, null_mut())?, location(path)?, open_options(given)?))
        })
    }
    .start(async |file_system, (out, path, given)| {
        let stream = file_system.open(&path, &given).await?;
        out.give(Object::Input(single(stream, &file_system.enter)));
        Ok(())
    })
}

/// # Safety
/// `given` is null or points to options as `fsplug.h` describes them.
unsafe fn open_options(given: *const COpenOptions) -> Result<OpenOptions> {
    // SAFETY: the caller's promise is passed on.
    let Some(given) = (unsafe { options(given)? }) else {
        return Ok(OpenOptions::default());
    };
    // SAFETY: as above.
    let (if_match, extensions) = unsafe {
        (
            optional_text(given.if_match, "entity tag")?,
            extensions(given.extensions, given.extension_count)?,
        )
    };
    Ok(OpenOptions {
        buffer_size: given.buffer_size,
        if_match: if_match.to_owned(),
        status: None,
        extensions,
    })
}

pub(super) unsafe extern "C" fn create(
    file_system: *const CFileSystem,
    path: *const c_char,
    given: *const CCreateOptions,
    out: *mut *mut COutputStream,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("create", file_system, completion, || {
            Ok((
                Out::new(out, null_mut())?,
                location(path)?,
                create_options(given)?,
            ))
        })
    }
    .start(async |file_system, (out, path, given)| {
        let stream = file_system.create(&path, &given).await?;
        out.give(Object::Output(single(stream, &file_system.enter)));
        Ok(())
    })
}

/// # Safety
/// `given` is null or points to options as `fsplug.h` describes them.
pub(super) unsafe fn create_options(given: *const CCreateOptions) -> Result<CreateOptions> {
    // SAFETY: the caller's promise is passed on.
    let Some(given) = (unsafe { options(given)? }) else {
        return Ok(CreateOptions::default());
    };
    // SAFETY: as above.
    let (content_type, extensions) = unsafe {
        (
            optional_text(given.content_type, "media type")?,
            extensions(given.extensions, given.extension_count)?,
        )
    };
    Ok(CreateOptions {
        mode: if given.flags & FSPLUG_OVERWRITE != 0 {
            WriteMode::Overwrite
        } else {
            WriteMode::NoOverwrite
        },
        inject_entropy: given.flags & FSPLUG_INJECT_ENTROPY != 0,
        content_type: content_type.to_owned(),
        size_hint: given.size_hint,
        extensions,
    })
}

pub(super) unsafe extern "C" fn delete(
    file_system: *const CFileSystem,
    path: *const c_char,
    recursive: u32,
    deleted: *mut bool,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("delete", file_system, completion, || {
            Ok((Out::optional(deleted, false)?, location(path)?))
        })
    }
    .start(async move |file_system, (out, path)| {
        let deleted = file_system.delete(&path, recursive != 0).await?;
        if let Some(out) = out {
            out.set(deleted);
        }
        Ok(())
    })
}

pub(super) unsafe extern "C" fn rename(
    file_system: *const CFileSystem,
    from: *const c_char,
    to: *const c_char,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("rename", file_system, completion, || {
            Ok((location(from)?, location(to)?))
        })
    }
    .start(async |file_system, (from, to)| file_system.rename(&from, &to).await)
}

pub(super) unsafe extern "C" fn mkdirs(
    file_system: *const CFileSystem,
    path: *const c_char,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("mkdirs", file_system, completion, || location(path)) }
        .start(async |file_system, path| file_system.mkdirs(&path).await)
}
