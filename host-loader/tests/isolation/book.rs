//! Parts of the book that tests write.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

/// One part is written at a time.
static PAGE: Mutex<()> = Mutex::new(());

/// Compares what is between `<!-- begin: name -->` and `<!-- end: name -->` in the page about isolation with `text`;
/// `FSPLUG_BLESS_DOCS=1` writes it there.
pub(crate) fn assert_current(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/isolation.md");
    let (begin, end) = (
        format!("<!-- begin: {name} -->\n"),
        format!("<!-- end: {name} -->"),
    );
    let turn = PAGE.lock().unwrap();
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(&begin).expect("the page has the part");
    let (present, after) = rest.split_once(&end).expect("the part ends");
    let wanted = format!("\n{}\n\n", text.trim_end());
    if std::env::var_os("FSPLUG_BLESS_DOCS").is_some() {
        fs::write(&path, format!("{before}{begin}{wanted}{end}{after}")).unwrap();
        return;
    }
    drop(turn);
    assert!(
        present == wanted,
        "{name} is out of date; run this test with FSPLUG_BLESS_DOCS=1\n{wanted}"
    );
}
