//! The page of the book is the table.

use std::fs;
use std::path::Path;

#[test]
fn the_page_of_the_book_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/reference/retries.md");
    let page = s3_native_plugin::retry::markdown();
    if std::env::var_os("FSPLUG_BLESS_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &page).unwrap();
    }
    let book = fs::read_to_string(&path).unwrap();
    assert!(
        book == page,
        "out of date; run this test with FSPLUG_BLESS_DOCS=1"
    );
}
