//! What a test can do with the mock plugin beyond using its files.

use std::sync::Arc;

use futures_executor::block_on;
use mock_plugin::{CALLS, MockFactory};
use plugin_api::{
    Config, CreateOptions, ErrorKind, FileSystem, FileSystemExt as _, FileSystemFactory as _, ListOptions,
    Location, Result, Retry,
};

fn file_system(store: &str, config: &[(&str, &str)]) -> Result<Arc<dyn FileSystem>> {
    let root = Location::new("mock", store, "")?;
    block_on(MockFactory::default().create(&root, &Config::from_pairs(config.iter().copied())))
}

fn at(store: &str, key: &str) -> Location {
    Location::new("mock", store, key).unwrap()
}

#[test]
fn the_calls_on_a_store_can_be_read() {
    let fs = file_system("recorded", &[]).unwrap();
    let file = at("recorded", "a\"b");
    block_on(fs.write_all(&file, "x".into(), &CreateOptions::default())).unwrap();
    block_on(fs.status(&at("recorded", "none"))).unwrap_err();
    let calls = block_on(fs.read_all(&at("recorded", CALLS))).unwrap();
    let expected = concat!(
        r#"{"error":null,"operation":"create","path":"mock://recorded/a\"b"}"#,
        "\n",
        r#"{"error":null,"operation":"write","path":"mock://recorded/a\"b"}"#,
        "\n",
        r#"{"error":null,"operation":"close","path":"mock://recorded/a\"b"}"#,
        "\n",
        r#"{"error":"not-found","operation":"status","path":"mock://recorded/none"}"#,
        "\n",
    );
    assert_eq!(std::str::from_utf8(&calls).unwrap(), expected);
    let listed = block_on(fs.list_all(&at("recorded", ""), &ListOptions::default())).unwrap();
    assert_eq!(listed.len(), 1, "the record is not listed");
}

#[test]
fn a_rule_makes_one_call_fail() {
    let fs = file_system("faulty", &[("mock.fail", "write:2:unavailable, close:*:timeout")]).unwrap();
    let mut stream = block_on(fs.create(&at("faulty", "file"), &CreateOptions::default())).unwrap();
    block_on(stream.write(b"one")).unwrap();
    let error = block_on(stream.write(b"two")).unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Unavailable, Retry::Yes)
    );
    assert!(error.to_string().contains("mock.fail"), "{error}");
    // A stream that failed publishes nothing.
    assert_eq!(block_on(stream.close()).unwrap_err().kind(), ErrorKind::Timeout);
    let error = block_on(fs.status(&at("faulty", "file"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_wrong_option_is_named_with_what_is_legal() {
    for (key, value) in [
        ("mock.fail", "write:2"),
        ("mock.real-directories", "perhaps"),
        ("mock.entropy.length", "0"),
    ] {
        let error = file_system("options", &[(key, value), ("mock.entropy.key", "_e_")]);
        let error = error.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(
            error.to_string().contains(key) && !error.remedy().is_empty(),
            "{error}"
        );
    }
}

#[test]
fn each_authority_is_a_store_of_its_own() {
    let one = file_system("one", &[]).unwrap();
    let other = file_system("other", &[]).unwrap();
    block_on(one.write_all(&at("one", "file"), "x".into(), &CreateOptions::default())).unwrap();
    assert!(!block_on(other.exists(&at("other", "file"))).unwrap());
    let again = file_system("one", &[]).unwrap();
    assert!(block_on(again.exists(&at("one", "file"))).unwrap());
}
