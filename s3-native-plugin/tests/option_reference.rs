//! The list of keys in the book is the plugin's own schema.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use s3_native_plugin::options::OPTIONS;

fn reference() -> String {
    let mut text = "# Keys of the S3 plugin\n\nFrom the plugin's schema; do not edit by hand.\n".to_owned();
    for option in OPTIONS {
        let _ = write!(text, "\n## `{}`\n\n{}\n\n", option.key, option.description);
        let _ = write!(text, "- type: {}", option.value_type.as_str());
        let _ = match option.default {
            Some(default) => write!(text, "; default: `{default}`"),
            None => write!(text, "; no default"),
        };
        if !option.range.is_empty() {
            let _ = write!(text, "; legal: {}", option.range);
        }
        if option.secret {
            text.push_str("; secret");
        }
        text.push('\n');
        if !option.aliases.is_empty() {
            let _ = writeln!(text, "- also read: `{}`", option.aliases.join("`, `"));
        }
    }
    text
}

#[test]
fn the_list_of_keys_in_the_book_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/reference/s3-keys.md");
    if std::env::var_os("FSPLUG_BLESS_DOCS").is_some() {
        fs::write(&path, reference()).unwrap();
    }
    let book = fs::read_to_string(&path).unwrap();
    assert!(
        book == reference(),
        "out of date; run this test with FSPLUG_BLESS_DOCS=1"
    );
}

#[test]
fn every_key_is_named_once_and_described() {
    let mut names = std::collections::BTreeSet::new();
    for option in OPTIONS {
        for name in std::iter::once(&option.key).chain(option.aliases) {
            assert!(names.insert(*name), "{name} stands twice");
        }
        assert!(
            option.description.ends_with('.'),
            "{} has no description",
            option.key
        );
    }
}
