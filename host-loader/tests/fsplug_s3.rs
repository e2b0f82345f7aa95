//! `fsplug` with the S3 plugin loaded, against the embedded server: what works, and what it says when
//! something is wrong.

#[path = "support/artefacts.rs"]
mod artefacts;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/fsplug.rs"]
mod support;

use std::sync::LazyLock;

use support::{Ended, Fsplug};
use tempfile::TempDir;
use testkit::{Action, Fault, Server};

static PLUGINS: LazyLock<TempDir> = LazyLock::new(|| artefacts::plugin_directory(&artefacts::plugin()));

/// A server with a bucket, and an `fsplug` that is configured for it.
struct S3 {
    server: Server,
    fsplug: Fsplug,
}

impl S3 {
    fn new() -> Self {
        let server = Server::builder().bucket("bucket").start_blocking().unwrap();
        Self {
            server,
            fsplug: Fsplug::new().env("FSPLUG_PLUGIN_PATH", PLUGINS.path().to_str().unwrap()),
        }
    }

    /// The arguments with the configuration of the server in front; `over` replaces some of it.
    fn arguments(&self, over: &[(&str, &str)], arguments: &[&str]) -> Vec<String> {
        let mut pairs = self.server.config("s3.");
        pairs.push(("s3.retry.max-num-retries".to_owned(), "0".to_owned()));
        for (key, value) in over {
            pairs.retain(|(name, _)| name != key);
            pairs.push(((*key).to_owned(), (*value).to_owned()));
        }
        let options = pairs
            .into_iter()
            .flat_map(|(key, value)| ["-D".to_owned(), format!("{key}={value}")]);
        options
            .chain(arguments.iter().map(|&argument| argument.to_owned()))
            .collect()
    }

    fn ok(&self, arguments: &[&str]) -> Ended {
        let arguments = self.arguments(&[], arguments);
        self.fsplug
            .ok(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn fails(&self, code: i32, over: &[(&str, &str)], arguments: &[&str]) -> Ended {
        let arguments = self.arguments(over, arguments);
        self.fsplug
            .fails(code, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

#[test]
fn files_go_up_come_down_move_and_vanish() {
    let s3 = S3::new();
    s3.fsplug.write("tree/a b", "one");
    s3.fsplug.write("tree/sub/é%2F+", vec![7; 6 << 20]);
    s3.ok(&["cp", "-r", "tree", "s3://bucket/"]);
    let keys: Vec<_> = s3.server.store().keys("bucket");
    assert_eq!(keys, ["tree/a b", "tree/sub/é%2F+"]);
    assert_eq!(s3.ok(&["ls", "-R", "s3://bucket/tree"]).sorted_lines().len(), 2);
    assert_eq!(s3.ok(&["cat", "s3a://bucket/tree/a b"]).text(), "one");
    let status = &s3.ok(&["stat", "--json", "s3://bucket/tree/sub/é%2F+"]).json()[0];
    assert_eq!(
        status["size"].as_u64().or(status["len"].as_u64()),
        Some(6 << 20),
        "{status}"
    );
    s3.ok(&["cp", "-r", "s3://bucket/tree", "back"]);
    assert_eq!(s3.fsplug.tree("back"), s3.fsplug.tree("tree"));
    s3.ok(&["cp", "s3://bucket/tree/a b", "s3a://bucket/copy"]);
    s3.ok(&["mv", "s3://bucket/copy", "s3://bucket/moved"]);
    assert_eq!(
        s3.server.store().get("bucket", "moved").as_deref(),
        Some(&b"one"[..])
    );
    s3.ok(&["rm", "-r", "s3://bucket/tree"]);
    assert_eq!(s3.server.store().keys("bucket"), ["moved"]);
}

#[test]
fn a_missing_bucket_is_named_with_what_to_do() {
    let s3 = S3::new();
    s3.fsplug.write("file", "x");
    s3.fails(3, &[], &["ls", "s3://nowhere/"])
        .assert_names(&["s3://nowhere/", "bucket", "; "]);
    s3.fails(3, &[], &["cat", "s3://nowhere/key"])
        .assert_names(&["nowhere", "; "]);
    s3.fails(3, &[], &["cp", "file", "s3://nowhere/key"])
        .assert_names(&["nowhere", "; "]);
}

#[test]
fn a_missing_key_is_named() {
    let s3 = S3::new();
    for verb in ["cat", "stat", "rm"] {
        s3.fails(4, &[], &[verb, "s3://bucket/no/such key"])
            .assert_names(&["s3://bucket/no/such key", "; "]);
    }
}

#[test]
fn a_wrong_secret_or_key_names_the_setting_and_never_the_secret() {
    let s3 = S3::new();
    for over in [
        ("s3.secret-key", "canary-secret"),
        ("s3.access-key", "canary-access"),
    ] {
        for verb in ["ls", "cat"] {
            let ended = s3.fails(7, &[over], &[verb, "s3://bucket/key"]);
            ended.assert_names(&["s3://bucket/key", over.0, "; "]);
            assert!(!ended.stderr.contains("canary-secret"), "{}", ended.stderr);
        }
    }
}

#[test]
fn an_unreachable_endpoint_is_named_with_the_setting() {
    let s3 = S3::new();
    // A port that was free a moment ago, and nobody listens on.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ended = s3.fails(5, &[("s3.endpoint", &endpoint)], &["ls", "s3://bucket/"]);
    ended.assert_names(&[
        endpoint.trim_start_matches("http://"),
        "s3.endpoint",
        "s3://bucket/",
    ]);
}

#[test]
fn a_refused_right_is_not_a_missing_file() {
    let s3 = S3::new();
    s3.server.store().put("bucket", "key", "content");
    s3.server
        .faults()
        .add(Fault::on("GetObject").action(Action::status(403, "AccessDenied", "Access Denied")));
    s3.server
        .faults()
        .add(Fault::on("HeadObject").action(Action::status(403, "AccessDenied", "Access Denied")));
    s3.fails(7, &[], &["cat", "s3://bucket/key"])
        .assert_names(&["s3://bucket/key", "s3:ListBucket"]);
}

#[test]
fn bad_configuration_names_the_key_the_value_and_the_range() {
    let s3 = S3::new();
    for (key, value, part) in [
        ("s3.upload.min.part.size", "1048576", "5242880"),
        ("s3.upload.max.concurrent.uploads", "0", "positive"),
        ("s3.path-style-access", "perhaps", "true or false"),
        ("s3.endpoint", "not an endpoint", "s3.endpoint"),
    ] {
        let ended = s3.fails(2, &[(key, value)], &["ls", "s3://bucket/"]);
        ended.assert_names(&[key, value, part]);
    }
}

#[test]
fn a_scheme_that_a_broken_plugin_would_serve_says_so() {
    let s3 = S3::new();
    let broken = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(broken.path().join("s3-native")).unwrap();
    let library = std::fs::read(artefacts::plugin()).unwrap();
    std::fs::write(
        broken.path().join("s3-native/x.so"),
        &library[..library.len() / 2],
    )
    .unwrap();
    let fsplug = Fsplug::new();
    let plugins = broken.path().to_str().unwrap();
    let ended = fsplug.run(&["-q", "--plugins", plugins, "ls", "s3://bucket/"]);
    assert_eq!(ended.code, 8, "{}", ended.stderr);
    ended.assert_names(&["s3://bucket/", "x.so", "truncated"]);
    drop(s3);
}
