//! `fsplug --stats` tells what the server saw.

#[path = "support/artefacts.rs"]
mod artefacts;
#[path = "support/s3.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod s3;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/fsplug.rs"]
mod support;

use s3::{PART, S3};
use testkit::{Action, Fault};

/// The table and the sums behind it tell of the same requests as the log of the server.
#[test]
fn requests_by_operation_and_class_and_bytes_are_those_that_the_server_saw() {
    let s3 = S3::new();
    s3.fsplug.write("tree/small", "content");
    s3.fsplug.write("tree/large", vec![7; PART + 1]);
    s3.server.requests().clear();
    let ended = s3.ok(&["--json", "--stats", "cp", "-r", "tree", "s3://bucket/"]);
    let line = ended.stderr.lines().last().unwrap();
    let stats = &serde_json::from_str::<serde_json::Value>(line).unwrap()["stats"];
    let number = |value: &serde_json::Value| value.as_u64().unwrap();
    let requests = s3.server.requests();
    let mut total = 0;
    for operation in stats["operations"].as_array().unwrap() {
        let name = operation["operation"].as_str().unwrap();
        assert_eq!(
            number(&operation["requests"]),
            requests.count(name),
            "{name}: {stats}"
        );
        assert!(operation["max_ms"].as_f64() >= operation["p50_ms"].as_f64());
        total += number(&operation["requests"]);
    }
    assert_eq!(total, requests.total(), "{stats}");
    let classes = ["class_a", "class_b", "free"].map(|class| number(&stats[class]));
    assert_eq!(classes.iter().sum::<u64>(), total, "{stats}");
    let written = [
        "PutObject",
        "CreateMultipartUpload",
        "UploadPart",
        "CompleteMultipartUpload",
    ];
    let listed = requests.count("ListObjectsV2");
    let written: u64 = written.iter().map(|name| requests.count(name)).sum();
    assert_eq!(classes[0], written + listed, "{stats}");
    let received: u64 = requests.all().iter().map(|request| request.sent).sum();
    assert_eq!(number(&stats["bytes_received"]), received);
    assert!(number(&stats["bytes_sent"]) > PART as u64);
}

#[test]
fn the_table_is_on_standard_error_also_after_a_failure_and_names_classes_and_retries() {
    let s3 = S3::new();
    s3.server.store().put("bucket", "key", "content");
    let throttle = Fault::on("GetObject").action(Action::status(503, "SlowDown", ""));
    let fault = s3.server.faults().add(throttle);
    let ended = s3.run(&["--stats", "cat", "s3://bucket/key"]);
    fault.remove();
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    let row = |operation: &str| {
        let line = ended.stderr.lines().find(|line| line.starts_with(operation));
        let line = line.unwrap_or_else(|| panic!("no {operation} in {}", ended.stderr));
        let cells: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        cells
    };
    assert_eq!(
        row("operation")[..5],
        ["operation", "class", "requests", "retries", "throttled"]
    );
    let tries = s3.server.requests().count("GetObject").to_string();
    assert_eq!(row("GetObject")[..5], ["GetObject", "B", &tries, "0", &tries]);
    assert!(
        ended.stderr.contains("of class A (PUT, COPY, POST, LIST)"),
        "{}",
        ended.stderr
    );
    assert_eq!(s3.ok(&["cat", "s3://bucket/key"]).stderr, "");
}
