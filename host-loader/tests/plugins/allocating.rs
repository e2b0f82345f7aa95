//! The example that keeps files in memory, with an allocator of its own that takes back only what it gave.

#[path = "../../../plugin-api/examples/memory.rs"]
mod memory;

use std::alloc::{GlobalAlloc, Layout, System};
use std::process;

/// What stands in front of everything that this allocator gave.
const MARK: [u8; 8] = *b"mine own";

/// Memory with a mark in front: another allocator cannot free it, and what has no mark ends the process.
struct Marking;

#[global_allocator]
static ALLOCATOR: Marking = Marking;

/// The layout with room for the mark, and where the memory begins in it.
fn with_mark(layout: Layout) -> Option<(Layout, usize)> {
    Layout::new::<[u8; 8]>().extend(layout).ok()
}

// SAFETY: the memory lies inside a larger allocation of the system's allocator, at an offset that keeps its
// alignment; `dealloc` computes the same layout and offset from the same arguments.
unsafe impl GlobalAlloc for Marking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((whole, offset)) = with_mark(layout) else {
            return std::ptr::null_mut();
        };
        // SAFETY: the layout has room for the mark, so that it is not empty.
        let start = unsafe { System.alloc(whole) };
        if start.is_null() {
            return start;
        }
        // SAFETY: `offset` is within the allocation and at least the size of the mark.
        unsafe {
            let memory = start.add(offset);
            memory.cast::<[u8; 8]>().sub(1).write(MARK);
            memory
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let Some((whole, offset)) = with_mark(layout) else {
            process::abort();
        };
        let mark = memory.cast::<[u8; 8]>().wrapping_sub(1);
        // SAFETY: memory of this allocator has its mark there, and that of others the head of its block.
        if unsafe { mark.read() } != MARK {
            process::abort();
        }
        // SAFETY: the mark says that this is what `alloc` returned for the layout, and that it was not freed.
        unsafe {
            mark.write([0; 8]);
            System.dealloc(memory.sub(offset), whole);
        }
    }
}
