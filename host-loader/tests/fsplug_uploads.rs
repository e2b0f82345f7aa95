//! `fsplug uploads` with the S3 plugin loaded, against the embedded server.

#[path = "support/artefacts.rs"]
mod artefacts;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/s3.rs"]
mod s3;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/fsplug.rs"]
mod support;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use s3::{PART, S3};
use testkit::{Action, Fault};

/// Everything old that state does not refer to, now.
const GC: [&str; 5] = ["uploads", "gc", "--yes", "s3://bucket/", "--older-than"];

fn gc<'a>(older_than: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&GC[..], &[older_than], more].concat()
}

#[test]
fn uploads_are_listed_with_age_time_id_and_place() {
    let s3 = S3::new();
    let old = s3.upload("out/part 1", 9);
    let young = s3.upload("out/part-2", 0);
    s3.upload("other/part", 1);
    let listed = s3.ok(&["uploads", "ls", "-l", "s3://bucket/out"]);
    let lines = listed.sorted_lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let line = lines.iter().find(|line| line.contains("part 1")).unwrap();
    for part in ["9d", "Z  ", "s3://bucket/out/part 1", &old] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let short = s3.ok(&["uploads", "ls", "s3://bucket/out/part-2"]);
    assert!(
        short.text().ends_with("s3://bucket/out/part-2\n"),
        "{}",
        short.text()
    );
    let records = s3.ok(&["uploads", "ls", "--json", "s3://bucket/"]).json();
    assert_eq!(records.len(), 3);
    let record = records
        .iter()
        .find(|record| record["upload_id"] == young.as_str())
        .unwrap();
    assert_eq!(record["uri"], "s3://bucket/out/part-2");
    assert!(record["age_seconds"].as_u64().unwrap() < 86_400);
    assert!(record["initiated"].as_str().unwrap().ends_with('Z'));
    assert_eq!(s3.ok(&["uploads", "ls", "s3://bucket/nowhere"]).text(), "");
    s3.fails(3, &["uploads", "ls", "s3://nowhere/"])
        .assert_names(&["nowhere"]);
}

#[test]
fn without_yes_it_is_shown_what_would_be_aborted_and_nothing_changes() {
    let s3 = S3::new();
    let old = s3.upload("old", 8);
    s3.upload("young", 6);
    let ended = s3.ok(&["uploads", "gc", "s3://bucket/", "--no-references"]);
    assert!(
        ended.text().starts_with("would abort") && ended.text().contains(&old),
        "{}",
        ended.text()
    );
    assert_eq!(ended.text().lines().count(), 1);
    ended.assert_names(&["1 would be aborted", "1 younger than 7d", "--yes"]);
    assert_eq!(s3.open_uploads(), ["old", "young"]);
    assert_eq!(s3.server.requests().count("AbortMultipartUpload"), 0);
    let records = s3
        .ok(&["--json", "uploads", "gc", "s3://bucket/", "--no-references"])
        .json();
    assert_eq!(records[0]["outcome"], "would-abort");
    assert_eq!(records[0]["upload_id"], old.as_str());
    assert_eq!(records[1]["summary"]["would_abort"], 1);
    assert_eq!(records[1]["summary"]["younger"], 1);
}

#[test]
fn what_is_old_and_unreferenced_is_aborted_and_everything_else_stays() {
    let s3 = S3::new();
    let referenced = s3.upload("out/referenced", 30);
    s3.upload("out/unreferenced", 8);
    s3.upload("out/young", 6);
    s3.upload("elsewhere/unreferenced", 30);
    s3.server
        .store()
        .put("bucket", "state/chk-1/state-0", format!("state of {referenced}."));
    let command = [
        "uploads",
        "gc",
        "--yes",
        "s3://bucket/out",
        "--referenced-by",
        "s3://bucket/state/*/state-*",
    ];
    let ended = s3.ok(&command);
    ended.assert_names(&["1 aborted", "1 kept for state", "1 younger"]);
    assert_eq!(
        s3.open_uploads(),
        ["elsewhere/unreferenced", "out/referenced", "out/young"]
    );
    let lines = ended.sorted_lines();
    assert!(
        lines[0].starts_with("aborted") && lines[1].starts_with("referenced"),
        "{lines:?}"
    );
    s3.ok(&command).assert_names(&["0 aborted"]);
}

#[test]
fn a_state_file_protects_an_upload_in_whatever_form_it_holds_its_id() {
    let s3 = S3::new();
    let id = s3.upload("file", 8);
    let across_pieces = [vec![b'.'; (256 << 10) - 3], id.clone().into_bytes()].concat();
    let mut states = vec![
        id.clone().into_bytes(),
        [b"\x00\xff".as_slice(), id.as_bytes(), b"\xfe"].concat(),
        hex::encode_upper(&id).into_bytes(),
        hex::encode(&id).into_bytes(),
        STANDARD.encode(&across_pieces).into_bytes(),
        across_pieces,
    ];
    for before in 0..3 {
        let raw = [&b"\xff\xfe\xfd"[..before], id.as_bytes(), b"\xff\xff"].concat();
        states.push(format!("{{\"state\":\"{}\"}}", STANDARD.encode(&raw)).into_bytes());
        states.push(URL_SAFE_NO_PAD.encode(&raw).into_bytes());
    }
    for (number, state) in states.into_iter().enumerate() {
        s3.server.store().put("bucket", "state/file", state);
        s3.ok(&gc("0s", &["--referenced-by", "s3://bucket/state/*"]));
        assert_eq!(s3.open_uploads(), ["file"], "form {number}");
    }
    s3.server.store().put("bucket", "state/file", id[1..].to_owned());
    s3.ok(&gc("0s", &["--referenced-by", "s3://bucket/state/*"]));
    assert_eq!(s3.open_uploads(), [""; 0]);
}

#[test]
fn state_may_be_anywhere_and_in_several_places() {
    let s3 = S3::new();
    let [a, b] = ["a", "b"].map(|key| s3.upload(key, 8));
    s3.upload("c", 8);
    s3.fsplug.write("local/deep/er/state", &a);
    s3.fsplug.write("savepoint", &b);
    let savepoint = s3.fsplug.uri("savepoint");
    s3.ok(&gc(
        "7d",
        &["--referenced-by", "local/**", "--referenced-by", &savepoint],
    ));
    assert_eq!(s3.open_uploads(), ["a", "b"]);
    // A file that only the one glob matches does not count for the other.
    s3.ok(&gc("7d", &["--referenced-by", "local/*/*/st?te"]));
    assert_eq!(s3.open_uploads(), ["a"]);
}

#[test]
fn the_checkpoints_of_wordcount_protect_what_they_refer_to() {
    let s3 = S3::new();
    let states = ["part-0", "part-1"].map(|key| s3.persisted(&format!("out/{key}"), &vec![7; PART + 9]));
    s3.upload("out/lost", 0);
    let saved = states.map(|state| {
        let text = STANDARD.encode(state.bytes());
        format!("{{\"version\":{},\"base64\":\"{text}\"}}", state.version())
    });
    let header = "{\"format\":\"wordcount-checkpoint\",\"version\":1,\"length\":1,\"crc32c\":\"00000000\"}\n";
    let reader = |in_progress: &str| {
        let split = "{\"split\":3,\"position\":12345}";
        format!("{header}{{\"split\":{split},\"in_progress\":{in_progress},\"pending\":[]}}\n")
    };
    let store = s3.server.store();
    store.put("bucket", "checkpoints/chk-7/state-0", reader(&saved[0]));
    store.put("bucket", "checkpoints/chk-7/state-1", reader(&saved[1]));
    store.put(
        "bucket",
        "checkpoints/chk-7/_metadata",
        format!("{header}{{\"checkpoint\":7}}\n"),
    );
    s3.ok(&gc("0s", &["--referenced-by", "s3://bucket/checkpoints/**"]));
    assert_eq!(s3.open_uploads(), ["out/part-0", "out/part-1"]);
    // What was kept can still be finished.
    let shown = s3
        .ok(&[
            "--json",
            "recoverable",
            "show",
            "s3://bucket/checkpoints/chk-7/state-1",
        ])
        .json();
    assert_eq!(shown[0]["uri"], "s3://bucket/out/part-1");
    s3.ok(&["recoverable", "commit", "s3://bucket/checkpoints/chk-7/state-1"]);
    assert_eq!(store.get("bucket", "out/part-1").unwrap().len(), PART + 9);
}

#[test]
fn nothing_is_aborted_when_state_is_missing_or_cannot_be_read() {
    let s3 = S3::new();
    s3.upload("file", 8);
    let store = s3.server.store();
    store.put("bucket", "state/good", "nothing of interest");
    for glob in [
        "s3://bucket/state/chk-*",
        "s3://bucket/stat/**",
        "s3://bucket/state",
        "s3://bucket/state/?ood/*",
    ] {
        let good = ["--referenced-by", "s3://bucket/state/*", "--referenced-by", glob];
        s3.fails(4, &gc("0s", &good))
            .assert_names(&[glob, "nothing was aborted"]);
    }
    s3.fails(3, &gc("0s", &["--referenced-by", "s3://nowhere/**"]))
        .assert_names(&["nowhere"]);
    let fault = Fault::on("GetObject")
        .key("state/good")
        .action(Action::status(403, "AccessDenied", "no"));
    let fault = s3.server.faults().add(fault);
    let ended = s3.fails(7, &gc("0s", &["--referenced-by", "s3://bucket/state/*"]));
    ended.assert_names(&["s3://bucket/state/good", "nothing was aborted"]);
    fault.remove();
    assert_eq!(s3.open_uploads(), ["file"]);
    s3.ok(&gc("0s", &["--referenced-by", "s3://bucket/state/*"]));
    assert_eq!(s3.open_uploads(), [""; 0]);
}

#[test]
fn compressed_state_is_refused_unless_it_is_said_to_be_all_right() {
    let s3 = S3::new();
    s3.upload("file", 8);
    for (kind, magic) in [
        ("gzip", b"\x1f\x8b\x08".as_slice()),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("snappy", b"header\xff\x06\x00\x00sNaPpY"),
        ("lz4", b"\x04\x22\x4d\x18"),
    ] {
        s3.fsplug.write("state", magic);
        let ended = s3.fails(1, &gc("0s", &["--referenced-by", "state"]));
        ended.assert_names(&[kind, "/state", "--allow-compressed", "nothing was aborted"]);
    }
    assert_eq!(s3.open_uploads(), ["file"]);
    s3.ok(&gc("0s", &["--referenced-by", "state", "--allow-compressed"]));
    assert_eq!(s3.open_uploads(), [""; 0]);
}

#[test]
fn uploads_are_listed_before_state_is_read_and_aborted_after_that() {
    let s3 = S3::new();
    s3.upload("file", 8);
    s3.server.store().put("bucket", "state/a", "content");
    s3.server.requests().clear();
    s3.ok(&gc("0s", &["--referenced-by", "s3://bucket/state/**"]));
    let requests = s3.server.requests().all();
    let position = |operation| {
        requests
            .iter()
            .position(|request| request.operation == operation)
            .unwrap()
    };
    let last = |operation| {
        requests
            .iter()
            .rposition(|request| request.operation == operation)
            .unwrap()
    };
    assert!(last("ListMultipartUploads") < position("ListObjectsV2"));
    assert!(position("ListObjectsV2") < position("GetObject"));
    assert!(last("GetObject") < position("AbortMultipartUpload"));
    assert!(last("ListObjectsV2") < position("AbortMultipartUpload"));
    // State that was read once is not read again when it is listed again.
    assert_eq!(s3.server.requests().count("GetObject"), 1);
}

#[test]
fn a_state_file_that_vanishes_is_looked_for_again() {
    let s3 = S3::new();
    s3.upload("file", 8);
    s3.server.store().put("bucket", "state/a", "content");
    s3.server.store().put("bucket", "state/b", "content");
    let gone = Fault::on("GetObject")
        .key("state/a")
        .times(1)
        .action(Action::status(404, "NoSuchKey", "gone"));
    let gone = s3.server.faults().add(gone);
    s3.ok(&gc("0s", &["--referenced-by", "s3://bucket/state/**"]));
    assert_eq!(gone.hits(), 1);
    let reads = s3.server.requests().of("GetObject");
    let reads_of = |key| {
        reads
            .iter()
            .filter(|read| read.key.as_deref() == Some(key))
            .count()
    };
    assert_eq!((reads_of("state/a"), reads_of("state/b")), (2, 1));
    // One that is never there to be read keeps everything.
    s3.upload("file", 8);
    let gone = Fault::on("GetObject")
        .key("state/a")
        .action(Action::status(404, "NoSuchKey", "gone"));
    s3.server.faults().add(gone);
    let ended = s3.fails(6, &gc("0s", &["--referenced-by", "s3://bucket/state/**"]));
    ended.assert_names(&["nothing was aborted", "run the command again"]);
    assert_eq!(s3.open_uploads(), ["file"]);
}

#[test]
fn an_upload_that_cannot_be_aborted_is_named_and_the_others_are_aborted() {
    let s3 = S3::new();
    for key in ["a", "b", "c"] {
        s3.upload(key, 8);
    }
    let fault = Fault::on("AbortMultipartUpload")
        .key("b")
        .action(Action::status(403, "AccessDenied", "no"));
    s3.server.faults().add(fault);
    let ended = s3.fails(7, &[&["-q"], &gc("7d", &["--no-references"])[..]].concat());
    ended.assert_names(&["s3://bucket/b"]);
    assert_eq!(s3.open_uploads(), ["b"]);
    let records = s3.json_of_failure(7, &gc("7d", &["--no-references", "--json"]));
    assert_eq!(records[0]["error"]["path"], "s3://bucket/b");
    assert_eq!(records[1]["summary"]["failed"], 1);
}

#[test]
fn whoever_says_neither_where_state_is_nor_that_there_is_none_gets_nothing_done() {
    let s3 = S3::new();
    s3.upload("file", 8);
    for arguments in [
        &["uploads", "gc", "--yes", "s3://bucket/"][..],
        &[
            "uploads",
            "gc",
            "--yes",
            "s3://bucket/",
            "--no-references",
            "--referenced-by",
            "x",
        ],
        &[
            "uploads",
            "gc",
            "--yes",
            "s3://bucket/",
            "--no-references",
            "--older-than",
            "7",
        ],
        &["uploads", "gc", "--yes", "--no-references"],
    ] {
        let ended = s3.fsplug.run(arguments);
        assert_eq!((ended.code, ended.text()), (2, ""), "{arguments:?}");
        assert!(ended.stderr.contains("--help"), "{}", ended.stderr);
    }
    assert_eq!(s3.open_uploads(), ["file"]);
}

#[test]
fn a_file_system_without_uploads_says_so() {
    let s3 = S3::new();
    for arguments in [
        &["uploads", "ls", "."][..],
        &["uploads", "gc", ".", "--no-references"],
    ] {
        s3.fails(1, arguments)
            .assert_names(&["does not support", "open uploads"]);
    }
}
