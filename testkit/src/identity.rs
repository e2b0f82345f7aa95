//! Who may sign: the access keys that the server was started with, and the sessions that it issues.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use s3s::auth::SecretKey;

use crate::clock::Clock;

/// The account that all keys and roles belong to.
pub(crate) const ACCOUNT: &str = "123456789012";

/// A session that the server issued, as tests see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Access key of the session.
    pub access_key: String,
    /// What issued it: an operation of STS such as `AssumeRole`, or `InstanceMetadata`.
    pub issued_by: &'static str,
    /// ARN of what acts in the session.
    pub arn: String,
    /// Name of the session, if the client gave one.
    pub name: Option<String>,
    /// External id that came with the request.
    pub external_id: Option<String>,
    /// Session policy that came with the request. It is kept, not applied.
    pub policy: Option<String>,
    /// For how long the client asked.
    pub duration: Duration,
    /// Requests that were signed with it so far.
    pub requests: u64,
}

/// How the sessions of a server differ from what was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionLimits {
    /// How long a session is really good.
    pub(crate) life: Option<Duration>,
    /// For how many requests a session is really good.
    pub(crate) requests: Option<u64>,
    /// How long a session is said to be good.
    pub(crate) announced_life: Option<Duration>,
}

/// A handle to what is known of keys and sessions.
#[derive(Clone)]
pub(crate) struct Identity {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    keys: HashMap<String, SecretKey>,
    limits: SessionLimits,
    next: AtomicU64,
    /// In the order in which they were issued.
    sessions: Mutex<Vec<Session>>,
}

struct Session {
    info: SessionInfo,
    secret: SecretKey,
    token: String,
    state: State,
    ends: SystemTime,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Live,
    Expired,
    Revoked,
}

/// A session that is to be issued.
pub(crate) struct NewSession {
    pub(crate) issued_by: &'static str,
    pub(crate) arn: String,
    pub(crate) name: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) duration: Duration,
}

/// What the client gets of a session.
pub(crate) struct Issued {
    pub(crate) access_key: String,
    pub(crate) secret: String,
    pub(crate) token: String,
    /// When it is said to end.
    pub(crate) expiration: SystemTime,
}

/// Who signed a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) arn: String,
    pub(crate) user_id: String,
    pub(crate) in_session: bool,
}

/// Why an access key is not accepted with the token that it came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A session needs its token.
    TokenMissing,
    TokenWrong,
    Expired,
    Revoked,
}

impl Identity {
    pub(crate) fn new(keys: &[(String, String)], clock: Clock, limits: SessionLimits) -> Self {
        let keys = keys
            .iter()
            .map(|(key, secret)| (key.clone(), SecretKey::from(secret.as_str())))
            .collect();
        Self {
            shared: Arc::new(Shared {
                clock,
                keys,
                limits,
                next: AtomicU64::new(1),
                sessions: Mutex::default(),
            }),
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.shared.clock
    }

    /// The secret of a key, also of one whose session has ended: the signature is to be right in any case.
    pub(crate) fn secret(&self, access_key: &str) -> Option<SecretKey> {
        if let Some(secret) = self.shared.keys.get(access_key) {
            return Some(secret.clone());
        }
        let sessions = self.shared.sessions.lock();
        find(&sessions, access_key).map(|session| session.secret.clone())
    }

    pub(crate) fn caller(&self, access_key: &str) -> Option<Caller> {
        if self.shared.keys.contains_key(access_key) {
            return Some(Caller {
                arn: format!("arn:aws:iam::{ACCOUNT}:user/{access_key}"),
                user_id: access_key.to_owned(),
                in_session: false,
            });
        }
        let sessions = self.shared.sessions.lock();
        let info = &find(&sessions, access_key)?.info;
        let user_id = match &info.name {
            Some(name) => format!("{ROLE_ID}:{name}"),
            None => access_key.to_owned(),
        };
        Some(Caller {
            arn: info.arn.clone(),
            user_id,
            in_session: true,
        })
    }

    pub(crate) fn issue(&self, new: NewSession) -> Issued {
        let Shared { clock, limits, .. } = &*self.shared;
        let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let random = || hex::encode(rand::random::<[u8; 16]>());
        let issued = Issued {
            // As AWS marks the keys of sessions.
            access_key: format!("ASIA{number:016}"),
            secret: random(),
            token: format!("{}{}", random(), random()),
            expiration: clock.now() + limits.announced_life.unwrap_or(new.duration),
        };
        let session = Session {
            secret: SecretKey::from(issued.secret.as_str()),
            token: issued.token.clone(),
            state: State::Live,
            ends: clock.now() + limits.life.unwrap_or(new.duration),
            info: SessionInfo {
                access_key: issued.access_key.clone(),
                issued_by: new.issued_by,
                arn: new.arn,
                name: new.name,
                external_id: new.external_id,
                policy: new.policy,
                duration: new.duration,
                requests: 0,
            },
        };
        self.shared.sessions.lock().push(session);
        issued
    }

    /// Whether a request may be signed with this key and token, which counts as a use of the session. A key that
    /// is not known is left to the check of its signature.
    pub(crate) fn admit(&self, access_key: &str, token: Option<&str>) -> Result<(), Refused> {
        if self.shared.keys.contains_key(access_key) {
            return token.map_or(Ok(()), |_| Err(Refused::TokenWrong));
        }
        let mut sessions = self.shared.sessions.lock();
        let Some(session) = sessions.iter_mut().find(|s| s.info.access_key == access_key) else {
            return Ok(());
        };
        match token {
            None => return Err(Refused::TokenMissing),
            Some(token) if token != session.token => return Err(Refused::TokenWrong),
            Some(_) => {}
        }
        let limit = self.shared.limits.requests;
        let is_over = self.shared.clock.now() >= session.ends
            || limit.is_some_and(|limit| session.info.requests >= limit);
        match session.state {
            State::Revoked => Err(Refused::Revoked),
            State::Expired => Err(Refused::Expired),
            State::Live if is_over => Err(Refused::Expired),
            State::Live => {
                session.info.requests += 1;
                Ok(())
            }
        }
    }

    pub(crate) fn sessions(&self) -> Vec<SessionInfo> {
        let sessions = self.shared.sessions.lock();
        sessions.iter().map(|session| session.info.clone()).collect()
    }

    /// Secret key and session token of each session.
    pub(crate) fn secrets(&self) -> Vec<(String, String)> {
        let sessions = self.shared.sessions.lock();
        let secrets = sessions.iter();
        secrets
            .map(|session| (session.secret.expose().to_owned(), session.token.clone()))
            .collect()
    }

    pub(crate) fn expire_all(&self) {
        self.end_all(State::Expired);
    }

    pub(crate) fn revoke_all(&self) {
        self.end_all(State::Revoked);
    }

    fn end_all(&self, state: State) {
        for session in &mut *self.shared.sessions.lock() {
            session.state = state;
        }
    }
}

/// The unique id of all roles.
pub(crate) const ROLE_ID: &str = "AROATESTKITTESTKIT00";

fn find<'a>(sessions: &'a [Session], access_key: &str) -> Option<&'a Session> {
    sessions
        .iter()
        .find(|session| session.info.access_key == access_key)
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("keys", &self.shared.keys.keys())
            .finish_non_exhaustive()
    }
}
