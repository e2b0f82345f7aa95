//! What calls give in callback form: each tells its end once, whatever happens to it.

use std::collections::BTreeSet;
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use std::{fs, thread};

use super::super::types::*;
use super::plugin::{CONTENT, Door, kind, ok, taken};
use crate::ErrorKind;

/// What a callback was called with.
pub(super) type Told = Option<(ErrorKind, String)>;

unsafe extern "C" fn tell(context: *mut c_void, error: *mut CError) {
    // SAFETY: the context is the sender of `told`, which stays.
    let sender = unsafe { &*context.cast::<Sender<Told>>() };
    sender.send(taken(error)).unwrap();
}

/// Somebody to be told, and what was told. The sender is still in use when what it sent has arrived, so it stays.
pub(super) fn told() -> (&'static Sender<Told>, Receiver<Told>) {
    let (sender, receiver) = channel();
    (Box::leak(Box::new(sender)), receiver)
}

pub(super) fn completion(sender: &Sender<Told>, operation: *mut *mut COperation) -> CCompletion {
    CCompletion {
        struct_size: size_of::<CCompletion>(),
        done: Some(tell),
        context: std::ptr::from_ref(sender).cast_mut().cast(),
        operation,
    }
}

#[test]
fn a_call_tells_its_success_and_its_failure_once() {
    let door = Door::new("tells");
    let (sender, receiver) = told();
    let completion = completion(sender, null_mut());
    for (key, expected) in [
        ("a", None),
        ("fails", Some(ErrorKind::Throttled)),
        ("panics", Some(ErrorKind::PluginPanic)),
    ] {
        let mut page = null_mut();
        // SAFETY: arguments as fsplug.h says: they stay until the callback.
        unsafe {
            ok((door.api.status)(
                door.fs,
                door.path(key).as_ptr(),
                &raw mut page,
                &raw const completion,
            ));
            assert_eq!(receiver.recv().unwrap().map(|(kind, _)| kind), expected);
            assert_eq!(page.is_null(), expected.is_some());
            if !page.is_null() {
                ((*page).release)(page);
            }
        }
    }
    assert!(receiver.try_recv().is_err());
}

#[test]
fn a_cancelled_call_tells_so_once_and_what_it_had_is_gone_by_then() {
    let door = Door::new("cancels");
    let state = door.state();
    let (sender, receiver) = told();
    let (mut page, mut operation) = (null_mut(), null_mut());
    let completion = completion(sender, &raw mut operation);
    // SAFETY: arguments as fsplug.h says; the operation is released once.
    unsafe {
        ok((door.api.status)(
            door.fs,
            door.path("waits").as_ptr(),
            &raw mut page,
            &raw const completion,
        ));
        ok((door.api.cancel)(operation));
        assert_eq!(receiver.recv().unwrap().unwrap().0, ErrorKind::Cancelled);
        assert_eq!(state.waiting.load(Ordering::SeqCst), 0);
        assert!(page.is_null());
        // It has ended: nothing happens any more.
        ok((door.api.cancel)(operation));
        state.set_free();
        (door.api.release)(operation.cast());
    }
    assert!(receiver.try_recv().is_err());
}

#[test]
fn a_stream_whose_read_was_cancelled_is_where_it_was() {
    let door = Door::new("cancelled-read");
    let stream = door.open("read-waits");
    let (sender, receiver) = told();
    let (mut buffer, mut read, mut operation) = ([0_u8; 4], 0, null_mut());
    let completion = completion(sender, &raw mut operation);
    // SAFETY: arguments as fsplug.h says: buffer and places stay until the callback.
    unsafe {
        let (input_read, room) = (door.api.input_read, buffer.as_mut_ptr());
        ok(input_read(stream, room, 4, &raw mut read, &raw const completion));
        // One operation at a time.
        let mut position = 0;
        assert_eq!(
            kind((door.api.input_position)(stream, &raw mut position)),
            ErrorKind::InvalidInput
        );
        ok((door.api.cancel)(operation));
        assert_eq!(receiver.recv().unwrap().unwrap().0, ErrorKind::Cancelled);
        door.state().set_free();
        ok(input_read(stream, room, 4, &raw mut read, null()));
        assert_eq!((read, &buffer[..]), (4, &CONTENT[..4]));
        (door.api.release)(operation.cast());
        (door.api.release)(stream.cast());
    }
}

#[test]
fn a_call_that_runs_when_the_file_system_is_closed_ends_at_the_deadline() {
    let door = Door::new("closes");
    let (sender, receiver) = told();
    let completion = completion(sender, null_mut());
    let (mut page, path) = (null_mut(), door.path("waits"));
    // SAFETY: arguments as fsplug.h says: they stay until the callback.
    unsafe {
        ok((door.api.status)(
            door.fs,
            path.as_ptr(),
            &raw mut page,
            &raw const completion,
        ));
        while door.state().waiting.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        assert_eq!(kind((door.api.close)(door.fs, 0, null())), ErrorKind::Timeout);
    }
    assert_eq!(receiver.recv().unwrap().unwrap().0, ErrorKind::Closed);
}

#[test]
fn handles_may_be_released_while_their_operations_run() {
    let door = Door::new("released");
    let stream = door.open("read-waits");
    let (sender, receiver) = told();
    let (mut buffer, mut read, mut operation) = ([0_u8; 10], 0, null_mut());
    let completion = completion(sender, &raw mut operation);
    // SAFETY: arguments as fsplug.h says: buffer and places stay until the callback.
    unsafe {
        ok((door.api.input_read)(
            stream,
            buffer.as_mut_ptr(),
            10,
            &raw mut read,
            &raw const completion,
        ));
        (door.api.release)(stream.cast());
        (door.api.release)(operation.cast());
        let state = door.state();
        drop(door);
        state.set_free();
    }
    assert_eq!(receiver.recv().unwrap(), None);
    assert_eq!((read, buffer.as_slice()), (10, CONTENT));
}

/// Starts the next call from the callback of the one before, and tries one that waits.
struct Chain {
    door: Door,
    left: AtomicUsize,
    page: *mut CPage,
    sender: Sender<Told>,
}

unsafe extern "C" fn next(context: *mut c_void, error: *mut CError) {
    // SAFETY: the context is the chain of the test, which waits for its end.
    let chain = unsafe { &mut *context.cast::<Chain>() };
    ok(error);
    // SAFETY: the page was given by the call that has ended; arguments as fsplug.h says.
    unsafe {
        ((*chain.page).release)(chain.page);
        let path = chain.door.path("a");
        let waits = (chain.door.api.mkdirs)(chain.door.fs, path.as_ptr(), null());
        if chain.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // The chain may be gone as soon as it was sent.
            let sender = chain.sender.clone();
            sender.send(taken(waits)).unwrap();
            return;
        }
        taken(waits);
        let completion = CCompletion {
            struct_size: size_of::<CCompletion>(),
            done: Some(next),
            context,
            operation: null_mut(),
        };
        let status = chain.door.api.status;
        ok(status(
            chain.door.fs,
            path.as_ptr(),
            &raw mut chain.page,
            &raw const completion,
        ));
    }
}

#[test]
fn a_callback_may_start_calls_but_none_that_waits() {
    let (sender, receiver) = channel();
    let mut chain = Chain {
        door: Door::new("chain"),
        left: AtomicUsize::new(100),
        page: null_mut(),
        sender,
    };
    let chain = &raw mut chain;
    let completion = CCompletion {
        struct_size: size_of::<CCompletion>(),
        done: Some(next),
        context: chain.cast(),
        operation: null_mut(),
    };
    // SAFETY: arguments as fsplug.h says: the chain stays until its last callback has been called.
    unsafe {
        let path = (*chain).door.path("a");
        let status = (*chain).door.api.status;
        ok(status(
            (*chain).door.fs,
            path.as_ptr(),
            &raw mut (*chain).page,
            &raw const completion,
        ));
    }
    let (kind, text) = receiver.recv().unwrap().unwrap();
    assert_eq!(kind, ErrorKind::InvalidInput);
    assert!(
        text.contains("callback") && text.contains("pass a completion"),
        "{text}"
    );
}

#[test]
fn many_threads_call_at_once_in_both_forms_and_few_threads_serve_them() {
    const THREADS: usize = 61;
    const ROUNDS: usize = 20;
    let door = Door::new("many");
    thread::scope(|scope| {
        for number in 0..THREADS {
            let door = &door;
            scope.spawn(move || {
                let (sender, receiver) = told();
                let completion = completion(sender, null_mut());
                for _ in 0..ROUNDS {
                    let stream = door.open("a");
                    let (mut buffer, mut read) = ([0_u8; 10], 0);
                    let form = if number % 2 == 0 {
                        null()
                    } else {
                        &raw const completion
                    };
                    // SAFETY: arguments as fsplug.h says: all of it stays until the callback.
                    unsafe {
                        ok((door.api.input_read)(
                            stream,
                            buffer.as_mut_ptr(),
                            10,
                            &raw mut read,
                            form,
                        ));
                        if !form.is_null() {
                            assert_eq!(receiver.recv().unwrap(), None);
                        }
                        (door.api.release)(stream.cast());
                    }
                    assert_eq!((read, buffer.as_slice()), (10, CONTENT));
                }
            });
        }
    });
    let names: Vec<String> = fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .filter(|name| name.starts_with("fsplug-c-"))
        .collect();
    assert!((1..=4).contains(&names.len()), "{names:?}");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

#[test]
fn of_a_thousand_calls_that_are_cancelled_at_any_moment_each_tells_its_end_once() {
    const CALLS: usize = 1000;
    let door = Door::new("thousand");
    let state = door.state();
    let (sender, receiver) = told();
    let (path, waits) = (door.path("a"), door.path("waits"));
    let mut pages = vec![null_mut::<CPage>(); CALLS];
    let mut operations = vec![null_mut::<COperation>(); CALLS];
    // SAFETY: arguments as fsplug.h says: the places stay until all callbacks have been called.
    unsafe {
        for index in 0..CALLS {
            let completion = completion(sender, &raw mut operations[index]);
            let path = if index % 2 == 0 { &path } else { &waits };
            ok((door.api.status)(
                door.fs,
                path.as_ptr(),
                &raw mut pages[index],
                &raw const completion,
            ));
            // Some at once, the others when later ones have been started, from here and from there.
            if index % 3 == 0 {
                ok((door.api.cancel)(operations[index]));
            }
        }
        let late = Handles(&operations);
        thread::scope(|scope| {
            for part in 0..2 {
                let (late, cancel) = (&late, door.api.cancel);
                scope.spawn(move || {
                    for &operation in late.0.iter().skip(part) {
                        ok(cancel(operation));
                    }
                });
            }
        });
        let mut ended = 0;
        for _ in 0..CALLS {
            match receiver.recv().unwrap() {
                None => ended += 1,
                Some((kind, text)) => assert_eq!(kind, ErrorKind::Cancelled, "{text}"),
            }
        }
        assert!(receiver.try_recv().is_err());
        let given: Vec<_> = pages.into_iter().filter(|page| !page.is_null()).collect();
        assert_eq!(given.len(), ended);
        for page in given {
            ((*page).release)(page);
        }
        for operation in operations {
            (door.api.release)(operation.cast());
        }
    }
    assert_eq!(state.waiting.load(Ordering::SeqCst), 0);
}

#[test]
fn a_poll_that_takes_long_holds_up_no_other_operation_however_often_it_is_woken() {
    let door = Door::new("slow-poll");
    let state = door.state();
    let ((slow_sender, slow), (sender, receiver)) = (told(), told());
    let (slow_completion, quick_completion) = (
        completion(slow_sender, null_mut()),
        completion(sender, null_mut()),
    );
    let (waits, path) = (door.path("waits"), door.path("a"));
    // Leaked: if this fails, calls still run.
    let pages = Box::leak(Box::new([null_mut::<CPage>(); 2])).as_mut_ptr();
    let status = door.api.status;
    let blocked = state.block_polls();
    // SAFETY: arguments as fsplug.h says; each page is released once.
    unsafe {
        let (slow_page, page) = (pages, pages.add(1));
        ok(status(
            door.fs,
            waits.as_ptr(),
            slow_page,
            &raw const slow_completion,
        ));
        while state.polls() == 0 {
            thread::yield_now();
        }
        // More often than there are threads.
        for round in 0..100 {
            state.wake();
            ok(status(door.fs, path.as_ptr(), page, &raw const quick_completion));
            let told = receiver.recv_timeout(Duration::from_secs(30));
            assert_eq!(told, Ok(None), "round {round}");
            ((**page).release)(*page);
        }
        assert_eq!(state.polls(), 1);
        drop(blocked);
        // It was woken during the poll, so another one follows.
        while state.polls() < 2 {
            thread::yield_now();
        }
        state.set_free();
        assert_eq!(slow.recv().unwrap(), None);
        ((**slow_page).release)(*slow_page);
    }
}

struct Handles<'a>(&'a [*mut COperation]);

// SAFETY: an operation may be cancelled from any thread.
unsafe impl Sync for Handles<'_> {}
