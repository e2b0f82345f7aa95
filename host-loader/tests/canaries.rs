//! Secrets show up nowhere: not in the log at its finest, not in results, errors or explanations, not in states of
//! unfinished files and not on disk.
//!
//! Each test gives the built plugin secrets by other ways, lets things succeed and fail, and looks through everything
//! that was said.

#[path = "support/artefacts.rs"]
mod artefacts;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/fsplug.rs"]
mod support;
#[path = "canaries/talk.rs"]
mod talk;

#[path = "canaries/configuration.rs"]
mod configuration;
#[path = "canaries/embedded.rs"]
mod embedded;
#[path = "canaries/identities.rs"]
mod identities;
#[path = "canaries/plaintext.rs"]
mod plaintext;
