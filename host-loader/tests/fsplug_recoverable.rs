//! `fsplug recoverable` with the S3 plugin loaded, against the embedded server, and on local files.

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
use host_loader::{FileSystems, blocking};
use plugin_api::{CreateOptions, Location, Recoverable};
use s3::{PART, S3};
use support::Fsplug;

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 % 251) as u8).collect()
}

#[test]
fn a_state_is_shown_without_a_request() {
    let s3 = S3::new();
    let state = s3.persisted("dir/a b", &content(PART + 100));
    s3.fsplug.write("state", state.bytes());
    let id = s3.server.store().open_uploads("bucket")[0].upload_id.clone();
    s3.server.requests().clear();
    let shown = s3.ok(&["recoverable", "show", "state"]);
    let endpoint = s3.server.endpoint();
    for fact in [
        "state: 1, the whole file",
        "uri: s3://bucket/dir/a b",
        "size: 5242980 (",
        &format!("upload: {id}"),
        "version: 2",
        "parts: 1",
        "tail-bytes: 100",
        "mode: no-overwrite",
        "nonce: ",
        &format!("endpoint: {endpoint}"),
    ] {
        assert!(shown.text().contains(fact), "{fact} in {}", shown.text());
    }
    let record = &s3.ok(&["--json", "recoverable", "show", "state"]).json()[0];
    assert_eq!(record["uri"], "s3://bucket/dir/a b");
    assert_eq!(record["size"], PART + 100);
    assert_eq!(record["upload_id"], id.as_str());
    assert_eq!(record["encoding"], "whole");
    assert_eq!(record["attributes"]["parts"], "1");
    assert_eq!(s3.server.requests().total(), 0);
}

#[test]
fn a_state_is_verified_committed_and_committed_again_from_any_file_of_an_engine() {
    let s3 = S3::new();
    let content = content(2 * PART + 17);
    let state = s3.persisted("out/file", &content);
    let file = format!(
        "{{\"version\":2,\"base64\":\"{}\"}}",
        STANDARD.encode(state.bytes())
    );
    s3.server.store().put("bucket", "checkpoints/chk-7/state-0", file);
    let file = "s3://bucket/checkpoints/chk-7/state-0";
    s3.server.requests().clear();
    let verified = s3.ok(&["recoverable", "verify", file]);
    assert!(verified.text().starts_with("committable "), "{}", verified.text());
    assert_eq!(s3.server.store().get("bucket", "out/file"), None);
    let requests = s3.server.requests().all();
    assert!(requests.iter().any(|request| request.operation == "ListParts"));
    for request in requests {
        assert!(
            matches!(request.method.as_str(), "GET" | "HEAD"),
            "{}",
            request.operation
        );
    }
    s3.ok(&["recoverable", "commit", file]);
    assert!(s3.server.store().get("bucket", "out/file").unwrap() == content);
    assert_eq!(s3.open_uploads(), [""; 0]);
    let before = s3.server.store().object("bucket", "out/file");
    let record = &s3.ok(&["--json", "recoverable", "commit", file]).json()[0];
    assert_eq!(
        (&record["operation"], &record["uri"]),
        (&"recoverable commit".into(), &"s3://bucket/out/file".into())
    );
    assert_eq!(s3.server.store().object("bucket", "out/file"), before);
    let record = &s3.ok(&["--json", "recoverable", "verify", file]).json()[0];
    assert_eq!(
        (&record["condition"], &record["reason"]),
        (&"committed".into(), &serde_json::Value::Null)
    );
}

#[test]
fn a_file_is_given_up_only_with_yes_and_then_cannot_be_committed() {
    let s3 = S3::new();
    let state = s3.persisted("file", &content(PART));
    s3.fsplug.write("state", state.bytes());
    s3.fails(2, &["recoverable", "abort", "state"]).assert_names(&[
        "s3://bucket/file",
        "5242880 bytes",
        "--yes",
    ]);
    assert_eq!(s3.open_uploads(), ["file"]);
    s3.ok(&["recoverable", "abort", "state", "--yes"]);
    s3.ok(&["recoverable", "abort", "state", "--yes"]);
    assert_eq!(s3.open_uploads(), [""; 0]);
    for verb in ["verify", "commit"] {
        s3.fails(1, &["recoverable", verb, "state"])
            .assert_names(&["s3://bucket/file", "it expired or was aborted"]);
    }
    let records = s3.json_of_failure(1, &["--json", "recoverable", "verify", "state"]);
    assert_eq!(records[0]["condition"], "gone");
    assert_eq!(records[1]["error"]["kind"], "upload-gone");
}

#[test]
fn a_foreign_file_in_the_way_is_a_conflict_and_stays() {
    let s3 = S3::new();
    for len in [10, PART] {
        let state = s3.persisted("file", &content(len));
        s3.fsplug.write("state", state.bytes());
        s3.server.store().put("bucket", "file", "foreign");
        for verb in ["verify", "commit"] {
            s3.fails(6, &["recoverable", verb, "state"])
                .assert_names(&["s3://bucket/file", "another file"]);
        }
        assert_eq!(
            s3.server.store().get("bucket", "file").as_deref(),
            Some(&b"foreign"[..])
        );
        assert!(s3.server.store().delete("bucket", "file"));
    }
}

#[test]
fn of_several_states_one_has_to_be_chosen() {
    let s3 = S3::new();
    let states = [("a", 10), ("b", PART), ("c", 20)].map(|(key, len)| s3.persisted(key, &content(len)));
    let [a, b, c] = &states;
    let file = [
        b"\0\0\x05head".as_slice(),
        a.bytes(),
        b"\0FSR2 is no state\0",
        URL_SAFE_NO_PAD.encode(b.bytes()).as_bytes(),
        b"\",\"",
        STANDARD.encode(c.bytes()).as_bytes(),
        a.bytes(),
    ]
    .concat();
    s3.fsplug.write("states", file);
    let records = s3.ok(&["--json", "recoverable", "show", "states"]).json();
    let shown: Vec<_> = records
        .iter()
        .map(|record| (&record["uri"], &record["encoding"]))
        .collect();
    let expected = [("a", "raw"), ("b", "base64"), ("c", "base64")].map(|(key, encoding)| {
        (
            format!("s3://bucket/{key}").into(),
            serde_json::Value::from(encoding),
        )
    });
    assert_eq!(shown, expected.each_ref().map(|(uri, encoding)| (uri, encoding)));
    let one = s3
        .ok(&["--json", "recoverable", "show", "states", "--index", "2"])
        .json();
    assert_eq!((one.len(), &one[0]), (1, &records[1]));
    for verb in ["verify", "commit"] {
        s3.fails(2, &["recoverable", verb, "states"])
            .assert_names(&["3 states", "--index", "show"]);
    }
    s3.fails(2, &["recoverable", "verify", "states", "--index", "4"])
        .assert_names(&["no state 4"]);
    s3.ok(&["recoverable", "commit", "states", "--index", "3"]);
    assert_eq!(s3.server.store().keys("bucket"), ["c"]);
}

#[test]
fn a_file_without_a_usable_state_is_named_with_what_to_do() {
    let s3 = S3::new();
    let state = s3.persisted("file", &content(100));
    let good = state.bytes();
    s3.fsplug.write("cut", &good[..good.len() - 1]);
    let mut flipped = good.to_vec();
    flipped[20] ^= 1;
    s3.fsplug.write("flipped", &flipped);
    s3.fsplug.write("text", "nothing of interest");
    s3.fsplug.write("empty", "");
    for verb in ["show", "verify", "commit", "abort"] {
        for name in ["cut", "flipped"] {
            s3.fails(1, &["recoverable", verb, name])
                .assert_names(&[name, "damaged"]);
        }
        for name in ["text", "empty"] {
            s3.fails(1, &["recoverable", verb, name])
                .assert_names(&[name, "no state", "--uri"]);
        }
        s3.fails(4, &["recoverable", verb, "missing"])
            .assert_names(&["missing"]);
    }
    s3.fsplug.write("state", good);
    s3.fails(1, &["recoverable", "show", "state", "--version", "9"])
        .assert_names(&["version"]);
    assert_eq!(s3.server.store().keys("bucket"), [""; 0]);
}

#[test]
fn a_file_system_can_be_named() {
    let s3 = S3::new();
    let state = s3.persisted("file", &content(100));
    s3.fsplug.write("state", state.bytes());
    let shown = s3
        .ok(&["--json", "recoverable", "show", "state", "--uri", "s3a://bucket"])
        .json();
    assert_eq!(shown[0]["uri"], "s3a://bucket/file");
    s3.fails(2, &["recoverable", "commit", "state", "--uri", "s3://other"])
        .assert_names(&["'bucket'", "'other'"]);
    s3.ok(&["recoverable", "commit", "state", "--uri", "s3a://bucket"]);
    assert_eq!(s3.server.store().keys("bucket"), ["file"]);
    // Without the plugin nobody knows the state.
    let alone = Fsplug::new();
    alone.write("state", state.bytes());
    alone
        .fails(1, &["recoverable", "show", "state"])
        .assert_names(&["--plugins"]);
}

/// The state of an unfinished local file, after whose taking more was written.
/// A state of Flink's own file system for S3: the vector of its format, of an upload with one part and a
/// side object.
const OF_FLINK: &str = "000c6f2f662dc3a9eda0bdedb880000275310000000000500000000000010000000100026531010003\
                        742f780000000000000007";

#[test]
fn a_state_that_does_not_name_its_store_is_shown_and_needs_the_store_for_everything_else() {
    let s3 = S3::new();
    s3.fsplug.write("state", hex::decode(OF_FLINK).unwrap());
    let shown = s3.ok(&["recoverable", "show", "state"]);
    for fact in [
        "s3://not-in-the-state/o/f-é😀",
        "size: 5242887 (",
        "upload: u1",
        "side-object: t/x",
    ] {
        assert!(shown.text().contains(fact), "{fact} in {}", shown.text());
    }
    for verb in ["verify", "commit"] {
        let failed = s3.fails(2, &["recoverable", verb, "state"]);
        failed.assert_names(&["--uri", "s3://bucket"]);
    }
    let failed = s3.fails(2, &["recoverable", "abort", "--yes", "state"]);
    failed.assert_names(&["--uri", "s3://bucket"]);
    assert_eq!(s3.server.requests().total(), 0);
    s3.ok(&["recoverable", "abort", "--yes", "--uri", "s3://bucket", "state"]);
    assert_eq!(s3.server.requests().count("AbortMultipartUpload"), 1);
}

fn local_state(fsplug: &Fsplug, name: &str) -> Recoverable {
    let location = Location::parse(&fsplug.uri(name)).unwrap();
    let file_systems =
        blocking::FileSystems::new(FileSystems::builder().search_environment(false).build().unwrap());
    let writer = file_systems.get(&location).unwrap().recoverable_writer().unwrap();
    let mut stream = writer.open(&location, &CreateOptions::default()).unwrap();
    stream.write_bytes("covered").unwrap();
    let state = stream.persist().unwrap();
    stream.write_bytes(" and more").unwrap();
    stream.persist().unwrap();
    stream.close().unwrap();
    state
}

#[test]
fn states_of_local_files_need_no_plugin() {
    let fsplug = Fsplug::new();
    let state = local_state(&fsplug, "out/file");
    fsplug.write("state", state.bytes());
    let shown = fsplug.ok(&["recoverable", "show", "state"]);
    assert!(shown.text().contains(&fsplug.uri("out/file")), "{}", shown.text());
    let before = fsplug.tree("out");
    let verified = fsplug.ok(&["recoverable", "verify", "state"]);
    assert!(verified.text().starts_with("committable "), "{}", verified.text());
    // What was written after the state was taken is still there.
    assert_eq!(fsplug.tree("out"), before);
    assert!(before[0].1.ends_with(b" and more"));
    let embedded = [b"header ".as_slice(), state.bytes(), b" footer"].concat();
    fsplug.write("embedded", embedded);
    for _ in 0..2 {
        fsplug.ok(&["recoverable", "commit", "embedded"]);
        assert_eq!(fsplug.tree("out"), [("file".to_owned(), b"covered".to_vec())]);
    }
    let verified = fsplug.ok(&["recoverable", "verify", "state"]);
    assert!(verified.text().starts_with("committed "), "{}", verified.text());
    fsplug.write("out/file", "foreign");
    fsplug
        .fails(6, &["recoverable", "verify", "state"])
        .assert_names(&["another content"]);
}

#[test]
fn local_files_that_were_given_up_cut_or_changed_are_told_apart() {
    let fsplug = Fsplug::new();
    fsplug.write("state", local_state(&fsplug, "out/file").bytes());
    let (in_progress, content) = fsplug.tree("out").remove(0);
    let in_progress = format!("out/{in_progress}");
    fsplug.write(&in_progress, &content[..3]);
    fsplug
        .fails(1, &["recoverable", "verify", "state"])
        .assert_names(&["missing data"]);
    fsplug.write(&in_progress, content.to_ascii_uppercase());
    fsplug
        .fails(1, &["recoverable", "verify", "state"])
        .assert_names(&["does not hold the bytes"]);
    fsplug.ok(&["recoverable", "abort", "--yes", "state"]);
    assert_eq!(fsplug.tree("out"), []);
    fsplug
        .fails(1, &["recoverable", "verify", "state"])
        .assert_names(&["is gone"]);
}
