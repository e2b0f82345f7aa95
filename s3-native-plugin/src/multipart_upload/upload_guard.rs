//! [`UploadGuard`]: an upload that nobody else knows of does not outlive its writer.

use std::sync::Arc;

use plugin_api::{ErrorKind, Result};

use super::upload::Upload;

/// An [`Upload`] that is aborted in the background when this is dropped, unless it was
/// [kept](Self::keep).
#[derive(Debug)]
pub(crate) struct UploadGuard {
    upload: Arc<Upload>,
    armed: bool,
}

impl UploadGuard {
    pub(super) fn armed(upload: Arc<Upload>) -> Self {
        upload.target.bucket.unfinished.add(Arc::downgrade(&upload));
        Self { upload, armed: true }
    }

    /// An upload that somebody else may know of: never aborted implicitly.
    pub(crate) fn kept(upload: Arc<Upload>) -> Self {
        Self { upload, armed: false }
    }

    pub(crate) fn upload(&self) -> &Arc<Upload> {
        &self.upload
    }

    /// Whether dropping this aborts the upload.
    pub(crate) fn is_armed(&self) -> bool {
        self.armed && self.upload.custody.is_ours()
    }

    /// From here on only an explicit request aborts the upload.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] if the file system was closed and has aborted it.
    pub(crate) fn keep(&mut self) -> Result<()> {
        self.armed = false;
        if self.upload.custody.share() {
            return Ok(());
        }
        Err(self
            .upload
            .target
            .error(
                "persist",
                ErrorKind::Closed,
                "the file system was closed, which aborted the upload",
            )
            .with_remedy("persist a file before its file system is closed"))
    }

    /// Nothing is left to abort.
    pub(crate) fn completed(&mut self) {
        self.armed = false;
        self.upload.custody.share();
    }

    /// Aborts the upload now, if dropping this would. After a failure it is tried again on drop.
    pub(crate) async fn abort_if_armed(&mut self) -> Result<()> {
        if self.armed {
            self.upload.abort().await?;
            self.armed = false;
            self.upload.custody.give_up();
        }
        Ok(())
    }
}

impl Drop for UploadGuard {
    fn drop(&mut self) {
        if !self.is_armed() {
            return;
        }
        let upload = Arc::clone(&self.upload);
        let bucket = &self.upload.target.bucket;
        // Given up at its end only: a file system that is closed meanwhile tries again.
        let abort = bucket.gate.escort(async move {
            abort_in_background(Arc::clone(&upload)).await;
            upload.custody.give_up();
        });
        bucket.runtime.spawn(abort);
    }
}

/// Aborts an upload for which nobody waits.
pub(super) async fn abort_in_background(upload: Arc<Upload>) {
    if let Err(error) = upload.abort().await {
        tracing::warn!(
            upload_id = %upload.id,
            "an abandoned upload could not be aborted and stays until a lifecycle rule removes it: {error}"
        );
    }
}
