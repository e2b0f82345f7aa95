//! The form that a request to STS is.

use std::fmt::Display;
use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use s3s::{S3Error, S3Result};

use super::{refused, validation};
use crate::operation::STS;

/// Longest form; web identity tokens have up to 20,000 characters.
const MAX_FORM: usize = 64 << 10;

/// The shortest session that can be asked for, in seconds.
const MIN_DURATION: u64 = 900;

/// The parameters of a request.
#[derive(Clone)]
pub(crate) struct Form {
    body: Bytes,
}

/// Whether a request is one to STS: S3 has no operation like that.
pub(super) fn is_form(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    method == Method::POST
        && uri.path() == "/"
        && content_type.starts_with("application/x-www-form-urlencoded")
}

impl Form {
    pub(super) fn new(body: Bytes) -> Self {
        Self { body }
    }

    /// Reads the body of a request to STS; none, if it is not one. A form that is too long is cut, and what is cut
    /// does not match its signature.
    pub(crate) async fn of(request: &Parts, body: &mut Incoming) -> Option<Self> {
        if !is_form(&request.method, &request.uri, &request.headers) {
            return None;
        }
        let mut collected = BytesMut::new();
        while let Some(Ok(frame)) = body.frame().await {
            if let Some(data) = frame.data_ref() {
                collected.extend_from_slice(data);
            }
            if collected.len() > MAX_FORM {
                collected.truncate(MAX_FORM);
                break;
            }
        }
        Some(Self::new(collected.freeze()))
    }

    pub(crate) fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// Name of the operation; `Unknown` for any that is not there.
    pub(crate) fn operation(&self) -> &'static str {
        let action = self.get("Action").unwrap_or_default();
        let known = STS.into_iter().find(|name| *name == action);
        known.unwrap_or("Unknown")
    }

    pub(super) fn unknown(&self) -> S3Error {
        match self.get("Action") {
            Some(action) => {
                let version = self.get("Version").unwrap_or_default();
                let message = format!("Could not find operation {action} for version {version}");
                refused(StatusCode::BAD_REQUEST, "InvalidAction", message)
            }
            None => refused(StatusCode::BAD_REQUEST, "MissingAction", "Missing Action"),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(&self.body);
        let (_, value) = pairs.find(|(found, _)| found == name)?;
        Some(value.into_owned())
    }

    /// A parameter that has to be there, with so many characters.
    pub(super) fn text(&self, name: &str, length: RangeInclusive<usize>) -> S3Result<String> {
        let Some(value) = self.get(name) else {
            let problem = "Member must not be null";
            return Err(validation(format!(
                "1 validation error detected: Value null at '{}' failed to satisfy constraint: {problem}",
                member(name)
            )));
        };
        let count = value.chars().count();
        if count < *length.start() {
            let problem = format!(
                "Member must have length greater than or equal to {}",
                length.start()
            );
            return Err(constraint(name, &value, problem));
        }
        if count > *length.end() {
            let problem = format!("Member must have length less than or equal to {}", length.end());
            return Err(constraint(name, &value, problem));
        }
        Ok(value)
    }

    /// `DurationSeconds`.
    pub(super) fn duration(&self, default: u64, max: u64) -> S3Result<u64> {
        const NAME: &str = "DurationSeconds";
        let Some(text) = self.get(NAME) else {
            return Ok(default);
        };
        let seconds = text.parse::<u64>().map_err(|_| {
            let message = format!("{text} is not a number of seconds");
            refused(StatusCode::BAD_REQUEST, "MalformedInput", message)
        })?;
        if seconds < MIN_DURATION {
            let problem = format!("Member must have value greater than or equal to {MIN_DURATION}");
            return Err(constraint(NAME, &text, problem));
        }
        if seconds > max {
            let problem = format!("Member must have value less than or equal to {max}");
            return Err(constraint(NAME, &text, problem));
        }
        Ok(seconds)
    }
}

pub(super) fn constraint(name: &str, value: &str, problem: impl Display) -> S3Error {
    validation(format!(
        "1 validation error detected: Value '{value}' at '{}' failed to satisfy constraint: {problem}",
        member(name)
    ))
}

/// The name of a parameter in messages, which begins with a small letter.
fn member(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_lowercase() + rest
}
