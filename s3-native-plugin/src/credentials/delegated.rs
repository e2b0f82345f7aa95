//! [`DelegatedCredentials`]: those of the delegation token that the host handed out last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};

/// The credentials of the delegation token that the host handed out last; of all file systems of a factory.
#[derive(Debug, Default)]
pub(crate) struct DelegatedCredentials {
    current: RwLock<Option<Credentials>>,
    generation: AtomicU64,
}

impl DelegatedCredentials {
    /// Takes new ones into use, for every request that is made from now on.
    pub(crate) fn replace(&self, credentials: Credentials) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Some(credentials);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Changes with every token.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn current(&self) -> Result<Credentials, CredentialsError> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let Some(credentials) = &*current else {
            return Err(CredentialsError::not_loaded("there is no delegation token"));
        };
        // To go on with whoever the machine is would be another identity than the one that was delegated.
        if credentials
            .expiry()
            .is_some_and(|expiry| expiry <= SystemTime::now())
        {
            return Err(CredentialsError::provider_error(
                "the delegation token has expired, and the host has handed out no new one",
            ));
        }
        Ok(credentials.clone())
    }
}

/// Provides what there is at the time of the request.
#[derive(Clone, Debug)]
pub(crate) struct DelegatedProvider(pub(crate) std::sync::Arc<DelegatedCredentials>);

impl ProvideCredentials for DelegatedProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(self.0.current())
    }
}
