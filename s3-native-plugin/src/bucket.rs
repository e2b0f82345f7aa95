//! [`Bucket`]: one bucket as the file system sees it.

use std::sync::Arc;

use plugin_api::{Error, ErrorKind, Location, Result};

use crate::dialect::Dialect;
use crate::gate::Gate;
use crate::metrics::Metrics;
use crate::multipart_upload::Unfinished;
use crate::settings::{MAX_EQUAL_PART_SIZE, Settings};

/// One bucket as the file system sees it; what all verbs share.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) client: aws_sdk_s3::Client,
    pub(crate) name: String,
    /// `s3://bucket/` in the scheme that the caller used.
    pub(crate) root: Location,
    pub(crate) settings: Arc<Settings>,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) memory: Arc<crate::memory::MemoryBudget>,
    pub(crate) metrics: Arc<Metrics>,
    /// What the endpoint can do, as all buckets of it have learnt.
    pub(crate) dialect: Arc<Dialect>,
    /// Closed together with the file system or its factory.
    pub(crate) gate: Arc<Gate>,
    pub(crate) unfinished: Unfinished,
}

/// The longest key that S3 takes, in bytes.
const MAX_KEY_LEN: usize = 1024;

impl Bucket {
    /// Whether all parts of a new upload but the last are to have the same size.
    pub(crate) fn wants_equal_parts(&self) -> bool {
        self.dialect.demands_equal_parts() && self.settings.upload_part_size <= MAX_EQUAL_PART_SIZE
    }

    /// Refuses a path of another bucket, and a key that the store cannot hold.
    pub(crate) fn check(&self, operation: &'static str, path: &Location) -> Result<()> {
        let invalid = |message: String, remedy: &str| {
            Err(Error::new(ErrorKind::InvalidPath, message)
                .with_operation(operation)
                .with_path(path)
                .with_remedy(remedy))
        };
        if path.authority() != self.name {
            return invalid(
                format!("the path is not in the bucket '{}'", self.name),
                "use the file system of the path's own bucket",
            );
        }
        if path.key().len() > MAX_KEY_LEN {
            return invalid(
                format!("the key has {} bytes", path.key().len()),
                "shorten it to the 1024 bytes that S3 allows",
            );
        }
        if path.key().trim().is_empty() && !path.is_root() {
            return invalid(
                "the key is nothing but white space, which the AWS SDK takes for missing".to_owned(),
                "add a visible character to it",
            );
        }
        Ok(())
    }
}
