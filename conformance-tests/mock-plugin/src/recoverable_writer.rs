//! [`MockRecoverableWriter`]: opens, recovers and gives up unfinished files.

use std::sync::Arc;

use plugin_api::{
    Committer, CreateOptions, Error, ErrorKind, Location, PendingUpload, Recoverable, RecoverableCondition,
    RecoverableInfo, RecoverableStream, RecoverableWriter, Result, async_trait,
};

use crate::file_system::Session;
use crate::recoverable_state::State;
use crate::recoverable_stream::{MockCommitter, MockRecoverableStream, OwnedUpload, gone};

const PAGE: usize = 1000;

/// Opens, recovers and gives up unfinished files.
pub(crate) struct MockRecoverableWriter {
    session: Arc<Session>,
}

impl MockRecoverableWriter {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    /// Reads a state of this store.
    fn read(&self, state: &Recoverable) -> Result<State> {
        let state = State::decode(state)?;
        if state.location.authority() == self.session.root.authority() {
            return Ok(state);
        }
        let message = format!("the state is of the store '{}'", state.location.authority());
        Err(Error::new(ErrorKind::InvalidInput, message)
            .with_path(&state.location)
            .with_remedy("use the writer of the file system of that store"))
    }

    fn resume(&self, state: &State) -> Result<MockRecoverableStream> {
        let store = &self.session.store;
        let Some(chunks) = store.uploads.snapshot(state.upload, state.snapshot) else {
            let file = store.file(&state.location);
            let ours = file.is_some_and(|file| file.upload == state.upload);
            let why = if ours {
                "it was already committed"
            } else {
                "it was aborted"
            };
            return Err(gone(state, why));
        };
        let upload = OwnedUpload::new(Arc::clone(&self.session), state.upload, true);
        let session = Arc::clone(&self.session);
        Ok(
            MockRecoverableStream::new(session, state.location.clone(), state.mode, upload)
                .resumed(chunks, state),
        )
    }
}

#[async_trait]
impl RecoverableWriter for MockRecoverableWriter {
    async fn open(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn RecoverableStream>> {
        self.session.verb("writer.open", path, || {
            let target = self.session.target(path, options)?;
            let number = self.session.store.uploads.begin(&target);
            let upload = OwnedUpload::new(Arc::clone(&self.session), number, false);
            let session = Arc::clone(&self.session);
            let stream = MockRecoverableStream::new(session, target, options.mode, upload);
            Ok(Box::new(stream) as Box<dyn RecoverableStream>)
        })
    }

    async fn recover(&self, state: &Recoverable) -> Result<Box<dyn RecoverableStream>> {
        self.session.verb("recover", &self.session.root, || {
            let stream = self.resume(&self.read(state)?)?;
            Ok(Box::new(stream) as Box<dyn RecoverableStream>)
        })
    }

    async fn recover_for_commit(&self, state: &Recoverable) -> Result<Arc<dyn Committer>> {
        self.session.verb("recover_for_commit", &self.session.root, || {
            let committer = MockCommitter::recovered(Arc::clone(&self.session), self.read(state)?);
            Ok(Arc::new(committer) as Arc<dyn Committer>)
        })
    }

    async fn abort(&self, state: &Recoverable) -> Result<()> {
        self.session.verb("abort", &self.session.root, || {
            self.session.store.uploads.end(self.read(state)?.upload);
            Ok(())
        })
    }

    fn inspect(&self, state: &Recoverable) -> Result<RecoverableInfo> {
        let state = State::decode(state).map_err(|error| error.with_operation("inspect"))?;
        Ok(RecoverableInfo::new(
            state.location,
            state.len,
            state.upload.to_string(),
        ))
    }

    async fn verify(&self, state: &Recoverable) -> Result<RecoverableCondition> {
        self.session.verb("verify", &self.session.root, || {
            let committer = MockCommitter::recovered(Arc::clone(&self.session), self.read(state)?);
            Ok(committer.condition())
        })
    }

    async fn pending_uploads(
        &self,
        under: &Location,
        token: &str,
    ) -> Result<(Vec<PendingUpload>, Option<String>)> {
        self.session.verb("pending_uploads", under, || {
            let after = match token {
                "" => 0,
                text => number(text)?,
            };
            let page = self.session.store.uploads.page(under, after, PAGE);
            let next = page
                .last()
                .filter(|_| page.len() == PAGE)
                .map(|(last, _)| last.to_string());
            Ok((page.into_iter().map(|(_, upload)| upload).collect(), next))
        })
    }

    async fn abort_upload(&self, upload: &PendingUpload) -> Result<()> {
        self.session.verb("abort_upload", &upload.location, || {
            self.session.store.uploads.end(number(&upload.upload_id)?);
            Ok(())
        })
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("'{text}' was not made by this plugin"),
        )
        .with_remedy("pass what a page of uploads contained")
    })
}
