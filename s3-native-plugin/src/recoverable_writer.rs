//! [`S3RecoverableWriter`]: opens, recovers and gives up files that are published exactly once.

use std::sync::Arc;

use plugin_api::{
    Committer, CreateOptions, Error, ErrorKind, Location, PendingUpload, Recoverable, RecoverableCondition,
    RecoverableInfo, RecoverableStream, RecoverableWriter, Result, WriteMode, async_trait,
};

use crate::bucket::Bucket;
use crate::committer::S3Committer;
use crate::entropy;
use crate::mkdirs;
use crate::multipart_upload::{self as multipart, Content, Found, MultipartUpload, Target, Upload};
use crate::output_stream;
use crate::recoverable_state::{OldState, RecoverableState};
use crate::recoverable_stream::S3RecoverableStream;
#[cfg(debug_assertions)]
use crate::sabotage;

mod old_committer;
mod old_state;
mod pending_uploads;
mod verify;

/// Opens, recovers and gives up files that are published exactly once.
#[derive(Debug)]
pub(crate) struct S3RecoverableWriter {
    bucket: Arc<Bucket>,
}

impl S3RecoverableWriter {
    pub(crate) fn new(bucket: Arc<Bucket>) -> Self {
        Self { bucket }
    }

    /// Reads state of this bucket, without any request.
    fn read(&self, operation: &'static str, state: &Recoverable) -> Result<RecoverableState> {
        let state = RecoverableState::decode(state)
            .map_err(|error| error.with_operation(operation).with_path(&self.bucket.root))?;
        if state.bucket == self.bucket.name {
            return Ok(state);
        }
        let message = format!(
            "the recoverable is of the bucket '{}', but this writer is of the bucket '{}'",
            state.bucket, self.bucket.name
        );
        Err(Error::new(ErrorKind::InvalidInput, message)
            .with_operation(operation)
            .with_path(location(&self.bucket, &state)?)
            .with_remedy("use the writer of the file system of the recoverable's bucket"))
    }

    fn target(&self, state: &RecoverableState) -> Arc<Target> {
        let location = self.bucket.root.with_key(&state.key);
        let mut target = Target::new(
            &self.bucket,
            location,
            state.mode,
            state.nonce,
            ErrorKind::Conflict,
        );
        target.content_type.clone_from(&state.content_type);
        let own_endpoint = self.bucket.settings.endpoint.url.as_deref().unwrap_or_default();
        if state.endpoint != own_endpoint {
            target.other_endpoint = Some(state.endpoint.clone());
        }
        Arc::new(target)
    }

    fn upload(&self, state: &RecoverableState) -> Arc<Upload> {
        Upload::resumed(&self.target(state), &state.upload_id, state.begun, &state.parts)
    }

    /// The engine where the state left it, but for the tail.
    async fn resume(&self, state: &RecoverableState) -> Result<MultipartUpload> {
        let target = self.target(state);
        let writer = MultipartUpload::new(Arc::clone(&target), state.plan(&self.bucket.settings));
        if !state.has_upload() {
            // A state without an upload cannot be used up by a commit, so it is asked for.
            return match multipart::find("recover", &target, None).await {
                Ok(Found::Ours(_)) => Err(target
                    .error("recover", ErrorKind::UploadGone, "the file was already committed")
                    .with_remedy("recover from a newer checkpoint, or write to another path")),
                Err(error) if error.kind() != ErrorKind::PermissionDenied => Err(error),
                _ => Ok(writer),
            };
        }
        let upload = self.upload(state);
        let listed = match upload.list_parts("recover").await {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::UploadGone => {
                let content = state.nonce.is_none().then(|| state.content());
                return Err(why_gone(&upload, content.as_ref()).await?);
            }
            Err(error) => return Err(error),
        };
        upload.verify("recover", &state.parts, &listed)?;
        // Clear of whatever an earlier writer has stored or may still have in flight.
        let next = upload.number_after(&state.parts, &listed);
        Ok(writer.resume(upload, state.parts.clone(), next))
    }
}

/// An upload is gone: because it was completed, or not. Fails if that cannot be asked for.
async fn why_gone(upload: &Upload, content: Option<&Content>) -> Result<Error> {
    let target = &upload.target;
    let why = match multipart::find("recover", target, content).await? {
        Found::Ours(_) => "the file was already committed",
        Found::Foreign | Found::Untold(_) if target.nonce.is_none() => {
            "it was committed with another content, expired or was aborted, which cannot be told apart since \
             Flink's own file systems leave no mark in the file"
        }
        _ => "it expired or was aborted",
    };
    Ok(multipart::upload_gone("recover", upload, why))
}

/// The file that a state is about, also of another bucket.
fn location(bucket: &Bucket, state: &RecoverableState) -> Result<Location> {
    Location::new(bucket.root.scheme(), &state.bucket, &state.key)
}

#[async_trait]
impl RecoverableWriter for S3RecoverableWriter {
    /// Makes no request without directory markers: an upload is begun when the first part is full.
    async fn open(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn RecoverableStream>> {
        let _pass = self.bucket.gate.enter()?;
        let path = entropy::resolve(&self.bucket.settings, path, options.inject_entropy)?;
        self.bucket.check("open", &path)?;
        let writer = output_stream::open(&self.bucket, &path, options, "open", ErrorKind::Conflict)?;
        mkdirs::check_file(&self.bucket, "open", &path).await?;
        Ok(Box::new(S3RecoverableStream::new(writer)))
    }

    async fn recover(&self, state: &Recoverable) -> Result<Box<dyn RecoverableStream>> {
        let _pass = self.bucket.gate.enter()?;
        let mut writer;
        if let Some(old) = OldState::decode(state) {
            let (resumed, tail) = self.resume_old(&self.readable("recover", old)?).await?;
            writer = resumed;
            writer.write(&tail.content).await?;
        } else {
            let state = self.read("recover", state)?;
            writer = self.resume(&state).await?;
            writer.write_bytes(state.tail).await?;
        }
        Ok(Box::new(S3RecoverableStream::recovered(writer)))
    }

    /// Makes no request, but for the side object of a state of Flink's own file systems.
    async fn recover_for_commit(&self, state: &Recoverable) -> Result<Arc<dyn Committer>> {
        let _pass = self.bucket.gate.enter()?;
        if let Some(old) = OldState::decode(state) {
            let old = self.readable("recover_for_commit", old)?;
            return Ok(Arc::new(self.committer_of_old(old, state).await?));
        }
        let state = self.read("recover_for_commit", state)?;
        #[cfg(debug_assertions)]
        let state = if sabotage::is(sabotage::Sabotage::TailDropped) {
            RecoverableState {
                tail: bytes::Bytes::new(),
                ..state
            }
        } else {
            state
        };
        Ok(Arc::new(S3Committer::recovered(self.target(&state), state)))
    }

    /// Only states of Flink's own file systems have a side object; other clients need not clean up.
    async fn cleanup(&self, state: &Recoverable) -> Result<bool> {
        let _pass = self.bucket.gate.enter()?;
        match OldState::decode(state) {
            Some(old) => self.delete_tail(&self.readable("cleanup", old)?).await,
            None => self.read("cleanup", state).map(|_| false),
        }
    }

    /// Leaves a side object to [`cleanup`](Self::cleanup).
    async fn abort(&self, state: &Recoverable) -> Result<()> {
        let _pass = self.bucket.gate.enter()?;
        if let Some(old) = OldState::decode(state) {
            return self.upload_of_old(&self.readable("abort", old)?).abort().await;
        }
        let state = self.read("abort", state)?;
        if state.has_upload() {
            self.upload(&state).abort().await?;
        }
        Ok(())
    }

    fn inspect(&self, state: &Recoverable) -> Result<RecoverableInfo> {
        if let Some(old) = OldState::decode(state) {
            return Ok(self.describe_old(&self.readable("inspect", old)?));
        }
        let state = RecoverableState::decode(state).map_err(|error| error.with_operation("inspect"))?;
        let mode = match state.mode {
            WriteMode::NoOverwrite => "no-overwrite",
            WriteMode::Overwrite => "overwrite",
        };
        let location = location(&self.bucket, &state)?;
        Ok(RecoverableInfo::new(location, state.len(), &state.upload_id)
            .with_attribute("bucket", &state.bucket)
            .with_attribute("endpoint", &state.endpoint)
            .with_attribute(
                "nonce",
                state.nonce.map_or(String::new(), |nonce| nonce.to_string()),
            )
            .with_attribute("begun-ms", state.begun.to_string())
            .with_attribute("mode", mode)
            .with_attribute("part-size", state.part_size.to_string())
            .with_attribute("equal-parts", state.equal_parts.to_string())
            .with_attribute("parts", state.parts.len().to_string())
            .with_attribute("tail-bytes", state.tail.len().to_string()))
    }

    /// One or two requests: what the store has of the upload, and what stands at the path if that
    /// matters.
    async fn verify(&self, state: &Recoverable) -> Result<RecoverableCondition> {
        let _pass = self.bucket.gate.enter()?;
        if let Some(old) = OldState::decode(state) {
            let old = self.readable("verify", old)?;
            return match self.committer_of_old(old, state).await {
                Ok(committer) => committer.condition().await,
                // What is wrong with the side object.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => {
                    Ok(RecoverableCondition::Damaged(error.message().to_owned()))
                }
                Err(error) => Err(error),
            };
        }
        let state = self.read("verify", state)?;
        verify::condition(&self.target(&state), &state).await
    }

    async fn pending_uploads(
        &self,
        under: &Location,
        token: &str,
    ) -> Result<(Vec<PendingUpload>, Option<String>)> {
        let _pass = self.bucket.gate.enter()?;
        self.bucket.check("pending_uploads", under)?;
        pending_uploads::page(&self.bucket, under, token).await
    }

    async fn abort_upload(&self, upload: &PendingUpload) -> Result<()> {
        let _pass = self.bucket.gate.enter()?;
        self.bucket.check("abort_upload", &upload.location)?;
        multipart::abort("abort_upload", &self.bucket, &upload.location, &upload.upload_id).await
    }
}
