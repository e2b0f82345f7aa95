//! [`MockFileSystem`]: the verbs, each recorded and each able to fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use plugin_api::{
    BulkCopy, Capabilities, CreateOptions, Error, ErrorKind, FileStatus, FileSystem, InputStream,
    ListOptions, Lister, Location, OpenOptions, OutputStream, RecoverableWriter, Result, async_trait,
};

use crate::CALLS;
use crate::bulk_copy::MockBulkCopy;
use crate::entropy::Entropy;
use crate::faults::Faults;
use crate::input_stream::MockInputStream;
use crate::listing::MockLister;
use crate::output_stream::MockOutputStream;
use crate::recoverable_writer::MockRecoverableWriter;
use crate::store::{Store, is_a_directory};

/// What a file system and its streams share.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) root: Location,
    pub(crate) store: Arc<Store>,
    faults: Faults,
    entropy: Option<Entropy>,
    closed: AtomicBool,
}

impl Session {
    /// Runs one call on an open stream: it may be made to fail, and is recorded.
    pub(crate) fn call<T>(
        &self,
        operation: &'static str,
        path: &Location,
        run: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let result = self
            .faults
            .check(operation, path)
            .and_then(|()| run())
            .map_err(|error| error.with_operation(operation).with_path(path));
        self.store.calls.record(operation, path, &result);
        result
    }

    /// Runs one call on the file system, which has to be open and to own the path.
    pub(crate) fn verb<T>(
        &self,
        operation: &'static str,
        path: &Location,
        run: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.call(operation, path, || {
            self.check_open()?;
            self.check_path(path)?;
            run()
        })
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if !self.closed.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Closed, "the file system is closed")
            .with_remedy("get a new one from the host"))
    }

    fn check_path(&self, path: &Location) -> Result<()> {
        let invalid = |message: String, remedy: &str| {
            Err(Error::new(ErrorKind::InvalidPath, message)
                .with_path(path)
                .with_remedy(remedy))
        };
        if path.scheme() != self.root.scheme() || path.authority() != self.root.authority() {
            return invalid(
                format!("the path is not in the store '{}'", self.root),
                "use the file system of the path's own store",
            );
        }
        let key = path.key();
        let key = key.strip_suffix('/').unwrap_or(key);
        let foreign = |segment: &str| matches!(segment, "" | "." | "..");
        if self.store.has_real_directories() && !path.is_root() && key.split('/').any(foreign) {
            return invalid(
                "a directory cannot be called '', '.' or '..'".to_owned(),
                "write the path without empty segments and dots",
            );
        }
        Ok(())
    }

    /// The path that a new file really gets. It has to be one that can be a file.
    pub(crate) fn target(&self, path: &Location, options: &CreateOptions) -> Result<Location> {
        options.extensions.refuse_unknown(&[])?;
        let path = match &self.entropy {
            Some(entropy) => entropy.apply(path, options.inject_entropy),
            None => path.clone(),
        };
        if path.is_root() {
            return Err(is_a_directory(&path));
        }
        if path.key().ends_with('/') || path.key() == CALLS {
            return Err(Error::new(ErrorKind::InvalidPath, "a file cannot have this name")
                .with_path(&path)
                .with_remedy(
                    "choose a name without a slash at its end, and not that of the record of calls",
                ));
        }
        self.store.check_free(&path, options.mode)?;
        Ok(path)
    }
}

/// The file system of one store.
#[derive(Debug)]
pub(crate) struct MockFileSystem(Arc<Session>);

impl MockFileSystem {
    pub(crate) fn new(root: Location, store: Arc<Store>, faults: Faults, entropy: Option<Entropy>) -> Self {
        Self(Arc::new(Session {
            root,
            store,
            faults,
            entropy,
            closed: AtomicBool::new(false),
        }))
    }
}

#[async_trait]
impl FileSystem for MockFileSystem {
    fn capabilities(&self) -> Capabilities {
        let always = Capabilities::ATOMIC_CREATE
            | Capabilities::ATOMIC_RENAME
            | Capabilities::RENAME_DIRECTORY
            | Capabilities::PINNED_READS
            | Capabilities::RECOVERABLE_WRITER
            | Capabilities::RECOVERABLE_RESUME
            | Capabilities::RECOVERABLE_VERIFY
            | Capabilities::BULK_COPY
            | Capabilities::RECURSIVE_LIST
            | Capabilities::PENDING_UPLOADS
            | Capabilities::ATOMIC_PUBLISH;
        if self.0.store.has_real_directories() {
            always | Capabilities::REAL_DIRECTORIES
        } else {
            always
        }
    }

    async fn status(&self, path: &Location) -> Result<FileStatus> {
        self.0.verb("status", path, || self.0.store.status(path))
    }

    async fn list(&self, path: &Location, options: &ListOptions) -> Result<Box<dyn Lister>> {
        self.0.verb("list", path, || {
            options.extensions.refuse_unknown(&[])?;
            let lister = MockLister::new(Arc::clone(&self.0), path, options)?;
            Ok(Box::new(lister) as Box<dyn Lister>)
        })
    }

    async fn open(&self, path: &Location, options: &OpenOptions) -> Result<Box<dyn InputStream>> {
        if path.key() == CALLS {
            // Looking at the record does not change it.
            self.0.check_open()?;
            let stream = MockInputStream::of_calls(Arc::clone(&self.0), path);
            return Ok(Box::new(stream));
        }
        self.0.verb("open", path, || {
            options.extensions.refuse_unknown(&[])?;
            let stream = MockInputStream::open(Arc::clone(&self.0), path, options)?;
            Ok(Box::new(stream) as Box<dyn InputStream>)
        })
    }

    async fn create(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        self.0.verb("create", path, || {
            let target = self.0.target(path, options)?;
            let stream = MockOutputStream::new(Arc::clone(&self.0), target, options.mode);
            Ok(Box::new(stream) as Box<dyn OutputStream>)
        })
    }

    async fn delete(&self, path: &Location, recursive: bool) -> Result<bool> {
        self.0
            .verb("delete", path, || self.0.store.delete(path, recursive))
    }

    async fn rename(&self, from: &Location, to: &Location) -> Result<()> {
        self.0.verb("rename", from, || {
            self.0.check_path(to)?;
            if from == to {
                return Ok(());
            }
            self.0.store.rename(from, to)
        })
    }

    async fn mkdirs(&self, path: &Location) -> Result<()> {
        self.0.verb("mkdirs", path, || self.0.store.mkdirs(path))
    }

    fn recoverable_writer(&self) -> Result<Arc<dyn RecoverableWriter>> {
        self.0.check_open()?;
        Ok(Arc::new(MockRecoverableWriter::new(Arc::clone(&self.0))))
    }

    fn bulk_copy(&self) -> Result<Arc<dyn BulkCopy>> {
        self.0.check_open()?;
        Ok(Arc::new(MockBulkCopy::new(Arc::clone(&self.0))))
    }

    fn entropy_key(&self) -> Option<String> {
        self.0.entropy.as_ref().map(|entropy| entropy.key.clone())
    }

    async fn close(&self, _deadline: Duration) -> Result<()> {
        self.0.closed.store(true, Ordering::Release);
        Ok(())
    }
}
