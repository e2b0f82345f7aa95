//! [`create`]: the plain output stream. A small file is one `PutObject`, a larger one an upload whose
//! parts are sent concurrently; both are published by `close` alone.

use std::sync::Arc;

use bytes::Bytes;
use plugin_api::{CreateOptions, Error, ErrorKind, FileStatus, Location, OutputStream, Result, async_trait};

use crate::bucket::Bucket;
use crate::entropy;
use crate::mkdirs;
use crate::multipart_upload::{MultipartUpload, Nonce, PartPlan, Target, check_object_size};

/// Starts a new file. Without directory markers this makes no request: whether the path is free is
/// decided when the file is published, atomically, by the store.
///
/// # Errors
/// [`ErrorKind::IsADirectory`] for the root, and what the options ask for and is not known.
pub(crate) async fn create(
    bucket: Arc<Bucket>,
    path: &Location,
    options: &CreateOptions,
) -> Result<Box<dyn OutputStream>> {
    let path = entropy::resolve(&bucket.settings, path, options.inject_entropy)?;
    bucket.check("create", &path)?;
    let writer = open(&bucket, &path, options, "create", ErrorKind::AlreadyExists)?;
    mkdirs::check_file(&bucket, "create", &path).await?;
    Ok(Box::new(S3OutputStream {
        writer,
        published: None,
    }))
}

/// The engine for a new file; `taken` is what an error is called if the path is.
pub(crate) fn open(
    bucket: &Arc<Bucket>,
    path: &Location,
    options: &CreateOptions,
    operation: &'static str,
    taken: ErrorKind,
) -> Result<MultipartUpload> {
    options
        .extensions
        .refuse_unknown(&[])
        .and_then(|()| check_object_size(options.size_hint))
        .map_err(|error| error.with_operation(operation).with_path(path))?;
    if path.is_root() {
        return Err(
            Error::new(ErrorKind::IsADirectory, "the root of a bucket cannot be a file")
                .with_operation(operation)
                .with_path(path)
                .with_remedy("name a file inside the bucket"),
        );
    }
    let mut target = Target::new(bucket, path.clone(), options.mode, Nonce::random(), taken);
    target.content_type.clone_from(&options.content_type);
    let plan = PartPlan::new(&bucket.settings, bucket.wants_equal_parts(), options.size_hint)
        .map_err(|error| error.with_operation(operation).with_path(path))?;
    Ok(MultipartUpload::new(Arc::new(target), plan))
}

/// The plain output stream.
#[derive(Debug)]
struct S3OutputStream {
    writer: MultipartUpload,
    published: Option<FileStatus>,
}

#[async_trait]
impl OutputStream for S3OutputStream {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        self.writer.write(data).await
    }

    async fn write_bytes(&mut self, data: Bytes) -> Result<()> {
        self.writer.write_bytes(data).await
    }

    fn position(&self) -> u64 {
        self.writer.position()
    }

    fn location(&self) -> Location {
        self.writer.target().location.clone()
    }

    /// Full parts are on their way already, and a part that is not full cannot be sent.
    async fn flush(&mut self) -> Result<()> {
        self.writer.check_open()
    }

    async fn sync(&mut self) -> Result<()> {
        self.writer.wait().await
    }

    async fn close(&mut self) -> Result<FileStatus> {
        if let Some(status) = &self.published {
            return Ok(status.clone());
        }
        let gate = Arc::clone(&self.writer.target().bucket.gate);
        let _pass = gate.enter()?;
        let status = self.writer.publish("close").await?;
        self.published = Some(status.clone());
        Ok(status)
    }

    async fn abort(&mut self) -> Result<()> {
        self.writer.abort().await
    }
}
