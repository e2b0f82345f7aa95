//! [`S3Committer`]: publishes one finished file, provably once.

use std::fmt;
use std::sync::{Arc, PoisonError};

use plugin_api::{Committer, ErrorKind, Recoverable, Result, WriteMode, async_trait};

use crate::multipart_upload::{self as multipart, Content, Found, Part, Target, Upload, UploadGuard};
use crate::recoverable_state::RecoverableState;

/// Publishes one finished file.
///
/// A file with an upload is published by completing it; what happened to a completion whose reply
/// was lost is told by the nonce in the object. A file that never filled a part is published with one
/// `PutObject`. Since such a request also succeeds a second time, a committer that was recovered, or
/// that tried before, first looks whether its object is there already, and leaves it alone.
///
/// With [`WriteMode::Overwrite`] no condition keeps either request from replacing what another recovery of
/// the file has published. Where there may be one, it is looked for first.
///
/// One case cannot be told apart: with [`WriteMode::Overwrite`] and no upload, another file at the
/// path may be the old one that is to be replaced, or one that has already replaced ours. The mode
/// says to replace what is there, so that is done. With [`WriteMode::NoOverwrite`] it is a conflict.
pub(crate) struct S3Committer {
    target: Arc<Target>,
    state: RecoverableState,
    /// Whether another committer of the same state may have published the file.
    is_recovered: bool,
    /// Whether a committer of an earlier state may have, with one request that leaves no trace in an upload.
    has_rivals: bool,
    /// Armed as long as nobody but this committer knows of the upload.
    guard: std::sync::Mutex<Option<UploadGuard>>,
    /// One commit at a time.
    progress: tokio::sync::Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    was_tried: bool,
    is_published: bool,
    /// The tail as it was stored by an earlier try.
    tail: Option<Part>,
}

impl S3Committer {
    /// The committer of a stream that has just ended; `has_rivals` if there may be a state of its file
    /// without an upload.
    pub(crate) fn finished(
        target: Arc<Target>,
        state: RecoverableState,
        guard: Option<UploadGuard>,
        has_rivals: bool,
    ) -> Self {
        Self {
            target,
            state,
            is_recovered: false,
            has_rivals,
            guard: std::sync::Mutex::new(guard),
            progress: tokio::sync::Mutex::default(),
        }
    }

    /// A committer of state that was read back.
    pub(crate) fn recovered(target: Arc<Target>, state: RecoverableState) -> Self {
        Self {
            is_recovered: true,
            ..Self::finished(target, state, None, true)
        }
    }

    /// From here on somebody else may know of the upload, so it is never aborted implicitly.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] if closing the file system has aborted it.
    fn keep_upload(&self) -> Result<()> {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = guard.as_mut() {
            held.keep()?;
            *guard = None;
        }
        Ok(())
    }

    async fn publish(&self, operation: &'static str) -> Result<()> {
        let gate = Arc::clone(&self.target.bucket.gate);
        let _pass = gate.enter()?;
        let mut progress = self.progress.lock().await;
        if progress.is_published {
            return Ok(());
        }
        self.keep_upload()?;
        let may_be_published = self.is_recovered || progress.was_tried;
        progress.was_tried = true;
        // A file without an upload is looked for below if it may be published.
        let is_looked_for = may_be_published && !self.state.has_upload();
        if self.has_rivals && self.target.mode == WriteMode::Overwrite && !is_looked_for {
            self.refuse_another_recovery(operation).await?;
        }
        if self.state.has_upload() && self.state.len() > 0 {
            match self.publish_parts(operation, &mut progress.tail).await {
                // Where numbers are used again, a late part may have replaced the tail: it is stored anew.
                Err(error) if error.kind() == ErrorKind::Changed && progress.tail.take().is_some() => {
                    self.publish_parts(operation, &mut progress.tail).await?;
                }
                published => published?,
            }
        } else {
            self.publish_whole(operation, may_be_published).await?;
            if self.state.has_upload() {
                self.upload().abort().await?;
            }
        }
        progress.is_published = true;
        Ok(())
    }

    async fn publish_whole(&self, operation: &'static str, may_be_published: bool) -> Result<()> {
        let body = self.state.tail.clone();
        if may_be_published {
            let content = Content::whole(body.len() as u64, crc32c::crc32c(&body));
            match multipart::find(operation, &self.target, Some(&content)).await? {
                Found::Ours(_) => return Ok(()),
                Found::Nothing => {}
                Found::Foreign if self.target.mode == WriteMode::Overwrite => {}
                found => return Err(multipart::taken(operation, &self.target, &found)),
            }
        }
        multipart::put(operation, &self.target, body).await.map(drop)
    }

    async fn publish_parts(&self, operation: &'static str, stored_tail: &mut Option<Part>) -> Result<()> {
        let upload = self.upload();
        let mut parts = self.state.parts.clone();
        // Completing an upload again is a success whatever its parts, and there is no nonce to tell by.
        if self.state.nonce.is_none() && !self.is_open(operation, &upload).await? {
            return self.find_published(operation, &upload).await;
        }
        if !self.state.tail.is_empty() {
            let tail = match stored_tail {
                Some(tail) => tail.clone(),
                None => match self.store_tail(operation, &upload).await {
                    Ok(tail) => stored_tail.insert(tail).clone(),
                    Err(error) if error.kind() == ErrorKind::UploadGone => {
                        return self.find_published(operation, &upload).await;
                    }
                    Err(error) => return Err(error),
                },
            };
            parts.push(tail);
        }
        multipart::complete(operation, &upload, &parts).await.map(drop)
    }

    /// Stores the tail as the last part, under a number clear of every other writer of the file.
    async fn store_tail(&self, operation: &'static str, upload: &Upload) -> Result<Part> {
        let listed = upload.list_parts(operation).await?;
        upload.verify(operation, &self.state.parts, &listed)?;
        let number = upload.number_after(&self.state.parts, &listed);
        upload.put_part(number, self.state.tail.clone()).await
    }

    fn upload(&self) -> Arc<Upload> {
        let state = &self.state;
        Upload::resumed(&self.target, &state.upload_id, state.begun, &state.parts)
    }

    /// Whether the upload is there, with the parts of the state.
    async fn is_open(&self, operation: &'static str, upload: &Upload) -> Result<bool> {
        match upload.list_parts(operation).await {
            Ok(listed) => upload
                .verify(operation, &self.state.parts, &listed)
                .map(|()| true),
            Err(error) if error.kind() == ErrorKind::UploadGone => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Fails if another recovery of the file stands at the key. Who may not look goes on without.
    async fn refuse_another_recovery(&self, operation: &'static str) -> Result<()> {
        // Without a nonce another recovery cannot be told from the file that is to be replaced.
        if self.state.nonce.is_none() {
            return Ok(());
        }
        let content = if self.state.has_upload() {
            self.state.content()
        } else {
            Content::whole(self.state.tail.len() as u64, crc32c::crc32c(&self.state.tail))
        };
        match multipart::find(operation, &self.target, Some(&content)).await {
            Ok(found @ Found::OtherContent(_)) => Err(multipart::taken(operation, &self.target, &found)),
            Err(error) if error.kind() != ErrorKind::PermissionDenied => Err(error),
            _ => Ok(()),
        }
    }

    /// The upload is gone: fine if it was completed with our content.
    async fn find_published(&self, operation: &'static str, upload: &Upload) -> Result<()> {
        match multipart::find(operation, &self.target, Some(&self.state.content())).await? {
            Found::Ours(_) => Ok(()),
            found => Err(multipart::gone(operation, upload, &found)),
        }
    }
}

#[async_trait]
impl Committer for S3Committer {
    /// A cancelled call leaves open whether the file was published; the next one finds out.
    async fn commit(&self) -> Result<()> {
        self.publish("commit").await
    }

    async fn commit_after_recovery(&self) -> Result<()> {
        self.publish("commit").await
    }

    fn recoverable(&self) -> Result<Recoverable> {
        self.keep_upload()?;
        Ok(self.state.encode())
    }
}

impl fmt::Debug for S3Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Committer")
            .field("location", &self.target.location)
            .field("upload_id", &self.state.upload_id)
            .field("len", &self.state.len())
            .finish_non_exhaustive()
    }
}
