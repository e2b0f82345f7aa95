//! The functions of recoverable streams and committers.

use std::ptr::null_mut;

use super::arguments::{Lent, Out};
use super::handle::{Object, shared};
use super::operation::Call;
use super::results;
use super::types::{CBytes, CCommitter, CCompletion, CError, CRecoverableStream};

pub(super) unsafe extern "C" fn write(
    stream: *const CRecoverableStream,
    data: *const u8,
    size: usize,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("write", stream, completion, || Lent::new(data, size)) }
        .start(async |mut stream, data| stream.write(data.bytes()).await)
}

pub(super) unsafe extern "C" fn position(stream: *const CRecoverableStream, out: *mut u64) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::new("position", stream, || Out::new(out, 0)) }.ask(|stream| stream.position())
}

pub(super) unsafe extern "C" fn location(
    stream: *const CRecoverableStream,
    out: *mut *mut CBytes,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::new("location", stream, || Out::new(out, null_mut())) }.recall(|stream, out| {
        out.set(results::text(stream.location().as_str()));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn flush(
    stream: *const CRecoverableStream,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("flush", stream, completion, || Ok(())) }
        .start(async |mut stream, ()| stream.flush().await)
}

pub(super) unsafe extern "C" fn persist(
    stream: *const CRecoverableStream,
    out: *mut *mut CBytes,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("persist", stream, completion, || Out::new(out, null_mut())) }.start(
        async |mut stream, out| {
            stream
                .persist()
                .await
                .map(|state| out.set(results::recoverable(&state)))
        },
    )
}

pub(super) unsafe extern "C" fn close_for_commit(
    stream: *const CRecoverableStream,
    out: *mut *mut CCommitter,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("close for commit", stream, completion, || {
            Out::new(out, null_mut())
        })
    }
    .start(async |mut stream, out| {
        let committer = stream.close_for_commit().await?;
        out.give(Object::Committer(shared(committer, &stream.enter)));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn close(
    stream: *const CRecoverableStream,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("close", stream, completion, || Ok(())) }
        .start_last(async |mut stream, ()| stream.close().await)
}

pub(super) unsafe extern "C" fn commit(
    committer: *const CCommitter,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("commit", committer, completion, || Ok(())) }
        .start(async |committer, ()| committer.commit().await)
}

pub(super) unsafe extern "C" fn commit_after_recovery(
    committer: *const CCommitter,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("commit after recovery", committer, completion, || Ok(())) }
        .start(async |committer, ()| committer.commit_after_recovery().await)
}

pub(super) unsafe extern "C" fn committer_state(
    committer: *const CCommitter,
    out: *mut *mut CBytes,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::new("state of the committer", committer, || Out::new(out, null_mut())) }.recall(
        |committer, out| {
            committer
                .recoverable()
                .map(|state| out.set(results::recoverable(&state)))
        },
    )
}
