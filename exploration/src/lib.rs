//! Exhaustive exploration of exactly-once output: every fault at every request, and every pair of them.
//!
//! A [script](Schedule) says what a writer does: it writes, persists, crashes, recovers, commits. The
//! S3 plugin makes its requests to an embedded server, and at one or two of them something happens. A
//! data engine stands around the plugin, which commits again and goes on from its last checkpoint. At
//! the end an oracle, which knows all bytes, judges what is published, and which uploads are open.
//!
//! Everything of one run shares one thread and one clock, which stands still while anything is left to
//! do: delays and timeouts cost no time, and a run can be [replayed](Schedule) from a line of text.

mod engine;
mod fault;
mod oracle;
mod overseer;
mod report;
mod run;
mod schedule;
mod script;
mod search;
mod world;

pub use fault::Fault;
pub use oracle::Outcome;
pub use report::{Report, Violation};
pub use schedule::Schedule;
pub use search::explore;

/// What to explore.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides about the bytes that are written, and about what a limit leaves out.
    pub seed: u64,
    /// Only this schedule.
    pub schedule: Option<Schedule>,
    /// So many schedules at most.
    pub limit: Option<usize>,
    /// So many threads, each with servers of its own.
    pub jobs: usize,
    /// Let the plugin make this mistake.
    pub sabotage: Option<Sabotage>,
}

/// A mistake that the plugin can be made to make, in builds with debug assertions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sabotage {
    /// A commit takes whatever exists at the path for its own.
    ExistenceOnly,
    /// A recovered committer forgets the bytes behind the last part.
    TailDropped,
    /// Closing a stream aborts its upload although a state refers to it.
    AbortOnClose,
}

#[cfg(debug_assertions)]
impl From<Sabotage> for s3_native_plugin::internals::Sabotage {
    fn from(sabotage: Sabotage) -> Self {
        match sabotage {
            Sabotage::ExistenceOnly => Self::ExistenceOnly,
            Sabotage::TailDropped => Self::TailDropped,
            Sabotage::AbortOnClose => Self::AbortOnClose,
        }
    }
}
