//! [`OldCommitter`]: publishes a file from a state of Flink's own S3 file systems.

use std::fmt;
use std::sync::Arc;

use plugin_api::{Committer, ErrorKind, Recoverable, RecoverableCondition, Result, WriteMode, async_trait};

use super::old_state::{Tail, measure};
use super::verify;
use crate::committer::S3Committer;
use crate::multipart_upload::{self as multipart, Content, Found, Target, Upload, etag};
use crate::recoverable_state::{OldState, RecoverableState};

/// Publishes a file from a state of Flink's own S3 file systems.
///
/// At the first commit the store is asked for the parts, whose sizes the state does not have; from
/// there on it is a state like any other, but without a nonce. If the upload is gone by then, the
/// length and the entity tag of what stands at the key tell whether it was completed.
pub(super) struct OldCommitter {
    target: Arc<Target>,
    old: OldState,
    tail: Tail,
    /// What it was made from.
    recoverable: Recoverable,
    progress: tokio::sync::Mutex<Progress>,
}

enum Progress {
    Begun,
    /// The parts were there.
    Measured(Box<S3Committer>),
    /// By somebody else.
    Published,
}

impl OldCommitter {
    pub(super) fn new(target: Arc<Target>, old: OldState, tail: Tail, recoverable: Recoverable) -> Self {
        Self {
            target,
            old,
            tail,
            recoverable,
            progress: tokio::sync::Mutex::new(Progress::Begun),
        }
    }

    async fn publish(&self) -> Result<()> {
        let gate = Arc::clone(&self.target.bucket.gate);
        let _pass = gate.enter()?;
        let mut progress = self.progress.lock().await;
        if matches!(*progress, Progress::Begun) {
            *progress = self.begin().await?;
        }
        match &*progress {
            Progress::Measured(committer) => committer.commit_after_recovery().await,
            Progress::Begun | Progress::Published => Ok(()),
        }
    }

    async fn begin(&self) -> Result<Progress> {
        let upload = Upload::resumed(&self.target, &self.old.upload_id, 0, &[]);
        match upload.list_parts("commit").await {
            Ok(listed) => {
                let parts = measure("commit", &upload, &self.old, &listed)?;
                let settings = &self.target.bucket.settings;
                let state = RecoverableState {
                    bucket: self.target.bucket.name.clone(),
                    endpoint: settings.endpoint.url.clone().unwrap_or_default(),
                    key: self.old.key.clone(),
                    upload_id: self.old.upload_id.clone(),
                    nonce: None,
                    mode: WriteMode::Overwrite,
                    content_type: String::new(),
                    part_size: settings.upload_part_size,
                    equal_parts: settings.upload_equal_parts,
                    begun: 0,
                    parts,
                    tail: self.tail.content.clone(),
                };
                Ok(Progress::Measured(Box::new(S3Committer::recovered(
                    Arc::clone(&self.target),
                    state,
                ))))
            }
            Err(error) if error.kind() == ErrorKind::UploadGone => {
                match multipart::find("commit", &self.target, Some(&self.content())).await? {
                    Found::Ours(_) => Ok(Progress::Published),
                    found => Err(multipart::gone("commit", &upload, &found)),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// What a commit would come to, found out without changing anything.
    pub(super) async fn condition(&self) -> Result<RecoverableCondition> {
        const OPERATION: &str = "verify";
        let upload = Upload::resumed(&self.target, &self.old.upload_id, 0, &[]);
        match upload.list_parts(OPERATION).await {
            Ok(listed) => Ok(match measure(OPERATION, &upload, &self.old, &listed) {
                Ok(_) => RecoverableCondition::Committable,
                Err(changed) => RecoverableCondition::Damaged(changed.message().to_owned()),
            }),
            Err(error) if error.kind() == ErrorKind::UploadGone => {
                let found = multipart::find(OPERATION, &self.target, Some(&self.content())).await?;
                Ok(verify::gone(&upload, found))
            }
            Err(error) => Err(error),
        }
    }

    /// What a commit publishes, as far as it can be told without the parts.
    fn content(&self) -> Content {
        let mut etags: Vec<&str> = self.old.parts.iter().map(|part| part.etag.as_str()).collect();
        let of_tail = etag::of_content(&self.tail.content);
        if self.old.tail.is_some() {
            // If this store made the tag of the side object from something else than its bytes, then
            // that of the part too, and nothing can be told by it.
            let is_md5 = etag::bare(&self.tail.etag) == of_tail;
            etags.push(if is_md5 { &of_tail } else { "" });
        }
        Content::of_etags(self.old.len(), etags.into_iter())
    }
}

#[async_trait]
impl Committer for OldCommitter {
    async fn commit(&self) -> Result<()> {
        self.publish().await
    }

    async fn commit_after_recovery(&self) -> Result<()> {
        self.publish().await
    }

    /// The state that this was made from, which works as before.
    fn recoverable(&self) -> Result<Recoverable> {
        Ok(self.recoverable.clone())
    }
}

impl fmt::Debug for OldCommitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OldCommitter")
            .field("location", &self.target.location)
            .field("upload_id", &self.old.upload_id)
            .field("len", &self.old.len())
            .finish_non_exhaustive()
    }
}
