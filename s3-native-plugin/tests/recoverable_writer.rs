//! The recoverable writer against a server in this process.

#[path = "support/fixture.rs"]
mod fixture;

#[path = "recoverable_writer/commit.rs"]
mod commit;
#[path = "recoverable_writer/model.rs"]
mod model;
#[path = "recoverable_writer/recovery.rs"]
mod recovery;
#[path = "recoverable_writer/uploads.rs"]
mod uploads;

use std::sync::Arc;

use fixture::{Fixture, location};
use plugin_api::{Committer, CreateOptions, Recoverable, RecoverableStream, RecoverableWriter};

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
