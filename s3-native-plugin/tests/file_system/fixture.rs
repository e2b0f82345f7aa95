//! A server, and a file system on its bucket.

use std::sync::Arc;

use plugin_api::{Config, FileSystem, FileSystemFactory, HostRef, Location, SilentHost};
use s3_native_plugin::S3FileSystemFactory;
use testkit::{Server, ServerBuilder};

pub(crate) const BUCKET: &str = "bucket";

pub(crate) fn factory() -> S3FileSystemFactory {
    let host: HostRef = Arc::new(SilentHost);
    S3FileSystemFactory::new(host).unwrap()
}

/// Where a file of the bucket is.
pub(crate) fn at(key: &str) -> Location {
    Location::new("s3", BUCKET, key).unwrap()
}

pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) factory: S3FileSystemFactory,
    pub(crate) fs: Arc<dyn FileSystem>,
}

/// What reaches `server`, with delays that suit a test.
pub(crate) fn config(server: &Server, more: &[(&str, &str)]) -> Config {
    let mut config = Config::from_pairs(server.config("s3."));
    config.set("s3.retry.base-delay", "1 ms");
    config.set("s3.retry.throttle.base-delay", "1 ms");
    config.set("s3.upload.allow-small-parts", "true");
    for (key, value) in more {
        config.set(*key, *value);
    }
    config
}

pub(crate) async fn start() -> Fixture {
    start_with(Server::builder(), &[]).await
}

pub(crate) async fn start_with(server: ServerBuilder, more: &[(&str, &str)]) -> Fixture {
    let server = server.bucket(BUCKET).start().await.unwrap();
    let factory = factory();
    let fs = factory.create(&at(""), &config(&server, more)).await.unwrap();
    Fixture { server, factory, fs }
}

impl Fixture {
    pub(crate) fn put(&self, key: &str, content: impl Into<bytes::Bytes>) {
        self.server.store().put(BUCKET, key, content);
    }

    pub(crate) fn get(&self, key: &str) -> Option<bytes::Bytes> {
        self.server.store().get(BUCKET, key)
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.server.store().keys(BUCKET)
    }
}

/// Bytes that tell where they are from.
pub(crate) fn pattern(len: usize) -> bytes::Bytes {
    (0..len)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect::<Vec<u8>>()
        .into()
}
