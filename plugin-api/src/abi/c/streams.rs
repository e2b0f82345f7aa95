//! The functions of input and output streams.

use std::ptr::null_mut;

use super::arguments::{Lent, LentMut, Out, array, refused};
use super::handle;
use super::operation::{Completion, entry, recall, start, start_last};
use super::results;
use super::types::{CBytes, CCompletion, CError, CInputStream, COutputStream, CPage, CRange};
use crate::abi::future::Enter;

pub(super) unsafe extern "C" fn input_read(
    stream: *const CInputStream,
    buffer: *mut u8,
    size: usize,
    out: *mut usize,
    completion: *const CCompletion,
) -> *mut CError {
    entry("read", || {
        // SAFETY: arguments as the table says.
        let (mut stream, mut buffer, out, completion) = unsafe {
            (
                handle::input(stream)?.lease()?,
                LentMut::new(buffer, size)?,
                Out::new(out, 0)?,
                Completion::new(completion)?,
            )
        };
        let enter = stream.enter.clone();
        let work = async move {
            out.set(stream.read_into(buffer.bytes()).await?);
            Ok(())
        };
        start("read", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn input_read_chunk(
    stream: *const CInputStream,
    max: usize,
    out: *mut *mut CBytes,
    completion: *const CCompletion,
) -> *mut CError {
    entry("read", || {
        // SAFETY: arguments as the table says.
        let (mut stream, out, completion) = unsafe {
            (
                handle::input(stream)?.lease()?,
                Out::new(out, null_mut())?,
                Completion::new(completion)?,
            )
        };
        let enter = stream.enter.clone();
        let work = async move {
            let chunk = stream.read(max).await?;
            out.set(results::bytes(chunk));
            Ok(())
        };
        start("read", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn input_read_ranges(
    stream: *const CInputStream,
    ranges: *const CRange,
    count: usize,
    out: *mut *mut CBytes,
    completion: *const CCompletion,
) -> *mut CError {
    entry("read ranges", || {
        // SAFETY: arguments as the table says: there are as many places as ranges.
        let (mut stream, ranges, completion) = unsafe {
            (
                handle::input(stream)?.lease()?,
                array(ranges, count, "ranges")?,
                Completion::new(completion)?,
            )
        };
        let mut places = Vec::with_capacity(count);
        for index in 0..count {
            if out.is_null() {
                return Err(refused("the place for the result is NULL"));
            }
            // SAFETY: as above; it is not null.
            places.push(unsafe { Out::new(out.add(index), null_mut())? });
        }
        let ranges: Vec<_> = ranges.iter().map(|range| range.start..range.end).collect();
        let enter = stream.enter.clone();
        let work = async move {
            let chunks = stream.read_ranges(&ranges).await?;
            for (place, chunk) in places.into_iter().zip(chunks) {
                place.set(results::bytes(chunk));
            }
            Ok(())
        };
        start("read ranges", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn input_seek(stream: *const CInputStream, position: u64) -> *mut CError {
    entry("seek", || {
        // SAFETY: a handle as the table says.
        let mut stream = unsafe { handle::input(stream)?.lease()? };
        let enter = stream.enter.clone();
        recall("seek", &enter, || stream.seek(position))
    })
}

pub(super) unsafe extern "C" fn input_position(stream: *const CInputStream, out: *mut u64) -> *mut CError {
    entry("position", || {
        // SAFETY: arguments as the table says.
        let (stream, out) = unsafe { (handle::input(stream)?.lease()?, Out::new(out, 0)?) };
        out.set(Enter::ask(0, || stream.position()));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn input_size(stream: *const CInputStream, out: *mut u64) -> *mut CError {
    entry("size", || {
        // SAFETY: arguments as the table says.
        let (stream, out) = unsafe { (handle::input(stream)?.lease()?, Out::new(out, 0)?) };
        out.set(Enter::ask(0, || stream.len()));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn input_close(
    stream: *const CInputStream,
    completion: *const CCompletion,
) -> *mut CError {
    entry("close", || {
        // SAFETY: arguments as the table says.
        let (mut stream, completion) =
            unsafe { (handle::input(stream)?.lease()?, Completion::new(completion)?) };
        let enter = stream.enter.clone();
        start_last(
            "close",
            &enter,
            completion,
            Box::pin(async move { stream.close().await }),
        )
    })
}

pub(super) unsafe extern "C" fn output_write(
    stream: *const COutputStream,
    data: *const u8,
    size: usize,
    completion: *const CCompletion,
) -> *mut CError {
    entry("write", || {
        // SAFETY: arguments as the table says.
        let (mut stream, data, completion) = unsafe {
            (
                handle::output(stream)?.lease()?,
                Lent::new(data, size)?,
                Completion::new(completion)?,
            )
        };
        let enter = stream.enter.clone();
        let work = async move { stream.write(data.bytes()).await };
        start("write", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn output_position(stream: *const COutputStream, out: *mut u64) -> *mut CError {
    entry("position", || {
        // SAFETY: arguments as the table says.
        let (stream, out) = unsafe { (handle::output(stream)?.lease()?, Out::new(out, 0)?) };
        out.set(Enter::ask(0, || stream.position()));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn output_location(
    stream: *const COutputStream,
    out: *mut *mut CBytes,
) -> *mut CError {
    entry("location", || {
        // SAFETY: arguments as the table says.
        let (stream, out) = unsafe { (handle::output(stream)?.lease()?, Out::new(out, null_mut())?) };
        let location = recall("location", &stream.enter, || Ok(stream.location()))?;
        out.set(results::text(location.as_str()));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn output_flush(
    stream: *const COutputStream,
    completion: *const CCompletion,
) -> *mut CError {
    entry("flush", || {
        // SAFETY: arguments as the table says.
        let (mut stream, completion) =
            unsafe { (handle::output(stream)?.lease()?, Completion::new(completion)?) };
        let enter = stream.enter.clone();
        start(
            "flush",
            &enter,
            completion,
            Box::pin(async move { stream.flush().await }),
        )
    })
}

pub(super) unsafe extern "C" fn output_sync(
    stream: *const COutputStream,
    completion: *const CCompletion,
) -> *mut CError {
    entry("sync", || {
        // SAFETY: arguments as the table says.
        let (mut stream, completion) =
            unsafe { (handle::output(stream)?.lease()?, Completion::new(completion)?) };
        let enter = stream.enter.clone();
        start(
            "sync",
            &enter,
            completion,
            Box::pin(async move { stream.sync().await }),
        )
    })
}

pub(super) unsafe extern "C" fn output_close(
    stream: *const COutputStream,
    out: *mut *mut CPage,
    completion: *const CCompletion,
) -> *mut CError {
    entry("close", || {
        // SAFETY: arguments as the table says.
        let (mut stream, out, completion) = unsafe {
            (
                handle::output(stream)?.lease()?,
                Out::optional(out, null_mut())?,
                Completion::new(completion)?,
            )
        };
        let enter = stream.enter.clone();
        let work = async move {
            let status = stream.close().await?;
            if let Some(out) = out {
                out.set(results::page(&[status]));
            }
            Ok(())
        };
        start("close", &enter, completion, Box::pin(work))
    })
}

pub(super) unsafe extern "C" fn output_abort(
    stream: *const COutputStream,
    completion: *const CCompletion,
) -> *mut CError {
    entry("abort", || {
        // SAFETY: arguments as the table says.
        let (mut stream, completion) =
            unsafe { (handle::output(stream)?.lease()?, Completion::new(completion)?) };
        let enter = stream.enter.clone();
        start_last(
            "abort",
            &enter,
            completion,
            Box::pin(async move { stream.abort().await }),
        )
    })
}
