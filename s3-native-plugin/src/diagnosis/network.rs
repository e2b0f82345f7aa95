//! From the name of the host to a first answer: `dns`, `tcp`, `tls`, `answer`, `clock`, `region`.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use plugin_api::{Error, ErrorKind, Result, Retry};
use tokio::net::TcpStream;

use super::report::Finding;
use super::target::Target;
use super::tls;
use crate::error::{one_line, s3_error};
use crate::options;

/// From here on a reader should know.
const NOTABLE_SKEW: Duration = Duration::from_mins(5);

/// From here on the services refuse signatures.
const REFUSED_SKEW: Duration = Duration::from_mins(15);

/// The addresses of the host.
pub(super) async fn dns(target: &Target) -> Result<Finding<Vec<SocketAddr>>> {
    if let Ok(address) = target.host.parse::<IpAddr>() {
        let addresses = vec![SocketAddr::new(address, target.port)];
        return Ok(Finding::new(addresses, format!("{address} is an address")));
    }
    let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
    let why = match found {
        Ok(addresses) => {
            let addresses: Vec<SocketAddr> = addresses.collect();
            let texts: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
            if !addresses.is_empty() {
                let found = format!("{} is {}", target.host, texts.join(", "));
                return Ok(Finding::new(addresses, found));
            }
            "it has no address".to_owned()
        }
        Err(error) => one_line(&error.to_string()),
    };
    let remedy = match (&target.settings.endpoint.url, target.settings.endpoint.path_style) {
        (None, _) => "check 's3.region', the name of the bucket, and the name servers of this machine",
        (Some(_), true) => "check the host in 's3.endpoint', and the name servers of this machine",
        (Some(_), false) => {
            "check the host in 's3.endpoint'; if the store has no host names for buckets, set \
             's3.path-style-access' to true"
        }
    };
    let message = format!("the host '{}' is not known: {why}", target.host);
    Err(Error::new(ErrorKind::Unavailable, message)
        .with_retry(Retry::Yes)
        .with_remedy(remedy))
}

/// A connection to one of the addresses.
pub(super) async fn tcp(target: &Target, addresses: &[SocketAddr]) -> Result<Finding<TcpStream>> {
    match TcpStream::connect(addresses).await {
        Ok(stream) => {
            let peer = stream
                .peer_addr()
                .map_or_else(|_| target.authority(), |peer| peer.to_string());
            Ok(Finding::new(stream, format!("connected to {peer}")))
        }
        Err(error) => {
            let refused = error.kind() == std::io::ErrorKind::ConnectionRefused;
            let remedy = if refused {
                "check the port in 's3.endpoint', and that the server is running"
            } else {
                "check 's3.endpoint', and that no firewall or security group stands between this machine and it"
            };
            let message = format!("no connection to {}: {error}", target.authority());
            Err(Error::new(ErrorKind::Unavailable, message)
                .with_retry(Retry::Yes)
                .with_remedy(remedy))
        }
    }
}

/// What the head of the first reply says.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    status: u16,
    date: Option<SystemTime>,
    /// By our clock.
    received: Option<SystemTime>,
    bucket_region: Option<String>,
    server: Option<String>,
    is_s3: bool,
}

/// Keeps the head of the first reply of an operation.
#[derive(Clone, Debug, Default)]
struct FirstReply(Arc<Mutex<Option<Head>>>);

impl Intercept for FirstReply {
    fn name(&self) -> &'static str {
        "FirstReply"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let reply = context.response();
        let text = |name| reply.headers().get(name).map(str::to_owned);
        let date = reply.headers().get("date");
        let head = Head {
            status: reply.status().as_u16(),
            date: date
                .and_then(|date| DateTime::from_str(date, Format::HttpDate).ok())
                .and_then(|date| SystemTime::try_from(date).ok()),
            received: Some(SystemTime::now()),
            bucket_region: text("x-amz-bucket-region"),
            server: text("server"),
            is_s3: reply.headers().iter().any(|(name, _)| name.starts_with("x-amz-")),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert(head);
        Ok(())
    }
}

/// An answer to a request without a signature, whichever it is.
pub(super) async fn answer(target: &Target) -> Result<Finding<Head>> {
    let first = FirstReply::default();
    let request = target.unsigned.head_bucket().bucket(&target.bucket).customize();
    let result = request.interceptor(first.clone()).send().await;
    let head = first.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (head, result) {
        (Some(head), _) => {
            let server = head.server.as_deref().map(one_line);
            let server = server.map_or_else(String::new, |server| format!(" from {server}"));
            let found = format!("HTTP {}{server} to an unsigned request", head.status);
            if head.is_s3 {
                return Ok(Finding::new(head, found));
            }
            let found = format!("{found}, without any header of S3");
            let remedy =
                "check that 's3.endpoint' is that of the S3 interface, and no console or other service";
            Ok(Finding::flawed(head, found, remedy))
        }
        (None, Err(error)) => {
            let error = s3_error("diagnose", &target.root, error);
            if !target.tls && error.kind() != ErrorKind::Timeout && tls::is_spoken(target).await {
                let remedy = format!(
                    "the server speaks TLS: write '{}' with https://",
                    options::ENDPOINT.key
                );
                return Err(error.with_remedy(remedy));
            }
            Err(error)
        }
        (None, Ok(_)) => Ok(Finding::new(Head::default(), "answered")),
    }
}

/// How far the clocks are apart.
pub(super) fn clock(head: &Head) -> Finding<()> {
    let (Some(theirs), Some(ours)) = (head.date, head.received) else {
        return Finding::new((), "the store does not tell its time");
    };
    let (skew, direction) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    // A header has whole seconds.
    if skew <= Duration::from_secs(2) {
        return Finding::new((), "the same as the store's");
    }
    let amount = match skew.as_secs() {
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds => format!("{} min", (seconds + 30) / 60),
    };
    let found = format!("this machine is {amount} {direction} the store");
    if skew <= NOTABLE_SKEW {
        return Finding::new((), found);
    }
    let remedy = "set the clock of this machine, and let it be kept (NTP)";
    if skew <= REFUSED_SKEW {
        let found = format!("{found}; from 15 min on signatures are refused");
        return Finding::flawed((), found, remedy);
    }
    let found =
        format!("{found}: a request with its time is refused, and then signed again with that of the store");
    Finding::flawed((), found, remedy)
}

/// Whether the bucket is where the configuration says.
pub(super) fn region(target: &Target, head: &Head) -> Finding<()> {
    let configured = target.region.as_ref();
    match head.bucket_region.as_deref().map(one_line) {
        None => Finding::new((), format!("{configured}; the store names none")),
        Some(region) if region == configured => {
            Finding::new((), format!("the bucket is in {region}, as configured"))
        }
        Some(region) => Finding::flawed(
            (),
            format!(
                "the bucket is in '{region}', and requests go to '{configured}' first: each client finds it by a refusal"
            ),
            format!("set '{}' to '{region}'", options::REGION.key),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_told_with_what_that_does() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(24);
        let at = |date| Head {
            date: Some(date),
            received: Some(now),
            ..Head::default()
        };
        for (date, part) in [
            (now, "the same"),
            (now - Duration::from_mins(1), "60 s ahead"),
            (now + Duration::from_mins(4), "4 min behind"),
            (now - Duration::from_mins(7), "from 15 min on"),
            (
                now + Duration::from_mins(20),
                "20 min behind the store: a request",
            ),
        ] {
            let found = clock(&at(date)).found;
            assert!(found.contains(part), "{found}");
        }
        assert!(clock(&Head::default()).found.contains("does not tell"));
    }
}
