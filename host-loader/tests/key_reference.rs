//! The page of the S3 plugin's keys in the book is what `fsplug config keys` prints for the built plugin.

#[path = "support/artefacts.rs"]
mod artefacts;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/fsplug.rs"]
mod support;

use std::fs;
use std::path::Path;

use support::Fsplug;

#[test]
fn the_page_of_keys_in_the_book_is_current() {
    let plugins = artefacts::plugin_directory(&artefacts::plugin());
    let fsplug = Fsplug::new().env("FSPLUG_PLUGIN_PATH", plugins.path().to_str().unwrap());
    let printed = fsplug.ok(&["config", "keys", "s3-native", "--markdown"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/reference/s3-keys.md");
    if std::env::var_os("FSPLUG_BLESS_DOCS").is_some() {
        fs::write(&path, printed.text()).unwrap();
    }
    let book = fs::read_to_string(&path).unwrap();
    assert!(
        book == printed.text(),
        "out of date; run this test with FSPLUG_BLESS_DOCS=1"
    );
}
