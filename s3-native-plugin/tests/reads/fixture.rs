//! A server with one object, and streams on it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use plugin_api::{
    Config, Error, FileStatus, FileSystem, FileSystemFactory, InputStream, Location, OpenOptions, SilentHost,
};
use s3_native_plugin::S3FileSystemFactory;
use testkit::{Action, EtagKind, Fault, RecordedRequest, Server};

pub(crate) const BUCKET: &str = "bucket";
pub(crate) const KEY: &str = "file";

/// The read buffer of these tests, the smallest there is.
pub(crate) const BUFFER: u64 = 64 << 10;

/// A range that is fetched ahead in these tests: the first and all others.
pub(crate) const LANE: u64 = 256 << 10;

/// A server, and a file system on its bucket.
pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) fs: Arc<dyn FileSystem>,
    /// The object that everything here is about; [`KEY`] unless changed.
    pub(crate) key: String,
    _factory: S3FileSystemFactory,
}

/// How a stream fetches ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ahead {
    Never,
    Measured,
    Always,
}

pub(crate) async fn start(more: &[(&str, &str)]) -> Fixture {
    let server = Server::builder().bucket(BUCKET).etag(EtagKind::Random).start();
    let server = server.await.unwrap();
    let factory = S3FileSystemFactory::new(Arc::new(SilentHost)).unwrap();
    let mut config = Config::from_pairs(server.config("s3."));
    let defaults = [
        ("s3.retry.base-delay", "1 ms"),
        ("s3.read.buffer.size", "64 kb"),
        ("s3.read.prefetch.max", "1 mb"),
        ("s3.runtime.threads", "2"),
    ];
    for (key, value) in defaults.iter().chain(more) {
        config.set(*key, *value);
    }
    let root = Location::new("s3", BUCKET, "").unwrap();
    let fs = factory.create(&root, &config).await.unwrap();
    Fixture {
        server,
        fs,
        key: KEY.to_owned(),
        _factory: factory,
    }
}

pub(crate) fn location() -> Location {
    Location::new("s3", BUCKET, KEY).unwrap()
}

impl Fixture {
    pub(crate) fn put(&self, content: impl Into<Bytes>) {
        self.server.store().put(BUCKET, &self.key, content);
    }

    /// Opens what is there now, without a request.
    pub(crate) async fn open(&self, ahead: Ahead) -> Box<dyn InputStream> {
        let object = self.server.store().object(BUCKET, &self.key).unwrap();
        let location = location().with_key(&self.key);
        let mut options = OpenOptions {
            status: Some(
                FileStatus::file(location.clone(), object.size).with_etag(format!("\"{}\"", object.etag)),
            ),
            ..OpenOptions::default()
        };
        match ahead {
            Ahead::Measured => {}
            Ahead::Never => options.extensions.set("read.sequential", "false", true),
            Ahead::Always => options.extensions.set("read.sequential", 1_i64, true),
        }
        self.fs.open(&location, &options).await.unwrap()
    }

    /// Lets the GET with this number, counted from now on and from zero, meet something.
    pub(crate) fn on_get(&self, number: u64, action: Action) {
        let fault = Fault::on("GetObject").key(&self.key).skip(number).times(1);
        self.server.faults().add(fault.action(action));
    }

    pub(crate) fn gets(&self) -> Vec<RecordedRequest> {
        let mut gets = self.server.requests().of("GetObject");
        gets.retain(|get| get.key.as_ref() == Some(&self.key));
        gets
    }

    /// Forgets what happened so far.
    pub(crate) fn forget(&self) {
        self.server.faults().clear();
        self.server.requests().clear();
    }
}

/// What is read to the end, and how it ended.
pub(crate) async fn rest(stream: &mut dyn InputStream, max: usize) -> (Bytes, Result<(), Error>) {
    let mut content = BytesMut::new();
    loop {
        match stream.read(max).await {
            Ok(chunk) if chunk.is_empty() => return (content.freeze(), Ok(())),
            Ok(chunk) => content.extend_from_slice(&chunk),
            Err(error) => return (content.freeze(), Err(error)),
        }
    }
}

pub(crate) async fn read_all(stream: &mut dyn InputStream) -> Bytes {
    let (content, end) = rest(stream, usize::MAX).await;
    end.unwrap();
    content
}

/// Bytes without a period that a mixed-up range could hide in.
pub(crate) fn pattern(len: usize, seed: u64) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ seed;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend(state.rotate_left(17).to_le_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// First and last byte of a request's range, the latter exclusive and open for one to the end.
pub(crate) fn range_of(request: &RecordedRequest) -> (u64, Option<u64>) {
    let Some(range) = request.range() else {
        return (0, None);
    };
    let (start, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let end = (!last.is_empty()).then(|| last.parse::<u64>().unwrap() + 1);
    (start.parse().unwrap(), end)
}
