//! The end of file systems and processes: shutdown, fork, signals and threads.

#[path = "../support/artefacts.rs"]
mod artefacts;
mod fixture;
mod fork;
mod programs;
mod shutdown;
mod shutdown_at_any_point;
mod signals;
