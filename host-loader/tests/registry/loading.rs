//! What is loaded is a sealed copy of the file, once for each file and content.

use std::fs;
use std::path::Path;

use futures_executor::block_on;
use host_loader::FileSystems;

use crate::real_plugins::{factories_made, library};
use crate::shared_object::{PluginDir, compile, manifest};

/// The lines of the process's memory map that mention this name.
fn mappings_of(name: &str) -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines()
        .filter(|line| line.contains(name))
        .map(str::to_owned)
        .collect()
}

/// A library that has no root module, but says that it was started by a character at the end of `log`.
pub(crate) fn announcing(scheme: &str, character: char, log: &Path) -> Vec<u8> {
    let path = log.to_str().unwrap();
    // O_WRONLY | O_APPEND.
    let flags = 0x401;
    let code = format!(
        r#"
        unsafe extern "C" {{
            fn open(path: *const u8, flags: i32, ...) -> i32;
            fn write(file: i32, bytes: *const u8, len: usize) -> isize;
            fn close(file: i32) -> i32;
        }}
        extern "C" fn announce() {{
            unsafe {{
                let file = open(c"{path}".as_ptr().cast(), {flags});
                write(file, b"{character}".as_ptr(), 1);
                close(file);
            }}
        }}
        #[used]
        #[unsafe(link_section = ".init_array")]
        static START: extern "C" fn() = announce;
        "#
    );
    compile(Some(&manifest(1, scheme, scheme)), &code, &["-ldylib=c"])
}

/// Uses the scheme, and the error: these libraries have no root module.
fn load(registry: &FileSystems, scheme: &str) -> String {
    let path = format!("{scheme}://a/b");
    block_on(registry.open_path(&path)).err().unwrap().to_string()
}

#[test]
fn a_loaded_plugin_is_mapped_from_memory_under_its_name_and_not_from_its_file() {
    let dir = PluginDir::new();
    let path = dir.add("counting-in-memory", &library("counting"));
    let registry = dir.registry();
    assert!(mappings_of("counting-in-memory").is_empty());
    assert_eq!(factories_made(&registry, "counting://a/k"), 1);
    let mappings = mappings_of("counting-in-memory");
    assert!(!mappings.is_empty());
    for line in mappings {
        assert!(line.contains("/memfd:counting-in-memory.so"), "{line}");
    }
    // Whatever becomes of the file, also what a mapped file must never suffer.
    fs::write(&path, b"").unwrap();
    assert_eq!(factories_made(&registry, "counting://b/k"), 1);
}

#[test]
fn one_file_is_one_library_to_all_registries_of_a_process() {
    let dir = PluginDir::new();
    let path = dir.add("counting", &library("counting"));
    let other = PluginDir::new();
    fs::create_dir(other.path().join("linked")).unwrap();
    fs::hard_link(&path, other.path().join("linked/other.so")).unwrap();
    // The count is a static of the library.
    assert_eq!(factories_made(&dir.registry(), "counting://a/k"), 1);
    assert_eq!(factories_made(&dir.registry(), "counting://a/k"), 2);
    assert_eq!(factories_made(&other.registry(), "counting://a/k"), 3);
}

#[test]
fn a_copy_and_a_file_with_other_content_are_libraries_of_their_own() {
    let dir = PluginDir::new();
    let log = dir.path().join("log");
    fs::write(&log, "").unwrap();
    let started = || fs::read_to_string(&log).unwrap();
    let (one, two) = (announcing("said", '1', &log), announcing("said", '2', &log));
    let path = dir.add("a", &one);
    for _ in 0..2 {
        let text = load(&dir.registry(), "said");
        assert!(text.contains("fs_plugin_root_module"), "{text}");
        assert_eq!(started(), "1");
    }
    // The same file, written over.
    fs::write(&path, &two).unwrap();
    load(&dir.registry(), "said");
    assert_eq!(started(), "12");
    fs::write(&path, &one).unwrap();
    load(&dir.registry(), "said");
    assert_eq!(started(), "12");
    let other = PluginDir::new();
    other.add("a", &one);
    load(&other.registry(), "said");
    assert_eq!(started(), "121");
}
