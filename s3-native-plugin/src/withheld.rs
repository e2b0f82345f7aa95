//! What the SDK logs and the host does not get to see.

/// Target and field of each value in the log of the SDK that may hold a secret. The SDK itself hides the headers and
/// the documents that it knows to be secret, but none of these.
pub(crate) const FIELDS: &[(&str, &str)] = &[
    // Requests and replies with their bodies: the form that brings STS an external id or a web identity token, the
    // token of the instance metadata, and whatever a variable such as `LOG_SENSITIVE_BODIES` makes the SDK show.
    ("aws_smithy_runtime::client::orchestrator", "request"),
    ("aws_smithy_runtime::client::orchestrator", "response"),
    ("aws_smithy_runtime::client::orchestrator", "output_or_error"),
    ("aws_smithy_runtime::client::orchestrator::http", "response"),
    ("aws_sigv4::http_request::sign", "request"),
    // Failures with the reply that led to them: one of STS that was damaged on the way holds a session.
    ("aws_config::meta::credentials::chain", "error"),
    ("aws_config::profile::credentials", "error"),
    ("aws_config::sts::assume_role", "error"),
    ("aws_config::web_identity_token", "error"),
    // Variables and lines of profiles, as they are written.
    ("aws_runtime::env_config", "message"),
    ("aws_runtime::env_config::normalize", "message"),
    ("aws_runtime::env_config::property", "message"),
    // A command with its arguments.
    ("aws_config::credential_process", "command"),
];
