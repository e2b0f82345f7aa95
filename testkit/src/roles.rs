//! [`Role`]: what a client can become, and who may.

use std::time::Duration;

use crate::identity::{ACCOUNT, Caller};

/// A role that clients can assume.
///
/// Without further conditions every access key of the server may assume it. A role with web identity tokens can
/// be assumed by these alone, unless [`Role::trust`] names somebody besides.
#[derive(Clone)]
pub struct Role {
    pub(crate) arn: String,
    pub(crate) external_id: Option<String>,
    pub(crate) max_session: Duration,
    trusted: Vec<String>,
    tokens: Vec<String>,
    expired_tokens: Vec<String>,
}

/// What a web identity token is to a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WebIdentity {
    Valid,
    Expired,
    Unknown,
    /// The role trusts none at all.
    NotTrusted,
}

impl Role {
    /// A role by its ARN, such as `arn:aws:iam::123456789012:role/writer`.
    pub fn new(arn: impl Into<String>) -> Self {
        Self {
            arn: arn.into(),
            external_id: None,
            max_session: Duration::from_hours(12),
            trusted: Vec::new(),
            tokens: Vec::new(),
            expired_tokens: Vec::new(),
        }
    }

    /// Demands this external id of whoever assumes the role.
    #[must_use]
    pub fn external_id(mut self, id: impl Into<String>) -> Self {
        self.external_id = Some(id.into());
        self
    }

    /// Lets only this access key, or the sessions of the role with this ARN, assume the role. Can be repeated.
    #[must_use]
    pub fn trust(mut self, who: impl Into<String>) -> Self {
        self.trusted.push(who.into());
        self
    }

    /// Lets whoever has this token assume the role. Can be repeated.
    #[must_use]
    pub fn web_identity_token(mut self, token: impl Into<String>) -> Self {
        self.tokens.push(token.into());
        self
    }

    /// Knows this token as one that was good once. Can be repeated.
    #[must_use]
    pub fn expired_web_identity_token(mut self, token: impl Into<String>) -> Self {
        self.expired_tokens.push(token.into());
        self
    }

    /// The longest session; twelve hours unless set.
    #[must_use]
    pub fn max_session(mut self, life: Duration) -> Self {
        self.max_session = life;
        self
    }

    /// Whether the caller may assume the role, apart from the external id.
    pub(crate) fn trusts(&self, caller: &Caller) -> bool {
        if self.trusted.is_empty() {
            return self.tokens.is_empty() && self.expired_tokens.is_empty();
        }
        let is_session_of =
            |role: &str| role_name(role).is_some_and(|name| caller.arn.starts_with(&sessions_of(name)));
        let mut trusted = self.trusted.iter();
        trusted.any(|who| *who == caller.user_id || *who == caller.arn || is_session_of(who))
    }

    pub(crate) fn web_identity(&self, token: &str) -> WebIdentity {
        let is_in = |tokens: &[String]| tokens.iter().any(|known| known == token);
        if self.tokens.is_empty() && self.expired_tokens.is_empty() {
            WebIdentity::NotTrusted
        } else if is_in(&self.tokens) {
            WebIdentity::Valid
        } else if is_in(&self.expired_tokens) {
            WebIdentity::Expired
        } else {
            WebIdentity::Unknown
        }
    }

    /// The ARN of a session of this role.
    pub(crate) fn session_arn(&self, name: &str) -> String {
        let role = role_name(&self.arn).unwrap_or(&self.arn);
        format!("{}{name}", sessions_of(role))
    }
}

/// The last part of the ARN of a role.
fn role_name(arn: &str) -> Option<&str> {
    arn.split_once(":role/")?.1.rsplit('/').next()
}

fn sessions_of(role_name: &str) -> String {
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role_name}/")
}

/// Without the tokens and the external id.
impl std::fmt::Debug for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Role")
            .field("arn", &self.arn)
            .field("trusted", &self.trusted)
            .field("max_session", &self.max_session)
            .finish_non_exhaustive()
    }
}
