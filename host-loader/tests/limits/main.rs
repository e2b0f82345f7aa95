//! Limits on open streams: who waits for whom, what is taken from whom, and what is left at the end.

mod clock;
mod configuration;
mod contention;
mod fake_store;
mod forwarding;
mod histories;
mod leaks;
#[path = "../registry/log.rs"]
mod log;
mod reclaiming;
mod waiting;
