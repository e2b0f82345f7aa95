//! Delegation tokens: which providers and receivers are paired, when tokens are renewed, and who gets them.

#[path = "../support/artefacts.rs"]
mod artefacts;
mod clock;
mod fake_tokens;
#[path = "../registry/log.rs"]
mod log;
mod pairing;
mod renewal;
mod s3_sessions;
mod workers;
