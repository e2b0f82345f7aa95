//! [`S3FileSystem`]: the file system of one bucket.

use std::sync::Arc;
use std::time::Duration;

use plugin_api::{
    BulkCopy, Capabilities, CreateOptions, Error, ErrorKind, FileStatus, FileSystem, InputStream,
    ListOptions, Lister, Location, OpenOptions, OutputStream, RecoverableWriter, Result, async_trait,
};

use crate::bucket::Bucket;
use crate::bulk_copy::S3BulkCopy;
use crate::listing::S3Lister;
use crate::recoverable_writer::S3RecoverableWriter;
use crate::{delete, input_stream, mkdirs, output_stream, rename, status};

/// What the aborts of unfinished uploads have when a file system is closed.
const ABORTS: Duration = Duration::from_secs(1);

/// The file system of one bucket.
pub(crate) struct S3FileSystem {
    bucket: Arc<Bucket>,
    bulk_copy: Option<Arc<S3BulkCopy>>,
}

impl S3FileSystem {
    pub(crate) fn new(bucket: Arc<Bucket>) -> Self {
        Self {
            bulk_copy: S3BulkCopy::new(&bucket).map(Arc::new),
            bucket,
        }
    }
}

#[async_trait]
impl FileSystem for S3FileSystem {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::PINNED_READS
            | Capabilities::RECOVERABLE_WRITER
            | Capabilities::RECOVERABLE_RESUME
            | Capabilities::RECOVERABLE_VERIFY
            | Capabilities::RECURSIVE_LIST
            | Capabilities::PENDING_UPLOADS
            | Capabilities::ATOMIC_PUBLISH;
        let settings = &self.bucket.settings;
        // No longer once the store was found not to obey what it rests upon.
        capabilities.set(Capabilities::ATOMIC_CREATE, self.bucket.dialect.decides_races());
        capabilities.set(Capabilities::BULK_COPY, self.bulk_copy.is_some());
        capabilities.set(Capabilities::REAL_DIRECTORIES, settings.directory_markers);
        capabilities.set(Capabilities::RENAME_DIRECTORY, settings.rename_directories);
        capabilities
    }

    async fn status(&self, path: &Location) -> Result<FileStatus> {
        let _pass = self.bucket.gate.enter()?;
        self.bucket.check("status", path)?;
        status::status(&self.bucket, "status", path).await
    }

    async fn list(&self, path: &Location, options: &ListOptions) -> Result<Box<dyn Lister>> {
        self.bucket.gate.check_open()?;
        self.bucket.check("list", path)?;
        options.extensions.refuse_unknown(&[])?;
        Ok(Box::new(S3Lister::new(self.bucket.clone(), path, options)))
    }

    async fn open(&self, path: &Location, options: &OpenOptions) -> Result<Box<dyn InputStream>> {
        let _pass = self.bucket.gate.enter()?;
        self.bucket.check("open", path)?;
        options.extensions.refuse_unknown(&[input_stream::SEQUENTIAL])?;
        input_stream::open(self.bucket.clone(), path, options).await
    }

    async fn create(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        let _pass = self.bucket.gate.enter()?;
        self.bucket.check("create", path)?;
        output_stream::create(self.bucket.clone(), path, options).await
    }

    async fn delete(&self, path: &Location, recursive: bool) -> Result<bool> {
        let _pass = self.bucket.gate.enter()?;
        self.bucket.check("delete", path)?;
        delete::delete(&self.bucket, path, recursive).await
    }

    async fn rename(&self, from: &Location, to: &Location) -> Result<()> {
        let _pass = self.bucket.gate.enter()?;
        self.bucket.check("rename", from)?;
        self.bucket.check("rename", to)?;
        rename::rename(&self.bucket, from, to).await
    }

    /// Without markers there is nothing to do: a directory is there as soon as something is below it.
    async fn mkdirs(&self, path: &Location) -> Result<()> {
        let _pass = self.bucket.gate.enter()?;
        self.bucket.check("mkdirs", path)?;
        if self.bucket.settings.directory_markers {
            mkdirs::mkdirs(&self.bucket, path).await?;
        }
        Ok(())
    }

    fn bulk_copy(&self) -> Result<Arc<dyn BulkCopy>> {
        self.bucket.gate.check_open()?;
        match &self.bulk_copy {
            Some(copy) => Ok(copy.clone()),
            None => Err(Error::unsupported("this file system", "bulk copies")
                .with_operation("bulk_copy")
                .with_path(&self.bucket.root)
                .with_remedy("set 's3.bulk-copy.enabled' to true")),
        }
    }

    fn entropy_key(&self) -> Option<String> {
        let entropy = self.bucket.settings.entropy.as_ref()?;
        Some(entropy.key.clone())
    }

    fn recoverable_writer(&self) -> Result<Arc<dyn RecoverableWriter>> {
        self.bucket.gate.check_open()?;
        Ok(Arc::new(S3RecoverableWriter::new(self.bucket.clone())))
    }

    async fn close(&self, deadline: Duration) -> Result<()> {
        let deadline = deadline.min(self.bucket.settings.close_timeout);
        let finished = self.bucket.gate.close(deadline).await;
        abort_unfinished(Arc::clone(&self.bucket)).await;
        if finished {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Timeout,
            format!("some operations were still running after {deadline:?}"),
        )
        .with_operation("close")
        .with_path(&self.bucket.root)
        .with_remedy("allow more time, or cancel them"))
    }
}

/// Aborts the uploads of a bucket that nobody else knows of, once its file system is closed.
pub(crate) async fn abort_unfinished(bucket: Arc<Bucket>) {
    if tokio::time::timeout(ABORTS, bucket.unfinished.abort())
        .await
        .is_err()
    {
        tracing::warn!(
            bucket = bucket.name,
            "unfinished uploads may be left: the store does not answer"
        );
    }
}
