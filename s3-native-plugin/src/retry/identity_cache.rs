//! [`RefreshableCache`]: the SDK's cache of credentials, which can be told to forget.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_sdk_s3::config::{
    ConfigBag, IdentityCache, ResolveCachedIdentity, RuntimeComponents, SharedIdentityCache,
};
use aws_smithy_runtime_api::client::identity::{IdentityFuture, SharedIdentityResolver};

/// A cache of credentials that can be told to forget them before they expire.
#[derive(Clone, Debug)]
pub(crate) struct RefreshableCache(Arc<RwLock<Generation>>);

#[derive(Clone, Debug)]
struct Generation {
    number: u64,
    cache: SharedIdentityCache,
}

impl RefreshableCache {
    pub(crate) fn new() -> Self {
        Self(Arc::new(RwLock::new(Generation {
            number: 0,
            cache: empty(),
        })))
    }

    /// Which credentials a request that is made now is signed with.
    pub(crate) fn generation(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).number
    }

    /// Forgets the credentials of this generation, so that the next request asks the provider. Of many
    /// requests that fail with the same credentials only the first has an effect.
    pub(crate) fn forget(&self, generation: u64) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if current.number == generation {
            *current = Generation {
                number: generation + 1,
                cache: empty(),
            };
        }
    }
}

fn empty() -> SharedIdentityCache {
    // Long enough for a provider that asks a service which is slow or throttles.
    const LOAD_TIMEOUT: Duration = Duration::from_mins(1);
    IdentityCache::lazy().load_timeout(LOAD_TIMEOUT).build()
}

impl ResolveCachedIdentity for RefreshableCache {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        runtime_components: &'a RuntimeComponents,
        config_bag: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .cache
            .clone();
        IdentityFuture::new(async move {
            cache
                .resolve_cached_identity(resolver, runtime_components, config_bag)
                .await
        })
    }
}
