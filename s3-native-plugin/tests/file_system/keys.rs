use plugin_api::{CreateOptions, ErrorKind, FileSystem, FileSystemExt, ListOptions};
use proptest::prelude::*;

use crate::fixture::{Fixture, at, start};

const ODD: &[&str] = &[
    "a//b",
    "/leading",
    "//two",
    "a/./b",
    "./a",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/..",
    "a/b/.",
    "a%2Fb",
    "%",
    "%2e%2e/x",
    "a+b",
    "a b",
    " leading space",
    "trailing space ",
    "trailing/ ",
    "tab\there",
    "line\nfeed",
    "return\rhere",
    "\u{1}\u{1f}\u{7f}",
    "é",
    "e\u{301}",
    "😀",
    "?versionId=1",
    "a?b&c=d",
    "#fragment",
    "a;b",
    "[2026]{literal}*",
    "\"quotes'",
    "<xml>&amp;",
    "back\\slash",
    "a:b@c",
    "~tilde",
    "\u{2028}\u{fffe}",
    "\u{ffff}\u{85}\u{2029}",
    "nul\0",
];

async fn round_trip(s3: &Fixture, key: &str) {
    let fs: &dyn FileSystem = &*s3.fs;
    let content = bytes::Bytes::copy_from_slice(key.as_bytes());
    fs.write_all(&at(key), content.clone(), &CreateOptions::default())
        .await
        .unwrap_or_else(|error| panic!("{key:?}: {error}"));
    assert_eq!(s3.keys(), [key], "the store has another key");
    let status = fs.status(&at(key)).await.unwrap();
    assert_eq!(status.len, content.len() as u64);
    let listed = fs.list_all(&at(""), &ListOptions::recursive()).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].location.key(), key);
    assert!(fs.read_all(&listed[0].location).await.unwrap() == content);
    fs.rename(&at(key), &at("renamed")).await.unwrap();
    assert_eq!(s3.keys(), ["renamed"]);
    fs.rename(&at("renamed"), &at(key)).await.unwrap();
    assert_eq!(s3.keys(), [key]);
    assert!(fs.delete(&at(key), false).await.unwrap());
    assert!(s3.keys().is_empty());
}

#[tokio::test]
async fn odd_keys_round_trip_byte_for_byte() {
    let s3 = start().await;
    for key in ODD {
        round_trip(&s3, key).await;
    }
}

#[tokio::test]
async fn odd_keys_are_told_apart_and_deleted_together() {
    let s3 = start().await;
    for key in ODD {
        s3.put(&format!("dir/{key}"), key.as_bytes().to_vec());
    }
    let listed = s3
        .fs
        .list_all(&at("dir"), &ListOptions::recursive())
        .await
        .unwrap();
    let mut keys: Vec<&str> = listed.iter().map(|entry| &entry.location.key()[4..]).collect();
    let mut expected = ODD.to_vec();
    keys.sort_unstable();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    for entry in &listed {
        let content = s3.fs.read_all(&entry.location).await.unwrap();
        assert!(content == entry.location.key()[4..], "{}", entry.location);
    }
    assert!(s3.fs.delete(&at("dir"), true).await.unwrap());
    assert!(s3.keys().is_empty());
}

#[tokio::test]
async fn double_slashes_are_levels_of_their_own() {
    let s3 = start().await;
    s3.put("a//b", "x");
    s3.put("/c", "y");
    let list = async |key: &str| {
        let entries = s3.fs.list_all(&at(key), &ListOptions::default()).await.unwrap();
        entries
            .iter()
            .map(|entry| entry.location.key().to_owned())
            .collect::<Vec<_>>()
    };
    let mut root = list("").await;
    root.sort();
    assert_eq!(root, ["/", "a/"]);
    assert_eq!(list("/").await, ["/c"]);
    assert_eq!(list("a").await, ["a//"]);
    assert_eq!(list("a//").await, ["a//b"]);
}

#[tokio::test]
async fn keys_of_1024_bytes_are_legal_and_longer_ones_are_refused_at_once() {
    let s3 = start().await;
    round_trip(&s3, &format!("{}x", "é/".repeat(341))).await;
    s3.server.requests().clear();
    let error = s3.fs.status(&at(&"k".repeat(1025))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidPath, "{error}");
    assert_eq!(s3.server.requests().total(), 0);
}

#[tokio::test]
async fn a_key_that_the_sdk_takes_for_missing_is_refused_by_name() {
    let s3 = start().await;
    for key in [" ", "\t\n", "\u{b}"] {
        let error = s3.fs.status(&at(key)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidPath, "{error}");
        s3.put(&format!("dir/{key}"), "x");
    }
    s3.put(" ", "x");
    assert!(s3.fs.delete(&at(""), true).await.unwrap());
    assert!(s3.keys().is_empty());
}

#[tokio::test]
async fn a_path_of_another_bucket_is_refused() {
    let s3 = start().await;
    let other = plugin_api::Location::parse("s3://other/key").unwrap();
    let error = s3.fs.status(&other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidPath, "{error}");
}

#[test]
fn any_key_round_trips() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let s3 = runtime.block_on(start());
    let config = ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    // Keys that end with a slash name directories.
    proptest!(config, |(key in "[^\\x00]{0,40}[^\\x00/]")| {
        prop_assume!(!key.trim().is_empty());
        runtime.block_on(round_trip(&s3, &key));
    });
}
