//! [`LocalCommitter`]: publishes an in-progress file exactly once.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use blocking::unblock;
use plugin_api::{Committer, Error, ErrorKind, Recoverable, Result};
use tempfile::TempPath;

use super::errors::{io_error, is_a_directory, says_nothing_there};
use super::publication::{PublishError, kept, publish};
use super::recoverable_state::State;
use super::take_over::{TakenOver, checksum_of, is_at, take_over};

const OPERATION: &str = "commit";

/// Publishes what a state covers.
pub(super) struct LocalCommitter(Arc<Shared>);

struct Shared {
    state: State,
    /// The file of the stream that ended with this committer; it keeps the lock, so that nobody
    /// changes the file in place meanwhile.
    file: Option<Arc<File>>,
    committed: AtomicBool,
}

impl LocalCommitter {
    /// The committer of a state, and of the stream's own file if it comes from one.
    pub(super) fn new(state: State, file: Option<Arc<File>>) -> Self {
        Self(Arc::new(Shared {
            state,
            file,
            committed: AtomicBool::new(false),
        }))
    }
}

#[async_trait]
impl Committer for LocalCommitter {
    async fn commit(&self) -> Result<()> {
        let shared = Arc::clone(&self.0);
        unblock(move || shared.commit()).await
    }

    async fn commit_after_recovery(&self) -> Result<()> {
        self.commit().await
    }

    fn recoverable(&self) -> Result<Recoverable> {
        Ok(self.0.state.encode())
    }
}

impl Shared {
    fn failed(&self, error: &io::Error) -> Error {
        io_error(OPERATION, &self.state.target, error)
    }

    fn conflict(&self, message: &str, remedy: &str) -> Error {
        Error::new(ErrorKind::Conflict, message)
            .with_operation(OPERATION)
            .with_path(&self.state.target)
            .with_remedy(remedy)
    }

    fn commit(&self) -> Result<()> {
        if self.committed.load(Ordering::Acquire) {
            return Ok(());
        }
        match &self.file {
            Some(file) => self.commit_own(file)?,
            None => self.commit_recovered()?,
        }
        self.committed.store(true, Ordering::Release);
        Ok(())
    }

    /// Publishes the file that this process wrote.
    fn commit_own(&self, file: &File) -> Result<()> {
        let temp = self.state.temp_path()?;
        if !is_at(file, &temp).map_err(|error| self.failed(&error))? {
            if is_missing(&temp) {
                return self.expect_committed();
            }
            return Err(self.conflict(
                "another writer has continued this file from an earlier state",
                "commit that one; this one's data was written again by it",
            ));
        }
        let len = file.metadata().map_err(|error| self.failed(&error))?.len();
        if len != self.state.len {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "the in-progress file has {len} bytes, and {} were written",
                    self.state.len
                ),
            )
            .with_operation(OPERATION)
            .with_path(&self.state.target)
            .with_remedy("something else wrote to it; recover from the last checkpoint"));
        }
        self.publish(&temp)
    }

    /// Publishes what a state of this or another process covers, and not a byte that came later.
    fn commit_recovered(&self) -> Result<()> {
        let temp = self.state.temp_path()?;
        match take_over(OPERATION, &self.state)? {
            None => self.expect_committed(),
            Some(TakenOver::InPlace(file)) => {
                file.sync_data().map_err(|error| self.failed(&error))?;
                // The lock is held until the file is at its target.
                let result = self.publish(&temp);
                drop(file);
                result
            }
            Some(TakenOver::Copied(copy)) => {
                let (_locked, copy_path) = copy.into_parts();
                self.publish_copy(copy_path)?;
                remove(&temp).map_err(|error| self.failed(&error))
            }
        }
    }

    /// Publishes the in-progress file itself, which stays where it is if that fails.
    fn publish(&self, path: &Path) -> Result<()> {
        let target = self.state.target_path()?;
        let published = kept(path)
            .map_err(PublishError::Io)
            .and_then(|temp| publish(temp, &target, self.state.mode));
        match published {
            Ok(()) => Ok(()),
            // Another committer of the same state found the lock taken, published a copy, and deleted
            // the file before this one had moved it.
            Err(PublishError::Io(error)) if says_nothing_there(&error) => self.expect_committed(),
            Err(PublishError::Io(error)) => Err(self.failed(&error)),
            Err(PublishError::Exists) => {
                self.expect_ours()?;
                remove(path).map_err(|error| self.failed(&error))
            }
        }
    }

    /// Publishes a copy, which is deleted if that fails.
    fn publish_copy(&self, copy: TempPath) -> Result<()> {
        match publish(copy, &self.state.target_path()?, self.state.mode) {
            Ok(()) => Ok(()),
            Err(PublishError::Io(error)) => Err(self.failed(&error)),
            Err(PublishError::Exists) => self.expect_ours(),
        }
    }

    /// There is no in-progress file: it has been published, or it is lost.
    fn expect_committed(&self) -> Result<()> {
        match target_content(&self.state).map_err(|error| self.failed(&error))? {
            TargetContent::Ours => Ok(()),
            TargetContent::Foreign => Err(self.foreign()),
            TargetContent::Nothing => Err(gone(OPERATION, &self.state)),
        }
    }

    /// There is something at the target, which must not be replaced: it has to be ours.
    fn expect_ours(&self) -> Result<()> {
        match target_content(&self.state).map_err(|error| self.failed(&error))? {
            TargetContent::Ours => Ok(()),
            TargetContent::Foreign => Err(self.foreign()),
            TargetContent::Nothing => {
                Err(self.conflict("a file stood in the way and has gone again", "commit again"))
            }
        }
    }

    fn foreign(&self) -> Error {
        if self.state.target_path().is_ok_and(|path| path.is_dir()) {
            return is_a_directory(OPERATION, &self.state.target);
        }
        self.conflict(
            "there is a file with another content, which was left alone",
            "move it away if it is not wanted, and commit again",
        )
    }
}

/// Neither the in-progress file nor the published one is there.
pub(super) fn gone(operation: &'static str, state: &State) -> Error {
    Error::new(
        ErrorKind::UploadGone,
        format!(
            "the in-progress file '{}' is gone and was not committed: it was aborted or deleted",
            state.temp_name
        ),
    )
    .with_operation(operation)
    .with_path(&state.target)
    .with_remedy("recover from an earlier checkpoint, or write the file again")
}

/// What stands at the target of a state.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TargetContent {
    Nothing,
    /// Exactly the bytes that the state covers.
    Ours,
    Foreign,
}

/// Compares the target with a state, byte by byte; blocks.
pub(super) fn target_content(state: &State) -> io::Result<TargetContent> {
    let path = state.target_path().map_err(io::Error::from)?;
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if says_nothing_there(&error) => return Ok(TargetContent::Nothing),
        Err(error) => return Err(error),
    };
    if !metadata.is_file() || metadata.size() != state.len {
        return Ok(TargetContent::Foreign);
    }
    let same = checksum_of(&File::open(&path)?, state.len)? == Some(state.checksum);
    Ok(if same {
        TargetContent::Ours
    } else {
        TargetContent::Foreign
    })
}

/// Whether there is nothing at the path.
fn is_missing(path: &Path) -> bool {
    path.symlink_metadata()
        .is_err_and(|error| says_nothing_there(&error))
}

/// Deletes a file that may be gone already.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if !says_nothing_there(&error) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use plugin_api::{Location, WriteMode};

    use super::*;

    /// The moment between a look at the in-progress file and its move, which no caller can hit.
    #[test]
    fn a_file_that_another_committer_published_meanwhile_is_a_success_and_a_lost_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("file");
        let content = b"what the state covers";
        let shared = Shared {
            state: State {
                target: Location::parse(&format!("file://{}", target.display())).unwrap(),
                temp_name: ".file.inprogress.x".to_owned(),
                len: content.len() as u64,
                checksum: crc32c::crc32c(content),
                mode: WriteMode::Overwrite,
            },
            file: None,
            committed: AtomicBool::new(false),
        };
        let temp = shared.state.temp_path().unwrap();
        let lost = shared.publish(&temp).unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::UploadGone);
        fs::write(&target, content).unwrap();
        shared.publish(&temp).unwrap();
        fs::write(&target, b"what another one wrote").unwrap();
        let foreign = shared.publish(&temp).unwrap_err();
        assert_eq!(foreign.kind(), ErrorKind::Conflict);
    }
}
