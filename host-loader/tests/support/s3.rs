//! A server with a bucket, an `fsplug` that is configured for it, and unfinished files in the bucket.

use std::sync::LazyLock;
use std::time::Duration;

use host_loader::{FileSystems, blocking};
use plugin_api::{Config, CreateOptions, Location, Recoverable};
use tempfile::TempDir;
use testkit::Server;

use crate::artefacts;
use crate::support::{Ended, Fsplug};

static PLUGINS: LazyLock<TempDir> = LazyLock::new(|| artefacts::plugin_directory(&artefacts::plugin()));

/// The smallest part of S3: a file of this size has an upload.
pub(crate) const PART: usize = 5 << 20;

/// A server with the bucket `bucket`.
pub(crate) struct S3 {
    pub(crate) server: Server,
    pub(crate) fsplug: Fsplug,
    file_systems: blocking::FileSystems,
}

impl S3 {
    pub(crate) fn new() -> Self {
        let server = Server::builder().bucket("bucket").start_blocking().unwrap();
        let file_systems = FileSystems::builder()
            .search_environment(false)
            .plugin_dir(PLUGINS.path())
            .config(Config::from_pairs(server.config("s3.")))
            .build()
            .unwrap();
        Self {
            server,
            fsplug: Fsplug::new().env("FSPLUG_PLUGIN_PATH", PLUGINS.path().to_str().unwrap()),
            file_systems: blocking::FileSystems::new(file_systems),
        }
    }

    /// The writer of the bucket.
    pub(crate) fn writer(&self) -> blocking::RecoverableWriter {
        let root = Location::parse("s3://bucket/").unwrap();
        self.file_systems
            .get(&root)
            .unwrap()
            .recoverable_writer()
            .unwrap()
    }

    /// The state of an unfinished file whose writer is gone.
    pub(crate) fn persisted(&self, key: &str, content: &[u8]) -> Recoverable {
        let location = Location::new("s3", "bucket", key).unwrap();
        let mut stream = self.writer().open(&location, &CreateOptions::default()).unwrap();
        stream.write_bytes(content.to_vec()).unwrap();
        let state = stream.persist().unwrap();
        stream.close().unwrap();
        state
    }

    /// The id of a new upload for a key, begun so many days ago.
    pub(crate) fn upload(&self, key: &str, days: u64) -> String {
        let state = self.persisted(key, &vec![7; PART]);
        let id = self.writer().inspect(&state).unwrap().upload_id;
        let age = Duration::from_secs(days * 86_400);
        assert!(self.server.store().backdate_upload("bucket", &id, age));
        id
    }

    /// The keys of the open uploads, sorted.
    pub(crate) fn open_uploads(&self) -> Vec<String> {
        let uploads = self.server.store().open_uploads("bucket");
        let mut keys: Vec<String> = uploads.into_iter().map(|upload| upload.key).collect();
        keys.sort();
        keys
    }

    fn arguments(&self, arguments: &[&str]) -> Vec<String> {
        let mut pairs = self.server.config("s3.");
        pairs.push(("s3.retry.max-num-retries".to_owned(), "0".to_owned()));
        let options = pairs
            .into_iter()
            .flat_map(|(key, value)| ["-D".to_owned(), format!("{key}={value}")]);
        options
            .chain(arguments.iter().map(|&argument| argument.to_owned()))
            .collect()
    }

    /// Runs a command to its end, whatever that is.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let arguments = self.arguments(arguments);
        self.fsplug
            .run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Runs a command that has to succeed; what it notes on standard error is its affair.
    pub(crate) fn ok(&self, arguments: &[&str]) -> Ended {
        let arguments = self.arguments(arguments);
        let ended = self
            .fsplug
            .run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
        ended
    }

    /// Runs a command that has to fail with this code and one line that a user can read.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> Ended {
        let arguments = self.arguments(arguments);
        self.fsplug
            .fails(code, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The records of a command that has to fail with this code.
    pub(crate) fn json_of_failure(&self, code: i32, arguments: &[&str]) -> Vec<serde_json::Value> {
        let arguments = self.arguments(arguments);
        let ended = self
            .fsplug
            .run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stderr);
        ended.json()
    }
}
