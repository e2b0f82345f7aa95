//! The C entry: a table of functions for callers that are not written in Rust.
//!
//! The functions wrap this crate's traits as the plugin implements them; a plugin's author has nothing to do for
//! them. What holds for all of them (who owns what, threads, cancellation) is in the book, "The C door".
//!
//! * [`numbers`], [`types`] and [`table`] are the header.
//! * `arguments` reads what the caller passes, `results` makes what it gets, `handle` what it holds.
//! * `operation` runs a call to its end, or gives it to the threads of `driver`.

mod arguments;
mod bulk_copy;
mod driver;
mod factory;
mod file_system;
mod handle;
mod log;
pub mod numbers;
mod operation;
mod recoverable;
mod recoverable_stream;
mod results;
mod streams;
pub mod table;
#[cfg(test)]
mod tests;
pub mod types;

use std::ffi::c_void;

use super::Export;
use table::{CApi, FSPLUG_OK, FSPLUG_WRONG_TABLE, FSPLUG_WRONG_VERSION};

/// Fills the caller's table with as much as fits into `size` bytes, and the rest of it with zeros.
///
/// # Safety
/// `table` is null or points to `size` writable bytes, aligned for a pointer.
pub unsafe fn fill_c_api<P: Export>(
    major: u32,
    table: *mut c_void,
    size: usize,
    manifest: &'static [u8],
) -> i32 {
    // SAFETY: the caller's promise is passed on.
    unsafe { fill(major, table, size, table::table::<P>(manifest)) }
}

unsafe fn fill(major: u32, table: *mut c_void, size: usize, mut api: CApi) -> i32 {
    if major != crate::ABI_VERSION.major {
        return FSPLUG_WRONG_VERSION;
    }
    if table.is_null() || !table.cast::<CApi>().is_aligned() || size < size_of::<usize>() {
        return FSPLUG_WRONG_TABLE;
    }
    let filled = size.min(size_of::<CApi>());
    api.struct_size = filled;
    // SAFETY: the caller says that `size` bytes may be written; `filled` and the rest behind it are as many.
    unsafe {
        std::ptr::copy_nonoverlapping((&raw const api).cast::<u8>(), table.cast::<u8>(), filled);
        table.cast::<u8>().add(filled).write_bytes(0, size - filled);
    }
    FSPLUG_OK
}
