//! [`Error`]: what went wrong, where, whether to try again and what to do.

mod cause;
mod io;
mod kind;

use std::borrow::Cow;
use std::fmt;

use cause::{SourceChain, short_type_name};

pub use cause::Cause;
pub use kind::{ErrorKind, Retry};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The one error type of hosts and plugins.
///
/// [`Display`](fmt::Display) prints one line: operation, path, message, the service's facts and the
/// remedy. [`Debug`] adds the causes. Neither ever holds a secret: whoever builds an error must not
/// put one in.
///
/// ```
/// use plugin_api::{Error, ErrorKind, Retry};
///
/// let error = Error::new(ErrorKind::NotFound, "no such bucket 'logs'")
///     .with_operation("open")
///     .with_path("s3://logs/a")
///     .with_service_code("NoSuchBucket")
///     .with_http_status(404)
///     .with_remedy("create the bucket or correct its name");
/// assert_eq!(
///     error.to_string(),
///     "open s3://logs/a: no such bucket 'logs' (HTTP 404 NoSuchBucket); \
///      create the bucket or correct its name"
/// );
/// assert_eq!(error.retry(), Retry::No);
/// ```
#[derive(Clone)]
pub struct Error(Box<Body>);

#[derive(Clone)]
struct Body {
    parts: ErrorParts,
    source: Option<SourceChain>,
}

/// Everything an error says; what crosses the boundary.
#[derive(Clone)]
pub(crate) struct ErrorParts {
    pub(crate) kind: ErrorKind,
    pub(crate) retry: Retry,
    pub(crate) message: String,
    pub(crate) operation: Cow<'static, str>,
    pub(crate) path: String,
    pub(crate) remedy: String,
    pub(crate) service_code: String,
    /// 0 if there was no reply.
    pub(crate) http_status: u16,
    pub(crate) request_id: String,
    pub(crate) attempts: u32,
    pub(crate) causes: Vec<Cause>,
    pub(crate) details: Vec<(String, String)>,
}

impl Error {
    /// An error of this kind; `message` says what happened, in lower case and without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::from_parts(ErrorParts {
            kind,
            retry: Retry::No,
            message: message.into(),
            operation: Cow::Borrowed(""),
            path: String::new(),
            remedy: String::new(),
            service_code: String::new(),
            http_status: 0,
            request_id: String::new(),
            attempts: 0,
            causes: Vec::new(),
            details: Vec::new(),
        })
    }

    pub(crate) fn from_parts(parts: ErrorParts) -> Self {
        let source = SourceChain::link(&parts.causes);
        Self(Box::new(Body { parts, source }))
    }

    pub(crate) fn into_parts(self) -> ErrorParts {
        self.0.parts
    }

    /// [`ErrorKind::Unsupported`]: `who` cannot do `what`.
    pub fn unsupported(who: &str, what: &str) -> Self {
        Self::new(ErrorKind::Unsupported, format!("{who} does not support {what}"))
    }

    /// Whether and when to try again.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.parts.retry = retry;
        self
    }

    /// The operation that failed, such as `open`; an operation that is already set stays.
    #[must_use]
    pub fn with_operation(mut self, operation: impl Into<Cow<'static, str>>) -> Self {
        if self.0.parts.operation.is_empty() {
            self.0.parts.operation = operation.into();
        }
        self
    }

    /// The path that it failed on; a path that is already set stays. The user and password that a path may have in
    /// front of its authority are not shown.
    #[must_use]
    pub fn with_path(mut self, path: impl fmt::Display) -> Self {
        if self.0.parts.path.is_empty() {
            self.0.parts.path = without_password(path.to_string());
        }
        self
    }

    /// What the reader can do about it, as an imperative phrase.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.parts.remedy = remedy.into();
        self
    }

    /// The service's own code, such as `SlowDown`.
    #[must_use]
    pub fn with_service_code(mut self, code: impl Into<String>) -> Self {
        self.0.parts.service_code = code.into();
        self
    }

    /// The HTTP status of the last reply.
    #[must_use]
    pub fn with_http_status(mut self, status: u16) -> Self {
        self.0.parts.http_status = status;
        self
    }

    /// The service's id of the request, for its support.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        self.0.parts.request_id = id.into();
        self
    }

    /// How many attempts were made in all.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.parts.attempts = attempts;
        self
    }

    /// Appends a cause: the outermost first.
    #[must_use]
    pub fn with_cause(mut self, type_name: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.parts.causes.push(Cause {
            type_name: type_name.into(),
            message: message.into(),
        });
        self.0.source = SourceChain::link(&self.0.parts.causes);
        self
    }

    /// Appends `error` and its chain of sources as causes.
    #[must_use]
    pub fn with_source<E: std::error::Error>(mut self, error: &E) -> Self {
        self = self.with_cause(short_type_name::<E>(), error.to_string());
        let mut next = error.source();
        while let Some(source) = next {
            self = self.with_cause("", source.to_string());
            next = source.source();
        }
        self
    }

    /// Appends a further fact by key.
    #[must_use]
    pub fn with_detail(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.parts.details.push((key.into(), value.into()));
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.parts.kind
    }

    /// Whether the same call may succeed when it is made again.
    pub fn retry(&self) -> Retry {
        self.0.parts.retry
    }

    /// What happened, without path and remedy.
    pub fn message(&self) -> &str {
        &self.0.parts.message
    }

    /// The message with the service's facts, without operation, path and remedy.
    pub(crate) fn what(&self) -> String {
        let body = &self.0.parts;
        let mut facts = Vec::new();
        match (body.http_status, body.service_code.as_str()) {
            (0, "") => {}
            (0, code) => facts.push(code.to_owned()),
            (status, "") => facts.push(format!("HTTP {status}")),
            (status, code) => facts.push(format!("HTTP {status} {code}")),
        }
        if !body.request_id.is_empty() {
            facts.push(format!("request id {}", body.request_id));
        }
        if body.attempts > 1 {
            facts.push(format!("{} attempts", body.attempts));
        }
        if facts.is_empty() {
            return body.message.clone();
        }
        format!("{} ({})", body.message, facts.join(", "))
    }

    /// The operation that failed, or "".
    pub fn operation(&self) -> &str {
        &self.0.parts.operation
    }

    /// The path that it failed on, or "".
    pub fn path(&self) -> &str {
        &self.0.parts.path
    }

    /// What to do about it, or "".
    pub fn remedy(&self) -> &str {
        &self.0.parts.remedy
    }

    /// The service's own code, or "".
    pub fn service_code(&self) -> &str {
        &self.0.parts.service_code
    }

    /// The HTTP status of the last reply, if there was one.
    pub fn http_status(&self) -> Option<u16> {
        (self.0.parts.http_status != 0).then_some(self.0.parts.http_status)
    }

    /// The service's id of the request, or "".
    pub fn request_id(&self) -> &str {
        &self.0.parts.request_id
    }

    /// How many attempts were made in all; 0 if that is not known.
    pub fn attempts(&self) -> u32 {
        self.0.parts.attempts
    }

    /// The chain of causes, the outermost first.
    pub fn causes(&self) -> &[Cause] {
        &self.0.parts.causes
    }

    /// Further facts by key.
    pub fn details(&self) -> &[(String, String)] {
        &self.0.parts.details
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = &self.0.parts;
        match (body.operation.is_empty(), body.path.is_empty()) {
            (false, false) => write!(f, "{} {}: ", body.operation, body.path)?,
            (false, true) => write!(f, "{}: ", body.operation)?,
            (true, false) => write!(f, "{}: ", body.path)?,
            (true, true) => {}
        }
        f.write_str(&self.what())?;
        if !body.remedy.is_empty() {
            write!(f, "; {}", body.remedy)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {self}", self.0.parts.kind)?;
        for cause in &self.0.parts.causes {
            match cause.type_name.as_str() {
                "" => write!(f, "\n  caused by {}", cause.message)?,
                name => write!(f, "\n  caused by {name}: {}", cause.message)?,
            }
        }
        for (key, value) in &self.0.parts.details {
            write!(f, "\n  {key}: {value}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|chain| chain as _)
    }
}

/// The path without user and password. An authority may have an `@` of another meaning, but no colon before it.
fn without_password(path: String) -> String {
    let Some((scheme, rest)) = path.split_once("://") else {
        return path;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) if authority[..at].contains(':') => format!("{scheme}://<redacted>{}", &rest[at..]),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn kinds_round_trip_and_unknown_numbers_become_other() {
        for &kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_number(kind.number()), kind);
        }
        assert_eq!(ErrorKind::from_number(u32::MAX), ErrorKind::Other);
    }

    #[test]
    fn an_io_error_round_trips_with_its_kind() {
        for kind in [
            std::io::ErrorKind::NotFound,
            std::io::ErrorKind::PermissionDenied,
            std::io::ErrorKind::AlreadyExists,
            std::io::ErrorKind::IsADirectory,
            std::io::ErrorKind::DirectoryNotEmpty,
            std::io::ErrorKind::TimedOut,
            std::io::ErrorKind::UnexpectedEof,
        ] {
            let back: std::io::Error = Error::from(std::io::Error::from(kind)).into();
            assert_eq!(back.kind(), kind);
            assert!(
                back.get_ref()
                    .is_some_and(<dyn std::error::Error + Send + Sync>::is::<Error>)
            );
        }
    }

    #[test]
    fn sources_become_causes_and_a_source_chain() {
        let inner = Error::new(ErrorKind::Timeout, "connect timed out").with_cause("Os", "110");
        let outer = Error::new(ErrorKind::Unavailable, "cannot reach the store").with_source(&inner);
        assert_eq!(outer.causes().len(), 2);
        assert_eq!(outer.causes()[0].type_name, "error::Error");
        let first = outer.source().unwrap();
        assert_eq!(first.to_string(), "connect timed out");
        assert_eq!(first.source().unwrap().to_string(), "110");
    }

    #[test]
    fn operation_and_path_of_the_innermost_layer_win() {
        let error = Error::new(ErrorKind::Other, "x")
            .with_operation("UploadPart")
            .with_path("s3://b/k")
            .with_operation("write")
            .with_path("s3://b");
        assert_eq!((error.operation(), error.path()), ("UploadPart", "s3://b/k"));
    }

    #[test]
    fn a_password_in_the_path_is_not_shown() {
        for (path, shown) in [
            ("s3://user:p@ss@bucket/a:b@c", "s3://<redacted>@bucket/a:b@c"),
            ("abfs://container@account/a", "abfs://container@account/a"),
            ("s3://bucket/a:b@c", "s3://bucket/a:b@c"),
            ("/a:b@c", "/a:b@c"),
        ] {
            let error = Error::new(ErrorKind::NotFound, "gone").with_path(path);
            assert_eq!(error.path(), shown);
        }
    }
}
