//! Who asks: the options about credentials, typed and validated.

use std::time::Duration;

use plugin_api::{Config, ConfigOption, Error, ErrorKind, Result};

use super::endpoint;
use crate::credentials::ProviderName;
use crate::options;
use crate::secret::Secret;

/// The range of a session's length, as the API of STS has it for `AssumeRole`.
const SESSION_SECONDS: std::ops::RangeInclusive<u64> = 900..=43_200;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Where credentials come from before everything else.
    pub(crate) providers: Vec<ProviderName>,
    /// A static key pair.
    pub(crate) keys: Option<StaticKeys>,
    /// The role that the credentials are used to assume.
    pub(crate) role: Option<Role>,
}

/// A static key pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StaticKeys {
    pub(crate) access_key: Secret,
    pub(crate) secret_key: Secret,
    pub(crate) session_token: Option<Secret>,
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) external_id: Option<Secret>,
    pub(crate) session_name: String,
    pub(crate) session_duration: Duration,
    pub(crate) policy: Option<String>,
    pub(crate) sts_endpoint: Option<String>,
    /// That of the bucket, if unset.
    pub(crate) sts_region: Option<String>,
}

impl Identity {
    pub(super) fn read(config: &Config) -> Result<Self> {
        let mut providers = providers(config)?;
        if config.bool(&options::ANONYMOUS)?.unwrap_or(false) {
            providers.insert(0, ProviderName::Anonymous);
        }
        Ok(Self {
            providers,
            keys: static_keys(config)?,
            role: role(config)?,
        })
    }

    /// Whether everything that is needed stands in the configuration, so that nobody is asked for it.
    pub(crate) fn is_static(&self) -> bool {
        let first = self.providers.first();
        let configured = match first {
            None | Some(ProviderName::Static) => self.keys.is_some(),
            Some(first) => *first == ProviderName::Anonymous,
        };
        configured && self.role.is_none()
    }
}

/// The listed providers; a list of nothing but blanks is a mistake, since an unset key has no list.
fn providers(config: &Config) -> Result<Vec<ProviderName>> {
    let option = &options::CREDENTIALS_PROVIDER;
    let names = config.list(option);
    let Some(text) = config.text(option) else {
        return Ok(Vec::new());
    };
    if names.is_empty() {
        return Err(option.invalid(text, "contains no valid provider class names"));
    }
    names
        .iter()
        .map(|name| {
            ProviderName::parse(name).ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidConfig,
                    format!(
                        "'{}' is '{text}': Failed to instantiate credentials provider '{name}': there is none of this name",
                        option.key
                    ),
                )
                .with_remedy(format!("use one of {}", ProviderName::all()))
            })
        })
        .collect()
}

fn static_keys(config: &Config) -> Result<Option<StaticKeys>> {
    let access_key = config.text(&options::ACCESS_KEY);
    let secret_key = config.text(&options::SECRET_KEY);
    let session_token = config.text(&options::SESSION_TOKEN);
    match (access_key, secret_key) {
        (Some(access_key), Some(secret_key)) => Ok(Some(StaticKeys {
            access_key: Secret::new(access_key),
            secret_key: Secret::new(secret_key),
            session_token: session_token.map(Secret::new),
        })),
        (None, None) if session_token.is_none() => Ok(None),
        (access_key, _) => {
            let missing = match access_key {
                Some(_) => &options::SECRET_KEY,
                None => &options::ACCESS_KEY,
            };
            Err(Error::new(
                ErrorKind::InvalidConfig,
                format!(
                    "'s3.access-key' and 's3.secret-key' must be set together, but '{}' is missing",
                    missing.key
                ),
            )
            .with_remedy(format!(
                "set '{}', or neither of them to use the AWS default chain",
                missing.key
            )))
        }
    }
}

fn role(config: &Config) -> Result<Option<Role>> {
    let duration = session_duration(config, &options::ASSUME_ROLE_SESSION_DURATION)?.unwrap_or_default();
    let session_name = session_name(config)?;
    let sts_endpoint = sts_endpoint(config, &options::ASSUME_ROLE_STS_ENDPOINT)?;
    let Some(arn) = config.text(&options::ASSUME_ROLE_ARN) else {
        return Ok(None);
    };
    Ok(Some(Role {
        arn: role_arn(&options::ASSUME_ROLE_ARN, arn)?,
        external_id: config.text(&options::ASSUME_ROLE_EXTERNAL_ID).map(Secret::new),
        session_name,
        session_duration: duration,
        policy: config.text(&options::ASSUME_ROLE_POLICY).map(str::to_owned),
        sts_endpoint,
        sts_region: config.text(&options::ASSUME_ROLE_STS_REGION).map(str::to_owned),
    }))
}

/// Some kind of ARN: other stores than AWS have roles with ARNs of their own.
pub(crate) fn role_arn(option: &ConfigOption, arn: &str) -> Result<String> {
    if !arn.starts_with("arn:") {
        return Err(option.invalid(arn, "it is not an ARN"));
    }
    Ok(arn.to_owned())
}

pub(crate) fn sts_endpoint(config: &Config, option: &ConfigOption) -> Result<Option<String>> {
    let text = config.text(option);
    text.map(|text| endpoint::parse(option, text, true)).transpose()
}

/// Seconds if bare, as Flink's documentation says, otherwise a time span.
pub(crate) fn session_duration(config: &Config, option: &ConfigOption) -> Result<Option<Duration>> {
    let Some(text) = config.text(option) else {
        return Ok(None);
    };
    let span = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => config.duration(option)?.unwrap_or_default(),
    };
    if !SESSION_SECONDS.contains(&span.as_secs()) || span.subsec_nanos() != 0 {
        let (least, most) = (SESSION_SECONDS.start(), SESSION_SECONDS.end());
        return Err(option.invalid(
            text,
            &format!(
                "Invalid assume-role.session-duration: must be whole seconds between {least} and {most}"
            ),
        ));
    }
    Ok(Some(span))
}

fn session_name(config: &Config) -> Result<String> {
    let option = &options::ASSUME_ROLE_SESSION_NAME;
    let name = config.text(option).unwrap_or_default();
    let is_legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&name.len()) || !name.chars().all(is_legal) {
        return Err(option.invalid(name, "STS does not take such a name"));
    }
    Ok(name.to_owned())
}
