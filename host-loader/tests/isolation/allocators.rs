//! A plugin with an allocator of its own: whatever crosses is freed by the side that allocated it.

use std::process::Command;

use tempfile::TempDir;

use crate::example_plugins::library;

#[test]
fn what_crosses_is_freed_by_the_allocator_that_gave_it() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("allocating.so");
    std::fs::write(&path, library("allocating")).unwrap();
    // The plugin ends the process when it is given something to free that is not its own, and the C library does
    // when the host frees what is the plugin's: the suite calls all that there is to call.
    let output = Command::new(env!("CARGO_BIN_EXE_fsplug"))
        .args([
            "conformance",
            "run",
            path.to_str().unwrap(),
            "--uri",
            "mem://store/dir",
        ])
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains(" 0 failed;"), "{text}");
}
