//! The functions of recoverable streams and committers.

use std::ptr::null_mut;
use std::sync::Arc;

use super::arguments::{Lent, Out};
use super::handle::{self, Object, shared};
use super::operation::{Completion, entry, recall, start, start_last};
use super::results;
use super::types::{CBytes, CCommitter, CCompletion, CError, CRecoverableStream};
use crate::abi::future::Enter;

pub(super) unsafe extern "C" fn write(
    stream: *const CRecoverableStream,
    data: *const u8,
    size: usize,
    completion: *const CCompletion,
) -> *mut CError {
    entry("write", || {
        // SAFETY: arguments as the table says.
        let (mut stream, data, completion) = unsafe {
            (
                handle::recoverable_stream(stream)?.lease()?,
                Lent::new(data, size)?,
                Completion::new(completion)?,
            )
        };
        let enter = stream.enter.clone();
        let work = async move { stream.write(data.bytes()).await };
        start("write", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn position(stream: *const CRecoverableStream, out: *mut u64) -> *mut CError {
    entry("position", || {
        // SAFETY: arguments as the table says.
        let (stream, out) = unsafe { (handle::recoverable_stream(stream)?.lease()?, Out::new(out, 0)?) };
        out.set(Enter::ask(0, || stream.position()));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn location(
    stream: *const CRecoverableStream,
    out: *mut *mut CBytes,
) -> *mut CError {
    entry("location", || {
        // SAFETY: arguments as the table says.
        let (stream, out) = unsafe {
            (
                handle::recoverable_stream(stream)?.lease()?,
                Out::new(out, null_mut())?,
            )
        };
        let location = recall("location", &stream.enter, || Ok(stream.location()))?;
        out.set(results::text(location.as_str()));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn flush(
    stream: *const CRecoverableStream,
    completion: *const CCompletion,
) -> *mut CError {
    entry("flush", || {
        // SAFETY: arguments as the table says.
        let (mut stream, completion) = unsafe {
            (
                handle::recoverable_stream(stream)?.lease()?,
                Completion::new(completion)?,
            )
        };
        let enter = stream.enter.clone();
        start(
            "flush",
            &enter,
            completion,
            Box::pin(async move { stream.flush().await }),
        )
    })
}

pub(super) unsafe extern "C" fn persist(
    stream: *const CRecoverableStream,
    out: *mut *mut CBytes,
    completion: *const CCompletion,
) -> *mut CError {
    entry("persist", || {
        // SAFETY: arguments as the table says.
        let (mut stream, out, completion) = unsafe {
            (
                handle::recoverable_stream(stream)?.lease()?,
                Out::new(out, null_mut())?,
                Completion::new(completion)?,
            )
        };
        let enter = stream.enter.clone();
        let work = async move {
            let state = stream.persist().await?;
            out.set(results::recoverable(&state));
            Ok(())
        };
        start("persist", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn close_for_commit(
    stream: *const CRecoverableStream,
    out: *mut *mut CCommitter,
    completion: *const CCompletion,
) -> *mut CError {
    entry("close for commit", || {
        // SAFETY: arguments as the table says.
        let (mut stream, out, completion) = unsafe {
            (
                handle::recoverable_stream(stream)?.lease()?,
                Out::new(out, null_mut())?,
                Completion::new(completion)?,
            )
        };
        let enter = stream.enter.clone();
        let work = async move {
            let committer = stream.close_for_commit().await?;
            out.give(Object::Committer(shared(committer, &stream.enter)));
            Ok(())
        };
        start("close for commit", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn close(
    stream: *const CRecoverableStream,
    completion: *const CCompletion,
) -> *mut CError {
    entry("close", || {
        // SAFETY: arguments as the table says.
        let (mut stream, completion) = unsafe {
            (
                handle::recoverable_stream(stream)?.lease()?,
                Completion::new(completion)?,
            )
        };
        let enter = stream.enter.clone();
        start_last(
            "close",
            &enter,
            completion,
            Box::pin(async move { stream.close().await }),
        )
    })
}

pub(super) unsafe extern "C" fn commit(
    committer: *const CCommitter,
    completion: *const CCompletion,
) -> *mut CError {
    entry("commit", || {
        // SAFETY: arguments as the table says.
        let (committer, completion) = unsafe {
            (
                Arc::clone(handle::committer(committer)?),
                Completion::new(completion)?,
            )
        };
        let enter = committer.enter.clone();
        start(
            "commit",
            &enter,
            completion,
            Box::pin(async move { committer.commit().await }),
        )
    })
}

pub(super) unsafe extern "C" fn commit_after_recovery(
    committer: *const CCommitter,
    completion: *const CCompletion,
) -> *mut CError {
    entry("commit after recovery", || {
        // SAFETY: arguments as the table says.
        let (committer, completion) = unsafe {
            (
                Arc::clone(handle::committer(committer)?),
                Completion::new(completion)?,
            )
        };
        let enter = committer.enter.clone();
        let work = async move { committer.commit_after_recovery().await };
        start("commit after recovery", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn committer_state(
    committer: *const CCommitter,
    out: *mut *mut CBytes,
) -> *mut CError {
    entry("state of the committer", || {
        // SAFETY: arguments as the table says.
        let (committer, out) = unsafe { (handle::committer(committer)?, Out::new(out, null_mut())?) };
        let state = recall("state of the committer", &committer.enter, || {
            committer.recoverable()
        })?;
        out.set(results::recoverable(&state));
        Ok(())
    })
}
