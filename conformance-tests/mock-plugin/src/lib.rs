//! A filesystem plugin in memory, for the tests of hosts and of everything above them: `mock://store/key`.
//!
//! It does all that the interface offers, and passes the conformance suite. Each authority is a store
//! of its own that lives as long as the process.
//!
//! - Every call is recorded. Reading `mock://store/.calls` gives the calls on that store so far, one
//!   JSON object a line: `{"operation":"open","path":"mock://store/a","error":null}`.
//! - `mock.fail` makes calls fail: `write:3:unavailable` fails the third `write`, `commit:*:timeout`
//!   every `commit`, with the kind of error that is named.
//! - `mock.real-directories` turns a store that only has keys into one that has directories.
//!
//! See [`OPTIONS`] for all that can be configured.

mod bulk_copy;
mod entropy;
mod factory;
mod faults;
mod file_system;
mod input_stream;
mod listing;
mod output_stream;
mod recorder;
mod recoverable_state;
mod recoverable_stream;
mod recoverable_writer;
mod store;
mod uploads;

use plugin_api::{Error, HostRef};

pub use factory::{MockFactory, OPTIONS};

/// The name of the file, at the root of each store, that shows the recorded calls.
pub const CALLS: &str = ".calls";

plugin_api::export_plugin! {
    name: "mock",
    schemes: ["mock"],
    options: OPTIONS,
    factory: |_host: HostRef| Ok::<_, Error>(MockFactory::default()),
}
