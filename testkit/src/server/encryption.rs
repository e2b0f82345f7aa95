//! What a server knows of keys and encryption: how it is described.

use super::ServerBuilder;
use crate::encryption::Encryption;

impl ServerBuilder {
    /// Knows this KMS key or alias (`1234`, `alias/mine` or an ARN) and none besides; without any, every key is
    /// taken for one that exists. Requests may name it by its id or its ARN. Can be repeated.
    pub fn kms_key(mut self, id: impl Into<String>) -> Self {
        self.encryption.keys.push(id.into());
        self
    }

    /// Creates a bucket whose objects are encrypted like this if the writer asks for nothing. Buckets have no
    /// default context: one given here is not used. Can be repeated.
    pub fn default_encryption(mut self, bucket: impl Into<String>, encryption: Encryption) -> Self {
        let bucket = bucket.into();
        self.encryption.defaults.insert(bucket.clone(), encryption);
        self.bucket(bucket)
    }

    /// Creates a bucket that denies every `PutObject`, `CopyObject` and `CreateMultipartUpload` that does not ask
    /// for this encryption itself, by a policy such as many companies have. A key is compared as it is sent. Can be
    /// repeated.
    pub fn require_encryption(mut self, bucket: impl Into<String>, encryption: Encryption) -> Self {
        let bucket = bucket.into();
        self.encryption.required.insert(bucket.clone(), encryption);
        self.bucket(bucket)
    }
}
