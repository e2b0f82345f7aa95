//! Which store and how to reach it: the options about the endpoint, typed and validated.

use std::path::PathBuf;

use plugin_api::{Config, ConfigOption, Result};

use crate::options;

/// Which store and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Endpoint {
    /// The URL of a custom endpoint, without trailing slashes.
    pub(crate) url: Option<String>,
    /// As configured, or as the name of the endpoint says; [`None`] is resolved when the client is made.
    pub(crate) region: Option<String>,
    pub(crate) path_style: bool,
    /// Whether payloads are sent unsigned: they are protected by TLS, or never leave the machine.
    pub(crate) unsigned_payload: bool,
    /// A file of certificates to trust instead of the machine's own.
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) dual_stack: bool,
    pub(crate) fips: bool,
    pub(crate) accelerate: bool,
    /// The access point that stands for the bucket in requests.
    pub(crate) access_point: Option<String>,
}

impl Endpoint {
    pub(super) fn read(config: &Config) -> Result<Self> {
        let url = url(config)?;
        let region = config.text(&options::REGION).map(str::to_owned);
        let path_style = config.bool(&options::PATH_STYLE_ACCESS)?;
        let endpoint = Self {
            region: region.or_else(|| region_of(url.as_deref()?)),
            path_style: path_style.unwrap_or_else(|| url.as_deref().is_some_and(|url| !is_amazon(url))),
            unsigned_payload: url.as_deref().is_none_or(payload_is_protected),
            ca_bundle: ca_bundle(config),
            dual_stack: config.bool(&options::DUAL_STACK)?.unwrap_or(false),
            fips: config.bool(&options::FIPS)?.unwrap_or(false),
            accelerate: config.bool(&options::ACCELERATE)?.unwrap_or(false),
            access_point: access_point(config)?,
            url,
        };
        endpoint.check()?;
        Ok(endpoint)
    }

    /// Refuses what only the endpoints of Amazon S3 have together with another one.
    fn check(&self) -> Result<()> {
        let Some(url) = &self.url else { return Ok(()) };
        for (is_set, option) in [
            (self.dual_stack, &options::DUAL_STACK),
            (self.fips, &options::FIPS),
            (self.accelerate, &options::ACCELERATE),
        ] {
            if is_set {
                let why = format!("the endpoint '{url}' is given, and does not change with it");
                return Err(option.invalid("true", &why));
            }
        }
        Ok(())
    }

    /// Whether requests do not leave the machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.url.as_deref().is_some_and(is_loopback)
    }

    /// Whether requests are sent in the clear.
    pub(crate) fn is_plain(&self) -> bool {
        self.url.as_ref().is_some_and(|url| url.starts_with("http://"))
    }
}

/// The configured endpoint, else that of the environment. That of Amazon S3 itself is none.
fn url(config: &Config) -> Result<Option<String>> {
    let option = &options::ENDPOINT;
    let tls = config.bool(&options::CONNECTION_SSL)?.unwrap_or(true);
    let from_environment = || {
        let ignored = std::env::var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        if ignored.is_ok_and(|ignored| ignored.eq_ignore_ascii_case("true")) {
            return None;
        }
        let urls = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].map(|name| std::env::var(name).ok());
        urls.into_iter().flatten().find(|url| !url.trim().is_empty())
    };
    let text = config.text(option).map(str::to_owned).or_else(from_environment);
    let url = text.map(|text| parse(option, text.trim(), tls)).transpose()?;
    Ok(url.filter(|url| host(url).is_none_or(|host| host != "s3.amazonaws.com")))
}

/// The URL without trailing slashes; a bare `host:port` gets a scheme.
pub(crate) fn parse(option: &ConfigOption, text: &str, tls: bool) -> Result<String> {
    let url = match (text.contains("://"), tls) {
        (true, _) => text.to_owned(),
        (false, true) => format!("https://{text}"),
        (false, false) => format!("http://{text}"),
    };
    let refused = |why| Err(option.invalid(&without_user_info(text), why));
    let Ok(parsed) = url.parse::<http::Uri>() else {
        return refused("it is not a URL");
    };
    if !matches!(parsed.scheme_str(), Some("http" | "https")) {
        return refused("its scheme must be http or https");
    }
    if parsed.host().is_none_or(str::is_empty) {
        return refused("it names no host");
    }
    let has_user = |authority: &http::uri::Authority| authority.as_str().contains('@');
    if parsed.authority().is_some_and(has_user) {
        return refused("it must not hold a user name or password");
    }
    if parsed.query().is_some() {
        return refused("it must not have a query");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Hides what may be a password in a URL that is about to be shown.
fn without_user_info(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, host)) => format!("<redacted>@{host}"),
        None => url.to_owned(),
    }
}

fn host(url: &str) -> Option<String> {
    Some(url.parse::<http::Uri>().ok()?.host()?.to_ascii_lowercase())
}

/// Whether an endpoint is one of Amazon S3, such as that of a VPC or a region.
fn is_amazon(url: &str) -> bool {
    let host = host(url).unwrap_or_default();
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

/// The region in the name of an endpoint of Amazon S3.
fn region_of(url: &str) -> Option<String> {
    let host = host(url).filter(|_| is_amazon(url))?;
    let is_region = |label: &&str| {
        let words: Vec<&str> = label.split('-').collect();
        words.len() >= 3
            && words[0].len() == 2
            && words
                .iter()
                .rev()
                .skip(1)
                .all(|word| word.bytes().all(|b| b.is_ascii_lowercase()))
            && words
                .last()
                .is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()) && !number.is_empty())
    };
    let labels = host
        .split('.')
        .map(|label| label.strip_prefix("s3-").unwrap_or(label));
    labels.rev().find(is_region).map(str::to_owned)
}

/// Whether nobody between us and the endpoint can change a payload: TLS, or the same machine.
fn payload_is_protected(endpoint: &str) -> bool {
    endpoint.starts_with("https://") || is_loopback(endpoint)
}

/// Whether requests leave the machine in the clear.
pub(crate) fn is_exposed(endpoint: &str) -> bool {
    endpoint.starts_with("http://") && !is_loopback(endpoint)
}

fn is_loopback(endpoint: &str) -> bool {
    let host = host(endpoint).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The configured file, else that of the environment, as the AWS command line has it.
fn ca_bundle(config: &Config) -> Option<PathBuf> {
    let configured = config.text(&options::CA_BUNDLE).map(PathBuf::from);
    let from_environment = || std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
    configured.or_else(|| from_environment().map(PathBuf::from))
}

fn access_point(config: &Config) -> Result<Option<String>> {
    let option = &options::ACCESS_POINT;
    match config.text(option) {
        Some(arn) if !arn.starts_with("arn:") => Err(option.invalid(arn, "it is not an ARN")),
        arn => Ok(arn.map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_in_the_name_of_an_amazon_endpoint_only() {
        for (url, region) in [
            ("https://s3.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("https://s3-us-west-2.amazonaws.com", Some("us-west-2")),
            (
                "https://s3.dualstack.ap-south-1.amazonaws.com",
                Some("ap-south-1"),
            ),
            (
                "https://bucket.vpce-1a2b-3c.s3.us-gov-east-1.vpce.amazonaws.com",
                Some("us-gov-east-1"),
            ),
            ("https://s3.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("https://s3.amazonaws.com", None),
            ("https://s3.eu-west-1.example.com", None),
        ] {
            assert_eq!(region_of(url).as_deref(), region, "{url}");
        }
    }
}
