//! [`Unfinished`]: the uploads of a file system that nobody else knows of, so that closing it leaves none behind.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError, Weak};

use tokio::task::JoinSet;

use super::upload::Upload;
use super::upload_guard::abort_in_background;

/// Who may know the id of an upload.
#[derive(Debug)]
pub(super) struct Custody(AtomicU8);

const OURS: u8 = 0;
const SHARED: u8 = 1;
const ABORTED: u8 = 2;

impl Custody {
    /// Only the guard of the upload.
    pub(super) const fn ours() -> Self {
        Self(AtomicU8::new(OURS))
    }

    /// Anybody.
    pub(super) const fn shared() -> Self {
        Self(AtomicU8::new(SHARED))
    }

    /// Lets others know: whether the upload is still there for them.
    pub(super) fn share(&self) -> bool {
        self.leave(SHARED)
    }

    /// Gives the upload up: whether nobody else knows of it.
    pub(super) fn give_up(&self) -> bool {
        self.leave(ABORTED)
    }

    /// Each upload is either shared or given up, and never both.
    fn leave(&self, to: u8) -> bool {
        let left = self
            .0
            .compare_exchange(OURS, to, Ordering::AcqRel, Ordering::Acquire);
        left.is_ok() || left == Err(to)
    }

    pub(super) fn is_ours(&self) -> bool {
        self.0.load(Ordering::Acquire) == OURS
    }
}

/// The uploads of a file system that nobody else knows of.
#[derive(Debug, Default)]
pub(crate) struct Unfinished(Mutex<Vec<Weak<Upload>>>);

impl Unfinished {
    pub(super) fn add(&self, upload: Weak<Upload>) {
        let mut uploads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.retain(|upload| upload.upgrade().is_some_and(|upload| upload.custody.is_ours()));
        uploads.push(upload);
    }

    /// Aborts them all; none can be completed or persisted from here on.
    pub(crate) async fn abort(&self) {
        let uploads = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut aborts = JoinSet::new();
        for upload in uploads.iter().filter_map(Weak::upgrade) {
            if upload.custody.give_up() {
                aborts.spawn(abort_in_background(upload));
            }
        }
        while aborts.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_shared_or_given_up_and_stays_so() {
        let shared = Custody::ours();
        assert!(shared.is_ours() && shared.share() && shared.share());
        assert!(!shared.give_up() && shared.share());
        let given_up = Custody::ours();
        assert!(given_up.give_up() && given_up.give_up() && !given_up.is_ours());
        assert!(!given_up.share() && given_up.give_up());
        assert!(!Custody::shared().give_up());
    }
}
