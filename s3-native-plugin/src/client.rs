//! The SDK's client for one set of settings.

use std::sync::Arc;

use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, IdentityCache, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use plugin_api::Result;

use crate::connector;
use crate::credentials::{DelegatedCredentials, Sources};
use crate::metrics::Metrics;
use crate::plaintext;
use crate::retry::backoff::Backoff;
use crate::retry::policy::RetryPolicy;
use crate::retry::{RetryInterceptor, VerdictClassifier};
use crate::settings::Settings;
use crate::write_headers::WriteHeaders;

/// Makes a client; no request to the store is made.
pub(crate) async fn connect(
    settings: &Settings,
    delegated: &Arc<DelegatedCredentials>,
    metrics: &Arc<Metrics>,
) -> Result<aws_sdk_s3::Client> {
    let sources = Sources::new(settings, delegated.clone(), metrics.clone())?;
    let region = sources.region().await;
    let provider = sources.provider(&region).await;
    if provider.is_some() {
        plaintext::warn(settings);
    }
    let endpoint = &settings.endpoint;
    let refreshable = provider.clone().filter(|_| !settings.identity.is_static());
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .http_client(connector::http_client(settings, metrics)?)
        // Our provider keeps the credentials itself, and knows better when to renew them.
        .identity_cache(IdentityCache::no_cache())
        // The SDK's loop does the repetitions, and our policy decides about them, with limits of its
        // own: those of the SDK must not interfere.
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(settings.max_retries.saturating_add(1))
                .with_max_backoff(settings.operation_timeout),
        )
        .retry_partition(
            RetryPartition::custom("s3-native")
                .token_bucket(TokenBucket::unlimited())
                .build(),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .operation_timeout(settings.operation_timeout)
                .build(),
        )
        .retry_classifier(VerdictClassifier)
        // Our connector and our streams watch the progress themselves: the SDK's guard takes a slow
        // consumer for a stalled server.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .force_path_style(endpoint.path_style)
        .use_dual_stack(endpoint.dual_stack)
        .use_fips(endpoint.fips)
        .accelerate(endpoint.accelerate)
        .use_arn_region(true)
        // What is uploaded gets its checksum where it is uploaded, so that it is computed once.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        // Our streams do it themselves, over all the replies that bring one object.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .interceptor(RetryInterceptor::new(
            retry_policy(settings),
            refreshable,
            settings.operation_timeout,
            endpoint.access_point.clone(),
            metrics.clone(),
        ));
    config = match provider {
        Some(provider) => config.credentials_provider(provider),
        None => config.allow_no_auth(),
    };
    if let Some(url) = &endpoint.url {
        config = config.endpoint_url(url);
    }
    if let Some(headers) = WriteHeaders::new(&settings.encryption, url_of(settings)) {
        config = config.interceptor(headers);
    }
    Ok(aws_sdk_s3::Client::from_conf(config.build()))
}

fn url_of(settings: &Settings) -> &str {
    settings.endpoint.url.as_deref().unwrap_or("Amazon S3")
}

fn retry_policy(settings: &Settings) -> RetryPolicy {
    RetryPolicy::new(
        settings.max_retries,
        Backoff {
            base: settings.retry_base_delay,
            throttle_base: settings.retry_throttle_base_delay,
            max: settings.retry_max_backoff,
        },
    )
}
