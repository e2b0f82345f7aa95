//! Delegation tokens of the service `s3-native`: sessions of STS that one process obtains for others.

mod payload;

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::types::Credentials as Session;
use plugin_api::{
    Config, DelegationToken, DelegationTokenProvider, DelegationTokenReceiver, Error, ErrorKind, Result,
    Retry, async_trait,
};

use crate::connector;
use crate::credentials::DelegatedCredentials;
use crate::options;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::settings::identity::{role_arn, session_duration, sts_endpoint};

/// What pairs a provider with its receiver.
const SERVICE: &str = "s3-native";

/// The name of the sessions in a role, which audit trails show.
const SESSION_NAME: &str = "fsplug-delegation-token";

/// Obtains sessions from STS.
pub(crate) struct SessionTokenProvider {
    /// None if the configuration does not ask for tokens.
    source: Option<Source>,
}

struct Source {
    settings: Settings,
    access_key: Secret,
    secret_key: Secret,
    region: String,
    role: Option<String>,
    seconds: Option<i32>,
    endpoint: Option<String>,
}

impl SessionTokenProvider {
    /// Tokens are asked for if region, access key and secret key are all set, and not switched off.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] for a value out of its range.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let enabled = config.bool(&options::TOKEN_ENABLED)?.unwrap_or(true);
        let seconds = session_duration(config, &options::TOKEN_SESSION_DURATION)?;
        let endpoint = sts_endpoint(config, &options::TOKEN_STS_ENDPOINT)?;
        let role = config.text(&options::TOKEN_ROLE_ARN);
        let role = role
            .map(|arn| role_arn(&options::TOKEN_ROLE_ARN, arn))
            .transpose()?;
        let text = |option| config.text(option);
        let source = match (
            text(&options::TOKEN_REGION),
            text(&options::TOKEN_ACCESS_KEY),
            text(&options::TOKEN_SECRET_KEY),
        ) {
            (Some(region), Some(access_key), Some(secret_key)) if enabled => Some(Source {
                settings: Settings::read(config)?,
                access_key: Secret::new(access_key),
                secret_key: Secret::new(secret_key),
                region: region.to_owned(),
                role,
                seconds: seconds.map(|span| span.as_secs() as i32),
                endpoint,
            }),
            _ => None,
        };
        Ok(Self { source })
    }
}

#[async_trait]
impl DelegationTokenProvider for SessionTokenProvider {
    fn service_name(&self) -> String {
        SERVICE.to_owned()
    }

    fn is_required(&self) -> bool {
        self.source.is_some()
    }

    async fn obtain(&self) -> Result<DelegationToken> {
        let source = self.source.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::InvalidConfig, "no delegation tokens are configured").with_remedy(format!(
                "set '{}', '{}' and '{}'",
                options::TOKEN_REGION.key,
                options::TOKEN_ACCESS_KEY.key,
                options::TOKEN_SECRET_KEY.key
            ))
        })?;
        let session = source.session().await?;
        payload::encode(&session)
    }
}

impl Source {
    async fn session(&self) -> Result<Session> {
        let client = self.client()?;
        let session = match &self.role {
            None => client
                .get_session_token()
                .set_duration_seconds(self.seconds)
                .send()
                .await
                .map(|reply| reply.credentials)
                .map_err(|error| refused(&error))?,
            Some(arn) => client
                .assume_role()
                .role_arn(arn)
                .role_session_name(SESSION_NAME)
                .set_duration_seconds(self.seconds)
                .send()
                .await
                .map(|reply| reply.credentials)
                .map_err(|error| refused(&error))?,
        };
        session.ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, "STS answered without credentials")
                .with_operation("obtain a token")
        })
    }

    fn client(&self) -> Result<aws_sdk_sts::Client> {
        let tls = self
            .endpoint
            .as_ref()
            .is_none_or(|url| url.starts_with("https://"));
        let keys = Credentials::new(
            self.access_key.reveal(),
            self.secret_key.reveal(),
            None,
            None,
            SERVICE,
        );
        let mut config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .http_client(connector::credentials_client(&self.settings, tls)?)
            .credentials_provider(keys);
        if let Some(endpoint) = &self.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Ok(aws_sdk_sts::Client::from_conf(config.build()))
    }
}

fn refused<E, R>(error: &SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let (kind, retry) = match error {
        SdkError::ServiceError(_) => (ErrorKind::PermissionDenied, Retry::No),
        _ => (ErrorKind::Unavailable, Retry::Yes),
    };
    let code = error.code().unwrap_or_default().to_owned();
    let cause = error
        .message()
        .map_or_else(|| crate::error::root_cause(error), str::to_owned);
    Error::new(
        kind,
        format!("STS gave no session: {}", crate::error::one_line(&cause)),
    )
    .with_operation("obtain a token")
    .with_service_code(code)
    .with_retry(retry)
    .with_remedy(format!(
        "check '{}' and its secret, region and endpoint",
        options::TOKEN_ACCESS_KEY.key
    ))
}

/// Takes tokens into use, in all file systems of a factory.
pub(crate) struct SessionTokenReceiver(pub(crate) Arc<DelegatedCredentials>);

#[async_trait]
impl DelegationTokenReceiver for SessionTokenReceiver {
    fn service_name(&self) -> String {
        SERVICE.to_owned()
    }

    async fn receive(&self, token: &DelegationToken) -> Result<()> {
        self.0.replace(payload::decode(token)?);
        Ok(())
    }
}
