//! Where the region and the credentials come from.

mod delegated;
mod provider_name;
mod refresh;

use std::sync::Arc;

use aws_config::BehaviorVersion;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::credentials::EnvironmentVariableCredentialsProvider;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_types::retry::RetryConfig;
use plugin_api::Result;

use crate::connector;
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::settings::identity::{Role, StaticKeys};
use delegated::DelegatedProvider;

pub(crate) use delegated::DelegatedCredentials;
pub(crate) use provider_name::ProviderName;
pub(crate) use refresh::RefreshingProvider;

/// The region of a custom endpoint that was given none, since such stores rarely care; and the one to begin
/// with where nobody knows better: a bucket in another region names it.
const ANY_REGION: &str = "us-east-1";

/// Finds out about identity and region for one set of settings.
pub(crate) struct Sources<'a> {
    settings: &'a Settings,
    client: SharedHttpClient,
    delegated: Arc<DelegatedCredentials>,
    metrics: Arc<Metrics>,
}

impl<'a> Sources<'a> {
    /// # Errors
    /// As [`connector::credentials_client`].
    pub(crate) fn new(
        settings: &'a Settings,
        delegated: Arc<DelegatedCredentials>,
        metrics: Arc<Metrics>,
    ) -> Result<Self> {
        let client = connector::credentials_client(settings, needs_tls(settings))?;
        Ok(Self {
            settings,
            client,
            delegated,
            metrics,
        })
    }

    /// The configured region, or what the environment says. Where everything else stands in the
    /// configuration the instance metadata is never asked: there may be none, and asking takes seconds.
    pub(crate) async fn region(&self) -> Region {
        if let Some(region) = &self.settings.endpoint.region {
            return Region::new(region.clone());
        }
        if self.settings.endpoint.url.is_some() {
            return Region::from_static(ANY_REGION);
        }
        let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new());
        let identity = &self.settings.identity;
        let found = if identity.is_static() || identity.keys.is_some() {
            chain.region().await
        } else {
            let metadata = ImdsRegionProvider::builder()
                .configure(&self.provider_config(None))
                .build();
            chain.or_else(metadata).region().await
        };
        found.unwrap_or_else(|| {
            tracing::info!(
                "no region is configured, in the environment or in the AWS profile; each bucket is asked for its own"
            );
            Region::from_static(ANY_REGION)
        })
    }

    /// What signs requests, or none if they are not to be signed.
    pub(crate) async fn provider(&self, region: &Region) -> Option<RefreshingProvider> {
        let base = self.base(region).await?;
        let provider = match &self.settings.identity.role {
            None => base,
            Some(role) => SharedCredentialsProvider::new(self.assume(role, base, region).await),
        };
        Some(RefreshingProvider::new(
            provider,
            self.delegated.clone(),
            self.metrics.clone(),
        ))
    }

    /// Who we are before any role is assumed.
    async fn base(&self, region: &Region) -> Option<SharedCredentialsProvider> {
        let identity = &self.settings.identity;
        let mut chain: Option<CredentialsProviderChain> = None;
        for name in &identity.providers {
            if *name == ProviderName::Anonymous {
                // The chain of the SDK knows no end without credentials, so whoever stands before is asked now.
                let found = match &chain {
                    Some(chain) => chain.provide_credentials().await,
                    None => return None,
                };
                return match (found, chain) {
                    (Err(CredentialsError::CredentialsNotLoaded(_)), _) => None,
                    (_, chain) => chain.map(SharedCredentialsProvider::new),
                };
            }
            if let Some(provider) = self.provider_named(*name, region).await {
                chain = Some(append(chain, "listed", provider));
            }
        }
        if identity.providers.is_empty()
            && let Some(keys) = &identity.keys
        {
            return Some(SharedCredentialsProvider::new(credentials(keys)));
        }
        for name in [
            ProviderName::Static,
            ProviderName::DelegationTokens,
            ProviderName::Default,
        ] {
            if !identity.providers.contains(&name)
                && let Some(provider) = self.provider_named(name, region).await
            {
                chain = Some(append(chain, "usual", provider));
            }
        }
        chain.map(SharedCredentialsProvider::new)
    }

    async fn provider_named(&self, name: ProviderName, region: &Region) -> Option<SharedCredentialsProvider> {
        let config = self.provider_config(Some(region));
        Some(match name {
            ProviderName::Static => {
                SharedCredentialsProvider::new(credentials(self.settings.identity.keys.as_ref()?))
            }
            ProviderName::DelegationTokens => {
                SharedCredentialsProvider::new(DelegatedProvider(self.delegated.clone()))
            }
            ProviderName::Environment => {
                SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new())
            }
            ProviderName::Profile => SharedCredentialsProvider::new(
                ProfileFileCredentialsProvider::builder()
                    .configure(&config)
                    .build(),
            ),
            ProviderName::WebIdentity => SharedCredentialsProvider::new(
                WebIdentityTokenCredentialsProvider::builder()
                    .configure(&config)
                    .build(),
            ),
            ProviderName::Container => {
                SharedCredentialsProvider::new(EcsCredentialsProvider::builder().configure(&config).build())
            }
            ProviderName::InstanceMetadata => {
                SharedCredentialsProvider::new(ImdsCredentialsProvider::builder().configure(&config).build())
            }
            ProviderName::ContainerOrInstance => {
                let container = EcsCredentialsProvider::builder().configure(&config).build();
                let instance = ImdsCredentialsProvider::builder().configure(&config).build();
                SharedCredentialsProvider::new(
                    CredentialsProviderChain::first_try("container", container).or_else("instance", instance),
                )
            }
            ProviderName::Default => SharedCredentialsProvider::new(
                DefaultCredentialsChain::builder()
                    .configure(config)
                    .region(region.clone())
                    .build()
                    .await,
            ),
            ProviderName::Anonymous => return None,
        })
    }

    /// Sessions in the role, which STS opens for the base credentials.
    async fn assume(
        &self,
        role: &Role,
        base: SharedCredentialsProvider,
        region: &Region,
    ) -> AssumeRoleProvider {
        let region = role.sts_region.clone().map_or(region.clone(), Region::new);
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .http_client(self.client.clone())
            .time_source(SystemTimeSource::new())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(RetryConfig::standard())
            .use_fips(self.settings.endpoint.fips)
            .use_dual_stack(self.settings.endpoint.dual_stack);
        let endpoint = role
            .sts_endpoint
            .clone()
            .or_else(|| std::env::var("AWS_ENDPOINT_URL_STS").ok());
        if let Some(endpoint) = endpoint.filter(|url| !url.is_empty()) {
            config = config.endpoint_url(endpoint);
        }
        let mut builder = AssumeRoleProvider::builder(&role.arn)
            .session_name(&role.session_name)
            .session_length(role.session_duration)
            .configure(&config.build());
        if let Some(external_id) = &role.external_id {
            builder = builder.external_id(external_id.reveal());
        }
        if let Some(policy) = &role.policy {
            builder = builder.policy(policy);
        }
        builder.build_from_provider(base).await
    }

    /// The process's environment and files, over our own connector.
    fn provider_config(&self, region: Option<&Region>) -> ProviderConfig {
        ProviderConfig::default()
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_region(region.cloned())
            .with_http_client(self.client.clone())
    }
}

/// Whether anybody who provides credentials may be reached over TLS.
fn needs_tls(settings: &Settings) -> bool {
    let identity = &settings.identity;
    let has_keys = identity.providers.is_empty() && identity.keys.is_some();
    let plain_sts = |role: &Role| {
        role.sts_endpoint
            .as_ref()
            .is_some_and(|url| url.starts_with("http://"))
    };
    !(identity.is_static() || (has_keys && identity.role.as_ref().is_some_and(plain_sts)))
}

fn append(
    chain: Option<CredentialsProviderChain>,
    name: &'static str,
    provider: SharedCredentialsProvider,
) -> CredentialsProviderChain {
    match chain {
        None => CredentialsProviderChain::first_try(name, provider),
        Some(chain) => chain.or_else(name, provider),
    }
}

fn credentials(keys: &StaticKeys) -> Credentials {
    Credentials::new(
        keys.access_key.reveal(),
        keys.secret_key.reveal(),
        keys.session_token.as_ref().map(|token| token.reveal().to_owned()),
        None,
        "s3.access-key",
    )
}
