//! Failures without a reply: no connection, a timeout, no credentials.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use plugin_api::{Error, ErrorKind, Retry};

use super::one_line;

/// A request that got no reply, with the host that it was for.
#[derive(Debug)]
pub(crate) struct RequestFailed {
    /// Host and port.
    pub(crate) authority: String,
    pub(crate) source: Box<dyn StdError + Send + Sync>,
}

impl fmt::Display for RequestFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no reply from {}", self.authority)
    }
}

impl StdError for RequestFailed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

/// No connection became free in time.
#[derive(Debug)]
pub(crate) struct PoolExhausted {
    pub(crate) limit: usize,
    pub(crate) waited: Duration,
}

impl fmt::Display for PoolExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "none of the {} connections became free within {:?}",
            self.limit, self.waited
        )
    }
}

impl StdError for PoolExhausted {}

/// What a failure without a reply means.
pub(super) fn transport_error(error: &(dyn StdError + 'static)) -> Error {
    if let Some(error) = credentials_error(error) {
        return error;
    }
    if let Some(exhausted) = find::<PoolExhausted>(error) {
        return Error::new(ErrorKind::Exhausted, exhausted.to_string())
            .with_retry(Retry::Yes)
            .with_remedy("raise 's3.connection.max', or close input streams that are not read");
    }
    let authority = find::<RequestFailed>(error).map_or("the service", |failed| failed.authority.as_str());
    let cause = root_cause(error);
    if is_timeout(error) {
        return Error::new(
            ErrorKind::Timeout,
            format!("no reply from {authority} in time: {cause}"),
        )
        .with_retry(Retry::Yes)
        .with_remedy(format!(
            "{}, or raise 's3.connection.timeout' or 's3.socket.timeout'",
            check(authority)
        ));
    }
    let remedy = if cause.contains("certificate") {
        "make the server's certificate trusted on this machine, or name its authority in 's3.tls.ca-bundle'"
            .to_owned()
    } else if cause.contains("InvalidContentType") {
        "the server may not speak TLS: write 's3.endpoint' with http://".to_owned()
    } else {
        check(authority)
    };
    Error::new(
        ErrorKind::Unavailable,
        format!("cannot reach {authority}: {cause}"),
    )
    .with_retry(Retry::Yes)
    .with_remedy(remedy)
}

/// The operation with all its attempts took too long.
pub(super) fn deadline_error() -> Error {
    Error::new(
        ErrorKind::Timeout,
        "the request did not succeed in the time for it and all its repetitions",
    )
    .with_retry(Retry::Yes)
    .with_remedy("check the network and the store, or raise 's3.operation.timeout'")
}

fn check(authority: &str) -> String {
    let host = authority.split(':').next().unwrap_or(authority);
    if host.ends_with(".amazonaws.com") {
        "check 's3.region', the name of the bucket and the network".to_owned()
    } else {
        "check 's3.endpoint' and that the server is running".to_owned()
    }
}

/// Whether the failure is that of getting credentials, and then which.
pub(super) fn credentials_error(error: &(dyn StdError + 'static)) -> Option<Error> {
    const REMEDY: &str = "set 's3.access-key' and 's3.secret-key', or provide credentials by environment \
                          variables, an AWS profile or the role of the machine";
    let found = find::<CredentialsError>(error)?;
    let message = if matches!(found, CredentialsError::CredentialsNotLoaded(_)) {
        "no credentials were found".to_owned()
    } else {
        format!("the credentials could not be obtained: {}", root_cause(found))
    };
    Some(Error::new(ErrorKind::Unauthenticated, message).with_remedy(REMEDY))
}

pub(crate) fn is_timeout(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|link| {
        link.downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut)
            || link.downcast_ref::<crate::connector::NoProgress>().is_some()
            || link.to_string().contains("timeout occurred")
    })
}

/// `error` and everything below it.
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> + 'a {
    std::iter::successors(Some(error), |&error| {
        // The payload of an I/O error is not its source: the source is that of the payload.
        match error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(payload) => Some(payload as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

pub(super) fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    chain(error).find_map(|link| link.downcast_ref::<T>())
}

/// The innermost cause as a part of one line.
pub(crate) fn root_cause(error: &(dyn StdError + 'static)) -> String {
    one_line(&chain(error).last().unwrap_or(error).to_string())
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    #[test]
    fn missing_credentials_are_unauthenticated_and_say_what_to_set() {
        let none = ConnectorError::other(CredentialsError::not_loaded("no providers").into(), None);
        let error = transport_error(&none);
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.remedy().contains("'s3.access-key'"), "{error}");
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_told_from_a_server_that_is_down() {
        let failed = |cause: &str| {
            let source = std::io::Error::other(cause.to_owned()).into();
            transport_error(&RequestFailed {
                authority: "s3.example.com:443".to_owned(),
                source,
            })
        };
        let untrusted = failed("invalid peer certificate: UnknownIssuer");
        assert_eq!(untrusted.kind(), ErrorKind::Unavailable);
        assert!(untrusted.remedy().contains("trusted"), "{untrusted}");
        let down = failed("Connection refused (os error 111)");
        assert!(
            down.message().contains("s3.example.com:443: Connection refused"),
            "{down}"
        );
        assert!(down.remedy().contains("'s3.endpoint'"), "{down}");
    }
}
