//! [`CheckpointStore`]: the checkpoint directories of a job.

use std::sync::Arc;

use bytes::Bytes;
use plugin_api::{CreateOptions, Error, ErrorKind, FileSystem, FileSystemExt, ListOptions, Location, Result};

use super::{Metadata, ReaderState, StateFile, checksum, corrupt, decode, encode};
use crate::sink::abort_uploads;

const METADATA: &str = "_metadata";

/// The directories `chk-N` below one location.
pub(crate) struct CheckpointStore {
    files: Arc<dyn FileSystem>,
    root: Location,
}

/// A checkpoint read back.
pub(crate) struct Restored {
    /// The job.
    pub(crate) metadata: Metadata,
    /// The readers, as many as the job had when it wrote the checkpoint.
    pub(crate) readers: Vec<ReaderState>,
}

impl CheckpointStore {
    /// The checkpoints below `root`.
    pub(crate) fn new(files: Arc<dyn FileSystem>, root: Location) -> Self {
        Self { files, root }
    }

    fn directory(&self, number: u64) -> Location {
        self.root.join(&format!("chk-{number}"))
    }

    /// The numbers of all directories, complete or not, in ascending order.
    pub(crate) async fn numbers(&self) -> Result<Vec<u64>> {
        let entries = match self.files.list_all(&self.root, &ListOptions::default()).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut numbers: Vec<u64> = entries
            .iter()
            .filter_map(|entry| entry.location.name().strip_prefix("chk-")?.parse().ok())
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Writes the state of one reader.
    pub(crate) async fn write_state(
        &self,
        checkpoint: u64,
        reader: usize,
        state: &ReaderState,
    ) -> Result<StateFile> {
        let name = format!("state-{reader}");
        let content = encode(state)?;
        let file = StateFile {
            len: content.len() as u64,
            crc32c: checksum(&content),
            name,
        };
        let path = self.directory(checkpoint).join(&file.name);
        self.create(&path, content).await?;
        Ok(file)
    }

    /// Completes a checkpoint. Of two workers that write the same checkpoint, one fails here.
    pub(crate) async fn write_metadata(&self, metadata: &Metadata) -> Result<()> {
        let path = self.directory(metadata.checkpoint).join(METADATA);
        self.create(&path, encode(metadata)?).await
    }

    async fn create(&self, path: &Location, content: Bytes) -> Result<()> {
        let created = self
            .files
            .write_all(path, content, &CreateOptions::default())
            .await;
        created.map(drop).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                error.with_remedy("make sure that only one worker writes these checkpoints")
            }
            _ => error,
        })
    }

    /// The latest complete checkpoint among `numbers`, which must be in ascending order.
    ///
    /// One that is complete but damaged is an error, never passed over: output that it published
    /// would be written a second time by a restart from an older one.
    pub(crate) async fn restore_latest(&self, numbers: &[u64]) -> Result<Option<Restored>> {
        for &number in numbers.iter().rev() {
            let path = self.directory(number).join(METADATA);
            let content = match self.files.read_all(&path).await {
                Ok(content) => content,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            return self
                .restore(number, &content)
                .await
                .map(Some)
                .map_err(|error| with_place(error, &path));
        }
        Ok(None)
    }

    /// Which of `numbers` up to the complete one `latest` are complete, in the same order.
    pub(crate) async fn complete_up_to(&self, latest: u64, numbers: &[u64]) -> Result<Vec<u64>> {
        let mut complete = Vec::new();
        for &number in numbers.iter().filter(|&&number| number <= latest) {
            let path = self.directory(number).join(METADATA);
            if number == latest || self.files.exists(&path).await? {
                complete.push(number);
            }
        }
        Ok(complete)
    }

    async fn restore(&self, number: u64, content: &[u8]) -> Result<Restored> {
        let metadata: Metadata = decode(content)?;
        if metadata.checkpoint != number {
            return Err(corrupt(format!("this is checkpoint {}", metadata.checkpoint)));
        }
        let mut readers = Vec::with_capacity(metadata.states.len());
        for file in &metadata.states {
            let path = self.directory(number).join(&file.name);
            let content = self.files.read_all(&path).await?;
            if content.len() as u64 != file.len || checksum(&content) != file.crc32c {
                let error = corrupt("the file is not the one that the checkpoint was completed with");
                return Err(with_place(error, &path));
            }
            readers.push(decode(&content).map_err(|error| with_place(error, &path))?);
        }
        Ok(Restored { metadata, readers })
    }

    /// Aborts the uploads of state files that runs which were killed left behind; their number. Only to be
    /// called when nobody writes checkpoints.
    pub(crate) async fn abort_orphans(&self) -> Result<u64> {
        let prefix = format!("{}chk-", self.root.directory_prefix());
        abort_uploads(&*self.files, &self.root, |location| {
            location.key().starts_with(&prefix)
        })
        .await
    }

    /// Deletes a directory, `_metadata` first, so that what an interruption leaves is no checkpoint.
    pub(crate) async fn delete(&self, number: u64) -> Result<()> {
        let directory = self.directory(number);
        self.files.delete(&directory.join(METADATA), false).await?;
        self.files.delete(&directory, true).await?;
        Ok(())
    }
}

fn with_place(error: Error, path: &Location) -> Error {
    let error = error.with_operation("restore").with_path(path);
    if error.kind() == ErrorKind::Corrupt && error.remedy().is_empty() {
        error.with_remedy(
            "start anew with empty --output and --checkpoints: going on from an older checkpoint could \
             write results twice",
        )
    } else {
        error
    }
}
