//! `fsplug cp` on the local file system and with pipes.

#[path = "support/fsplug.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use support::Fsplug;

#[test]
fn a_file_goes_to_a_name_or_into_a_directory() {
    let fsplug = Fsplug::new();
    fsplug.write("a", "content");
    fsplug.ok(&["cp", "a", "b"]);
    fsplug.ok(&["cp", "a", "new/dir/c"]);
    fsplug.ok(&["cp", "a", "into/"]);
    fsplug.ok(&["mkdir", "there"]);
    fsplug.ok(&["cp", "a", "b", "there"]);
    for copy in ["b", "new/dir/c", "into/a", "there/a", "there/b"] {
        assert_eq!(fsplug.read(copy), b"content", "{copy}");
    }
}

#[test]
fn large_and_empty_files_are_copied_whole() {
    let fsplug = Fsplug::new();
    let content: Vec<u8> = (0..5_000_001_u32).map(|n| (n % 249) as u8).collect();
    fsplug.write("big", &content);
    fsplug.write("empty", "");
    fsplug.ok(&["cp", "big", "empty", &fsplug.uri("copies/")]);
    assert!(fsplug.read("copies/big") == content);
    assert_eq!(fsplug.read("copies/empty"), b"");
    assert_eq!(fsplug.tree("copies").len(), 2, "nothing else is left behind");
}

#[test]
fn existing_files_are_replaced_unless_they_are_to_be_kept() {
    let fsplug = Fsplug::new();
    fsplug.write("from/a", "new");
    fsplug.write("from/b", "new");
    fsplug.write("to/a", "old");
    let ended = fsplug.fails(6, &["cp", "-rn", "from/", "to"]);
    ended.assert_names(&[&fsplug.uri("to/a"), "--no-clobber"]);
    assert_eq!(fsplug.read("to/a"), b"old");
    assert_eq!(fsplug.read("to/b"), b"new");
    fsplug.ok(&["cp", "-r", "from/", "to"]);
    assert_eq!(fsplug.read("to/a"), b"new");
}

#[test]
fn a_directory_keeps_its_name_inside_a_directory_that_exists() {
    let fsplug = Fsplug::new();
    fsplug.write("dir/sub/f", "1");
    fsplug.ok(&["cp", "-r", "dir", "new"]);
    fsplug.ok(&["mkdir", "there"]);
    fsplug.ok(&["cp", "-r", "dir", "there"]);
    fsplug.ok(&["cp", "-r", "dir/", "content"]);
    fsplug.ok(&["cp", "-r", "dir/.", "there"]);
    for copy in ["new/sub/f", "there/dir/sub/f", "content/sub/f", "there/sub/f"] {
        assert_eq!(fsplug.read(copy), b"1", "{copy}");
    }
}

#[test]
fn a_directory_is_copied_only_when_asked() {
    let fsplug = Fsplug::new();
    fsplug.write("dir/f", "1");
    fsplug
        .fails(1, &["cp", "dir", "new"])
        .assert_names(&["copy", &fsplug.uri("dir"), "add -r"]);
    assert!(!fsplug.path("new").exists());
}

#[test]
fn a_copy_onto_or_into_itself_is_refused() {
    let fsplug = Fsplug::new();
    fsplug.write("dir/f", "1");
    std::os::unix::fs::symlink("dir", fsplug.path("link")).unwrap();
    for arguments in [
        &["cp", "-r", "dir", "dir/sub"][..],
        &["cp", "-r", ".", "dir/sub"],
        &["cp", "-r", "dir/", "link"],
        &["cp", "dir/f", "./dir/f"],
        &["cp", "dir/f", "link"],
    ] {
        fsplug.fails(2, arguments);
        assert_eq!(
            fsplug.tree("dir"),
            [("f".to_owned(), b"1".to_vec())],
            "{arguments:?}"
        );
    }
}

#[test]
fn two_sources_of_one_name_are_refused_before_the_first_byte() {
    let fsplug = Fsplug::new();
    fsplug.write("x/same", "1");
    fsplug.write("y/same", "2");
    fsplug
        .fails(2, &["cp", "x/same", "y/same", "to"])
        .assert_names(&[&fsplug.uri("y/same"), &fsplug.uri("to/same")]);
    assert!(!fsplug.path("to").exists());
}

#[test]
fn a_missing_source_is_named_and_leaves_no_target() {
    let fsplug = Fsplug::new();
    fsplug
        .fails(4, &["cp", "missing", "to/"])
        .assert_names(&[&fsplug.uri("missing"), "correct the path"]);
    assert!(!fsplug.path("to").exists());
}

#[test]
fn links_to_directories_are_not_followed() {
    let fsplug = Fsplug::new();
    fsplug.write("dir/f", "1");
    fsplug.write("elsewhere/g", "2");
    std::os::unix::fs::symlink("../elsewhere", fsplug.path("dir/link")).unwrap();
    fsplug.ok(&["cp", "-r", "dir", "to"]);
    assert_eq!(fsplug.tree("to"), [("f".to_owned(), b"1".to_vec())]);
}

#[test]
fn pipes_are_copied_from_and_to() {
    let fsplug = Fsplug::new();
    let content: Vec<u8> = (0..2_500_000_u32).map(|n| (n % 241) as u8).collect();
    let ended = fsplug.run_with_input(&["cp", "-", "file"], content.clone());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(fsplug.read("file") == content);
    assert!(fsplug.ok(&["cp", "file", "-"]).stdout == content);
    let ended = fsplug.run_with_input(&["cp", "-n", "-", "file"], b"other".to_vec());
    assert_eq!(ended.code, 6);
    assert!(fsplug.read("file") == content);
    assert_eq!(fsplug.tree("").len(), 1, "nothing else is left behind");
}

#[test]
fn a_pipe_needs_the_name_of_a_file() {
    let fsplug = Fsplug::new();
    fsplug.write("a", "1");
    fsplug.ok(&["mkdir", "dir"]);
    fsplug.fails(2, &["cp", "-", "-"]);
    fsplug.fails(2, &["cp", "-", "dir/"]);
    fsplug.fails(1, &["cp", "-", "dir"]).assert_names(&["directory"]);
    fsplug.fails(2, &["cp", "-", "a", "dir"]);
    fsplug.fails(2, &["cp", "a", "a", "-"]);
    fsplug.ok(&["cp", "a", "./-"]);
    assert_eq!(fsplug.read("-"), b"1");
}

#[test]
fn json_tells_each_copy() {
    let fsplug = Fsplug::new();
    fsplug.write("dir/a", "1");
    fsplug.write("dir/b", "22");
    let mut records = fsplug.ok(&["cp", "--json", "-r", "dir", "to"]).json();
    records.sort_by_key(|record| record["bytes"].as_u64());
    for (record, (name, bytes)) in records.iter().zip([("a", 1), ("b", 2)]) {
        assert_eq!(record["operation"], "cp");
        assert_eq!(record["source"], fsplug.uri(&format!("dir/{name}")));
        assert_eq!(record["target"], fsplug.uri(&format!("to/{name}")));
        assert_eq!(record["bytes"], bytes);
    }
    assert_eq!(records.len(), 2);
    let ended = fsplug.run(&["cp", "--json", "-rn", "dir/", "to"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (6, ""));
    assert!(
        ended
            .json()
            .iter()
            .all(|record| record["error"]["kind"] == "already-exists")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_tree_is_copied_byte_for_byte(
        files in prop::collection::btree_map("[a-c]/[ -.0-~é\n]{1,12}x", prop::collection::vec(any::<u8>(), 0..40), 0..30),
        jobs in 1..9_u16,
    ) {
        let fsplug = Fsplug::new();
        for (name, content) in &files {
            fsplug.write(&format!("from/{name}"), content);
        }
        fsplug.ok(&["mkdir", "-p", "from"]);
        fsplug.ok(&["cp", "-r", "--jobs", &jobs.to_string(), "from/", "to"]);
        let copied: BTreeMap<_, _> = fsplug.path("to").exists().then(|| fsplug.tree("to")).into_iter().flatten().collect();
        prop_assert_eq!(copied, files);
    }
}
