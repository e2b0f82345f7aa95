//! [`RefreshingProvider`]: credentials that are renewed before they end, once for any number of requests.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use plugin_api::metrics::CREDENTIAL_REFRESH_COUNT;

use super::delegated::DelegatedCredentials;
use crate::metrics::Metrics;

/// How long before their end credentials are renewed at least.
const LEAST_LEAD: Duration = Duration::from_mins(5);

/// How long to leave a provider alone that has failed while the old credentials still serve.
const PAUSE: Duration = Duration::from_secs(10);

/// How long a provider may take. Long enough for a service that is slow or throttles.
const LOAD_TIMEOUT: Duration = Duration::from_mins(1);

/// Tells the time; another one in tests.
type Clock = fn() -> SystemTime;

/// Keeps credentials, and renews them before they end.
///
/// A renewal happens beside the requests, which go on with what there is as long as that is valid: an outage
/// of the provider shows only if it lasts longer. Without valid credentials one request asks and the others
/// wait for the answer.
#[derive(Clone)]
pub(crate) struct RefreshingProvider(Arc<Shared>);

struct Shared {
    provider: SharedCredentialsProvider,
    /// New tokens take the place of what was made from older ones.
    delegated: Arc<DelegatedCredentials>,
    metrics: Arc<Metrics>,
    clock: Clock,
    kept: Mutex<Kept>,
    /// Held by whoever asks the provider.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Kept {
    credentials: Option<Credentials>,
    /// When to renew them; never if they do not end.
    renew_at: Option<SystemTime>,
    /// How often they were forgotten.
    generation: u64,
    /// Which delegation token was in use when they were asked for.
    token: u64,
    /// When they were last forgotten on a suspicion.
    suspected_at: Option<SystemTime>,
}

impl fmt::Debug for RefreshingProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshingProvider").finish_non_exhaustive()
    }
}

impl RefreshingProvider {
    pub(crate) fn new(
        provider: SharedCredentialsProvider,
        delegated: Arc<DelegatedCredentials>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self::with_clock(provider, delegated, metrics, SystemTime::now)
    }

    fn with_clock(
        provider: SharedCredentialsProvider,
        delegated: Arc<DelegatedCredentials>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Shared {
            provider,
            delegated,
            metrics,
            clock,
            kept: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }))
    }

    /// Which credentials a request that is made now is signed with.
    pub(crate) fn generation(&self) -> u64 {
        self.0.kept().generation
    }

    /// Forgets the credentials of this generation, so that the next request asks the provider. Of many
    /// requests that fail with the same credentials only the first has an effect.
    pub(crate) fn forget(&self, generation: u64) {
        let mut kept = self.0.kept();
        if kept.generation == generation {
            kept.generation += 1;
            kept.credentials = None;
        }
    }

    /// Forgets the credentials of this generation, as [`forget`](Self::forget) does, on no more than a suspicion:
    /// a refusal that does not say why. Whether the request has a chance with others now. What is refused for
    /// another reason would have the provider asked again and again, so it is believed once a minute.
    pub(crate) fn suspect(&self, generation: u64) -> bool {
        const BELIEVED_EVERY: Duration = Duration::from_mins(1);
        let now = (self.0.clock)();
        let mut kept = self.0.kept();
        if kept.generation != generation {
            return true;
        }
        if kept.suspected_at.is_some_and(|last| now < last + BELIEVED_EVERY) {
            return false;
        }
        kept.suspected_at = Some(now);
        kept.generation += 1;
        kept.credentials = None;
        true
    }

    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        match self.0.usable() {
            Some((credentials, true)) => {
                self.renew_beside();
                return Ok(credentials);
            }
            Some((credentials, false)) => return Ok(credentials),
            None => {}
        }
        let _asking = self.0.asking.lock().await;
        // Another request may have asked meanwhile.
        if let Some((credentials, _)) = self.0.usable() {
            return Ok(credentials);
        }
        self.0.ask().await
    }

    /// Renews the credentials in the background, unless somebody does already.
    fn renew_beside(&self) {
        let shared = self.0.clone();
        tokio::spawn(async move {
            let Ok(_asking) = shared.asking.try_lock() else {
                return;
            };
            if let Some((_, true)) = shared.usable()
                && let Err(error) = shared.ask().await
            {
                let cause = crate::error::root_cause(&error);
                tracing::warn!("credentials could not be renewed, and will be tried again: {cause}");
                shared.kept().renew_at = Some((shared.clock)() + PAUSE);
            }
        });
    }
}

impl Shared {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What can be used now, and whether it is time to renew it.
    fn usable(&self) -> Option<(Credentials, bool)> {
        let kept = self.kept();
        if kept.token != self.delegated.generation() {
            return None;
        }
        let credentials = kept.credentials.as_ref()?;
        let now = (self.clock)();
        if credentials.expiry().is_some_and(|expiry| expiry <= now) {
            return None;
        }
        let is_due = kept.renew_at.is_some_and(|due| due <= now);
        Some((credentials.clone(), is_due))
    }

    async fn ask(&self) -> Result<Credentials, CredentialsError> {
        let asked = self.ask_provider().await;
        let result = if asked.is_ok() { "ok" } else { "error" };
        self.metrics
            .count(&CREDENTIAL_REFRESH_COUNT, &[("result", result)]);
        asked
    }

    async fn ask_provider(&self) -> Result<Credentials, CredentialsError> {
        let token = self.delegated.generation();
        let provided = tokio::time::timeout(LOAD_TIMEOUT, self.provider.provide_credentials()).await;
        let credentials = provided.map_err(|_| CredentialsError::provider_timed_out(LOAD_TIMEOUT))??;
        let now = (self.clock)();
        let mut kept = self.kept();
        kept.renew_at = credentials.expiry().map(|expiry| renewal(now, expiry));
        kept.credentials = Some(credentials.clone());
        kept.token = token;
        Ok(credentials)
    }
}

/// When to renew what ends then: 5 minutes or a tenth of its life before, whichever is more; but not in the
/// first half of a short life.
fn renewal(now: SystemTime, expiry: SystemTime) -> SystemTime {
    let life = expiry.duration_since(now).unwrap_or_default();
    expiry - LEAST_LEAD.max(life / 10).min(life / 2)
}

impl ProvideCredentials for RefreshingProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

#[cfg(test)]
mod tests;
