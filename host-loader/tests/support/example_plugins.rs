//! The plugins among the examples of this package.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::{env, fs};

/// The library of an example of this package. Examples are built only by a run of all tests, hence
/// asked for here.
pub(crate) fn library(example: &str) -> Vec<u8> {
    static BUILD: Once = Once::new();
    let test = env::current_exe().unwrap();
    let profile_dir = test.parent().and_then(Path::parent).unwrap();
    let profile = match profile_dir.file_name().and_then(OsStr::to_str).unwrap() {
        "debug" => "dev",
        other => other,
    };
    BUILD.call_once(|| {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--offline", "--workspace", "--examples"])
            .args(["--profile", profile])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    });
    let path: PathBuf = profile_dir.join(format!("examples/lib{example}_plugin.so"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
