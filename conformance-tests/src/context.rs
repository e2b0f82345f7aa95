//! [`Context`]: what a case works with.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::channel::oneshot;
use plugin_api::{
    Capabilities, CreateOptions, ErrorKind, FileStatus, FileSystem, FileSystemExt as _, ListOptions,
    Location, OutputStream, Recoverable, RecoverableStream, RecoverableWriter, WriteMode,
};

use crate::failure::{CaseResult, Failure, expect_error, expect_same};
use crate::target::Connect;

/// The file system under test, and a directory of it that belongs to one case alone.
pub struct Context {
    fs: Arc<dyn FileSystem>,
    connect: Connect,
    directory: Location,
    rounds: u32,
}

impl Context {
    pub(crate) fn new(fs: Arc<dyn FileSystem>, connect: Connect, directory: Location, rounds: u32) -> Self {
        Self {
            fs,
            connect,
            directory,
            rounds,
        }
    }

    /// The file system.
    pub fn fs(&self) -> &dyn FileSystem {
        &*self.fs
    }

    /// The file system, to be shared with other threads.
    pub fn shared(&self) -> Arc<dyn FileSystem> {
        Arc::clone(&self.fs)
    }

    /// Another instance on the same files, as another process would have one.
    pub async fn another(&self) -> CaseResult<Arc<dyn FileSystem>> {
        Ok((self.connect)().await?)
    }

    /// Whether the file system claims all of these.
    pub fn has(&self, capabilities: Capabilities) -> bool {
        self.fs.capabilities().contains(capabilities)
    }

    /// How often a race is repeated.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// The directory of this case, which does not exist at first.
    pub fn directory(&self) -> &Location {
        &self.directory
    }

    /// A path in the directory of this case; the name is taken byte for byte.
    pub fn at(&self, name: &str) -> Location {
        self.directory
            .with_key(&format!("{}/{name}", self.directory.key()))
    }

    /// The part of a key below the directory of this case.
    pub(crate) fn name_of(&self, location: &Location) -> CaseResult<String> {
        let name = location.key().strip_prefix(self.directory.key());
        match name.and_then(|name| name.strip_prefix('/')) {
            Some(name) => Ok(name.to_owned()),
            None => Err(Failure::new(format!(
                "'{location}' is not below the directory '{}'",
                self.directory
            ))),
        }
    }

    pub(crate) async fn write(&self, name: &str, content: impl Into<Bytes>) -> CaseResult<FileStatus> {
        let options = CreateOptions::overwrite();
        Ok(self
            .fs
            .write_all(&self.at(name), content.into(), &options)
            .await?)
    }

    pub(crate) async fn read(&self, name: &str) -> CaseResult<Bytes> {
        Ok(self.fs.read_all(&self.at(name)).await?)
    }

    pub(crate) async fn status(&self, name: &str) -> CaseResult<FileStatus> {
        Ok(self.fs.status(&self.at(name)).await?)
    }

    pub(crate) async fn create(&self, name: &str, mode: WriteMode) -> CaseResult<Box<dyn OutputStream>> {
        let options = CreateOptions {
            mode,
            ..CreateOptions::default()
        };
        Ok(self.fs.create(&self.at(name), &options).await?)
    }

    pub(crate) async fn mkdirs(&self, name: &str) -> CaseResult {
        Ok(self.fs.mkdirs(&self.at(name)).await?)
    }

    /// The names directly in a directory, those of directories with a slash at the end.
    pub(crate) async fn list(&self, name: &str) -> CaseResult<BTreeSet<String>> {
        let directory = if name.is_empty() {
            self.directory.clone()
        } else {
            self.at(name)
        };
        let entries = self.fs.list_all(&directory, &ListOptions::default()).await?;
        let number = entries.len();
        let names = entries
            .into_iter()
            .map(|entry| {
                let name = entry.location.name();
                if entry.is_directory() {
                    format!("{name}/")
                } else {
                    name.to_owned()
                }
            })
            .collect::<BTreeSet<_>>();
        if names.len() != number {
            return Err(Failure::new(format!(
                "{number} entries have only these names: {names:?}"
            )));
        }
        Ok(names)
    }

    /// Every file of this case, by its path below the directory; none if there is no directory.
    pub(crate) async fn files(&self) -> CaseResult<BTreeSet<String>> {
        match self.fs.list_all(&self.directory, &ListOptions::recursive()).await {
            Ok(entries) => entries
                .iter()
                .map(|entry| self.name_of(&entry.location))
                .collect(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Fails unless these are all the files of this case.
    pub(crate) async fn expect_files(&self, names: &[&str], what: &str) -> CaseResult {
        let files = self.files().await?;
        let expected: BTreeSet<String> = names.iter().map(|&name| name.to_owned()).collect();
        if files == expected {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{what}: expected the files {expected:?}, got {files:?}"
        )))
    }

    pub(crate) async fn expect_missing(&self, name: &str, what: &str) -> CaseResult {
        let status = self.fs.status(&self.at(name)).await;
        expect_error(status, &[ErrorKind::NotFound], what).map(drop)
    }

    pub(crate) async fn expect_content(&self, name: &str, expected: &[u8], what: &str) -> CaseResult {
        let status = self.status(name).await?;
        if !status.is_file() || status.len != expected.len() as u64 {
            let message = format!(
                "{what}: the status is {status:?}, not that of {} bytes",
                expected.len()
            );
            return Err(Failure::new(message));
        }
        expect_same(&self.read(name).await?, expected, what)
    }

    pub(crate) fn writer(&self) -> CaseResult<Arc<dyn RecoverableWriter>> {
        Ok(self.fs.recoverable_writer()?)
    }

    /// An unfinished file with this content so far, which must not replace another one.
    pub(crate) async fn begin(&self, name: &str, content: &[u8]) -> CaseResult<Box<dyn RecoverableStream>> {
        let options = CreateOptions::default();
        let mut stream = self.writer()?.open(&self.at(name), &options).await?;
        stream.write(content).await?;
        Ok(stream)
    }

    /// The state of an unfinished file whose stream is gone.
    pub(crate) async fn persisted(&self, name: &str, content: &[u8]) -> CaseResult<Recoverable> {
        let mut stream = self.begin(name, content).await?;
        let state = stream.persist().await?;
        stream.close().await?;
        Ok(through_a_checkpoint(&state))
    }

    /// Runs `number` tasks at the same time, each on a thread of its own, and returns what they came
    /// to. A task is given its index.
    pub(crate) async fn on_threads<T, F>(&self, number: usize, task: F) -> CaseResult<Vec<T>>
    where
        T: Send + 'static,
        F: AsyncFn(usize) -> T + Clone + Send + 'static,
    {
        let mut results = Vec::with_capacity(number);
        for index in 0..number {
            let (sender, receiver) = oneshot::channel();
            let task = task.clone();
            let started = std::thread::Builder::new()
                .name(format!("conformance-{index}"))
                .spawn(move || drop(sender.send(futures_executor::block_on(task(index)))));
            started.map_err(|error| Failure::new(format!("no thread can be started: {error}")))?;
            results.push(receiver);
        }
        let mut all = Vec::with_capacity(number);
        for result in results {
            all.push(result.await.map_err(|_| Failure::new("a task panicked"))?);
        }
        Ok(all)
    }

    /// Deletes everything of this case, open uploads included.
    pub(crate) async fn clean_up(&self) -> CaseResult {
        if self.has(Capabilities::PENDING_UPLOADS) {
            let writer = self.fs.recoverable_writer()?;
            for upload in self.pending_uploads().await? {
                writer.abort_upload(&upload).await?;
            }
        }
        self.fs.delete(&self.directory, true).await?;
        Ok(())
    }

    /// The open uploads of this case.
    pub(crate) async fn pending_uploads(&self) -> CaseResult<Vec<plugin_api::PendingUpload>> {
        let writer = self.fs.recoverable_writer()?;
        let (mut uploads, mut token) = (Vec::new(), String::new());
        loop {
            let (page, next) = writer.pending_uploads(&self.directory, &token).await?;
            uploads.extend(page);
            match next {
                Some(next) => token = next,
                None => return Ok(uploads),
            }
        }
    }
}

/// The state as it comes back from a checkpoint: a version number and bytes, and nothing else.
pub(crate) fn through_a_checkpoint(state: &Recoverable) -> Recoverable {
    Recoverable::new(state.version(), state.bytes().to_vec())
}
