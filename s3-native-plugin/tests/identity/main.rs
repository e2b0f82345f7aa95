//! Who asks, and where: credentials, roles, tokens, regions, encryption, clocks and certificates.

#[path = "../support/child.rs"]
mod child;
#[path = "../support/fixture.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod fixture;

mod clock;
mod encryption;
mod environment;
mod regions;
mod roles;
mod tls;
mod tokens;
