//! [`Chunk`]: memory that crosses the boundary without being copied.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use abi_stable::StableAbi;
use bytes::Bytes;

use crate::{Error, ErrorKind, Result};

/// Bytes owned by one side and read by the other, which gives them back through `release`.
///
/// The memory never moves and is never written again. Each side frees its own, so that their
/// allocators may differ.
#[repr(C)]
#[derive(StableAbi)]
pub struct Chunk {
    ptr: *const u8,
    len: usize,
    owner: *mut c_void,
    release: unsafe extern "C" fn(*mut c_void),
}

// SAFETY: the memory is immutable while the chunk lives, and `owner` is a boxed `Bytes`, which is
// `Send`; `release` may run on any thread.
unsafe impl Send for Chunk {}
// SAFETY: shared access only reads immutable memory.
unsafe impl Sync for Chunk {}

impl From<Bytes> for Chunk {
    fn from(bytes: Bytes) -> Self {
        // Boxing moves the handle, not the bytes it points to.
        let (ptr, len) = (bytes.as_ptr(), bytes.len());
        Self {
            ptr,
            len,
            owner: Box::into_raw(Box::new(bytes)).cast(),
            release: release_bytes,
        }
    }
}

unsafe extern "C" fn release_bytes(owner: *mut c_void) {
    // SAFETY: `owner` comes from `Box::into_raw` of a `Box<Bytes>` in `From<Bytes>`, and a chunk
    // releases its owner once.
    let bytes = unsafe { Box::from_raw(owner.cast::<Bytes>()) };
    // The owner of the memory may be foreign code whose drop panics; that must not cross.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(bytes)));
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: `ptr` and `len` come from a live `Bytes` that `owner` keeps alive and unchanged
        // until `release`, which only `drop` calls.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: `owner` has not been released yet: a chunk is neither `Clone` nor `Copy`.
        unsafe { (self.release)(self.owner) }
    }
}

impl From<Chunk> for Bytes {
    fn from(chunk: Chunk) -> Self {
        if chunk.len == 0 {
            Self::new()
        } else {
            Self::from_owner(chunk)
        }
    }
}

/// Whether there is one chunk for each range. Whoever goes through both would miss or mix some.
pub(super) fn check_one_for_each(chunks: usize, ranges: usize) -> Result<()> {
    if chunks == ranges {
        return Ok(());
    }
    Err(other_than_asked(&format!("{chunks} chunks for {ranges} ranges")))
}

/// The plugin returned something that does not fit the question.
#[cold]
pub(super) fn other_than_asked(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the plugin returned {what}"))
        .with_remedy("report this to the author of the plugin")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_memory_is_the_same_on_both_sides_and_is_released_once() {
        struct Owner(
            #[expect(dead_code, reason = "counts the owners that live")] Arc<()>,
            Vec<u8>,
        );
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                &self.1
            }
        }
        let alive = Arc::new(());
        let sent = Bytes::from_owner(Owner(Arc::clone(&alive), vec![7; 100]));
        let address = sent.as_ptr();
        let received = Bytes::from(Chunk::from(sent));
        let slice = received.slice(10..20);
        assert_eq!(received.as_ptr(), address);
        drop(received);
        assert_eq!((&slice[..], Arc::strong_count(&alive)), (&[7; 10][..], 2));
        drop(slice);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[test]
    fn a_panicking_owner_does_not_cross_the_boundary() {
        struct Panics;
        impl AsRef<[u8]> for Panics {
            fn as_ref(&self) -> &[u8] {
                b"x"
            }
        }
        impl Drop for Panics {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        drop(Chunk::from(Bytes::from_owner(Panics)));
    }
}
