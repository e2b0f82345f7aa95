//! What the schema owes to its readers; `host-loader/tests/key_reference.rs` holds the page in the book to it.

use s3_native_plugin::options::OPTIONS;

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
