//! [`Target`]: what the configuration comes to.

use std::sync::Arc;

use aws_config::Region;
use aws_sdk_s3::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use plugin_api::{Config, Error, ErrorKind, Location, Result};

use super::report::{Finding, Limits};
use crate::client;
use crate::credentials::{DelegatedCredentials, ProviderName, Sources};
use crate::error::root_cause;
use crate::metrics::Metrics;
use crate::options;
use crate::settings::Settings;

/// What the configuration comes to: which store, and a client that does not try often.
pub(super) struct Target {
    pub(super) settings: Settings,
    pub(super) delegated: Arc<DelegatedCredentials>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) bucket: String,
    pub(super) root: Location,
    pub(super) region: Region,
    /// Where requests for the bucket go.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    pub(super) client: aws_sdk_s3::Client,
    /// Sends one request unsigned, whoever we are.
    pub(super) unsigned: aws_sdk_s3::Client,
}

impl Target {
    /// Reads the configuration as a file system of this bucket does.
    pub(super) async fn of(
        root: &Location,
        bucket: Result<String>,
        config: &Config,
        delegated: &Arc<DelegatedCredentials>,
        metrics: &Arc<Metrics>,
        limits: Limits,
    ) -> Result<Finding<Self>> {
        let bucket = bucket?;
        let settings = hasty(Settings::of_bucket(config, &bucket)?, limits);
        let region = Sources::new(&settings, delegated.clone(), metrics.clone())?
            .region()
            .await;
        let url = url(&settings, &bucket, &region).await?;
        let (host, port, tls) = parts(&url)?;
        let client = client::connect(&settings, delegated, metrics).await?;
        let unsigned = client::connect(&unsigned(settings.clone()), delegated, metrics).await?;
        let style = match (&settings.endpoint.access_point, settings.endpoint.path_style) {
            (Some(_), _) => "through its access point",
            (None, true) => "bucket in the path",
            (None, false) => "bucket in the host name",
        };
        let origin = region_origin(&Settings::scoped(config, &bucket), &settings);
        let found = format!("{url} ({style}), region {region} ({origin})");
        let target = Self {
            settings,
            delegated: delegated.clone(),
            metrics: metrics.clone(),
            bucket,
            root: root.clone(),
            region,
            host,
            port,
            tls,
            client,
            unsigned,
        };
        Ok(Finding::new(target, found))
    }

    /// The host and the port.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether requests may go through a proxy, so that the host need not be reached from here.
    pub(super) fn may_use_proxy(&self) -> bool {
        let names = if self.tls {
            ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        } else {
            ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
        };
        let is_set = |name: &&str| std::env::var_os(name).is_some_and(|url| !url.is_empty());
        !self.settings.endpoint.is_loopback() && names.iter().any(is_set)
    }
}

/// With short times and one repetition: enough to follow a bucket into its region and to sign with the
/// store's time, and no more.
fn hasty(mut settings: Settings, limits: Limits) -> Settings {
    settings.max_retries = 1;
    settings.retry_base_delay = limits.stage / 50;
    settings.retry_throttle_base_delay = limits.stage / 10;
    settings.retry_max_backoff = limits.stage / 5;
    // The limit of a stage ends them all.
    settings.connection_timeout = limits.transfer;
    settings.socket_timeout = limits.transfer;
    settings.operation_timeout = limits.transfer;
    settings
}

fn unsigned(mut settings: Settings) -> Settings {
    settings.identity.providers = vec![ProviderName::Anonymous];
    settings.identity.role = None;
    settings.max_retries = 0;
    settings
}

/// Where the SDK sends requests for the bucket.
async fn url(settings: &Settings, bucket: &str, region: &Region) -> Result<String> {
    let endpoint = &settings.endpoint;
    let name = endpoint.access_point.as_deref().unwrap_or(bucket);
    let refused = |cause: &(dyn std::error::Error + 'static)| {
        Error::new(
            ErrorKind::InvalidConfig,
            format!(
                "there is no endpoint for the bucket '{bucket}': {}",
                root_cause(cause)
            ),
        )
        .with_remedy("check the name of the bucket, 's3.endpoint', 's3.region' and 's3.path-style-access'")
    };
    let params = Params::builder()
        .bucket(name)
        .region(region.as_ref())
        .set_endpoint(endpoint.url.clone())
        .force_path_style(endpoint.path_style)
        .use_dual_stack(endpoint.dual_stack)
        .use_fips(endpoint.fips)
        .accelerate(endpoint.accelerate)
        .use_arn_region(true)
        .build()
        .map_err(|error| refused(&error))?;
    let resolved = DefaultResolver::new().resolve_endpoint(&params).await;
    match resolved {
        Ok(resolved) => Ok(resolved.url().to_owned()),
        Err(error) => Err(refused(&*error)),
    }
}

/// Host, port, and whether TLS is spoken there.
fn parts(url: &str) -> Result<(String, u16, bool)> {
    let uri = url.parse::<http::Uri>().ok();
    let parts = uri.as_ref().and_then(|uri| {
        let tls = uri.scheme_str() != Some("http");
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Some((host.to_owned(), port, tls))
    });
    parts.ok_or_else(|| options::ENDPOINT.invalid(url, "it cannot be a URL for the bucket"))
}

fn region_origin(scoped: &Config, settings: &Settings) -> &'static str {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match (&settings.endpoint.region, &settings.endpoint.url) {
        (Some(_), _) if scoped.text(&options::REGION).is_some() => "'s3.region'",
        (Some(_), _) => "from the name of the endpoint",
        (None, Some(_)) => "the default of a custom endpoint",
        (None, None) if is_set("AWS_REGION") => "AWS_REGION",
        (None, None) => "from the AWS profile or the instance metadata, else the default",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_taken_apart_as_a_connection_needs_it() {
        for (url, host, port, tls) in [
            (
                "https://b.s3.eu-west-1.amazonaws.com",
                "b.s3.eu-west-1.amazonaws.com",
                443,
                true,
            ),
            ("http://127.0.0.1:9000/bucket", "127.0.0.1", 9000, false),
            ("https://[::1]/bucket", "::1", 443, true),
        ] {
            assert_eq!(parts(url).unwrap(), (host.to_owned(), port, tls), "{url}");
        }
    }

    #[tokio::test]
    async fn the_url_is_that_of_the_sdk() {
        for (pairs, expected) in [
            (&[][..], "https://bucket.s3.eu-west-1.amazonaws.com"),
            (
                &[("s3.path-style-access", "true")],
                "https://s3.eu-west-1.amazonaws.com/bucket",
            ),
            (
                &[("s3.dual-stack", "true")],
                "https://bucket.s3.dualstack.eu-west-1.amazonaws.com",
            ),
            (
                &[("s3.endpoint", "http://127.0.0.1:9000")],
                "http://127.0.0.1:9000/bucket",
            ),
        ] {
            let settings = Settings::read(&Config::from_pairs(pairs.iter().copied())).unwrap();
            let url = url(&settings, "bucket", &Region::from_static("eu-west-1")).await;
            assert_eq!(url.unwrap(), expected);
        }
    }
}
