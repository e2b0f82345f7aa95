//! Whether this process is the child of a fork, in which a plugin or host has none of its threads.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, ErrorKind, Result};

/// Set in the child of every fork that follows the first check.
static IS_CHILD: AtomicBool = AtomicBool::new(false);

extern "C" fn in_child() {
    IS_CHILD.store(true, Ordering::Relaxed);
}

/// Fails in the child of a fork, where waiting for a thread of the parent would never end. Forks before the first
/// call harm nobody.
///
/// # Errors
/// [`ErrorKind::Closed`].
#[inline]
pub fn check_fork() -> Result<()> {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        // SAFETY: the handler only stores a flag, which is async-signal-safe, and stays mapped: no plugin is ever
        // unloaded. If there is no memory for it, forks go unnoticed as they would without it.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
    if is_forked_child() { Err(forked()) } else { Ok(()) }
}

/// Whether the process was forked since the first [`check_fork`].
#[inline]
pub(super) fn is_forked_child() -> bool {
    IS_CHILD.load(Ordering::Relaxed)
}

#[cold]
fn forked() -> Error {
    Error::new(
        ErrorKind::Closed,
        "used after fork: the threads that do the work exist in the parent process only",
    )
    .with_remedy("create file systems after the fork and not before, or start a new program (exec)")
}
