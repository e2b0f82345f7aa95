//! How what is stored is encrypted, and in which class.

use plugin_api::{ConfigOption, ValueType};

/// Server-side encryption.
pub const SSE_TYPE: ConfigOption = ConfigOption::new("s3.sse.type", ValueType::Text)
    .aliases(&[
        "fs.s3a.encryption.algorithm",
        "s3a.encryption.algorithm",
        "s3.encryption.algorithm",
        "fs.s3a.server-side-encryption-algorithm",
        "s3a.server-side-encryption-algorithm",
        "s3.server-side-encryption-algorithm",
    ])
    .scoped(&["sse.type"])
    .default("none")
    .range("none, sse-s3 (AES256), sse-kms (aws:kms) or dsse-kms (aws:kms:dsse)")
    .describe(
        "Server-side encryption of every file that is written, copied or renamed. With none the bucket's own \
         default counts.",
    );

/// The key of KMS.
pub const SSE_KMS_KEY_ID: ConfigOption = ConfigOption::new("s3.sse.kms.key-id", ValueType::Text)
    .aliases(&[
        "s3.sse.kms-key-id",
        "fs.s3a.encryption.key",
        "s3a.encryption.key",
        "s3.encryption.key",
        "fs.s3a.server-side-encryption.key",
        "s3a.server-side-encryption.key",
        "s3.server-side-encryption.key",
        "presto.s3.sse.kms-key-id",
    ])
    .scoped(&["sse.kms.key-id", "sse.kms-key-id"])
    .describe(
        "Id, ARN or alias of the KMS key for sse-kms and dsse-kms. Unset or blank: the bucket's default key, \
         else that of the account.",
    );

/// The encryption context of KMS.
pub const SSE_KMS_CONTEXT: ConfigOption = ConfigOption::new("s3.sse.kms.encryption-context", ValueType::Map)
    .aliases(&["fs.s3a.encryption.context", "s3a.encryption.context", "s3.encryption.context"])
    .scoped(&["sse.kms.encryption-context"])
    .describe(
        "Pairs that KMS binds to the encryption, which rights may ask for. It is stored unencrypted in the audit \
         trail of KMS.",
    );

/// The storage class.
pub const STORAGE_CLASS: ConfigOption = ConfigOption::new("s3.write.storage-class", ValueType::Text)
    .aliases(&[
        "fs.s3a.create.storage.class",
        "s3a.create.storage.class",
        "s3.create.storage.class",
    ])
    .scoped(&["write.storage-class"])
    .range("a class that the store has, such as STANDARD_IA")
    .describe("Storage class of every file that is written, copied or renamed. Unset: the store's default.");
