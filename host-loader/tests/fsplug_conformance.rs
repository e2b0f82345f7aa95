//! `fsplug conformance` on the built S3 plugin with the embedded server, and on local files.

#[path = "support/artefacts.rs"]
mod artefacts;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/fsplug.rs"]
mod support;

use support::{Ended, Fsplug};
use testkit::Server;

/// The last line of a run with `--json`.
fn summary(ended: &Ended) -> serde_json::Value {
    let lines = ended.json();
    let summary = lines.iter().find_map(|line| line.get("summary"));
    summary
        .unwrap_or_else(|| panic!("no summary in {}", ended.text()))
        .clone()
}

#[test]
fn the_built_s3_plugin_conforms_on_the_embedded_server() {
    let server = Server::builder().bucket("bucket").start_blocking().unwrap();
    let fsplug = Fsplug::new();
    let library = artefacts::plugin();
    let mut arguments: Vec<String> = ["conformance", "run", library.to_str().unwrap(), "--json"]
        .map(str::to_owned)
        .into();
    arguments.extend(["--uri", "s3://bucket/some/prefix"].map(str::to_owned));
    for (key, value) in server.config("s3.") {
        arguments.push(format!("-D{key}={value}"));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = fsplug.run(&arguments);
    let summary = summary(&ended);
    assert_eq!((ended.code, &summary["failed"]), (0, &0.into()), "{summary:#}");
    assert!(summary["passed"].as_u64().unwrap() >= 250, "{summary:#}");
    assert_eq!(summary["plugin"]["name"], "s3-native");
    assert_eq!(summary["plugin"]["sha256"].as_str().unwrap().len(), 64);
    // Every case has a record, and every one that does not apply says why.
    let records = ended.json().len() as u64 - 1;
    let total = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!(records, total("passed") + total("not_applicable"));
    let gated_off = summary["gated_off"].as_object().unwrap();
    assert!(
        gated_off
            .keys()
            .all(|reason| reason.starts_with("needs ") || reason.starts_with("only without "))
    );
    assert_eq!(server.store().keys("bucket"), Vec::<String>::new(), "left behind");
}

#[test]
fn local_files_conform_without_a_plugin() {
    let fsplug = Fsplug::new();
    fsplug.write("place/mine", "kept");
    let uri = fsplug.uri("place");
    let ended = fsplug.ok(&[
        "conformance",
        "run",
        "--uri",
        &uri,
        "--filter",
        "status::",
        "--filter",
        "rename::",
    ]);
    let text = ended.text();
    assert!(
        text.contains("case status::missing_is_not_found ... ok\n"),
        "{text}"
    );
    assert!(text.contains("\nresult: ok. "), "{text}");
    assert!(text.contains("only without REAL_DIRECTORIES: "), "{text}");
    assert_eq!(fsplug.tree("place"), [("mine".to_owned(), b"kept".to_vec())]);
}

#[test]
fn the_list_needs_no_file_system() {
    let fsplug = Fsplug::new();
    let ended = fsplug.ok(&["conformance", "run", "--list", "--json"]);
    let cases = ended.json();
    assert!(cases.len() >= 250);
    let case = cases
        .iter()
        .find(|line| line["case"] == "rename::a_directory_is_refused")
        .unwrap();
    assert_eq!(case["without"], serde_json::json!(["RENAME_DIRECTORY"]));
    let filtered = fsplug.ok(&[
        "conformance",
        "run",
        "--list",
        "--filter",
        "seek::to_the_beginning",
    ]);
    assert_eq!(filtered.text().lines().count(), 1);
}

#[test]
fn a_known_gap_that_passes_is_a_failure() {
    let fsplug = Fsplug::new();
    fsplug.write("gaps", "status::missing_is_not_found = \"answers nonsense\"\n");
    let uri = fsplug.uri("place");
    let arguments = [
        "conformance",
        "run",
        "--uri",
        &uri,
        "--filter",
        "status::missing",
        "--known-gaps",
        "gaps",
    ];
    let ended = fsplug.fails(1, &arguments);
    assert!(
        ended.text().contains("remove it from the file"),
        "{}",
        ended.text()
    );
}

#[test]
fn wrong_arguments_say_what_is_wrong() {
    let fsplug = Fsplug::new();
    let uri = fsplug.uri("place");
    let run = |more: &[&str]| fsplug.fails(2, &[&["conformance", "run", "--uri", &uri][..], more].concat());
    run(&["--filter", "no-such-case"]).assert_names(&["--list"]);
    fsplug.write("gaps", "no::such = \"x\"\n");
    run(&["--known-gaps", "gaps"]).assert_names(&["no::such", "gaps"]);
    fsplug.write("broken", "no reason\n");
    run(&["--known-gaps", "broken"]).assert_names(&["line 1", "broken"]);
    fsplug.write("not-a-plugin.so", "text");
    let library = fsplug.path("not-a-plugin.so");
    let arguments = [
        "conformance",
        "run",
        library.to_str().unwrap(),
        "--uri",
        "s3://bucket/",
    ];
    fsplug.fails(8, &arguments).assert_names(&["not-a-plugin.so"]);
}
