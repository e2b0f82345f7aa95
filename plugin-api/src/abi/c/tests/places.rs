//! Whatever a call is refused for, nothing stands in its places for results afterwards.

use std::ffi::c_void;
use std::fmt::Debug;
use std::ptr::{dangling_mut, null, null_mut};

use super::super::numbers::*;
use super::super::table::CApi;
use super::super::types::*;
use super::callbacks::{completion, told};
use super::plugin::{Door, ok, taken};

/// A call that has to be refused, and to have put `nothing` where `something` stood.
fn refused<T: Copy + PartialEq + Debug>(
    what: &str,
    [something, nothing]: [T; 2],
    call: impl FnOnce(*mut T) -> *mut CError,
) {
    let mut place = something;
    let error = taken(call(&raw mut place));
    assert!(error.is_some(), "{what} succeeded");
    assert_eq!(place, nothing, "{what}");
}

/// Something that no call gave, and nothing.
fn pointers<T>() -> [*mut T; 2] {
    [dangling_mut(), null_mut()]
}

const NUMBERS: [u64; 2] = [7, 0];
const SIZES: [usize; 2] = [7, 0];
const BOOLEANS: [bool; 2] = [true, false];

#[test]
fn a_handle_that_is_refused_leaves_nothing_in_the_place_for_the_result() {
    let door = Door::new("places-handle");
    let (api, path) = (&door.api, door.path("a"));
    let path = path.as_ptr();
    let stream = door.open("a");
    for wrong in [null(), stream.cast::<c_void>().cast_const()] {
        // SAFETY: null, or a handle of this plugin of another kind; all else is as fsplug.h says.
        unsafe {
            refused("file_system", pointers(), |out| {
                (api.file_system)(wrong.cast(), path, null(), 0, out, null())
            });
            refused("capabilities", NUMBERS, |out| {
                (api.capabilities)(wrong.cast(), out)
            });
            refused("entropy_key", pointers(), |out| {
                (api.entropy_key)(wrong.cast(), out)
            });
            refused("status", pointers(), |out| {
                (api.status)(wrong.cast(), path, out, null())
            });
            refused("exists", BOOLEANS, |out| {
                (api.exists)(wrong.cast(), path, out, null())
            });
            refused("list", pointers(), |out| {
                (api.list)(wrong.cast(), path, null(), out, null())
            });
            refused("list_next", pointers(), |out| {
                (api.list_next)(wrong.cast(), out, null())
            });
            refused("open", pointers(), |out| {
                (api.open)(wrong.cast(), path, null(), out, null())
            });
            refused("create", pointers(), |out| {
                (api.create)(wrong.cast(), path, null(), out, null())
            });
            refused("delete_path", BOOLEANS, |out| {
                (api.delete_path)(wrong.cast(), path, 0, out, null())
            });
            refused("can_copy", BOOLEANS, |out| {
                (api.can_copy)(wrong.cast(), path, path, out)
            });
            refused("output_position", NUMBERS, |out| {
                (api.output_position)(wrong.cast(), out)
            });
            refused("output_location", pointers(), |out| {
                (api.output_location)(wrong.cast(), out)
            });
            refused("output_close", pointers(), |out| {
                (api.output_close)(wrong.cast(), out, null())
            });
            refused("recoverable_open", pointers(), |out| {
                (api.recoverable_open)(wrong.cast(), path, null(), out, null())
            });
            refused("recoverable_recover", pointers(), |out| {
                (api.recoverable_recover)(wrong.cast(), 0, null(), 0, out, null())
            });
            refused("recoverable_recover_for_commit", pointers(), |out| {
                (api.recoverable_recover_for_commit)(wrong.cast(), 0, null(), 0, out, null())
            });
            refused("recoverable_requires_cleanup", BOOLEANS, |out| {
                (api.recoverable_requires_cleanup)(wrong.cast(), out)
            });
            refused("recoverable_cleanup", BOOLEANS, |out| {
                (api.recoverable_cleanup)(wrong.cast(), 0, null(), 0, out, null())
            });
            refused("recoverable_inspect", pointers(), |out| {
                (api.recoverable_inspect)(wrong.cast(), 0, null(), 0, out)
            });
            // 0 would be "committable".
            refused("recoverable_verify", [7, FSPLUG_DAMAGED], |out| {
                (api.recoverable_verify)(wrong.cast(), 0, null(), 0, out, null_mut(), null())
            });
            refused("recoverable_verify", pointers(), |out| {
                (api.recoverable_verify)(wrong.cast(), 0, null(), 0, null_mut(), out, null())
            });
            refused("pending_uploads", pointers(), |out| {
                (api.pending_uploads)(wrong.cast(), path, null(), out, null())
            });
            refused("recoverable_position", NUMBERS, |out| {
                (api.recoverable_position)(wrong.cast(), out)
            });
            refused("recoverable_location", pointers(), |out| {
                (api.recoverable_location)(wrong.cast(), out)
            });
            refused("recoverable_persist", pointers(), |out| {
                (api.recoverable_persist)(wrong.cast(), out, null())
            });
            refused("recoverable_close_for_commit", pointers(), |out| {
                (api.recoverable_close_for_commit)(wrong.cast(), out, null())
            });
            refused("committer_state", pointers(), |out| {
                (api.committer_state)(wrong.cast(), out)
            });
        }
    }
    for wrong in [null(), door.fs.cast_const().cast::<CInputStream>()] {
        refused_input(api, wrong, null());
    }
    // SAFETY: released once.
    unsafe { (api.release)(stream.cast()) };
}

/// The functions of an input stream that have places for results, each of which has to be refused.
fn refused_input(api: &CApi, stream: *const CInputStream, completion: *const CCompletion) {
    let ranges = [CRange { start: 0, end: 1 }; 2];
    let places = pointers::<CBytes>().map(|place| [place; 2]);
    // SAFETY: arguments as fsplug.h says, but for the one that is refused.
    unsafe {
        refused("input_read", SIZES, |out| {
            (api.input_read)(stream, null_mut(), 0, out, completion)
        });
        refused("input_read_chunk", pointers(), |out| {
            (api.input_read_chunk)(stream, 1, out, completion)
        });
        refused("input_read_ranges", places, |out| {
            (api.input_read_ranges)(stream, ranges.as_ptr(), 2, out.cast(), completion)
        });
        if completion.is_null() {
            refused("input_position", NUMBERS, |out| (api.input_position)(stream, out));
            refused("input_size", NUMBERS, |out| (api.input_size)(stream, out));
        }
    }
}

#[test]
fn a_stream_that_is_busy_leaves_nothing_in_the_place_for_the_result() {
    let door = Door::new("places-busy");
    let stream = door.open("read-waits");
    let (sender, receiver) = told();
    let (mut byte, mut read) = (0_u8, 0);
    let busy = completion(sender, null_mut());
    // SAFETY: arguments as fsplug.h says: buffer and place stay until the callback.
    unsafe {
        ok((door.api.input_read)(
            stream,
            &raw mut byte,
            1,
            &raw mut read,
            &raw const busy,
        ));
        refused_input(&door.api, stream, null());
        refused("the operation", pointers(), |operation| {
            let completion = completion(sender, operation);
            (door.api.input_close)(stream, &raw const completion)
        });
        door.state().set_free();
        assert_eq!(receiver.recv().unwrap(), None);
        (door.api.release)(stream.cast());
    }
    assert_eq!((read, byte), (1, b'0'));
}

#[test]
fn arguments_that_are_refused_leave_nothing_in_the_place_for_the_result() {
    let door = Door::new("places-arguments");
    let (api, fs, path) = (&door.api, door.fs, door.path("a"));
    let (path, no_scheme, no_text) = (path.as_ptr(), c"a".as_ptr(), c"\xff".as_ptr());
    let list = CListOptions {
        struct_size: 0,
        flags: 0,
        page_size: 0,
        extensions: null(),
        extension_count: 0,
    };
    let open = COpenOptions {
        struct_size: size_of::<COpenOptions>(),
        buffer_size: 0,
        if_match: no_text,
        extensions: null(),
        extension_count: 0,
    };
    let create = CCreateOptions {
        struct_size: size_of::<CCreateOptions>(),
        flags: 0,
        reserved: 0,
        content_type: no_text,
        size_hint: 0,
        extensions: null(),
        extension_count: 0,
    };
    let factory = CFactoryOptions {
        struct_size: 0,
        log: None,
        log_context: null_mut(),
        memory_budget: 0,
        log_level: 0,
        reserved: 0,
    };
    // SAFETY: what is wrong can be seen to be wrong: a path, a text, options, or null where there should be pairs.
    unsafe {
        refused("factory_new", pointers(), |out| {
            (api.factory_new)(&raw const factory, out)
        });
        refused("file_system", pointers(), |out| {
            (api.file_system)(door.factory, no_scheme, null(), 0, out, null())
        });
        refused("file_system", pointers(), |out| {
            (api.file_system)(door.factory, path, null(), 1, out, null())
        });
        refused("status", pointers(), |out| {
            (api.status)(fs, no_scheme, out, null())
        });
        refused("exists", BOOLEANS, |out| (api.exists)(fs, no_scheme, out, null()));
        refused("list", pointers(), |out| {
            (api.list)(fs, no_scheme, null(), out, null())
        });
        refused("list", pointers(), |out| {
            (api.list)(fs, path, &raw const list, out, null())
        });
        refused("open", pointers(), |out| {
            (api.open)(fs, no_scheme, null(), out, null())
        });
        refused("open", pointers(), |out| {
            (api.open)(fs, path, &raw const open, out, null())
        });
        refused("create", pointers(), |out| {
            (api.create)(fs, no_scheme, null(), out, null())
        });
        refused("create", pointers(), |out| {
            (api.create)(fs, path, &raw const create, out, null())
        });
        refused("delete_path", BOOLEANS, |out| {
            (api.delete_path)(fs, no_scheme, 0, out, null())
        });
        refused("can_copy", BOOLEANS, |out| {
            (api.can_copy)(fs, no_scheme, path, out)
        });
        refused("can_copy", BOOLEANS, |out| {
            (api.can_copy)(fs, path, no_scheme, out)
        });
        refused("recoverable_open", pointers(), |out| {
            (api.recoverable_open)(fs, no_scheme, null(), out, null())
        });
        refused("recoverable_open", pointers(), |out| {
            (api.recoverable_open)(fs, path, &raw const create, out, null())
        });
        refused("pending_uploads", pointers(), |out| {
            (api.pending_uploads)(fs, no_scheme, null(), out, null())
        });
        refused("pending_uploads", pointers(), |out| {
            (api.pending_uploads)(fs, path, no_text, out, null())
        });
    }
}

#[test]
fn memory_that_is_refused_leaves_nothing_in_the_place_for_the_result() {
    let door = Door::new("places-memory");
    let (api, fs, stream) = (&door.api, door.fs, door.open("a"));
    // SAFETY: null, where there should be bytes or ranges, is refused before it is read or written.
    unsafe {
        refused("input_read", SIZES, |out| {
            (api.input_read)(stream, null_mut(), 1, out, null())
        });
        refused("input_read_ranges", pointers(), |out| {
            (api.input_read_ranges)(stream, null(), 1, out, null())
        });
        refused("recoverable_recover", pointers(), |out| {
            (api.recoverable_recover)(fs, 0, null(), 1, out, null())
        });
        refused("recoverable_recover_for_commit", pointers(), |out| {
            (api.recoverable_recover_for_commit)(fs, 0, null(), 1, out, null())
        });
        refused("recoverable_cleanup", BOOLEANS, |out| {
            (api.recoverable_cleanup)(fs, 0, null(), 1, out, null())
        });
        refused("recoverable_inspect", pointers(), |out| {
            (api.recoverable_inspect)(fs, 0, null(), 1, out)
        });
        refused("recoverable_verify", [7, FSPLUG_DAMAGED], |out| {
            (api.recoverable_verify)(fs, 0, null(), 1, out, null_mut(), null())
        });
        // The other place is what is refused.
        refused("recoverable_verify", pointers(), |out| {
            (api.recoverable_verify)(fs, 0, null(), 0, null_mut(), out, null())
        });
        (api.release)(stream.cast());
    }
}

#[test]
fn a_completion_that_is_refused_leaves_nothing_in_the_places() {
    #[repr(C)]
    struct Newer {
        known: CCompletion,
        later: u64,
    }
    let door = Door::new("places-completion");
    let (api, path, stream) = (&door.api, door.path("a"), door.open("a"));
    let path = path.as_ptr();
    let (sender, receiver) = told();
    let mut room = pointers::<COperation>();
    let good = completion(sender, null_mut());
    let (unset, silent, misaligned) = (
        CCompletion {
            struct_size: 0,
            ..good
        },
        CCompletion { done: None, ..good },
        completion(sender, room.as_mut_ptr().wrapping_byte_add(1)),
    );
    for bad in [&unset, &silent, &misaligned] {
        let bad = std::ptr::from_ref(bad);
        refused_input(api, stream, bad);
        // SAFETY: arguments as fsplug.h says, but for the completion.
        unsafe {
            refused("status", pointers(), |out| (api.status)(door.fs, path, out, bad));
            refused("exists", BOOLEANS, |out| (api.exists)(door.fs, path, out, bad));
            refused("open", pointers(), |out| {
                (api.open)(door.fs, path, null(), out, bad)
            });
            refused("file_system", pointers(), |out| {
                (api.file_system)(door.factory, path, null(), 0, out, bad)
            });
        }
    }
    // SAFETY: arguments as fsplug.h says, but for what is refused.
    unsafe {
        refused("without a callback", pointers(), |operation| {
            let completion = CCompletion { operation, ..silent };
            (api.mkdirs)(door.fs, path, &raw const completion)
        });
        refused("of a newer caller", pointers(), |operation| {
            let newer = Newer {
                known: CCompletion {
                    struct_size: size_of::<Newer>(),
                    ..completion(sender, operation)
                },
                later: 1,
            };
            (api.mkdirs)(door.fs, path, (&raw const newer).cast())
        });
        refused("without a path", pointers(), |operation| {
            let completion = completion(sender, operation);
            (api.mkdirs)(door.fs, null(), &raw const completion)
        });
        refused("without a file system", pointers(), |operation| {
            let completion = completion(sender, operation);
            (api.mkdirs)(null(), path, &raw const completion)
        });
        (api.release)(stream.cast());
    }
    assert!(receiver.try_recv().is_err());
}
