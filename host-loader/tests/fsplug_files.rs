//! `fsplug` on the local file system: ls, stat, cat, mkdir, rm and mv.

#[path = "support/fsplug.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod support;

use std::io::Read as _;

use support::Fsplug;

#[test]
fn ls_shows_names_and_marks_directories_with_a_slash() {
    let fsplug = Fsplug::new();
    fsplug.write("dir/b c.txt", "1");
    fsplug.write("dir/a/inner", "22");
    for path in ["dir", "dir/", "./dir", &fsplug.uri("dir"), &fsplug.uri("dir/")] {
        assert_eq!(
            fsplug.ok(&["ls", path]).sorted_lines(),
            ["a/", "b c.txt"],
            "{path}"
        );
    }
    assert_eq!(
        fsplug.ok(&["ls", "-R", "dir"]).sorted_lines(),
        ["a/inner", "b c.txt"]
    );
    assert_eq!(fsplug.ok(&["ls"]).text(), "dir/\n");
    assert_eq!(fsplug.ok(&["ls", "dir/b c.txt"]).text(), "b c.txt\n");
    assert_eq!(fsplug.ok(&["ls", "-R", "dir/a/inner"]).text(), "inner\n");
}

#[test]
fn ls_of_an_empty_directory_is_empty_and_of_nothing_an_error() {
    let fsplug = Fsplug::new();
    fsplug.ok(&["mkdir", "empty"]);
    assert_eq!(fsplug.ok(&["ls", "empty"]).text(), "");
    fsplug
        .fails(3, &["ls", "missing"])
        .assert_names(&["list", &fsplug.uri("missing")]);
}

#[test]
fn ls_shows_sizes_and_times_when_asked() {
    let fsplug = Fsplug::new();
    fsplug.write("dir/file", vec![0; 1536]);
    let ended = fsplug.ok(&["ls", "-l", "dir"]);
    let columns: Vec<&str> = ended.text().split_whitespace().collect();
    let [size, time, name] = columns[..] else {
        panic!("{columns:?}");
    };
    assert_eq!(
        (size, name, time.len()),
        ("1536", "file", "2026-01-31T23:59:59Z".len())
    );
    let ended = fsplug.ok(&["ls", "-lH", "dir"]);
    assert!(ended.text().contains("1.50 KiB"), "{}", ended.text());
}

#[test]
fn json_lists_one_object_a_line_with_every_member() {
    let fsplug = Fsplug::new();
    fsplug.write("dir/line\nbreak", "12345");
    fsplug.ok(&["mkdir", "dir/sub"]);
    let records = fsplug.ok(&["--json", "ls", "dir"]).json();
    assert_eq!(records.len(), 2);
    for record in &records {
        for member in ["uri", "type", "size", "modified", "etag", "attributes"] {
            assert!(record.get(member).is_some(), "{record}");
        }
    }
    let file = records.iter().find(|record| record["type"] == "file").unwrap();
    assert_eq!(file["size"], 5);
    assert_eq!(file["uri"], fsplug.uri("dir/line\nbreak"));
    assert_eq!(
        fsplug.ok(&["stat", "--json", "dir/line\nbreak"]).json(),
        vec![file.clone()]
    );
}

#[test]
fn stat_shows_what_there_is_and_reports_what_is_not() {
    let fsplug = Fsplug::new();
    fsplug.write("file", "12345");
    let ended = fsplug.fails(4, &["stat", "missing", "file", "."]);
    ended.assert_names(&["status", &fsplug.uri("missing")]);
    let text = ended.text();
    assert!(
        text.contains(&fsplug.uri("file")) && text.contains("5 (5 B)"),
        "{text}"
    );
    assert!(text.contains("directory"), "{text}");
}

#[test]
fn cat_writes_the_wanted_part_of_each_file() {
    let fsplug = Fsplug::new();
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    fsplug.write("big", &content);
    fsplug.write("small", "0123456789");
    fsplug.write("none", "");
    let all = [&content[..], b"0123456789"].concat();
    assert_eq!(fsplug.ok(&["cat", "big", "none", "small"]).stdout, all);
    for (offset, length, wanted) in [
        ("0", "3", "012"),
        ("4", "3", "456"),
        ("8", "100", "89"),
        ("10", "1", ""),
        ("3", "0", ""),
    ] {
        let ended = fsplug.ok(&["cat", "--offset", offset, "--length", length, "small"]);
        assert_eq!(ended.text(), wanted, "{offset} {length}");
    }
    let ended = fsplug.ok(&["cat", "--offset", "1048575", "big"]);
    assert!(ended.stdout == content[1_048_575..]);
}

#[test]
fn cat_goes_on_after_a_failure_and_ends_with_its_code() {
    let fsplug = Fsplug::new();
    fsplug.write("file", "content");
    let ended = fsplug.fails(4, &["cat", "missing", "file"]);
    assert_eq!(ended.text(), "content");
    ended.assert_names(&["open", &fsplug.uri("missing")]);
    fsplug.fails(2, &["cat", "--offset", "8", "file"]).assert_names(&[
        "offset 8",
        &fsplug.uri("file"),
        "at most 7",
    ]);
    fsplug.fails(1, &["cat", "."]).assert_names(&["directory"]);
}

#[test]
fn cat_keeps_failures_out_of_the_content() {
    let fsplug = Fsplug::new();
    let ended = fsplug.run(&["cat", "--json", "missing"]);
    assert_eq!((ended.code, ended.text()), (4, ""));
    let failure: serde_json::Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!(failure["error"]["kind"], "not-found");
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let fsplug = Fsplug::new();
    fsplug.write("big", vec![7; 8 << 20]);
    for arguments in [&["cat", "big"][..], &["cp", "big", "-"]] {
        let mut child = fsplug.command(arguments).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 10]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            (output.status.code(), output.stderr.as_slice()),
            (Some(0), &b""[..])
        );
    }
}

#[test]
fn mkdir_makes_parents_only_when_asked() {
    let fsplug = Fsplug::new();
    fsplug
        .fails(3, &["mkdir", "a/b"])
        .assert_names(&[&fsplug.uri("a/b"), "add -p"]);
    assert!(!fsplug.path("a").exists());
    fsplug.ok(&["mkdir", "-p", "a/b"]);
    assert!(fsplug.path("a/b").is_dir());
    fsplug
        .fails(6, &["mkdir", "a/b"])
        .assert_names(&[&fsplug.uri("a/b"), "add -p"]);
    fsplug.ok(&["mkdir", "-p", "a/b", "c"]);
    assert!(fsplug.path("c").is_dir());
}

#[test]
fn rm_deletes_files_and_only_when_asked_what_is_below_a_directory() {
    let fsplug = Fsplug::new();
    fsplug.write("dir/a", "");
    fsplug.write("dir/b", "");
    fsplug.ok(&["rm", "dir/a"]);
    assert!(!fsplug.path("dir/a").exists());
    fsplug
        .fails(6, &["rm", "dir"])
        .assert_names(&["delete", &fsplug.uri("dir"), "add -r"]);
    assert!(fsplug.path("dir/b").exists());
    fsplug.ok(&["rm", "-r", "dir"]);
    assert!(!fsplug.path("dir").exists());
}

#[test]
fn rm_minds_what_is_not_there_unless_forced() {
    let fsplug = Fsplug::new();
    fsplug.write("file", "");
    fsplug
        .fails(4, &["rm", "missing", "file"])
        .assert_names(&["delete", &fsplug.uri("missing"), "-f"]);
    assert!(!fsplug.path("file").exists());
    fsplug.ok(&["rm", "-f", "missing"]);
    fsplug.ok(&["rm", "-rf", "missing"]);
    let records = fsplug.ok(&["rm", "-f", "--json", "missing"]).json();
    assert_eq!(records[0]["deleted"], false);
}

#[test]
fn rm_never_deletes_the_root_of_the_machine() {
    let fsplug = Fsplug::new();
    for root in ["/", "//", "/.", "file:///"] {
        fsplug
            .fails(2, &["rm", "-r", root])
            .assert_names(&["delete file:///"]);
    }
}

#[test]
fn mv_renames_a_file() {
    let fsplug = Fsplug::new();
    fsplug.write("a", "content");
    fsplug.write("dir/other", "");
    fsplug.ok(&["mv", "a", "b"]);
    assert_eq!(fsplug.read("b"), b"content");
    assert!(!fsplug.path("a").exists());
    fsplug.ok(&["mv", "b", "dir"]);
    assert_eq!(fsplug.read("dir/b"), b"content");
    fsplug
        .fails(4, &["mv", "a", "c"])
        .assert_names(&[&fsplug.uri("a")]);
}
