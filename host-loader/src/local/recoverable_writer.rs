//! [`LocalRecoverableWriter`]: exactly-once output to local files.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use blocking::unblock;
use plugin_api::{
    Committer, CreateOptions, Error, ErrorKind, Location, Recoverable, RecoverableCondition, RecoverableInfo,
    RecoverableStream, RecoverableWriter, Result, WriteMode,
};

use super::committer::{LocalCommitter, TargetContent, gone, remove, target_content};
use super::errors::io_error;
use super::path::{directory_of, file_path_of};
use super::publication::{create_beside, hidden_prefix, kept, sync_directory};
use super::recoverable_state::{IN_PROGRESS, State};
use super::recoverable_stream::LocalRecoverableStream;
use super::take_over::{TakenOver, lock, take_over};
use super::verification::condition;

/// Writes in-progress files beside their targets.
pub(super) struct LocalRecoverableWriter;

#[async_trait]
impl RecoverableWriter for LocalRecoverableWriter {
    async fn open(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn RecoverableStream>> {
        options.extensions.refuse_unknown(&[])?;
        let target = file_path_of("open", path)?;
        let (location, mode) = (path.clone(), options.mode);
        let stream = unblock(move || start(location, &target, mode)).await?;
        Ok(Box::new(stream))
    }

    async fn recover(&self, state: &Recoverable) -> Result<Box<dyn RecoverableStream>> {
        let state = State::decode("recover", state)?;
        let stream = unblock(move || resume(state)).await?;
        Ok(Box::new(stream))
    }

    async fn recover_for_commit(&self, state: &Recoverable) -> Result<Arc<dyn Committer>> {
        let state = State::decode("recover", state)?;
        Ok(Arc::new(LocalCommitter::new(state, None)))
    }

    async fn abort(&self, state: &Recoverable) -> Result<()> {
        let state = State::decode("abort", state)?;
        unblock(move || remove(&state.temp_path()?).map_err(|error| io_error("abort", &state.target, &error)))
            .await
    }

    async fn verify(&self, state: &Recoverable) -> Result<RecoverableCondition> {
        let state = State::decode("verify", state)?;
        unblock(move || condition(&state)).await
    }

    fn inspect(&self, state: &Recoverable) -> Result<RecoverableInfo> {
        let state = State::decode("inspect", state)?;
        let mode = match state.mode {
            WriteMode::NoOverwrite => "no-overwrite",
            WriteMode::Overwrite => "overwrite",
        };
        Ok(RecoverableInfo::new(state.target, state.len, state.temp_name)
            .with_attribute("crc32c", format!("{:08x}", state.checksum))
            .with_attribute("mode", mode))
    }
}

/// Starts a new in-progress file; blocks.
fn start(location: Location, target: &Path, mode: WriteMode) -> Result<LocalRecoverableStream> {
    let prefix = hidden_prefix(&location, IN_PROGRESS);
    let (file, temp) = create_beside("open", &location, target, mode, (&prefix, ""))?.into_parts();
    lock(&file);
    let temp_name = temp
        .file_name()
        .and_then(|name| name.to_str())
        .expect("the name was put together from text")
        .to_owned();
    let state = State {
        target: location,
        temp_name,
        len: 0,
        checksum: 0,
        mode,
    };
    Ok(LocalRecoverableStream::new(state, file, temp))
}

/// Continues an in-progress file; blocks.
fn resume(state: State) -> Result<LocalRecoverableStream> {
    let failed = |error: &std::io::Error| io_error("recover", &state.target, error);
    let path = state.temp_path()?;
    let file = match take_over("recover", &state)? {
        None => {
            let committed = matches!(
                target_content(&state).map_err(|error| failed(&error))?,
                TargetContent::Ours
            );
            if !committed {
                return Err(gone("recover", &state));
            }
            return Err(
                Error::new(ErrorKind::UploadGone, "the file has already been committed")
                    .with_operation("recover")
                    .with_path(&state.target)
                    .with_remedy("start a new file; this one is complete"),
            );
        }
        Some(TakenOver::InPlace(file)) => file,
        Some(TakenOver::Copied(copy)) => {
            let (file, copy_path) = copy.into_parts();
            copy_path.persist(&path).map_err(|error| failed(&error.error))?;
            sync_directory(directory_of(&path)).map_err(|error| failed(&error))?;
            file
        }
    };
    // What a state covers was persisted: the file is kept whatever becomes of the stream.
    let temp = kept(&path).map_err(|error| failed(&error))?;
    Ok(LocalRecoverableStream::recovered(state, file, temp))
}
