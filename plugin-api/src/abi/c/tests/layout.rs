//! Nothing that C has compiled in may move.

use std::fmt::Write as _;
use std::fs;
use std::mem::offset_of;
use std::path::Path;

use super::super::numbers::*;
use super::super::table::*;
use super::super::types::*;
use crate::{Capabilities, ErrorKind};

macro_rules! describe {
    ($($name:ident = $c_name:literal { $($field:ident),+ $(,)? })+) => {{
        let mut lines = String::new();
        $(
            // No field is left out.
            let _ = |value: &$name| { let $name { $($field: _),+ } = value; };
            $(writeln!(lines, concat!($c_name, " ", stringify!($field), " {}"), offset_of!($name, $field)).unwrap();)+
            writeln!(lines, concat!($c_name, " - {}"), size_of::<$name>()).unwrap();
        )+
        lines
    }};
}

/// `struct field offset` a line; `-` for the size of the struct.
fn description() -> String {
    describe! {
        CApi = "fsplug_api" {
            struct_size, abi_major, abi_minor, manifest, manifest_size, release, cancel, factory_new,
            factory_shutdown, file_system, close, capabilities, entropy_key, status, exists, list, list_next, open,
            create, delete_path, rename, mkdirs, can_copy, copy_files, input_read, input_read_chunk,
            input_read_ranges, input_seek, input_position, input_size, input_close, output_write, output_position,
            output_location, output_flush, output_sync, output_close, output_abort, recoverable_open,
            recoverable_recover, recoverable_recover_for_commit, recoverable_requires_cleanup, recoverable_cleanup,
            recoverable_discard, recoverable_inspect, recoverable_verify, pending_uploads, abort_upload,
            recoverable_write, recoverable_position, recoverable_location, recoverable_flush, recoverable_persist,
            recoverable_close_for_commit, recoverable_close, committer_commit, committer_commit_after_recovery,
            committer_state,
        }
        CError = "fsplug_error" {
            struct_size, kind, retry, retry_after_ms, http_status, attempts, text, message, operation, path, remedy,
            service_code, request_id, release,
        }
        CPair = "fsplug_pair" { key, value }
        CRange = "fsplug_range" { start, end }
        CExtension = "fsplug_extension" { key, text, number, critical }
        CCopyRequest = "fsplug_copy_request" { source, target, size_hint }
        CBytes = "fsplug_bytes" { struct_size, data, size, version, release }
        CStatus = "fsplug_status" {
            struct_size, path, path_size, size, modified_ms, is_directory, attribute_count, etag, attributes,
        }
        CPage = "fsplug_page" { struct_size, entry_count, entries, release }
        CRecoverableInfo = "fsplug_recoverable_info" {
            struct_size, path, size, upload_id, attribute_count, attributes, release,
        }
        CUpload = "fsplug_upload" { struct_size, path, upload_id, initiated_ms }
        CUploads = "fsplug_uploads" { struct_size, upload_count, uploads, next_token, release }
        CEvent = "fsplug_event" { struct_size, level, line, target, file, message }
        CFactoryOptions = "fsplug_factory_options" {
            struct_size, log, log_context, memory_budget, log_level, reserved,
        }
        CCompletion = "fsplug_completion" { struct_size, done, context, operation }
        CListOptions = "fsplug_list_options" { struct_size, flags, page_size, extensions, extension_count }
        COpenOptions = "fsplug_open_options" { struct_size, buffer_size, if_match, extensions, extension_count }
        CCreateOptions = "fsplug_create_options" {
            struct_size, flags, reserved, content_type, size_hint, extensions, extension_count,
        }
        CCopyOptions = "fsplug_copy_options" {
            struct_size, max_concurrent, reserved, advanced, finished, context, extensions, extension_count,
        }
    }
}

#[test]
fn the_layout_of_the_c_entry_is_the_one_in_the_golden_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c_v1.txt");
    let now = description();
    if std::env::var_os("FSPLUG_BLESS_ABI").is_some() {
        fs::write(&path, &now).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == now,
        "the layout of the C entry differs; a C program built before would misread it. If something was appended on \
         purpose, run this test with FSPLUG_BLESS_ABI=1"
    );
}

#[test]
fn the_numbers_of_the_header_are_those_of_the_interface() {
    let kinds = [
        FSPLUG_ERROR_OTHER,
        FSPLUG_ERROR_NOT_FOUND,
        FSPLUG_ERROR_ALREADY_EXISTS,
        FSPLUG_ERROR_PERMISSION_DENIED,
        FSPLUG_ERROR_UNAUTHENTICATED,
        FSPLUG_ERROR_INVALID_PATH,
        FSPLUG_ERROR_INVALID_INPUT,
        FSPLUG_ERROR_INVALID_CONFIG,
        FSPLUG_ERROR_UNSUPPORTED,
        FSPLUG_ERROR_NOT_A_DIRECTORY,
        FSPLUG_ERROR_IS_A_DIRECTORY,
        FSPLUG_ERROR_DIRECTORY_NOT_EMPTY,
        FSPLUG_ERROR_CHANGED,
        FSPLUG_ERROR_CONFLICT,
        FSPLUG_ERROR_PRECONDITION_FAILED,
        FSPLUG_ERROR_THROTTLED,
        FSPLUG_ERROR_TIMEOUT,
        FSPLUG_ERROR_UNAVAILABLE,
        FSPLUG_ERROR_UNEXPECTED_EOF,
        FSPLUG_ERROR_CORRUPT,
        FSPLUG_ERROR_CLOSED,
        FSPLUG_ERROR_CANCELLED,
        FSPLUG_ERROR_PLUGIN_PANIC,
        FSPLUG_ERROR_PLUGIN_LOAD,
        FSPLUG_ERROR_UNKNOWN_SCHEME,
        FSPLUG_ERROR_UPLOAD_GONE,
        FSPLUG_ERROR_EXHAUSTED,
    ];
    assert_eq!(
        kinds.map(ErrorKind::from_number).as_slice(),
        ErrorKind::ALL,
        "every kind has its number in the header"
    );
    assert_eq!(
        kinds.as_slice(),
        ErrorKind::ALL
            .iter()
            .map(|kind| kind.number())
            .collect::<Vec<_>>()
    );
    let capabilities = [
        (FSPLUG_CAN_CREATE_ATOMICALLY, Capabilities::ATOMIC_CREATE),
        (FSPLUG_CAN_RENAME_ATOMICALLY, Capabilities::ATOMIC_RENAME),
        (FSPLUG_CAN_RENAME_DIRECTORIES, Capabilities::RENAME_DIRECTORY),
        (FSPLUG_CAN_REAL_DIRECTORIES, Capabilities::REAL_DIRECTORIES),
        (FSPLUG_CAN_PINNED_READS, Capabilities::PINNED_READS),
        (FSPLUG_CAN_RECOVERABLE_WRITER, Capabilities::RECOVERABLE_WRITER),
        (FSPLUG_CAN_RECOVERABLE_RESUME, Capabilities::RECOVERABLE_RESUME),
        (FSPLUG_CAN_BULK_COPY, Capabilities::BULK_COPY),
        (FSPLUG_CAN_RECURSIVE_LIST, Capabilities::RECURSIVE_LIST),
        (FSPLUG_CAN_PENDING_UPLOADS, Capabilities::PENDING_UPLOADS),
        (FSPLUG_CAN_ATOMIC_PUBLISH, Capabilities::ATOMIC_PUBLISH),
        (FSPLUG_CAN_RECOVERABLE_VERIFY, Capabilities::RECOVERABLE_VERIFY),
    ];
    for (number, capability) in capabilities {
        assert_eq!(number, capability.bits());
    }
    let named = <Capabilities as bitflags::Flags>::FLAGS
        .iter()
        .filter(|flag| !flag.name().is_empty())
        .count();
    assert_eq!(capabilities.len(), named);
    assert_eq!(FSPLUG_ABI_MAJOR, crate::ABI_VERSION.major);
}

#[test]
fn an_older_caller_gets_the_part_of_the_table_that_it_knows() {
    let known = offset_of!(CApi, factory_shutdown);
    let mut table = [9_u8; size_of::<CApi>()].map(usize::from);
    // SAFETY: the table is larger than `known` bytes.
    let code = unsafe {
        super::super::fill_c_api::<super::plugin::Plugin>(1, (&raw mut table).cast(), known, b"{}")
    };
    assert_eq!((code, table[0]), (FSPLUG_OK, known));
    let words = known / size_of::<usize>();
    assert!(table[1..words].iter().all(|&word| word != 9));
    assert!(table[words..].iter().all(|&word| word == 9));
}

#[test]
fn a_newer_caller_finds_null_where_this_plugin_has_nothing() {
    let mut table = [9_usize; size_of::<CApi>() / size_of::<usize>() + 8];
    let size = size_of_val(&table) - size_of::<usize>();
    // SAFETY: the table is larger than `size` bytes.
    let code =
        unsafe { super::super::fill_c_api::<super::plugin::Plugin>(1, (&raw mut table).cast(), size, b"{}") };
    assert_eq!((code, table[0]), (FSPLUG_OK, size_of::<CApi>()));
    let words = size_of::<CApi>() / size_of::<usize>();
    assert!(table[..words].iter().all(|&word| word != 9 && word != 0));
    assert_eq!(table[words..], [0, 0, 0, 0, 0, 0, 0, 9]);
}

#[test]
fn another_major_version_or_no_table_is_refused() {
    let mut table = [0_usize; 8];
    let address = (&raw mut table).cast::<std::ffi::c_void>();
    let fill = super::super::fill_c_api::<super::plugin::Plugin>;
    // SAFETY: the table is as large as said, or refused before it is touched.
    unsafe {
        assert_eq!(
            fill(crate::ABI_VERSION.major + 1, address, 64, b"{}"),
            FSPLUG_WRONG_VERSION
        );
        assert_eq!(fill(1, std::ptr::null_mut(), 64, b"{}"), FSPLUG_WRONG_TABLE);
        assert_eq!(fill(1, address, 4, b"{}"), FSPLUG_WRONG_TABLE);
        assert_eq!(fill(1, address.byte_add(1), 32, b"{}"), FSPLUG_WRONG_TABLE);
    }
    assert_eq!(table, [0; 8]);
}
