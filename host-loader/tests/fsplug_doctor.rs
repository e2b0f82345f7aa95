//! `fsplug doctor`: what it prints, what it ends with, and that it leaves nothing behind.

#[path = "support/artefacts.rs"]
mod artefacts;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/fsplug.rs"]
mod support;

use std::sync::LazyLock;

use support::{Ended, Fsplug};
use tempfile::TempDir;
use testkit::Server;

static PLUGINS: LazyLock<TempDir> = LazyLock::new(|| artefacts::plugin_directory(&artefacts::plugin()));

const SECRET: &str = "secret-canary-0123456789";

/// A server with a bucket, and an `fsplug` that reaches it.
struct S3 {
    server: Server,
    fsplug: Fsplug,
}

impl S3 {
    fn new() -> Self {
        Self {
            server: Server::builder()
                .bucket("bucket")
                .credentials("ACCESSKEY0000CANARY", SECRET)
                .start_blocking()
                .unwrap(),
            fsplug: Fsplug::new().env("FSPLUG_PLUGIN_PATH", PLUGINS.path().to_str().unwrap()),
        }
    }

    /// Runs the command, after which the bucket is as it was and the secret is nowhere.
    fn doctor(&self, over: &[(&str, &str)], arguments: &[&str]) -> Ended {
        let mut pairs = self.server.config("s3.");
        for (key, value) in over {
            pairs.retain(|(name, _)| name != key);
            pairs.push(((*key).to_owned(), (*value).to_owned()));
        }
        let mut all = vec!["doctor".to_owned()];
        all.extend(
            pairs
                .into_iter()
                .flat_map(|(key, value)| ["-D".to_owned(), format!("{key}={value}")]),
        );
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let ended = self.fsplug.run(&all);
        let text = format!("{}{}", ended.text(), ended.stderr);
        assert!(!text.contains("canary") && !text.contains("CANARY00"), "{text}");
        assert!(self.server.store().keys("bucket").is_empty());
        assert!(self.server.store().open_uploads("bucket").is_empty());
        ended
    }
}

/// The line of a stage.
fn line<'a>(text: &'a str, stage: &str) -> &'a str {
    let mut lines = text.lines();
    lines
        .find(|line| line.split_whitespace().nth(1) == Some(stage))
        .unwrap_or_else(|| panic!("no line of {stage} in: {text}"))
}

#[test]
fn a_bucket_that_can_be_used_is_said_to_be_with_a_line_for_each_stage() {
    let s3 = S3::new();
    let ended = s3.doctor(&[], &["s3://bucket/some/dir"]);
    let text = ended.text();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{text}");
    assert!(line(text, "config").starts_with("ok    config"), "{text}");
    assert!(
        line(text, "credentials").contains("ACCE…NARY of 's3.access-key'"),
        "{text}"
    );
    assert!(line(text, "multipart").ends_with("s)"), "{text}");
    assert!(line(text, "tls").starts_with("skip"), "{text}");
    assert!(text.ends_with("s3://bucket/some/dir can be used\n"), "{text}");
}

#[test]
fn a_failure_is_followed_by_its_remedy_and_decides_the_code() {
    let s3 = S3::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for (over, uri, code, stage, remedy) in [
        (
            ("s3.sse.type", "rot13"),
            "s3://bucket",
            2,
            "config",
            "s3.sse.type",
        ),
        (
            ("s3.region", "us-east-1"),
            "s3://nowhere/",
            3,
            "bucket",
            "create the bucket",
        ),
        (
            ("s3.endpoint", nobody.as_str()),
            "s3://bucket",
            5,
            "tcp",
            "'s3.endpoint'",
        ),
        (
            ("s3.secret-key", "canary-wrong"),
            "s3://bucket",
            7,
            "bucket",
            "'s3.secret-key'",
        ),
    ] {
        let ended = s3.doctor(&[over], &[uri]);
        let text = ended.text();
        assert_eq!(ended.code, code, "{text}{}", ended.stderr);
        let failed = line(text, stage);
        assert!(failed.starts_with("FAIL"), "{text}");
        let following = text.lines().skip_while(|line| *line != failed).nth(1).unwrap();
        assert!(
            following.trim().starts_with("=> ") && following.contains(remedy),
            "{text}"
        );
        ended.assert_names(&["1 stage failed", stage, remedy]);
    }
}

#[test]
fn a_flaw_is_a_warning_and_no_failure() {
    let s3 = S3::new();
    let rule = "op=DeleteObjects -> status:501:NotImplemented";
    s3.server.faults().add_rules(rule, 1).unwrap();
    let ended = s3.doctor(&[], &["s3://bucket"]);
    let text = ended.text();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{text}");
    assert!(line(text, "bulk-delete").starts_with("warn"), "{text}");
    assert!(
        text.ends_with("s3://bucket/ can be used, with 1 warning\n"),
        "{text}"
    );
}

#[test]
fn as_json_each_stage_is_a_record_and_a_failure_at_the_end_is_one_too() {
    let s3 = S3::new();
    let records = s3.doctor(&[], &["--json", "s3://bucket"]).json();
    assert!(records.len() > 20);
    for record in &records {
        for member in ["stage", "outcome", "found", "remedy", "milliseconds", "error"] {
            assert!(record.get(member).is_some(), "'{member}' is missing in {record}");
        }
    }
    let ended = s3.doctor(&[], &["--json", "s3://nowhere"]);
    assert_eq!(ended.code, 3);
    let records = ended.json();
    let bucket = records.iter().find(|record| record["stage"] == "bucket").unwrap();
    assert_eq!(bucket["outcome"], "failed");
    assert_eq!(bucket["error"]["service_code"], "NoSuchBucket");
    assert_eq!(records.last().unwrap()["error"]["exit_code"], 3);
}

#[test]
fn whoever_only_reads_writes_nothing() {
    let s3 = S3::new();
    let ended = s3.doctor(&[], &["--read-only", "s3://bucket"]);
    assert_eq!(ended.code, 0, "{}", ended.text());
    assert!(line(ended.text(), "put").starts_with("skip"));
    let requests = s3.server.requests().all();
    assert!(
        requests
            .iter()
            .all(|request| matches!(request.method.as_str(), "GET" | "HEAD"))
    );
}

#[test]
fn local_files_are_tried_as_everybody_uses_them() {
    let fsplug = Fsplug::new();
    fsplug.write("dir/file", "content");
    let ended = fsplug.run(&["doctor", "dir"]);
    let text = ended.text();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{text}");
    for stage in [
        "status",
        "list",
        "create",
        "read",
        "read-range",
        "no-overwrite",
        "rename",
        "recoverable",
    ] {
        assert!(line(text, stage).starts_with("ok"), "{text}");
    }
    let names = || -> Vec<String> { fsplug.tree("dir").into_iter().map(|(name, _)| name).collect() };
    assert_eq!(names(), ["file"]);
    let directories = std::fs::read_dir(fsplug.path("dir")).unwrap().count();
    assert_eq!(directories, 1, "not even an empty directory is left");

    let ended = fsplug.run(&["doctor", "--read-only", "dir"]);
    assert_eq!(ended.code, 0);
    assert!(line(ended.text(), "create").starts_with("skip"));
}

#[test]
fn a_local_directory_that_is_missing_or_a_file_is_told_with_what_to_do() {
    let fsplug = Fsplug::new();
    fsplug.write("file", "content");
    let ended = fsplug.run(&["doctor", "missing"]);
    assert_eq!(ended.code, 4, "{}", ended.text());
    assert!(line(ended.text(), "status").starts_with("FAIL"));
    assert!(line(ended.text(), "create").contains("needs status"));
    let ended = fsplug.run(&["doctor", "file"]);
    assert_eq!(ended.code, 3, "{}", ended.text());
    ended.assert_names(&["it is a file", "name the directory"]);
    assert_eq!(fsplug.tree(".").len(), 1);
}
