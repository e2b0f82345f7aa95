//! The built programs and libraries that a test runs: those that `cargo xtask test` names, else built here.

#![allow(dead_code, reason = "each test needs others of them")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use tempfile::TempDir;

/// The library of the S3 plugin as tests build it.
pub(crate) fn plugin() -> PathBuf {
    artefact(
        "FSPLUG_TEST_PLUGIN",
        "dev",
        "s3-native-plugin",
        "libs3_native_plugin.so",
    )
}

/// The library of the S3 plugin as it is shipped. Takes minutes if it has to be built.
pub(crate) fn shipped_plugin() -> PathBuf {
    artefact(
        "FSPLUG_TEST_DIST_PLUGIN",
        "dist",
        "s3-native-plugin",
        "libs3_native_plugin.so",
    )
}

/// The program of the embedded S3 server.
pub(crate) fn testkit() -> PathBuf {
    artefact("FSPLUG_TEST_TESTKIT", "dev", "testkit", "testkit")
}

/// A plugin directory that holds this library and nothing else.
pub(crate) fn plugin_directory(library: &Path) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let plugin = directory.path().join("s3-native");
    let file = plugin.join("libs3_native_plugin.so");
    fs::create_dir(&plugin).unwrap();
    fs::copy(library, &file).unwrap();
    // Whatever the umask is: what others may change is no plugin.
    for path in [plugin, file] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    directory
}

fn artefact(variable: &str, profile: &str, package: &str, file: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable) {
        return PathBuf::from(path);
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--quiet",
        "--profile",
        profile,
        "-p",
        package,
        "--message-format",
        "json",
    ]);
    // What the outer cargo says of itself would make build scripts run again.
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_")
            || name.to_string_lossy().starts_with("CARGO_MANIFEST_")
        {
            cargo.env_remove(name);
        }
    }
    let output = cargo
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo builds {package}");
    let messages = String::from_utf8(output.stdout).unwrap();
    let path = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["filenames"].as_array().cloned())
        .flatten()
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .rfind(|path| path.file_name().is_some_and(|name| name == file));
    path.unwrap_or_else(|| panic!("cargo names no {file}"))
}
