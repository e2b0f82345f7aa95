//! Shared libraries made by the compiler while the tests run, each wrong in its own way.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use host_loader::plugin_api::{NOTE_OWNER, NOTE_SECTION, NOTE_TYPE};
use host_loader::{FileSystems, PluginReport};
use tempfile::TempDir;

/// A plugin directory that is removed at the end.
pub(crate) struct PluginDir(TempDir);

impl PluginDir {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts a file to `<name>/<name>.so`.
    pub(crate) fn add(&self, name: &str, content: &[u8]) -> PathBuf {
        let dir = self.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join(format!("{name}.so"));
        fs::write(&path, content).unwrap();
        // Whatever the umask is.
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path
    }

    /// The registry of this directory alone.
    pub(crate) fn registry(&self) -> FileSystems {
        FileSystems::builder()
            .search_environment(false)
            .plugin_dir(self.path())
            .build()
            .unwrap()
    }

    /// The only report there is.
    pub(crate) fn report(&self) -> PluginReport {
        let reports = self.registry().plugins();
        assert_eq!(reports.len(), 1, "{reports:?}");
        reports.into_iter().next().unwrap()
    }
}

/// A manifest for ABI `major` with one scheme.
pub(crate) fn manifest(major: u32, name: &str, scheme: &str) -> String {
    format!(
        r#"{{"format":1,"abi":{{"major":{major},"minor":0}},"name":"{name}","version":"1.0.0","schemes":["{scheme}"]}}"#
    )
}

/// Source of a library without the standard library, with a manifest note and `more`.
fn source(manifest: Option<&str>, more: &str) -> String {
    let note = manifest.map_or_else(String::new, |json| {
        let len = json.len();
        let name_len = NOTE_OWNER.len() + 1;
        format!(
            r##"
#[repr(C, align(4))]
pub struct Note(u32, u32, u32, [u8; 8], [u8; {len}]);
#[used]
#[unsafe(link_section = "{NOTE_SECTION}")]
pub static NOTE: Note = Note({name_len}, {len}, {NOTE_TYPE}, *b"{NOTE_OWNER}\0\0", *br#"{json}"#);
"##
        )
    });
    format!(
        r"#![no_std]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {{ loop {{}} }}
{note}
{more}
"
    )
}

/// Compiles a library and returns its bytes.
pub(crate) fn compile(manifest: Option<&str>, more: &str, arguments: &[&str]) -> Vec<u8> {
    let dir = TempDir::new().unwrap();
    let input = dir.path().join("library.rs");
    let output = dir.path().join("liblibrary.so");
    fs::write(&input, source(manifest, more)).unwrap();
    let result = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args([
            "--edition=2024",
            "--crate-type=cdylib",
            "--crate-name=library",
            "-Cpanic=abort",
        ])
        .args(arguments)
        .arg("-o")
        .args([&output, &input])
        .output()
        .unwrap();
    assert!(
        result.status.success(),
        "{}",
        String::from_utf8_lossy(&result.stderr)
    );
    fs::read(output).unwrap()
}

/// A library that passes the audit and serves the scheme `good`, but has no entry point.
pub(crate) fn acceptable() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| compile(Some(&manifest(1, "good", "good")), "", &[]))
}
