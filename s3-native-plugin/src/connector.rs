//! The HTTP connector: hyper, with a limit on connections and a timeout that follows progress.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use plugin_api::Result;
use plugin_api::metrics::{BYTES_SENT, CONNECTION_WAIT};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::{PoolExhausted, RequestFailed};
use crate::metrics::{Metrics, Traffic};
use crate::retry::{Paced, SLOWEST};
use crate::settings::Settings;

mod body;
mod speed;
mod trust;

use body::{Progress, ProgressBody, ReplyBody, Seen};
pub(crate) use trust::roots;

/// The client for all requests to the store of one set of settings.
///
/// Where nothing is reached over TLS, a machine without root certificates will do.
///
/// # Errors
/// [`InvalidConfig`](plugin_api::ErrorKind::InvalidConfig) if the certificates to trust cannot be read.
pub(crate) fn http_client(settings: &Settings, metrics: &Arc<Metrics>) -> Result<SharedHttpClient> {
    let endpoint = &settings.endpoint;
    let builder = Connector::builder()
        .connector_settings(
            HttpConnectorSettings::builder()
                .connect_timeout(settings.connection_timeout)
                .build(),
        )
        .enable_tcp_nodelay(true)
        .proxy_config(if endpoint.is_loopback() {
            ProxyConfig::disabled()
        } else {
            ProxyConfig::from_env()
        })
        .pool_idle_timeout(settings.connection_max_idle_time)
        .pool_max_idle_per_host(settings.connection_max);
    let hyper = if endpoint.is_plain() {
        builder.build_http()
    } else {
        builder
            .tls_provider(RUSTLS)
            .tls_context(trust::context(endpoint.ca_bundle.as_deref())?)
            .build()
    };
    let connector = SharedHttpConnector::new(LimitedConnector {
        hyper: SharedHttpConnector::new(hyper),
        permits: Arc::new(Semaphore::new(settings.connection_max)),
        limit: settings.connection_max,
        connection_timeout: settings.connection_timeout,
        socket_timeout: settings.socket_timeout,
        metrics: metrics.clone(),
    });
    // The SDK asks once per set of timeouts of an operation; ours are the same for all.
    Ok(http_client_fn(move |_, _| connector.clone()))
}

const RUSTLS: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);

/// The client for those who provide credentials: STS, and the agents of containers and instances.
///
/// Its timeouts are those that they ask for, which are short where nobody may be listening. A connection is
/// made for each request, of which there are few. What is asked in the clear never goes to a proxy.
///
/// # Errors
/// As [`http_client`].
pub(crate) fn credentials_client(settings: &Settings, tls: bool) -> Result<SharedHttpClient> {
    let context = if tls {
        Some(trust::context(settings.endpoint.ca_bundle.as_deref())?)
    } else {
        None
    };
    let proxy = https_proxy();
    Ok(http_client_fn(move |timeouts, _| {
        let builder = Connector::builder()
            .connector_settings(timeouts.clone())
            .enable_tcp_nodelay(true);
        SharedHttpConnector::new(match &context {
            Some(context) => builder
                .proxy_config(proxy.clone())
                .tls_provider(RUSTLS)
                .tls_context(context.clone())
                .build(),
            None => builder.build_http(),
        })
    }))
}

/// The environment's proxy for requests over TLS.
fn https_proxy() -> ProxyConfig {
    let variable = |names: [&str; 2]| names.iter().find_map(|name| std::env::var(name).ok());
    let url = variable(["HTTPS_PROXY", "https_proxy"]).or_else(|| variable(["ALL_PROXY", "all_proxy"]));
    let proxy = url
        .filter(|url| !url.is_empty())
        .and_then(|url| ProxyConfig::https(url).ok());
    match (proxy, variable(["NO_PROXY", "no_proxy"])) {
        (Some(proxy), Some(exceptions)) => proxy.no_proxy(exceptions),
        (Some(proxy), None) => proxy,
        (None, _) => ProxyConfig::disabled(),
    }
}

/// Hyper behind a limit. A connection counts until the reply's body has been read or dropped.
#[derive(Debug)]
struct LimitedConnector {
    hyper: SharedHttpConnector,
    permits: Arc<Semaphore>,
    limit: usize,
    connection_timeout: Duration,
    socket_timeout: Duration,
    metrics: Arc<Metrics>,
}

/// Neither was more of the request taken nor did more of the reply come, or next to nothing.
#[derive(Debug)]
pub(crate) struct NoProgress(Duration);

impl fmt::Display for NoProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no progress for {:?}", self.0)
    }
}

impl StdError for NoProgress {}

impl HttpConnector for LimitedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let authority = request
            .uri()
            .parse::<http::Uri>()
            .ok()
            .and_then(|uri| uri.authority().map(ToString::to_string))
            .unwrap_or_else(|| "the service".to_owned());
        let hyper = self.hyper.clone();
        let permits = self.permits.clone();
        let (limit, connection_timeout, socket_timeout) =
            (self.limit, self.connection_timeout, self.socket_timeout);
        let paced = request.extension::<Paced>().cloned();
        let operation = paced.as_ref().map_or("Unknown", |paced| paced.operation);
        let metrics = self.metrics.clone();
        HttpConnectorFuture::new(async move {
            if let Some(delay) = paced.map(|paced| paced.delay())
                && !delay.is_zero()
            {
                tokio::time::sleep(delay).await;
            }
            let permit = if let Ok(permit) = permits.clone().try_acquire_owned() {
                permit
            } else {
                let since = std::time::Instant::now();
                let waiting = tokio::time::timeout(connection_timeout, permits.acquire_owned());
                let waited = waiting.await;
                metrics.took(&CONNECTION_WAIT, since, &[]);
                let Ok(Ok(permit)) = waited else {
                    let exhausted = PoolExhausted {
                        limit,
                        waited: connection_timeout,
                    };
                    return Err(ConnectorError::other(exhausted.into(), None));
                };
                permit
            };
            let progress = Progress::default();
            let mut sent = Sent {
                traffic: Traffic::new(&metrics, operation, &BYTES_SENT),
                len: request.body().content_length().unwrap_or(0),
                progress: progress.clone(),
                answered: false,
            };
            let request = watch_progress(request, &progress);
            match with_progress(hyper.call(request), &progress, socket_timeout).await {
                Ok(mut response) => {
                    sent.answered = true;
                    let traffic = Traffic::received(&metrics, operation);
                    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
                    *response.body_mut() =
                        SdkBody::from_body_1_x(ReplyBody::new(body, permit, socket_timeout, traffic));
                    Ok(response)
                }
                Err(error) => Err(with_authority(error, authority)),
            }
        })
    }
}

/// Tells how much of a request's body was sent, when there is a reply or never will be.
struct Sent {
    traffic: Traffic,
    len: u64,
    progress: Progress,
    answered: bool,
}

impl Drop for Sent {
    fn drop(&mut self) {
        // A small body is taken in one go, and nobody watches.
        let small = if self.answered { self.len } else { 0 };
        self.traffic
            .add(self.progress.seen().map_or(small, |seen| seen.taken));
    }
}

/// Waits for the reply as long as something moves.
///
/// What the connection has taken of a body is not yet with the peer: the operating system holds some
/// megabytes back, and nobody tells how fast they leave. So the peer gets the time that they take at
/// the slowest speed that is served.
async fn with_progress(
    reply: HttpConnectorFuture,
    progress: &Progress,
    socket_timeout: Duration,
) -> std::result::Result<HttpResponse, ConnectorError> {
    tokio::pin!(reply);
    let start = Instant::now();
    let mut deadline = start + socket_timeout;
    loop {
        match tokio::time::timeout_at(deadline, reply.as_mut()).await {
            Ok(reply) => return reply,
            Err(_) => match progress.seen() {
                Some(seen) if received(start, seen) + socket_timeout > deadline => {
                    deadline = received(start, seen) + socket_timeout;
                }
                _ => return Err(ConnectorError::timeout(NoProgress(socket_timeout).into())),
            },
        }
    }
}

/// When even the slowest peer has what was taken of a body.
fn received(start: Instant, seen: Seen) -> Instant {
    /// The most that the operating system holds back of one connection.
    const HELD_BACK: u64 = 4 << 20;
    let all = start + Duration::from_secs(seen.taken / SLOWEST);
    let rest = seen.last + Duration::from_secs(HELD_BACK / SLOWEST);
    all.min(rest).max(seen.last)
}

/// Lets a large body of a request tell when parts of it are taken.
fn watch_progress(request: HttpRequest, progress: &Progress) -> HttpRequest {
    const LARGE: u64 = 64 << 10;
    let mut request = request;
    if request.body().content_length().is_some_and(|len| len > LARGE) {
        let body = std::mem::replace(request.body_mut(), SdkBody::taken());
        *request.body_mut() = SdkBody::from_body_1_x(ProgressBody::new(body, progress.clone()));
    }
    request
}

/// The same failure, naming the host.
fn with_authority(error: ConnectorError, authority: String) -> ConnectorError {
    let (io, timeout, user, other) = (
        error.is_io(),
        error.is_timeout(),
        error.is_user(),
        error.as_other(),
    );
    let connection = error.connection_metadata().cloned();
    let failed = RequestFailed {
        authority,
        source: error.into_source(),
    }
    .into();
    let error = if timeout {
        ConnectorError::timeout(failed)
    } else if io {
        ConnectorError::io(failed)
    } else if user {
        ConnectorError::user(failed)
    } else {
        ConnectorError::other(failed, other)
    };
    match connection {
        Some(connection) => error.with_connection(connection),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_was_taken_at_once_may_still_be_on_its_way_to_a_slow_peer() {
        let start = Instant::now();
        let seen = |taken, after| Seen {
            taken,
            last: start + Duration::from_secs(after),
        };
        let secs = |seen| received(start, seen).duration_since(start).as_secs();
        assert_eq!(secs(seen(1 << 20, 0)), 64);
        // It has been seen to take more than can be held back.
        assert_eq!(secs(seen(64 << 20, 3_900)), 3_900 + 196);
        assert_eq!(secs(seen(64 << 20, 10)), 10 + 256);
        assert_eq!(secs(seen(1 << 20, 100)), 100);
    }
}
