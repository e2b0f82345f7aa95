//! A bucket on a server in this process, and file systems of it.

use std::sync::Arc;

use plugin_api::{Config, FileSystem, FileSystemFactory, Location, SilentHost};
use s3_native_plugin::S3FileSystemFactory;
use testkit::{Server, ServerBuilder};

pub(crate) const BUCKET: &str = "bucket";

/// The part size of these tests, in bytes.
pub(crate) const PART: usize = 64 << 10;

/// A server and one file system of its bucket.
pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) fs: Arc<dyn FileSystem>,
    _factory: S3FileSystemFactory,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::on(|server| server).await
    }

    /// With a server of another kind.
    pub(crate) async fn on(kind: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let server = kind(Server::builder().bucket(BUCKET).min_part_size(PART as u64))
            .start_blocking()
            .unwrap();
        let (factory, fs) = connect(&server, BUCKET, &[]).await;
        Self {
            server,
            fs,
            _factory: factory,
        }
    }

    /// The same server, seen by another process: another factory with its own runtime and client.
    pub(crate) async fn another_process(
        &self,
        options: &[(&str, &str)],
    ) -> (S3FileSystemFactory, Arc<dyn FileSystem>) {
        connect(&self.server, BUCKET, options).await
    }

    pub(crate) fn content(&self, key: &str) -> Option<Vec<u8>> {
        self.server
            .store()
            .get(BUCKET, key)
            .map(|content| content.to_vec())
    }

    pub(crate) fn open_uploads(&self) -> usize {
        self.server.store().open_uploads(BUCKET).len()
    }

    /// Waits until what runs in the background has removed every open upload.
    pub(crate) async fn no_upload_is_left(&self) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while self.open_uploads() > 0 {
            assert!(std::time::Instant::now() < deadline, "an upload was left open");
            tokio::task::yield_now().await;
        }
    }
}

/// The plugin as a process of its own has it.
pub(crate) fn factory() -> S3FileSystemFactory {
    S3FileSystemFactory::new(Arc::new(SilentHost)).unwrap()
}

/// A file system of a bucket, as a process of its own has it.
pub(crate) async fn connect(
    server: &Server,
    bucket: &str,
    options: &[(&str, &str)],
) -> (S3FileSystemFactory, Arc<dyn FileSystem>) {
    let mut pairs = server.config("s3.");
    let part = PART.to_string();
    let defaults = [
        ("s3.upload.allow-small-parts", "true"),
        ("s3.upload.min.part.size", part.as_str()),
        ("s3.upload.max.concurrent.uploads", "3"),
        ("s3.retry.base-delay", "1 ms"),
        ("s3.retry.max-backoff", "2 ms"),
        ("s3.runtime.threads", "2"),
    ];
    for &(key, value) in defaults.iter().chain(options) {
        pairs.retain(|(known, _)| known != key);
        pairs.push((key.to_owned(), value.to_owned()));
    }
    let factory = factory();
    let root = Location::new("s3", bucket, "").unwrap();
    let fs = factory.create(&root, &Config::from_pairs(pairs)).await.unwrap();
    (factory, fs)
}

pub(crate) fn location(key: &str) -> Location {
    Location::new("s3", BUCKET, key).unwrap()
}

/// Bytes without a period that a mixed-up part could hide in.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend(state.rotate_left(17).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
