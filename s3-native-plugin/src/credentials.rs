//! Where the region and the credentials come from.

use aws_config::BehaviorVersion;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::config::{Region, SharedHttpClient};
use plugin_api::{Error, ErrorKind, Result};

use crate::options;
use crate::settings::{Settings, StaticKeys};

/// The region of a custom endpoint that was given none; such stores rarely care.
const ANY_REGION: &str = "us-east-1";

/// The configured region, or what the environment says. With static keys the instance metadata is
/// never asked: there may be none, and asking takes seconds.
pub(crate) async fn region(settings: &Settings, http_client: &SharedHttpClient) -> Result<Region> {
    if let Some(region) = &settings.region {
        return Ok(Region::new(region.clone()));
    }
    if settings.endpoint.is_some() {
        return Ok(Region::from_static(ANY_REGION));
    }
    let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new());
    let found = if settings.keys.is_some() {
        chain.region().await
    } else {
        let metadata = ImdsRegionProvider::builder()
            .configure(&provider_config(http_client))
            .build();
        chain.or_else(metadata).region().await
    };
    found.ok_or_else(|| {
        Error::new(ErrorKind::InvalidConfig, "the AWS region could not be determined").with_remedy(format!(
            "set '{}', or '{}' to use another store than Amazon S3",
            options::REGION.key,
            options::ENDPOINT.key
        ))
    })
}

/// The static pair if there is one, otherwise the default chain of AWS, which looks for credentials
/// when the first request needs them.
pub(crate) async fn provider(
    settings: &Settings,
    region: &Region,
    http_client: &SharedHttpClient,
) -> SharedCredentialsProvider {
    match &settings.keys {
        Some(keys) => SharedCredentialsProvider::new(static_credentials(keys)),
        None => SharedCredentialsProvider::new(
            DefaultCredentialsChain::builder()
                .configure(provider_config(http_client))
                .region(region.clone())
                .build()
                .await,
        ),
    }
}

fn static_credentials(keys: &StaticKeys) -> Credentials {
    Credentials::new(
        keys.access_key.clone(),
        keys.secret_key.clone(),
        keys.session_token.clone(),
        None,
        "s3.access-key",
    )
}

/// The process's environment and files, over our own connector.
fn provider_config(http_client: &SharedHttpClient) -> ProviderConfig {
    ProviderConfig::default()
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_http_client(http_client.clone())
}
