//! The functions of input and output streams.

use std::ptr::null_mut;

use super::arguments::{Lent, LentMut, Out, array};
use super::operation::Call;
use super::results;
use super::types::{CBytes, CCompletion, CError, CInputStream, COutputStream, CPage, CRange};
use crate::abi::chunk::check_one_for_each;

pub(super) unsafe extern "C" fn input_read(
    stream: *const CInputStream,
    buffer: *mut u8,
    size: usize,
    out: *mut usize,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("read", stream, completion, || {
            Ok((Out::new(out, 0)?, LentMut::new(buffer, size)?))
        })
    }
    .start(async |mut stream, (out, mut buffer)| {
        stream.read_into(buffer.bytes()).await.map(|size| out.set(size))
    })
}

pub(super) unsafe extern "C" fn input_read_chunk(
    stream: *const CInputStream,
    max: usize,
    out: *mut *mut CBytes,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("read", stream, completion, || Out::new(out, null_mut())) }.start(
        async move |mut stream, out| stream.read(max).await.map(|chunk| out.set(results::bytes(chunk))),
    )
}

pub(super) unsafe extern "C" fn input_read_ranges(
    stream: *const CInputStream,
    ranges: *const CRange,
    count: usize,
    out: *mut *mut CBytes,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe {
        Call::operation("read ranges", stream, completion, || {
            let places = Out::several(out, count, null_mut())?;
            let ranges = array(ranges, count, "ranges")?;
            let ranges: Vec<_> = ranges.iter().map(|range| range.start..range.end).collect();
            Ok((places, ranges))
        })
    }
    .start(async |mut stream, (places, ranges)| {
        let chunks = stream.read_ranges(&ranges).await?;
        check_one_for_each(chunks.len(), ranges.len())?;
        for (place, chunk) in places.into_iter().zip(chunks) {
            place.set(results::bytes(chunk));
        }
        Ok(())
    })
}

pub(super) unsafe extern "C" fn input_seek(stream: *const CInputStream, position: u64) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::new("seek", stream, || Ok(())) }.recall(|mut stream, ()| stream.seek(position))
}

pub(super) unsafe extern "C" fn input_position(stream: *const CInputStream, out: *mut u64) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::new("position", stream, || Out::new(out, 0)) }.ask(|stream| stream.position())
}

pub(super) unsafe extern "C" fn input_size(stream: *const CInputStream, out: *mut u64) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::new("size", stream, || Out::new(out, 0)) }.ask(|stream| stream.len())
}

pub(super) unsafe extern "C" fn input_close(
    stream: *const CInputStream,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("close", stream, completion, || Ok(())) }
        .start_last(async |mut stream, ()| stream.close().await)
}

pub(super) unsafe extern "C" fn output_write(
    stream: *const COutputStream,
    data: *const u8,
    size: usize,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("write", stream, completion, || Lent::new(data, size)) }
        .start(async |mut stream, data| stream.write(data.bytes()).await)
}

pub(super) unsafe extern "C" fn output_position(stream: *const COutputStream, out: *mut u64) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::new("position", stream, || Out::new(out, 0)) }.ask(|stream| stream.position())
}

pub(super) unsafe extern "C" fn output_location(
    stream: *const COutputStream,
    out: *mut *mut CBytes,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::new("location", stream, || Out::new(out, null_mut())) }.recall(|stream, out| {
        out.set(results::text(stream.location().as_str()));
        Ok(())
    })
}

pub(super) unsafe extern "C" fn output_flush(
    stream: *const COutputStream,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("flush", stream, completion, || Ok(())) }
        .start(async |mut stream, ()| stream.flush().await)
}

pub(super) unsafe extern "C" fn output_sync(
    stream: *const COutputStream,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("sync", stream, completion, || Ok(())) }
        .start(async |mut stream, ()| stream.sync().await)
}

pub(super) unsafe extern "C" fn output_close(
    stream: *const COutputStream,
    out: *mut *mut CPage,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("close", stream, completion, || Out::optional(out, null_mut())) }.start(
        async |mut stream, out| {
            let status = stream.close().await?;
            if let Some(out) = out {
                out.set(results::page(&[status]));
            }
            Ok(())
        },
    )
}

pub(super) unsafe extern "C" fn output_abort(
    stream: *const COutputStream,
    completion: *const CCompletion,
) -> *mut CError {
    // SAFETY: arguments as the table says.
    unsafe { Call::operation("abort", stream, completion, || Ok(())) }
        .start_last(async |mut stream, ()| stream.abort().await)
}
