//! A server, and a file system on its bucket.

use std::sync::Arc;

use plugin_api::{
    Callsite, Config, FieldValue, FileSystem, FileSystemFactory, Host, HostRef, Level, Location, Measurement,
    MemoryPressure,
};
use s3_native_plugin::S3FileSystemFactory;
use testkit::{Server, ServerBuilder};

pub(crate) const BUCKET: &str = "bucket";

/// A host that wants nothing.
struct SilentHost;

impl Host for SilentHost {
    fn max_level(&self) -> Option<Level> {
        None
    }
    fn register_callsite(&self, _: &Callsite) -> u64 {
        0
    }
    fn is_enabled(&self, _: u64) -> bool {
        false
    }
    fn event(&self, _: u64, _: u64, _: &[(u32, FieldValue)]) {}
    fn new_span(&self, _: u64, _: u64, _: &[(u32, FieldValue)]) -> u64 {
        0
    }
    fn record(&self, _: u64, _: &[(u32, FieldValue)]) {}
    fn enter_span(&self, _: u64) {}
    fn exit_span(&self, _: u64) {}
    fn close_span(&self, _: u64) {}
    fn measure(&self, _: &Measurement<'_>) {}
    fn memory_budget(&self) -> u64 {
        0
    }
    fn memory_pressure(&self) -> MemoryPressure {
        MemoryPressure::Low
    }
}

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
