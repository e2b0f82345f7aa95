//! What calls give, in the form that waits for their end.

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};
use std::sync::atomic::Ordering;

use super::super::log;
use super::super::numbers::*;
use super::super::types::*;
use super::plugin::{CONTENT, Door, KEPT_PROGRESS, ok, taken};
use crate::{Callsite, CallsiteKind, ErrorKind, FieldValue, Host, Level};

fn text(pointer: *const std::ffi::c_char) -> String {
    // SAFETY: texts of the table end with NUL and live as long as what they belong to.
    unsafe { CStr::from_ptr(pointer) }.to_str().unwrap().to_owned()
}

#[test]
fn an_error_says_all_that_the_plugin_said() {
    let door = Door::new("errors");
    let mut page = null_mut();
    // SAFETY: arguments as fsplug.h says; the error is released once.
    unsafe {
        let error = (door.api.status)(door.fs, door.path("fails").as_ptr(), &raw mut page, null());
        assert!(page.is_null());
        let said = &*error;
        assert_eq!(said.struct_size, size_of::<CError>());
        assert_eq!(
            (said.kind, said.retry),
            (FSPLUG_ERROR_THROTTLED, FSPLUG_RETRY_AFTER)
        );
        assert_eq!(
            (said.retry_after_ms, said.http_status, said.attempts),
            (1500, 503, 3)
        );
        assert_eq!(text(said.message), "too fast");
        assert_eq!(text(said.operation), "status");
        assert_eq!(text(said.path), "t://errors/fails");
        assert_eq!(
            (text(said.remedy), text(said.service_code)),
            ("wait".into(), "SlowDown".into())
        );
        assert_eq!(text(said.request_id), "r-1");
        assert!(text(said.text).starts_with("status t://errors/fails: too fast (HTTP 503 SlowDown"));
        ((*error).release)(error);
    }
}

#[test]
fn a_status_and_pages_of_a_listing_come_whole() {
    let door = Door::new("pages");
    let options = CListOptions {
        struct_size: size_of::<CListOptions>(),
        flags: 0,
        page_size: 2,
        extensions: null(),
        extension_count: 0,
    };
    // SAFETY: arguments as fsplug.h says; what is given is released once.
    unsafe {
        let mut page = null_mut();
        ok((door.api.status)(
            door.fs,
            door.path("a").as_ptr(),
            &raw mut page,
            null(),
        ));
        let status = &**(*page).entries;
        assert_eq!(
            ((*page).entry_count, text(status.path)),
            (1, "t://pages/a".into())
        );
        assert_eq!((status.path_size, status.size, status.is_directory), (11, 7, 0));
        assert_eq!(
            (status.modified_ms, text(status.etag)),
            (FSPLUG_TIME_UNKNOWN, "tag".into())
        );
        let pairs = std::slice::from_raw_parts(status.attributes, status.attribute_count as usize);
        let pairs: Vec<_> = pairs
            .iter()
            .map(|pair| (text(pair.key), text(pair.value)))
            .collect();
        assert_eq!(pairs, [("a".into(), "1".into()), ("b".into(), "2".into())]);
        ((*page).release)(page);

        let mut lister = null_mut();
        ok((door.api.list)(
            door.fs,
            door.path("a").as_ptr(),
            &raw const options,
            &raw mut lister,
            null(),
        ));
        for size in [1, 0] {
            ok((door.api.list_next)(lister, &raw mut page, null()));
            let entries = std::slice::from_raw_parts((*page).entries, (*page).entry_count);
            let seen: Vec<_> = entries
                .iter()
                .map(|&entry| (text((*entry).path), (*entry).is_directory, (*entry).size))
                .collect();
            assert_eq!(
                seen,
                [("t://pages/a/d".into(), 1, 0), ("t://pages/a/f".into(), 0, size)]
            );
            ((*page).release)(page);
        }
        ok((door.api.list_next)(lister, &raw mut page, null()));
        assert!(page.is_null());
        (door.api.release)(lister.cast());
    }
}

#[test]
fn what_a_file_system_knows_is_told() {
    let door = Door::new("facts");
    // SAFETY: arguments as fsplug.h says; what is given is released once.
    unsafe {
        let (mut bits, mut yes, mut key) = (0, false, null_mut());
        ok((door.api.capabilities)(door.fs, &raw mut bits));
        assert_eq!(bits, FSPLUG_CAN_CREATE_ATOMICALLY | FSPLUG_CAN_BULK_COPY);
        ok((door.api.entropy_key)(door.fs, &raw mut key));
        assert_eq!(text((*key).data.cast()), "_key_");
        assert_eq!((*key).size, 5);
        ((*key).release)(key);
        ok((door.api.exists)(
            door.fs,
            door.path("a").as_ptr(),
            &raw mut yes,
            null(),
        ));
        assert!(yes);
        ok((door.api.exists)(
            door.fs,
            door.path("missing").as_ptr(),
            &raw mut yes,
            null(),
        ));
        assert!(!yes);
        assert!(
            taken((door.api.exists)(
                door.fs,
                door.path("fails").as_ptr(),
                &raw mut yes,
                null()
            ))
            .is_some()
        );
        ok((door.api.delete_path)(
            door.fs,
            door.path("a").as_ptr(),
            1,
            &raw mut yes,
            null(),
        ));
        assert!(yes);
        ok((door.api.delete_path)(
            door.fs,
            door.path("a").as_ptr(),
            0,
            null_mut(),
            null(),
        ));
        ok((door.api.rename)(
            door.fs,
            door.path("a").as_ptr(),
            door.path("b").as_ptr(),
            null(),
        ));
        let mut stream = null_mut();
        let mut open = || {
            let path = door.path("a");
            let error = (door.api.recoverable_open)(door.fs, path.as_ptr(), null(), &raw mut stream, null());
            taken(error).unwrap().0
        };
        assert_eq!(open(), ErrorKind::Unsupported);
        ok((door.api.close)(door.fs, 10, null()));
        assert_eq!(door.state().shut_down.load(Ordering::SeqCst), 1);
        assert_eq!(open(), ErrorKind::Closed);
        ok((door.api.factory_shutdown)(door.factory, 10, null()));
        let (mut fs, root) = (null_mut(), door.path(""));
        let error = (door.api.file_system)(door.factory, root.as_ptr(), null(), 0, &raw mut fs, null());
        assert_eq!(taken(error).unwrap().0, ErrorKind::Closed);
    }
}

#[test]
fn a_stream_reads_into_memory_in_chunks_and_in_ranges() {
    let door = Door::new("reads");
    let stream = door.open("a");
    // SAFETY: arguments as fsplug.h says; what is given is released once.
    unsafe {
        let (mut buffer, mut read, mut number) = ([0_u8; 4], 0, 0);
        ok((door.api.input_size)(stream, &raw mut number));
        assert_eq!(number, 10);
        ok((door.api.input_read)(
            stream,
            buffer.as_mut_ptr(),
            4,
            &raw mut read,
            null(),
        ));
        assert_eq!((read, &buffer), (4, b"0123"));
        ok((door.api.input_position)(stream, &raw mut number));
        assert_eq!(number, 4);

        let mut chunk = null_mut();
        ok((door.api.input_read_chunk)(stream, 3, &raw mut chunk, null()));
        // Nothing was copied.
        assert_eq!((*chunk).data, CONTENT[4..].as_ptr());
        assert_eq!(((*chunk).size, (*chunk).version), (3, 0));
        ((*chunk).release)(chunk);

        let ranges = [CRange { start: 8, end: 10 }, CRange { start: 0, end: 3 }];
        let mut chunks = [null_mut::<CBytes>(); 2];
        ok((door.api.input_read_ranges)(
            stream,
            ranges.as_ptr(),
            2,
            chunks.as_mut_ptr(),
            null(),
        ));
        for (chunk, expected) in chunks.into_iter().zip([b"89".as_slice(), b"012"]) {
            assert_eq!(std::slice::from_raw_parts((*chunk).data, (*chunk).size), expected);
            ((*chunk).release)(chunk);
        }
        let beyond = [CRange { start: 8, end: 11 }];
        let error = (door.api.input_read_ranges)(stream, beyond.as_ptr(), 1, chunks.as_mut_ptr(), null());
        assert_eq!(taken(error).unwrap().0, ErrorKind::UnexpectedEof);
        assert!(chunks[0].is_null());

        assert_eq!(
            taken((door.api.input_seek)(stream, 11)).unwrap().0,
            ErrorKind::UnexpectedEof
        );
        ok((door.api.input_seek)(stream, 10));
        ok((door.api.input_read)(
            stream,
            buffer.as_mut_ptr(),
            4,
            &raw mut read,
            null(),
        ));
        assert_eq!(read, 0);
        ok((door.api.input_close)(stream, null()));
        (door.api.release)(stream.cast());
    }
}

#[test]
fn ranges_that_the_plugin_loses_are_an_error_and_no_success_without_them() {
    let door = Door::new("lost-ranges");
    let stream = door.open("loses-ranges");
    let ranges = [CRange { start: 0, end: 10 }; 2];
    let mut chunks = [null_mut::<CBytes>(); 2];
    // SAFETY: arguments as fsplug.h says; the stream is released once.
    unsafe {
        let error = (door.api.input_read_ranges)(stream, ranges.as_ptr(), 2, chunks.as_mut_ptr(), null());
        (door.api.release)(stream.cast());
        assert_eq!(taken(error).map(|(kind, _)| kind), Some(ErrorKind::Corrupt));
    }
    assert_eq!(chunks, [null_mut(); 2]);
}

#[test]
fn a_bulk_copy_tells_how_far_it_is_and_is_silent_when_it_has_ended() {
    unsafe extern "C" fn advanced(context: *mut c_void, request: usize, bytes: u64) {
        // SAFETY: the context is the vector below, which one thread uses.
        unsafe { (*context.cast::<Vec<(usize, u64)>>()).push((request, bytes)) };
    }
    let door = Door::new("copies");
    let (yes, no) = (door.path("yes"), door.path("no"));
    let mut seen = Vec::<(usize, u64)>::new();
    let requests = [5, 6].map(|size_hint| CCopyRequest {
        source: yes.as_ptr(),
        target: no.as_ptr(),
        size_hint,
    });
    let options = CCopyOptions {
        struct_size: size_of::<CCopyOptions>(),
        max_concurrent: 1,
        reserved: 0,
        advanced: Some(advanced),
        finished: None,
        context: (&raw mut seen).cast(),
        extensions: null(),
        extension_count: 0,
    };
    // SAFETY: arguments as fsplug.h says.
    unsafe {
        let mut can = false;
        ok((door.api.can_copy)(
            door.fs,
            yes.as_ptr(),
            no.as_ptr(),
            &raw mut can,
        ));
        assert!(can);
        ok((door.api.can_copy)(
            door.fs,
            no.as_ptr(),
            yes.as_ptr(),
            &raw mut can,
        ));
        assert!(!can);
        ok((door.api.copy_files)(
            door.fs,
            requests.as_ptr(),
            2,
            &raw const options,
            null(),
        ));
    }
    assert_eq!(seen, [(0, 5), (1, 6)]);
    // The plugin still has it, but the caller's memory is its own again.
    for progress in KEPT_PROGRESS.lock().unwrap().drain(..) {
        progress.advanced(7, 7);
    }
    assert_eq!(seen.len(), 2);
}

#[test]
fn events_reach_the_log_until_it_is_removed() {
    unsafe extern "C" fn push(context: *mut c_void, event: *const CEvent) {
        // SAFETY: the context is the vector below, which one thread uses; the event is valid during the call.
        unsafe {
            let line = format!(
                "{} {} {}",
                (*event).level,
                text((*event).target),
                text((*event).message)
            );
            (*context.cast::<Vec<String>>()).push(line);
        }
    }
    let mut lines = Vec::<String>::new();
    let number = log::set(&CFactoryOptions {
        struct_size: size_of::<CFactoryOptions>(),
        log: Some(push),
        log_context: (&raw mut lines).cast(),
        memory_budget: 5,
        log_level: 2,
        reserved: 0,
    });
    let host = log::CHost { memory_budget: 5 };
    let callsite = |level| Callsite {
        kind: CallsiteKind::Event,
        name: "event".into(),
        target: "t::module".into(),
        level,
        file: "f.rs".into(),
        line: 1,
        fields: vec!["part".into(), "message".into()],
    };
    let (warning, information) = (
        host.register_callsite(&callsite(Level::Warn)),
        host.register_callsite(&callsite(Level::Info)),
    );
    assert_eq!((host.memory_budget(), host.max_level()), (5, Some(Level::Warn)));
    assert!(host.is_enabled(warning) && !host.is_enabled(information) && !host.is_enabled(0));
    let fields = [(0, FieldValue::U64(3)), (1, FieldValue::Formatted("a\0b".into()))];
    host.event(warning, 0, &fields);
    host.event(information, 0, &fields);
    log::remove(number + 1);
    host.event(warning, 0, &[]);
    log::remove(number);
    host.event(warning, 0, &fields);
    assert_eq!(lines, ["2 t::module ab part=3", "2 t::module "]);
    assert!(!host.is_enabled(warning));
}
