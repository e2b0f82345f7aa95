//! Every broken plugin is reported with its file and a remedy, and the others still work.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use futures_executor::block_on;
use host_loader::plugin_api::{ABI_VERSION, ErrorKind};
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection, ObjectSymbol, elf};
use tempfile::TempDir;

use crate::log::Log;
use crate::shared_object::{PluginDir, acceptable, compile, manifest};

/// The text of the only report, after checking what every report has.
fn refusal(content: &[u8]) -> String {
    let dir = PluginDir::new();
    let path = dir.add("broken", content);
    let report = dir.report();
    let error = report.error.expect("the plugin must be refused");
    assert_eq!(report.path, path);
    assert!(!report.loaded);
    assert_eq!(error.kind(), ErrorKind::PluginLoad);
    assert_eq!(error.path(), path.to_str().unwrap());
    assert!(!error.remedy().is_empty(), "{error}");
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

/// The error of the first use of the scheme `good`.
fn load_error(content: &[u8]) -> String {
    let dir = PluginDir::new();
    let path = dir.add("good", content);
    let registry = dir.registry();
    assert!(registry.plugins()[0].error.is_none());
    let location = registry.resolve("good://a/b").unwrap();
    let error = block_on(registry.get(&location)).err().expect("must not load");
    assert_eq!(error.kind(), ErrorKind::PluginLoad, "{error}");
    assert_eq!(error.path(), path.to_str().unwrap());
    assert!(!error.remedy().is_empty(), "{error}");
    // The failure is remembered and reported.
    fs::remove_file(&path).unwrap();
    let again = block_on(registry.get(&location)).err().expect("must not load");
    assert_eq!(again.to_string(), error.to_string());
    let report = &registry.plugins()[0];
    assert_eq!(
        report.error.as_ref().map(ToString::to_string),
        Some(error.to_string())
    );
    assert!(report.manifest.is_some() && !report.loaded);
    error.to_string()
}

fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
}

#[test]
fn a_file_that_is_no_library_is_told_from_a_damaged_one() {
    assert_has(&refusal(b"hello"), &["not an ELF shared library"]);
    assert_has(&refusal(b""), &["empty"]);
    let whole = acceptable();
    for len in [40, 200, whole.len() / 2, whole.len() - 1] {
        assert_has(&refusal(&whole[..len]), &["truncated", &len.to_string()]);
    }
    let mut other_machine = whole.to_vec();
    other_machine[18..20].copy_from_slice(&40u16.to_ne_bytes());
    assert_has(&refusal(&other_machine), &["built for ARM", "this host is"]);
}

#[test]
fn a_library_without_note_is_not_a_plugin() {
    let text = refusal(&compile(None, "", &[]));
    assert_has(&text, &["no fsplug manifest note", "export_plugin!"]);
}

#[test]
fn another_abi_is_refused_with_the_side_to_update() {
    let newer = ABI_VERSION.major + 1;
    let text = refusal(&compile(Some(&manifest(newer, "x", "x")), "", &[]));
    assert_has(
        &text,
        &[
            &format!("ABI {newer}.0"),
            &format!("this host ABI {ABI_VERSION}"),
            "update the host",
        ],
    );
    let text = refusal(&compile(Some(&manifest(0, "x", "x")), "", &[]));
    assert_has(&text, &["ABI 0.0", "update the plugin"]);
}

#[test]
fn the_scheme_of_local_files_stays_with_the_host() {
    let text = refusal(&compile(Some(&manifest(1, "x", "FILE")), "", &[]));
    assert_has(&text, &["'file'"]);
}

#[test]
fn a_shared_dependency_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let dependency = compile(
        None,
        "#[unsafe(no_mangle)] pub extern \"C\" fn dep() {}",
        &["-Clink-arg=-Wl,-soname,libdep.so.7"],
    );
    fs::write(dir.path().join("libdep.so"), dependency).unwrap();
    let text = refusal(&compile(
        Some(&manifest(1, "x", "x")),
        "unsafe extern \"C\" { fn dep(); }
         #[unsafe(no_mangle)] pub extern \"C\" fn fs_plugin_use() { unsafe { dep() } }",
        &["-ldylib=dep", "-L", dir.path().to_str().unwrap()],
    ));
    assert_has(&text, &["libdep.so.7", "statically"]);
}

#[test]
fn a_symbol_of_the_host_process_is_refused_unless_the_plugin_binds_to_its_own() {
    let manifest = manifest(1, "good", "good");
    let export = "#[unsafe(no_mangle)] pub extern \"C\" fn getpid() -> i32 { 0 }";
    let text = refusal(&compile(Some(&manifest), export, &[]));
    assert_has(&text, &["getpid", "-Bsymbolic"]);

    let dir = PluginDir::new();
    dir.add(
        "good",
        &compile(Some(&manifest), export, &["-Clink-arg=-Wl,-Bsymbolic"]),
    );
    assert!(dir.report().error.is_none());
}

#[test]
fn a_process_wide_unique_symbol_is_refused_by_name() {
    let mut library = compile(
        Some(&manifest(1, "x", "x")),
        "#[unsafe(no_mangle)] pub static ONLY_ONE: u64 = 1;",
        &[],
    );
    // The compiler's version script hides such a symbol, so that it has to be made one afterwards.
    let binding = binding_of("ONLY_ONE", &library);
    library[binding] = (library[binding] & 0xf) | (elf::STB_GNU_UNIQUE.0 << 4);
    let text = refusal(&library);
    assert_has(&text, &["ONLY_ONE", "STB_GNU_UNIQUE"]);
}

#[test]
fn text_relocations_are_refused() {
    let text = refusal(&compile(
        Some(&manifest(1, "x", "x")),
        r#"core::arch::global_asm!(".text", "address_in_text: .8byte address_in_text");
        unsafe extern "C" { static address_in_text: u64; }
        #[unsafe(no_mangle)] pub extern "C" fn fs_plugin_use() -> u64 { unsafe { address_in_text } }"#,
        &["-Clink-arg=-Wl,-z,notext"],
    ));
    assert_has(&text, &["text relocations", "-fPIC"]);
}

#[test]
fn a_newer_glibc_than_the_running_one_is_refused_with_both_versions() {
    if !cfg!(target_env = "gnu") {
        return;
    }
    let mut library = compile(
        Some(&manifest(1, "x", "x")),
        "unsafe extern \"C\" { fn abort() -> !; }
         #[unsafe(no_mangle)] pub extern \"C\" fn fs_plugin_use() { unsafe { abort() } }",
        &["-ldylib=c"],
    );
    let name = b"GLIBC_2.";
    let at: Vec<usize> = (0..library.len() - name.len())
        .filter(|&at| library[at..].starts_with(name))
        .collect();
    assert!(!at.is_empty());
    for at in at {
        library[at + name.len() - 2] = b'9';
    }
    assert_has(&refusal(&library), &["needs glibc 9.", "this system has 2."]);
}

#[test]
fn a_stray_export_is_only_a_warning_in_the_log() {
    let dir = PluginDir::new();
    dir.add(
        "good",
        &compile(
            Some(&manifest(1, "good", "good")),
            "#[unsafe(no_mangle)] pub extern \"C\" fn leaked_by_a_dependency() {}",
            &[],
        ),
    );
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    let report = tracing::subscriber::with_default(subscriber, || dir.report());
    assert!(report.error.is_none(), "{report:?}");
    assert_has(&log.text(), &["WARN", "leaked_by_a_dependency", "good.so"]);
}

#[test]
fn a_symbol_that_nothing_defines_is_refused_by_name() {
    let text = refusal(&compile(
        Some(&manifest(1, "good", "good")),
        "unsafe extern \"C\" { fn frobnicate(); }
         #[unsafe(no_mangle)] pub extern \"C\" fn fs_plugin_use() { unsafe { frobnicate() } }",
        &[],
    ));
    assert_has(
        &text,
        &["neither it nor the system defines: frobnicate", "statically"],
    );
}

#[test]
fn a_missing_entry_point_shows_at_first_use() {
    assert_has(&load_error(acceptable()), &["fs_plugin_root_module"]);
}

#[test]
fn an_entry_point_that_is_something_else_is_refused() {
    load_error(&compile(
        Some(&manifest(1, "good", "good")),
        "#[unsafe(no_mangle)] pub static fs_plugin_root_module: [u64; 512] = [0; 512];",
        &[],
    ));
}

#[test]
fn a_file_that_was_replaced_after_it_was_found_is_not_loaded() {
    let dir = PluginDir::new();
    let path = dir.add("good", acceptable());
    let registry = dir.registry();
    fs::remove_file(&path).unwrap();
    fs::write(&path, compile(Some(&manifest(1, "other", "good")), "", &[])).unwrap();
    let error = block_on(registry.open_path("good://a/b"))
        .err()
        .expect("must not load");
    assert_has(
        &error.to_string(),
        &["replaced", "good 1.0.0", "other 1.0.0", "restart"],
    );
}

#[test]
fn what_cannot_be_read_is_reported_and_nothing_waits_for_it() {
    let dir = PluginDir::new();
    for name in ["dangling", "directory", "socket"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    symlink("/nowhere/x.so", dir.path().join("dangling/x.so")).unwrap();
    fs::create_dir(dir.path().join("directory/x.so")).unwrap();
    let _listener = UnixListener::bind(dir.path().join("socket/x.so")).unwrap();
    let texts: Vec<String> = dir
        .registry()
        .plugins()
        .into_iter()
        .map(|report| report.error.unwrap().to_string())
        .collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert_has(&texts[0], &["dangling/x.so", "cannot be read"]);
    assert_has(&texts[1], &["directory/x.so", "not a regular file"]);
    assert_has(&texts[2], &["socket/x.so", "not a regular file"]);
}

#[test]
fn a_file_that_is_larger_than_any_library_is_not_looked_into() {
    let dir = PluginDir::new();
    let path = dir.add("good", acceptable());
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    // It takes no room on the disk.
    file.set_len((1 << 30) + 1).unwrap();
    let error = dir.report().error.unwrap().to_string();
    assert_has(&error, &["larger than 1024 MiB", "remove the file"]);
}

#[test]
fn one_broken_plugin_keeps_no_other_from_being_found() {
    let dir = PluginDir::new();
    dir.add("a-text", b"text");
    fs::create_dir(dir.path().join("b-empty")).unwrap();
    dir.add("c-good", acceptable());
    dir.add("d-truncated", &acceptable()[..100]);
    let registry = dir.registry();
    assert_eq!(registry.schemes(), ["file", "good"]);
    let broken: Vec<bool> = registry
        .plugins()
        .iter()
        .map(|report| report.error.is_some())
        .collect();
    assert_eq!(broken, [true, true, false, true]);
}

#[test]
fn a_refused_plugin_is_still_known_by_its_manifest() {
    let dir = PluginDir::new();
    let path = dir.add("vendor", &compile(Some(&manifest(9, "exotic", "Tape")), "", &[]));
    let report = dir.report();
    assert_eq!((report.name.as_str(), report.loaded), ("exotic", false));
    assert_eq!(report.manifest.unwrap().abi.major, 9);
    let registry = dir.registry();
    assert_eq!(registry.schemes(), ["file"]);
    // Neither directory nor name says `tape`, but the manifest does.
    let error = block_on(registry.open_path("tape://x/y")).err().expect("unknown");
    assert_eq!(error.kind(), ErrorKind::UnknownScheme);
    assert_has(
        &error.to_string(),
        &[path.to_str().unwrap(), "ABI 9.0", "update the host"],
    );
}

#[test]
fn the_error_of_an_unknown_scheme_mentions_the_broken_plugin_that_was_meant() {
    let dir = PluginDir::new();
    let path = dir.add("my-s3", b"text");
    let error = block_on(dir.registry().open_path("s3://b/k"))
        .err()
        .expect("unknown");
    assert_eq!(error.kind(), ErrorKind::UnknownScheme);
    assert_has(
        &error.to_string(),
        &[path.to_str().unwrap(), "not an ELF shared library"],
    );
}

/// Where the type and binding of an exported symbol are in the file.
fn binding_of(name: &str, library: &[u8]) -> usize {
    const BINDING_IN_SYMBOL: usize = 4;
    let file = ElfFile64::<Endianness>::parse(library).unwrap();
    let index = file
        .dynamic_symbols()
        .find(|symbol| symbol.name() == Ok(name))
        .unwrap()
        .index()
        .0;
    let (table, _) = file.section_by_name(".dynsym").unwrap().file_range().unwrap();
    table as usize + index * size_of::<elf::Sym64<Endianness>>() + BINDING_IN_SYMBOL
}
