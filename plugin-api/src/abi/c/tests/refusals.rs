//! What a caller does wrong is an error wherever it can be seen, and a panic of the plugin is one too.

use std::ptr::{null, null_mut};

use super::super::numbers::*;
use super::super::types::*;
use super::plugin::{Door, c, kind, ok, taken};
use crate::ErrorKind;

#[test]
fn null_is_refused_by_every_function() {
    let door = Door::new("nulls");
    let api = &door.api;
    // SAFETY: null is what is refused, before anything is read or written.
    let errors = unsafe {
        [
            (api.cancel)(null()),
            (api.factory_new)(null(), null_mut()),
            (api.factory_shutdown)(null(), 0, null()),
            (api.file_system)(null(), null(), null(), 0, null_mut(), null()),
            (api.file_system)(door.factory, null(), null(), 0, null_mut(), null()),
            (api.close)(null(), 0, null()),
            (api.capabilities)(null(), null_mut()),
            (api.capabilities)(door.fs, null_mut()),
            (api.entropy_key)(null(), null_mut()),
            (api.status)(null(), null(), null_mut(), null()),
            (api.status)(door.fs, null(), null_mut(), null()),
            (api.status)(door.fs, door.path("a").as_ptr(), null_mut(), null()),
            (api.exists)(null(), null(), null_mut(), null()),
            (api.list)(null(), null(), null(), null_mut(), null()),
            (api.list_next)(null(), null_mut(), null()),
            (api.open)(null(), null(), null(), null_mut(), null()),
            (api.create)(null(), null(), null(), null_mut(), null()),
            (api.delete_path)(null(), null(), 0, null_mut(), null()),
            (api.rename)(null(), null(), null(), null()),
            (api.rename)(door.fs, door.path("a").as_ptr(), null(), null()),
            (api.mkdirs)(null(), null(), null()),
            (api.can_copy)(null(), null(), null(), null_mut()),
            (api.copy_files)(null(), null(), 0, null(), null()),
            (api.copy_files)(door.fs, null(), 1, null(), null()),
            (api.input_read)(null(), null_mut(), 0, null_mut(), null()),
            (api.input_read_chunk)(null(), 0, null_mut(), null()),
            (api.input_read_ranges)(null(), null(), 0, null_mut(), null()),
            (api.input_seek)(null(), 0),
            (api.input_position)(null(), null_mut()),
            (api.input_size)(null(), null_mut()),
            (api.input_close)(null(), null()),
            (api.output_write)(null(), null(), 0, null()),
            (api.output_position)(null(), null_mut()),
            (api.output_location)(null(), null_mut()),
            (api.output_flush)(null(), null()),
            (api.output_sync)(null(), null()),
            (api.output_close)(null(), null_mut(), null()),
            (api.output_abort)(null(), null()),
            (api.recoverable_open)(null(), null(), null(), null_mut(), null()),
            (api.recoverable_recover)(null(), 0, null(), 0, null_mut(), null()),
            (api.recoverable_recover)(door.fs, 0, null(), 1, null_mut(), null()),
            (api.recoverable_recover_for_commit)(null(), 0, null(), 0, null_mut(), null()),
            (api.recoverable_requires_cleanup)(null(), null_mut()),
            (api.recoverable_cleanup)(null(), 0, null(), 0, null_mut(), null()),
            (api.recoverable_discard)(null(), 0, null(), 0, null()),
            (api.recoverable_inspect)(null(), 0, null(), 0, null_mut()),
            (api.recoverable_verify)(null(), 0, null(), 0, null_mut(), null_mut(), null()),
            (api.pending_uploads)(null(), null(), null(), null_mut(), null()),
            (api.abort_upload)(null(), null(), null(), null()),
            (api.recoverable_write)(null(), null(), 0, null()),
            (api.recoverable_position)(null(), null_mut()),
            (api.recoverable_location)(null(), null_mut()),
            (api.recoverable_flush)(null(), null()),
            (api.recoverable_persist)(null(), null_mut(), null()),
            (api.recoverable_close_for_commit)(null(), null_mut(), null()),
            (api.recoverable_close)(null(), null()),
            (api.committer_commit)(null(), null()),
            (api.committer_commit_after_recovery)(null(), null()),
            (api.committer_state)(null(), null_mut()),
        ]
    };
    for (index, error) in errors.into_iter().enumerate() {
        let (kind, text) = taken(error).unwrap_or_else(|| panic!("call {index} succeeded"));
        let expected = [ErrorKind::InvalidInput, ErrorKind::InvalidPath];
        assert!(expected.contains(&kind), "call {index}: {kind:?} {text}");
    }
    // SAFETY: null is what is released.
    unsafe { (api.release)(null_mut()) };
}

#[test]
fn buffers_that_are_null_or_too_large_are_refused_and_the_stream_stays_usable() {
    let door = Door::new("buffers");
    let (stream, mut read) = (door.open("a"), 7_usize);
    // SAFETY: the stream is one; what is wrong about the memory is refused before it is touched.
    unsafe {
        let input_read = door.api.input_read;
        let mut byte = 0_u8;
        assert_eq!(
            kind(input_read(stream, null_mut(), 1, &raw mut read, null())),
            ErrorKind::InvalidInput
        );
        assert_eq!(
            kind(input_read(
                stream,
                &raw mut byte,
                usize::MAX,
                &raw mut read,
                null()
            )),
            ErrorKind::InvalidInput
        );
        ok(input_read(stream, null_mut(), 0, &raw mut read, null()));
        assert_eq!(read, 0);
        ok(input_read(stream, &raw mut byte, 1, &raw mut read, null()));
        assert_eq!((read, byte), (1, b'0'));
        (door.api.release)(stream.cast());
    }
}

#[test]
fn a_handle_of_another_kind_is_refused_by_name() {
    let door = Door::new("kinds");
    let stream = door.open("a");
    let mut page = null_mut();
    // SAFETY: every pointer is a handle of this plugin, of whatever kind.
    unsafe {
        let error = (door.api.status)(stream.cast(), door.path("a").as_ptr(), &raw mut page, null());
        let (kind, text) = taken(error).unwrap();
        assert_eq!(kind, ErrorKind::InvalidInput);
        assert!(
            text.contains("a file system is needed and an input stream was passed"),
            "{text}"
        );
        (door.api.release)(stream.cast());
    }
}

#[test]
fn texts_that_are_no_utf_8_and_paths_without_a_scheme_are_refused() {
    let door = Door::new("texts");
    let mut page = null_mut();
    for path in [
        c"t://texts/\xff\xfe".as_ptr(),
        c"/local/path".as_ptr(),
        c"".as_ptr(),
    ] {
        // SAFETY: texts with NUL behind them.
        let error = unsafe { (door.api.status)(door.fs, path, &raw mut page, null()) };
        assert_eq!(kind(error), ErrorKind::InvalidPath);
        assert!(page.is_null());
    }
    let secret = CPair {
        key: c"t.key".as_ptr(),
        value: c"canary\xff".as_ptr(),
    };
    let mut fs = null_mut();
    // SAFETY: arguments as fsplug.h says.
    let error = unsafe {
        (door.api.file_system)(
            door.factory,
            c"t://texts".as_ptr(),
            &raw const secret,
            1,
            &raw mut fs,
            null(),
        )
    };
    let (kind, text) = taken(error).unwrap();
    assert_eq!(kind, ErrorKind::InvalidConfig);
    assert!(text.contains("t.key") && !text.contains("canary"), "{text}");
}

#[test]
fn a_configuration_that_the_plugin_refuses_is_its_error() {
    let door = Door::new("configuration");
    let pairs = [("t.other", "1"), ("t.refuse", "not like this")].map(|(key, value)| (c(key), c(value)));
    let pairs = pairs.each_ref().map(|(key, value)| CPair {
        key: key.as_ptr(),
        value: value.as_ptr(),
    });
    let mut fs = null_mut();
    // SAFETY: arguments as fsplug.h says.
    let error = unsafe {
        let root = c"t://configuration".as_ptr();
        (door.api.file_system)(door.factory, root, pairs.as_ptr(), 2, &raw mut fs, null())
    };
    assert_eq!(
        taken(error).unwrap(),
        (
            ErrorKind::InvalidConfig,
            "create file system: not like this; leave it out".to_owned()
        )
    );
    assert!(fs.is_null());
}

#[test]
fn options_of_an_older_and_of_a_newer_caller_are_understood() {
    #[repr(C)]
    struct Newer {
        known: CListOptions,
        later: u64,
    }
    let door = Door::new("options");
    let list = |options: *const CListOptions| {
        let mut lister = null_mut();
        // SAFETY: arguments as fsplug.h says: the options are as large as they say.
        unsafe {
            let error = (door.api.list)(door.fs, door.path("a").as_ptr(), options, &raw mut lister, null());
            (door.api.release)(lister.cast());
            taken(error).map(|(kind, _)| kind)
        }
    };
    let known = CListOptions {
        struct_size: size_of::<CListOptions>(),
        flags: FSPLUG_RECURSIVE,
        page_size: 1,
        extensions: null(),
        extension_count: 0,
    };
    assert_eq!(list(&raw const known), None);
    // The rest of it is not read: it is not there.
    let older = CListOptions {
        struct_size: std::mem::offset_of!(CListOptions, extensions),
        extension_count: usize::MAX,
        ..known
    };
    assert_eq!(list(&raw const older), None);
    let mut newer = Newer {
        known: CListOptions {
            struct_size: size_of::<Newer>(),
            ..known
        },
        later: 0,
    };
    assert_eq!(list((&raw const newer).cast()), None);
    newer.later = 1;
    assert_eq!(list((&raw const newer).cast()), Some(ErrorKind::Unsupported));
    for struct_size in [0, 7, 1 << 20] {
        let unset = CListOptions { struct_size, ..known };
        assert_eq!(
            list(&raw const unset),
            Some(ErrorKind::InvalidInput),
            "{struct_size}"
        );
    }
    let extension = |key, critical| CExtension {
        key,
        text: null(),
        number: 1,
        critical,
    };
    for (extension, expected) in [
        (extension(c"t.known".as_ptr(), 1), None),
        (extension(c"t.unknown".as_ptr(), 0), None),
        (extension(c"t.unknown".as_ptr(), 1), Some(ErrorKind::Unsupported)),
        (extension(null(), 0), Some(ErrorKind::InvalidInput)),
    ] {
        let with = CListOptions {
            extensions: &raw const extension,
            extension_count: 1,
            ..known
        };
        assert_eq!(list(&raw const with), expected);
    }
}

#[test]
fn flags_and_reserved_members_that_this_plugin_does_not_know_are_refused() {
    let door = Door::new("flags");
    let path = door.path("a");
    let list = CListOptions {
        struct_size: size_of::<CListOptions>(),
        flags: FSPLUG_RECURSIVE | 2,
        page_size: 1,
        extensions: null(),
        extension_count: 0,
    };
    let create = CCreateOptions {
        struct_size: size_of::<CCreateOptions>(),
        flags: FSPLUG_OVERWRITE | FSPLUG_INJECT_ENTROPY,
        reserved: 1,
        content_type: null(),
        size_hint: 0,
        extensions: null(),
        extension_count: 0,
    };
    let flagged = CCreateOptions {
        flags: 1 << 31,
        reserved: 0,
        ..create
    };
    let copy = CCopyOptions {
        struct_size: size_of::<CCopyOptions>(),
        max_concurrent: 0,
        reserved: 1,
        advanced: None,
        finished: None,
        context: null_mut(),
        extensions: null(),
        extension_count: 0,
    };
    let factory = CFactoryOptions {
        struct_size: size_of::<CFactoryOptions>(),
        log: None,
        log_context: null_mut(),
        memory_budget: 0,
        log_level: 0,
        reserved: 1,
    };
    let (mut lister, mut output, mut recoverable, mut made) =
        (null_mut(), null_mut(), null_mut(), null_mut());
    // SAFETY: arguments as fsplug.h says, but for the flags and what is reserved.
    let errors = unsafe {
        let (fs, path, api) = (door.fs, path.as_ptr(), &door.api);
        [
            (api.list)(fs, path, &raw const list, &raw mut lister, null()),
            (api.create)(fs, path, &raw const create, &raw mut output, null()),
            (api.create)(fs, path, &raw const flagged, &raw mut output, null()),
            (api.recoverable_open)(fs, path, &raw const create, &raw mut recoverable, null()),
            (api.copy_files)(fs, null(), 0, &raw const copy, null()),
            (api.factory_new)(&raw const factory, &raw mut made),
        ]
    };
    for (index, error) in errors.into_iter().enumerate() {
        let told = taken(error).unwrap_or_else(|| panic!("call {index} succeeded"));
        assert_eq!(told.0, ErrorKind::Unsupported, "call {index}");
        assert!(told.1.contains("too old"), "call {index}: {}", told.1);
    }
}

#[test]
fn a_panic_is_an_error_and_the_plugin_goes_on() {
    let door = Door::new("panics");
    let mut page = null_mut();
    // SAFETY: arguments as fsplug.h says.
    unsafe {
        let error = (door.api.status)(door.fs, door.path("panics").as_ptr(), &raw mut page, null());
        let (kind, text) = taken(error).unwrap();
        assert_eq!(kind, ErrorKind::PluginPanic);
        assert!(text.contains("as told"), "{text}");
        // Its drop panics.
        let stream = door.open("a");
        ok((door.api.input_seek)(stream, 9));
        (door.api.release)(stream.cast());
        ok((door.api.status)(
            door.fs,
            door.path("a").as_ptr(),
            &raw mut page,
            null(),
        ));
        ((*page).release)(page);
    }
}

#[test]
fn a_completion_without_a_callback_is_refused_and_nothing_runs() {
    let door = Door::new("no-callback");
    let completion = CCompletion {
        struct_size: size_of::<CCompletion>(),
        done: None,
        context: null_mut(),
        operation: null_mut(),
    };
    // SAFETY: arguments as fsplug.h says, but for the callback.
    let error = unsafe { (door.api.mkdirs)(door.fs, door.path("a").as_ptr(), &raw const completion) };
    assert_eq!(kind(error), ErrorKind::InvalidInput);
}
