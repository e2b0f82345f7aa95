//! What a server knows of roles, sessions and the time: how it is described, and what tests do to it.

use std::time::Duration;

use super::{Server, ServerBuilder};
use crate::admission::WrongRegion;
use crate::auth::{Public, PublicBuckets};
use crate::identity::{SessionInfo, SessionLimits};
use crate::roles::Role;

/// The part of a server's options that is about identity.
#[derive(Clone, Debug, Default)]
pub(super) struct IdentityOptions {
    pub(super) roles: Vec<Role>,
    /// In seconds.
    pub(super) clock_offset: i64,
    pub(super) limits: SessionLimits,
    pub(super) wrong_region: WrongRegion,
    pub(super) public: PublicBuckets,
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

    /// Creates a bucket in another region than that of the endpoint. Requests for it have to be signed for its
    /// region, at the same port, which stands for the endpoints of all regions. Can be repeated.
    pub fn bucket_in(mut self, name: impl Into<String>, region: impl Into<String>) -> Self {
        let name = name.into();
        self.settings.bucket_regions.insert(name.clone(), region.into());
        self.bucket(name)
    }

    /// How requests are answered that are signed for another region than that of their bucket; as AWS does, unless
    /// set.
    pub fn wrong_region(mut self, answer: WrongRegion) -> Self {
        self.identity.wrong_region = answer;
        self
    }

    /// Creates a bucket that unsigned requests may read and list. Can be repeated.
    pub fn public_bucket(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.identity.public.insert(name.clone(), Public::Read);
        self.bucket(name)
    }

    /// Creates a bucket that unsigned requests may read, list and write. Can be repeated.
    pub fn public_writable_bucket(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.identity.public.insert(name.clone(), Public::ReadWrite);
        self.bucket(name)
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

    /// The secret key and the session token of every session that the server issued, the oldest first: for tests
    /// that use them, and for those that look for where they have got to.
    pub fn session_secrets(&self) -> Vec<(String, String)> {
        self.identity.secrets()
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
