//! The recoverable writer against a server in this process.

#[path = "support/fixture.rs"]
mod fixture;

#[path = "recoverable_writer/ceph.rs"]
mod ceph;
#[path = "recoverable_writer/commit.rs"]
mod commit;
#[path = "recoverable_writer/equal_parts.rs"]
mod equal_parts;
#[path = "recoverable_writer/golden.rs"]
mod golden;
#[path = "recoverable_writer/memory.rs"]
mod memory;
#[path = "recoverable_writer/model.rs"]
mod model;
#[path = "recoverable_writer/old_states.rs"]
mod old_states;
#[path = "recoverable_writer/processes.rs"]
mod processes;
#[path = "recoverable_writer/recovery.rs"]
mod recovery;
#[path = "recoverable_writer/uploads.rs"]
mod uploads;

use std::sync::Arc;

use fixture::{Fixture, PART, location};
use plugin_api::{
    Committer, Config, CreateOptions, FileSystem, FileSystemFactory as _, Recoverable, RecoverableStream,
    RecoverableWriter,
};
use s3_native_plugin::S3FileSystemFactory;

impl Fixture {
    fn writer(&self) -> Arc<dyn RecoverableWriter> {
        self.fs.recoverable_writer().unwrap()
    }
}

/// A stream for `key` that may replace a file, with `content` written.
async fn begin(fixture: &Fixture, key: &str, content: &[u8]) -> Box<dyn RecoverableStream> {
    begin_with(fixture, key, content, &CreateOptions::overwrite()).await
}

async fn begin_with(
    fixture: &Fixture,
    key: &str,
    content: &[u8],
    options: &CreateOptions,
) -> Box<dyn RecoverableStream> {
    let mut stream = fixture.writer().open(&location(key), options).await.unwrap();
    stream.write(content).await.unwrap();
    stream
}

/// The file system in a process that knows of the server nothing but where it is.
async fn connect_to(endpoint: &str, options: &[(&str, &str)]) -> (S3FileSystemFactory, Arc<dyn FileSystem>) {
    let part = PART.to_string();
    let defaults = [
        ("s3.endpoint", endpoint),
        ("s3.access-key", testkit::ACCESS_KEY),
        ("s3.secret-key", testkit::SECRET_KEY),
        ("s3.region", testkit::REGION),
        ("s3.path-style-access", "true"),
        ("s3.upload.allow-small-parts", "true"),
        ("s3.upload.min.part.size", part.as_str()),
        ("s3.runtime.threads", "2"),
    ];
    let mut config = Config::from_pairs(defaults);
    for (key, value) in options {
        config.set(*key, *value);
    }
    let factory = fixture::factory();
    let fs = factory.create(&location(""), &config).await.unwrap();
    (factory, fs)
}

/// What a checkpoint gives back: the same bytes in other memory.
fn through_a_checkpoint(state: &Recoverable) -> Recoverable {
    Recoverable::new(state.version(), state.bytes().to_vec())
}

/// The same committer in another process.
async fn recommit(fixture: &Fixture, state: &Recoverable) -> Arc<dyn Committer> {
    fixture
        .writer()
        .recover_for_commit(&through_a_checkpoint(state))
        .await
        .unwrap()
}
