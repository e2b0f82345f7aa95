//! What a server knows of roles, sessions and the time: how it is described, and what tests do to it.

use std::time::Duration;

use super::{Server, ServerBuilder};
use crate::identity::{SessionInfo, SessionLimits};
use crate::roles::Role;

/// The part of a server's options that is about identity.
#[derive(Clone, Debug, Default)]
pub(super) struct IdentityOptions {
    pub(super) roles: Vec<Role>,
    /// In seconds.
    pub(super) clock_offset: i64,
    pub(super) limits: SessionLimits,
}

impl ServerBuilder {
    /// Lets clients assume a role by `AssumeRole` and `AssumeRoleWithWebIdentity` at the endpoint of the server.
    /// Can be repeated.
    pub fn role(mut self, role: Role) -> Self {
        self.identity.roles.push(role);
        self
    }

    /// Ends every session so long after it was issued, whatever the client asked for and was told: what expires
    /// can then be tested without waiting.
    pub fn session_life(mut self, life: Duration) -> Self {
        self.identity.limits.life = Some(life);
        self
    }

    /// Ends every session after so many requests, whatever the client was told.
    pub fn session_requests(mut self, requests: u64) -> Self {
        self.identity.limits.requests = Some(requests);
        self
    }

    /// Tells clients that every session ends so long after it was issued, whatever they asked for. It really ends
    /// when they asked it to, unless [`Self::session_life`] is set.
    pub fn announced_session_life(mut self, life: Duration) -> Self {
        self.identity.limits.announced_life = Some(life);
        self
    }

    /// Sets the clock of the server so many seconds ahead, or behind if negative: signatures whose date is more
    /// than 15 minutes from it are refused with `RequestTimeTooSkewed`.
    pub fn clock_offset(mut self, seconds: i64) -> Self {
        self.identity.clock_offset = seconds;
        self
    }
}

impl Server {
    /// The sessions that the server issued, the oldest first; those that have ended included.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.identity.sessions()
    }

    /// Ends all sessions issued so far: requests that are signed with them are answered with `ExpiredToken`.
    pub fn expire_sessions(&self) {
        self.identity.expire_all();
    }

    /// Revokes all sessions issued so far: requests that are signed with them are answered with `AccessDenied`.
    pub fn revoke_sessions(&self) {
        self.identity.revoke_all();
    }
}
