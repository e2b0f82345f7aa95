//! Delegation tokens: one process obtains short-lived credentials, others use them (FLIP-272).

use std::fmt;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Result;

/// Credentials for others, as bytes that only the plugin understands. The bytes belong to whoever made them: the S3
/// plugin overwrites those that it made when the last clone of them is dropped; copies are their maker's affair.
#[derive(Clone, PartialEq, Eq)]
pub struct DelegationToken {
    /// The secret itself.
    pub bytes: Bytes,
    /// When it ends; `None` if it does not.
    pub valid_until: Option<SystemTime>,
}

impl fmt::Debug for DelegationToken {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelegationToken")
            .field("valid_until", &self.valid_until)
            .finish_non_exhaustive()
    }
}

/// Obtains delegation tokens.
#[async_trait]
pub trait DelegationTokenProvider: Send + Sync + 'static {
    /// The name that pairs a provider with its receiver, such as `s3-native`.
    fn service_name(&self) -> String;

    /// Whether the configuration asks for tokens.
    fn is_required(&self) -> bool;

    /// Obtains a new token.
    async fn obtain(&self) -> Result<DelegationToken>;
}

/// Takes delegation tokens into use.
#[async_trait]
pub trait DelegationTokenReceiver: Send + Sync + 'static {
    /// The name that pairs a receiver with its provider.
    fn service_name(&self) -> String;

    /// Uses this token from now on, in every file system of the plugin, instead of an older one.
    async fn receive(&self, token: &DelegationToken) -> Result<()>;
}
