//! The SDK's client for one set of settings.

use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use plugin_api::Result;

use crate::retry::backoff::Backoff;
use crate::retry::policy::RetryPolicy;
use crate::retry::{RefreshableCache, RetryInterceptor, VerdictClassifier};
use crate::settings::Settings;
use crate::{connector, credentials};

/// Makes a client; no request to the store is made.
pub(crate) async fn connect(settings: &Settings) -> Result<aws_sdk_s3::Client> {
    let plain = settings
        .endpoint
        .as_ref()
        .is_some_and(|url| url.starts_with("http://"));
    // The default chain may have to talk to STS, whatever the endpoint.
    let http_client = connector::http_client(settings, !plain || settings.keys.is_none());
    let region = credentials::region(settings, &http_client).await?;
    let provider = credentials::provider(settings, &region, &http_client).await;
    let identities = RefreshableCache::new();
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(provider)
        .http_client(http_client)
        .identity_cache(identities.clone())
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
        .force_path_style(settings.path_style)
        // What is uploaded gets its checksum where it is uploaded, so that it is computed once.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        // Our streams do it themselves, over all the replies that bring one object.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .interceptor(RetryInterceptor::new(
            retry_policy(settings),
            identities,
            settings.keys.is_none(),
            settings.operation_timeout,
        ));
    if let Some(url) = &settings.endpoint {
        config = config.endpoint_url(url);
    }
    Ok(aws_sdk_s3::Client::from_conf(config.build()))
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
