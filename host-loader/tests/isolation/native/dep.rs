//! A crate of which there are several versions.
#![no_std]

use core::sync::atomic::{AtomicI32, Ordering};

/// Not a constant, which the compiler would put into the caller.
static VERSION: AtomicI32 = AtomicI32::new(@VERSION);
static COUNT: AtomicI32 = AtomicI32::new(0);

/// For callers in C, and therefore visible wherever the crate is linked.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn dep_version() -> i32 {
    VERSION.load(Ordering::Relaxed)
}

/// How often this copy was asked.
pub fn count() -> i32 {
    COUNT.fetch_add(1, Ordering::SeqCst) + 1
}
