//! How what is stored is encrypted and in which class: the options, typed and validated.

use std::collections::BTreeMap;
use std::fmt;

use plugin_api::{Config, Result};

use crate::options;

/// Server-side encryption and storage class of what is written.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Encryption {
    /// The value of `x-amz-server-side-encryption`, or none.
    pub(crate) algorithm: Option<&'static str>,
    /// The key of KMS, or none for the bucket's default.
    pub(crate) kms_key_id: Option<String>,
    /// What KMS binds to the encryption.
    pub(crate) kms_context: BTreeMap<String, String>,
    pub(crate) storage_class: Option<String>,
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key id names an account, and a context what it is for.
        f.debug_struct("Encryption")
            .field("algorithm", &self.algorithm)
            .field("storage_class", &self.storage_class)
            .finish_non_exhaustive()
    }
}

impl Encryption {
    pub(super) fn read(config: &Config) -> Result<Self> {
        let option = &options::SSE_TYPE;
        let text = config.text(option).unwrap_or("none");
        let algorithm = match text.to_ascii_lowercase().replace('_', "-").as_str() {
            "none" => None,
            "sse-s3" | "aes256" => Some("AES256"),
            "sse-kms" | "aws:kms" => Some("aws:kms"),
            "dsse-kms" | "aws:kms:dsse" => Some("aws:kms:dsse"),
            _ => return Err(option.invalid(text, "it is no type of server-side encryption")),
        };
        let is_kms = algorithm.is_some_and(|algorithm| algorithm.starts_with("aws:kms"));
        // Where another type is chosen for one bucket, the key of the others is no mistake.
        Ok(Self {
            algorithm,
            kms_key_id: config
                .text(&options::SSE_KMS_KEY_ID)
                .filter(|_| is_kms)
                .map(str::to_owned),
            kms_context: if is_kms {
                config.map(&options::SSE_KMS_CONTEXT)?
            } else {
                BTreeMap::new()
            },
            storage_class: config.text(&options::STORAGE_CLASS).map(str::to_owned),
        })
    }
}
