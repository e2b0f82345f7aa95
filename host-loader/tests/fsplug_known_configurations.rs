//! Configurations that people have, as they wrote them for Flink: each is read as it stands and means what it
//! meant there.

#[path = "support/artefacts.rs"]
mod artefacts;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/fsplug.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use host_loader::configuration::Configuration;
use serde_json::Value;
use support::Fsplug;
use tempfile::TempDir;

static PLUGINS: LazyLock<TempDir> = LazyLock::new(|| artefacts::plugin_directory(&artefacts::plugin()));

/// What is expected of one file.
struct Expected {
    file: &'static str,
    /// Every option that it sets: key, value as it is shown, and line.
    options: &'static [(&'static str, &'static str, usize)],
    /// Every finding: its kind and key.
    findings: &'static [(&'static str, &'static str)],
}

const EXPECTED: &[Expected] = &[
    Expected {
        file: "hadoop-ceph.yaml",
        options: &[
            ("s3.endpoint", "ceph-mcr-1.xxx.xxx.xxx:xxx", 4),
            ("s3.path-style-access", "true", 6),
            ("s3.connection.ssl.enabled", "false", 3),
            ("fs.s3a.list.version", "1", 5),
        ],
        findings: &[("no-effect", "fs.s3a.list.version")],
    },
    Expected {
        file: "hadoop-aws.yaml",
        options: &[(
            "fs.s3.aws.credentials.provider",
            "com.amazonaws.auth.WebIdentityTokenCredentialsProvider",
            1,
        )],
        findings: &[("syntax", "hadoop-aws.yaml")],
    },
    Expected {
        file: "native-credentials.yaml",
        options: &[
            ("s3.access-key", "YOUR_ACCESS_KEY", 1),
            ("s3.secret-key", "<redacted>", 2),
            ("s3.endpoint", "https://s3.amazonaws.com", 3),
        ],
        findings: &[],
    },
    Expected {
        file: "native-minio.yaml",
        options: &[
            ("s3.access-key", "minioadmin", 1),
            ("s3.secret-key", "<redacted>", 2),
            ("s3.endpoint", "http://localhost:9000", 3),
            ("s3.path-style-access", "true", 4),
        ],
        findings: &[],
    },
    Expected {
        file: "native-sse-s3.yaml",
        options: &[("s3.sse.type", "sse-s3", 1)],
        findings: &[],
    },
    Expected {
        file: "native-sse-kms.yaml",
        options: &[("s3.sse.type", "sse-kms", 1)],
        findings: &[],
    },
    Expected {
        file: "native-sse-kms-key.yaml",
        options: &[
            ("s3.sse.type", "sse-kms", 1),
            (
                "s3.sse.kms.key-id",
                "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789abc",
                2,
            ),
        ],
        findings: &[],
    },
    Expected {
        file: "native-sse-kms-context.yaml",
        options: &[
            ("s3.sse.type", "sse-kms", 1),
            ("s3.sse.kms.key-id", "alias/my-key", 2),
            ("s3.sse.kms.encryption-context.department", "finance", 4),
            ("s3.sse.kms.encryption-context.project", "budget-reports", 5),
        ],
        findings: &[],
    },
    Expected {
        file: "native-assume-role.yaml",
        options: &[(
            "s3.assume-role.arn",
            "arn:aws:iam::123456789012:role/S3AccessRole",
            1,
        )],
        findings: &[],
    },
    Expected {
        file: "native-assume-role-external-id.yaml",
        options: &[
            (
                "s3.assume-role.arn",
                "arn:aws:iam::123456789012:role/CrossAccountS3Role",
                1,
            ),
            ("s3.assume-role.external-id", "<redacted>", 2),
            ("s3.assume-role.session-name", "flink-cross-account-session", 3),
            ("s3.assume-role.session-duration", "3600", 4),
        ],
        findings: &[],
    },
    Expected {
        file: "native-read-buffer.yaml",
        options: &[("s3.read.buffer.size", "262144", 2)],
        findings: &[],
    },
    Expected {
        file: "native-async.yaml",
        options: &[("s3.async.enabled", "true", 1)],
        findings: &[],
    },
    Expected {
        file: "native-checkpointing.yaml",
        options: &[],
        findings: &[],
    },
    Expected {
        file: "native-entropy.yaml",
        options: &[("s3.entropy.key", "_entropy_", 1), ("s3.entropy.length", "4", 2)],
        findings: &[],
    },
    Expected {
        file: "native-delegation-tokens.yaml",
        options: &[
            ("security.delegation.token.provider.s3-native.enabled", "true", 1),
            (
                "security.delegation.token.provider.s3-native.access-key",
                "YOUR_KEY",
                2,
            ),
            (
                "security.delegation.token.provider.s3-native.secret-key",
                "<redacted>",
                3,
            ),
            (
                "security.delegation.token.provider.s3-native.region",
                "us-east-1",
                4,
            ),
        ],
        findings: &[],
    },
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations")
}

/// What `config explain` says of a file: the options that are set, by key, and the findings.
fn explained(file: &Path) -> (BTreeMap<String, (String, String)>, Vec<Value>) {
    let fsplug = Fsplug::new().env("FSPLUG_PLUGIN_PATH", PLUGINS.path().to_str().unwrap());
    let file = file.to_str().unwrap();
    let records = fsplug
        .ok(&["--json", "--config", file, "config", "explain", "s3://bucket/"])
        .json();
    let mut options = BTreeMap::new();
    let mut findings = Vec::new();
    for record in records {
        if let Some(finding) = record.get("finding") {
            findings.push(finding.clone());
            continue;
        }
        let text = |member: &str| record[member].as_str().unwrap().to_owned();
        options.insert(text("key"), (text("value"), text("origin")));
    }
    (options, findings)
}

#[test]
fn each_sets_the_options_that_it_set_in_flink() {
    for expected in EXPECTED {
        let file = directory().join(expected.file);
        let (options, findings) = explained(&file);
        let expected_options: BTreeMap<String, (String, String)> = expected
            .options
            .iter()
            .map(|&(key, value, line)| {
                (
                    key.to_owned(),
                    (value.to_owned(), format!("{}:{line}", file.display())),
                )
            })
            .collect();
        assert_eq!(options, expected_options, "{}", expected.file);
        let found: Vec<(String, String)> = findings
            .iter()
            .map(|finding| {
                let text = |member: &str| finding[member].as_str().unwrap().to_owned();
                let key = text("key");
                let key = key.rsplit('/').next().unwrap_or_default().to_owned();
                (text("kind"), key)
            })
            .collect();
        let expected_findings: Vec<(String, String)> = expected
            .findings
            .iter()
            .map(|&(kind, key)| (kind.to_owned(), key.to_owned()))
            .collect();
        assert_eq!(found, expected_findings, "{}", expected.file);
    }
}

#[test]
fn every_file_is_expected_to_mean_something() {
    let mut files: Vec<String> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut expected: Vec<&str> = EXPECTED.iter().map(|expected| expected.file).collect();
    expected.sort_unstable();
    assert_eq!(files, expected);
}

#[test]
fn keys_of_the_engine_are_handed_on_exactly_as_they_are_written() {
    let pairs = |file: &str| -> Vec<(String, String)> {
        let mut configuration = Configuration::default();
        configuration.read_file(&directory().join(file)).unwrap();
        let config = configuration.config();
        config
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    };
    let row = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let jar = "flink-s3-fs-hadoop-1.13.2.jar";
    let of_engine = |bucket: &str| {
        [
            row("containerized.master.env.ENABLE_BUILT_IN_PLUGINS", jar),
            row("containerized.taskmanager.env.ENABLE_BUILT_IN_PLUGINS", jar),
        ]
        .into_iter()
        .chain([
            row("state.backend", "rocksdb"),
            row("state.backend.incremental", "true"),
        ])
        .chain(["checkpoints", "savepoints"].map(|kind| {
            let directory = format!("s3://{bucket}/{kind}/$cluster_name$/");
            row(&format!("state.{kind}.dir"), &directory)
        }))
        .collect::<Vec<_>>()
    };
    let ceph = pairs("hadoop-ceph.yaml");
    for pair in of_engine("bucket-name") {
        assert!(ceph.contains(&pair), "{pair:?}");
    }
    for pair in [
        row("fs.s3a.access.key", ""),
        row("fs.s3a.secret.key", ""),
        row("fs.s3a.connection.ssl.enabled", "false"),
        row("fs.s3a.endpoint", "ceph-mcr-1.xxx.xxx.xxx:xxx"),
        row("fs.s3a.list.version", "1"),
        row("s3.path.style.access", "true"),
    ] {
        assert!(ceph.contains(&pair), "{pair:?}");
    }
    assert_eq!(ceph.len(), 12);
    let aws = pairs("hadoop-aws.yaml");
    for pair in of_engine("xxx") {
        assert!(aws.contains(&pair), "{pair:?}");
    }
    assert_eq!(aws.len(), 7);
    assert_eq!(
        pairs("native-checkpointing.yaml"),
        [
            row("execution.checkpointing.interval", "10s"),
            row("execution.checkpointing.mode", "EXACTLY_ONCE"),
            row("state.checkpoints.dir", "s3://my-bucket/checkpoints"),
        ]
    );
}

#[test]
fn a_slip_in_one_of_them_is_found_before_it_matters_in_strict_mode() {
    let fsplug = Fsplug::new().env("FSPLUG_PLUGIN_PATH", PLUGINS.path().to_str().unwrap());
    for (key, nearest) in [
        ("s3.acess-key", "s3.access-key"),
        ("fs.s3a.acces.key", "fs.s3a.access.key"),
        ("fs.s3a.bucket.my.logs.access.key", "s3.bucket.my.logs.access-key"),
        ("s3.bucket.my.logs.regoin", "s3.bucket.my.logs.region"),
        ("s3.bucket.region", "s3.bucket.<bucket>.region"),
    ] {
        fsplug.write("config.yaml", format!("fs.strict-config: true\n{key}: canary\n"));
        let ended = fsplug.fails(2, &["--config", "config.yaml", "ls", "s3://my.logs/"]);
        ended.assert_names(&["config.yaml:2", &format!("'{key}'"), &format!("'{nearest}'")]);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    }
    fsplug.write(
        "config.yaml",
        "fs.strict-config: true\nfs.s3.limit.total: 4\nfs.s3.plugin: s3-native\nstate.backend: rocksdb\n",
    );
    let records = fsplug
        .ok(&[
            "--json",
            "--config",
            "config.yaml",
            "config",
            "explain",
            "s3://my.logs/",
        ])
        .json();
    let keys: Vec<_> = records.iter().map(|record| &record["key"]).collect();
    assert_eq!(keys, ["fs.strict-config", "fs.s3.limit.total", "fs.s3.plugin"]);
}
