//! The requests of the instance metadata service.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::Shared;
use crate::clock::iso8601;
use crate::identity::{ACCOUNT, Issued, NewSession};

pub(super) const CONTAINER_CREDENTIALS: &str = "/v2/credentials/testkit";

const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const MAX_TTL: u32 = 21_600;

const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials";

/// The name under which the instance acts.
const INSTANCE: &str = "i-0123456789abcdef0";

type Answer = Response<Full<Bytes>>;

/// Accepts connections until it is aborted, which closes them.
pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Failures concern only the one connection, or pass.
                if let Ok((stream, _)) = accepted {
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move {
                        let handler = service_fn(|request| handle(&shared, request));
                        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), handler);
                        // Errors are those of clients that went away.
                        drop(connection.await);
                    });
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn handle(shared: &Shared, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (method, path) = (request.method(), request.uri().path());
    shared.requests.lock().push(format!("{method} {path}"));
    if shared.options.black_hole {
        return std::future::pending().await;
    }
    Ok(match (method, path) {
        (&Method::PUT, "/latest/api/token") => shared.token(request.headers()),
        (&Method::GET, CONTAINER_CREDENTIALS) => shared.container(request.headers()),
        (&Method::GET, _) => shared.metadata(path, request.headers()),
        _ => status(StatusCode::METHOD_NOT_ALLOWED),
    })
}

impl Shared {
    fn token(&self, headers: &HeaderMap) -> Answer {
        if headers.contains_key("x-forwarded-for") {
            return status(StatusCode::FORBIDDEN);
        }
        let ttl = headers.get(TOKEN_TTL);
        let seconds = ttl.and_then(|ttl| ttl.to_str().ok()?.parse::<u32>().ok());
        let (Some(ttl), Some(1..=MAX_TTL)) = (ttl, seconds) else {
            return status(StatusCode::BAD_REQUEST);
        };
        let token = hex::encode(rand::random::<[u8; 16]>());
        self.tokens.lock().push(token.clone());
        let mut answer = text(token);
        answer.headers_mut().insert(TOKEN_TTL, ttl.clone());
        answer
    }

    fn metadata(&self, path: &str, headers: &HeaderMap) -> Answer {
        let token = headers.get(TOKEN).and_then(|token| token.to_str().ok());
        let is_good = |token: &str| self.tokens.lock().iter().any(|good| good == token);
        if !token.is_some_and(is_good) {
            return status(StatusCode::UNAUTHORIZED);
        }
        if path == "/latest/meta-data/placement/region" {
            return text(self.options.region.clone());
        }
        let Some(role) = &self.options.role else {
            return status(StatusCode::NOT_FOUND);
        };
        match path.strip_prefix(CREDENTIALS) {
            Some("" | "/") => text(role.clone()),
            Some(asked) if asked.strip_prefix('/') == Some(role) => {
                let issued = self.issue("InstanceMetadata", role);
                let mut document = credentials(&issued);
                document["Code"] = json!("Success");
                document["Type"] = json!("AWS-HMAC");
                document["LastUpdated"] = json!(iso8601(self.options.identity.clock().now()));
                json(&document)
            }
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    fn container(&self, headers: &HeaderMap) -> Answer {
        let sent = headers.get(header::AUTHORIZATION);
        let demanded = self.options.container_token.as_deref();
        if demanded.is_some_and(|token| sent.is_none_or(|sent| sent != token)) {
            return status(StatusCode::UNAUTHORIZED);
        }
        let Some(role) = &self.options.role else {
            return status(StatusCode::NOT_FOUND);
        };
        let mut document = credentials(&self.issue("ContainerCredentials", role));
        document["RoleArn"] = json!(format!("arn:aws:iam::{ACCOUNT}:role/{role}"));
        json(&document)
    }

    fn issue(&self, issued_by: &'static str, role: &str) -> Issued {
        self.options.identity.issue(NewSession {
            issued_by,
            arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{INSTANCE}"),
            name: Some(INSTANCE.to_owned()),
            external_id: None,
            policy: None,
            duration: self.options.duration,
        })
    }
}

fn credentials(issued: &Issued) -> Value {
    json!({
        "AccessKeyId": issued.access_key,
        "SecretAccessKey": issued.secret,
        "Token": issued.token,
        "Expiration": iso8601(issued.expiration),
    })
}

fn text(text: String) -> Answer {
    Response::new(Full::from(text))
}

fn json(document: &Value) -> Answer {
    let mut answer = text(document.to_string());
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

fn status(status: StatusCode) -> Answer {
    let mut answer = text(String::new());
    *answer.status_mut() = status;
    answer
}
