//! [`Talk`]: what `fsplug` says in a test, and the secrets that must not be in it.

use std::sync::LazyLock;

use tempfile::TempDir;
use testkit::Canaries;

use crate::artefacts;
use crate::support::Fsplug;

pub(crate) static PLUGINS: LazyLock<TempDir> =
    LazyLock::new(|| artefacts::plugin_directory(&artefacts::plugin()));

/// What is done to a bucket `bucket` that has a file `there`.
const OPERATIONS: &[&[&str]] = &[
    &["ls", "-l", "s3://bucket/"],
    &["cp", "local", "s3://bucket/made"],
    &["--json", "cat", "s3://bucket/there"],
    &["--json", "stat", "s3://bucket/there", "s3://bucket/missing"],
    &["mv", "s3://bucket/made", "s3://bucket/moved"],
    &["uploads", "ls", "s3://bucket/"],
    &["config", "explain", "--all", "s3://bucket/"],
    &["--json", "config", "explain", "--all"],
    &["rm", "-r", "s3://bucket/moved"],
];

/// What was said, and the secrets that must not be in it.
pub(crate) struct Talk {
    pub(crate) canaries: Canaries,
    pub(crate) fsplug: Fsplug,
    /// All of it, each with the command in front.
    said: Vec<u8>,
}

impl Talk {
    pub(crate) fn new() -> Self {
        let fsplug = Fsplug::new()
            .env("FSPLUG_PLUGIN_PATH", PLUGINS.path().to_str().unwrap())
            .env("HOME", "/nonexistent")
            .env("AWS_REGION", "us-east-1")
            .env("FSPLUG_S3_RETRY_MAX_NUM_RETRIES", "0")
            // With these the SDK logs what it otherwise keeps to itself.
            .env("LOG_SENSITIVE_BODIES", "true")
            .env("LOG_SIGNABLE_BODY", "true");
        fsplug.write("local", "content");
        Self {
            canaries: Canaries::default(),
            fsplug,
            said: Vec::new(),
        }
    }

    /// Runs a command with the finest log, and returns its exit code and standard error.
    pub(crate) fn run(&mut self, environment: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
        let mut command = self.fsplug.command(&[&["-vvv"], arguments].concat());
        let output = command.envs(environment.iter().copied()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        self.hear(format!("\n$ {}\n", arguments.first().unwrap_or(&"")));
        self.hear(&output.stdout);
        self.hear(&output.stderr);
        (output.status.code().expect("no signal ended the command"), stderr)
    }

    /// Does everything that there is to do, all of which succeeds but for the file that is missing.
    pub(crate) fn all_succeeds(&mut self, environment: &[(&str, &str)], arguments: &[&str]) {
        for operation in OPERATIONS {
            let (code, stderr) = self.run(environment, &[arguments, operation].concat());
            let expected = if operation.contains(&"s3://bucket/missing") {
                4
            } else {
                0
            };
            assert_eq!(code, expected, "{operation:?}: {stderr}");
            // The log is there to be looked through: the SDK's own, but where no request is made.
            assert!(
                stderr.contains("aws_smithy_runtime::client::orchestrator") || operation.contains(&"explain"),
                "{operation:?}: {stderr}"
            );
        }
    }

    /// Does something that fails.
    pub(crate) fn fails(&mut self, environment: &[(&str, &str)], arguments: &[&str]) {
        for operation in [
            &["stat", "s3://bucket/there"][..],
            &["--json", "ls", "s3://bucket/"][..],
        ] {
            let (code, stderr) = self.run(environment, &[arguments, operation].concat());
            assert_ne!(code, 0, "{stderr}");
        }
    }

    /// Adds what something else said.
    pub(crate) fn hear(&mut self, said: impl AsRef<[u8]>) {
        self.said.extend_from_slice(said.as_ref());
    }

    /// No secret is in what was said, nor in what the commands left on disk.
    pub(crate) fn assert_silent(&mut self, planted: usize) {
        assert_eq!(self.canaries.len(), planted, "{:?}", self.canaries);
        let left = self.fsplug.tree(".");
        for (name, content) in left.iter().filter(|(name, _)| !name.starts_with("given/")) {
            self.hear(name);
            self.hear(content);
        }
        let mut found = self.canaries.find(&self.said);
        found.dedup_by(|a, b| a.name == b.name && a.form == b.form && a.context[..8] == b.context[..8]);
        found.truncate(20);
        assert!(found.is_empty(), "{found:#?}");
    }
}
