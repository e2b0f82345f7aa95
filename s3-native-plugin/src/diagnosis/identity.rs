//! Who asks, and whether the bucket is there for them: `credentials`, `identity`, `bucket`.

use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_sts::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use plugin_api::{Error, ErrorKind, Result, Retry};

use super::report::{Finding, Given, Missing};
use super::rights::refused;
use super::target::Target;
use crate::connector;
use crate::credentials::Sources;
use crate::error::{chain, one_line, root_cause};
use crate::settings::identity::Identity;

/// The credentials; none if requests are not signed.
pub(super) async fn credentials(target: &Target) -> Result<Finding<Option<Credentials>>> {
    let sources = Sources::new(&target.settings, target.delegated.clone(), target.metrics.clone())?;
    let Some(provider) = sources.provider(&target.region).await else {
        return Ok(Finding::new(None, "none: requests are not signed"));
    };
    let credentials = provider.provide_credentials().await.map_err(|error| {
        let role = target.settings.identity.role.as_ref();
        let remedy = match role {
            Some(role) => format!(
                "check that the credentials may sts:AssumeRole on '{}', its external id and 's3.assume-role.sts.endpoint'",
                role.arn
            ),
            None => "set 's3.access-key' and 's3.secret-key', or provide credentials by environment variables, an AWS \
                     profile or the role of the machine"
                .to_owned(),
        };
        let refusal = chain(&error).find_map(|link| link.downcast_ref::<AssumeRoleError>());
        let refusal = refusal.and_then(|refusal| refusal.message().map(one_line));
        let why = refusal.unwrap_or_else(|| root_cause(&error));
        Error::new(ErrorKind::Unauthenticated, format!("no credentials: {why}"))
        .with_remedy(remedy)
    })?;
    let found = format!(
        "access key {} of {}",
        shortened(credentials.access_key_id()),
        origin(&target.settings.identity, &credentials)
    );
    Ok(Finding::new(Some(credentials), found))
}

/// Enough of an access key to recognise it.
fn shortened(access_key: &str) -> String {
    let letters: Vec<char> = access_key.chars().filter(|c| !c.is_control()).collect();
    if letters.len() < 12 {
        return "****".to_owned();
    }
    let (first, last) = (&letters[..4], &letters[letters.len() - 4..]);
    first.iter().chain(&['…']).chain(last).collect()
}

/// Where the credentials come from.
fn origin(identity: &Identity, credentials: &Credentials) -> String {
    if let Some(role) = &identity.role {
        return format!("a session in the role '{}'", role.arn);
    }
    let is_configured = |access_key: &str| access_key == credentials.access_key_id();
    if identity
        .keys
        .as_ref()
        .is_some_and(|keys| is_configured(keys.access_key.reveal()))
    {
        return "'s3.access-key'".to_owned();
    }
    let features = credentials.get_property::<Vec<AwsCredentialFeature>>();
    let first = features.and_then(|features| features.first());
    let origin = match first {
        None => "a delegation token, or another source that does not say",
        Some(AwsCredentialFeature::CredentialsEnvVars) => "AWS_ACCESS_KEY_ID",
        Some(AwsCredentialFeature::CredentialsHttp) => "the agent of the container",
        Some(AwsCredentialFeature::CredentialsImds) => "the instance metadata",
        Some(
            AwsCredentialFeature::CredentialsEnvVarsStsWebIdToken
            | AwsCredentialFeature::CredentialsStsAssumeRoleWebId,
        ) => "a web identity token",
        Some(_) => "the AWS profile",
    };
    origin.to_owned()
}

/// What the stage `identity` needs: signed requests, and an STS that knows who signed them.
pub(super) fn sts(target: &Target, credentials: Option<Credentials>) -> Given<(Credentials, Option<String>)> {
    let credentials = credentials.ok_or(Missing::Because("requests are not signed"))?;
    let identity = &target.settings.identity;
    let configured = identity.role.as_ref().and_then(|role| role.sts_endpoint.clone());
    let from_environment = || {
        std::env::var("AWS_ENDPOINT_URL_STS")
            .ok()
            .filter(|url| !url.is_empty())
    };
    let endpoint = configured.or_else(from_environment);
    let is_amazon = target.host.ends_with(".amazonaws.com") || target.host.ends_with(".amazonaws.com.cn");
    if endpoint.is_none() && !is_amazon {
        return Err(Missing::Because("no STS is known for a custom endpoint"));
    }
    Ok((credentials, endpoint))
}

/// Who we are, as STS says.
pub(super) async fn identity(
    target: &Target,
    (credentials, endpoint): (Credentials, Option<String>),
) -> Result<Finding<()>> {
    let tls = endpoint.as_ref().is_none_or(|url| url.starts_with("https://"));
    let role = target.settings.identity.role.as_ref();
    let region = role.and_then(|role| role.sts_region.clone());
    let region = region.map_or_else(|| target.region.clone(), aws_config::Region::new);
    let mut config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .use_fips(target.settings.endpoint.fips)
        .http_client(connector::credentials_client(&target.settings, tls)?)
        .retry_config(aws_sdk_sts::config::retry::RetryConfig::disabled())
        .credentials_provider(credentials);
    if let Some(endpoint) = endpoint {
        config = config.endpoint_url(endpoint);
    }
    let client = aws_sdk_sts::Client::from_conf(config.build());
    let error = match client.get_caller_identity().send().await {
        Ok(caller) => {
            let arn = caller
                .arn()
                .or(caller.account())
                .unwrap_or("nobody that STS names");
            return Ok(Finding::new((), one_line(arn)));
        }
        Err(error) => error,
    };
    let code = error.code().unwrap_or_default().to_owned();
    if !matches!(error, SdkError::ServiceError(_)) {
        // Whoever reaches the store need not reach STS.
        let found = format!("STS does not answer: {}", root_cause(&error));
        let remedy = "nothing, if no role is to be assumed; otherwise check 's3.assume-role.sts.endpoint' and the \
                      network";
        return Ok(Finding::flawed((), found, remedy));
    }
    let message = one_line(error.message().unwrap_or("STS refuses the credentials"));
    let remedy = match code.as_str() {
        "ExpiredToken" | "ExpiredTokenException" => "provide new credentials",
        _ => "check 's3.access-key' and 's3.secret-key', or wherever the credentials come from",
    };
    Err(Error::new(ErrorKind::Unauthenticated, message)
        .with_service_code(code)
        .with_retry(Retry::No)
        .with_remedy(remedy))
}

/// Whether the bucket is there. Without the right to ask it counts as there.
pub(super) async fn bucket(target: &Target) -> Result<Finding<()>> {
    let found = format!("'{}' is there", target.bucket);
    let head = target.client.head_bucket().bucket(&target.bucket).send().await;
    let Err(error) = head else {
        return Ok(Finding::new((), found));
    };
    let error = refused("s3:ListBucket", &target.root, error);
    match error.kind() {
        ErrorKind::NotFound => Err(Error::new(
            ErrorKind::NotFound,
            format!("no such bucket '{}'", target.bucket),
        )
        .with_http_status(404)
        .with_service_code("NoSuchBucket")
        .with_remedy("create the bucket or correct its name")),
        // The reply to a HEAD has no body; that to a listing says why.
        ErrorKind::PermissionDenied => why_denied(target).await,
        _ => Err(error),
    }
}

async fn why_denied(target: &Target) -> Result<Finding<()>> {
    let listing = target.client.list_objects_v2().bucket(&target.bucket).max_keys(1);
    let found = format!("'{}' is there, but HeadBucket is refused", target.bucket);
    let remedy = "allow s3:ListBucket on the bucket to this identity without a condition on the prefix, or leave it: \
                  the plugin does not need HeadBucket";
    match listing.send().await {
        Ok(_) => Ok(Finding::flawed((), found, remedy)),
        Err(error) => match refused("s3:ListBucket", &target.root, error) {
            // Others than listings may be allowed.
            error if error.service_code() == "AccessDenied" => Ok(Finding::flawed((), found, remedy)),
            error => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_access_key_no_more_is_shown_than_tells_it_from_others() {
        assert_eq!(shortened("AKIAIOSFODNN7EXAMPLE"), "AKIA…MPLE");
        assert_eq!(shortened("minioadmin"), "****");
        assert_eq!(shortened("ééééééééééééé"), "éééé…éééé");
    }
}
