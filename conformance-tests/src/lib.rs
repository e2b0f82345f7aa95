//! The conformance suite for filesystem plugins.
//!
//! A [`Case`] is a name, what it needs of a file system, and an asynchronous function on
//! `&dyn FileSystem` that checks one promise of the interface. [`cases()`] has all of them. A case runs
//! only where its [`Requirements`] are met: what a file system claims by its
//! [`Capabilities`](plugin_api::Capabilities) it has to do, and what it does not claim is reported as
//! not applicable, never passed over.
//!
//! A [`Target`] is the file system under test with the directory that the cases may use. [`run`] runs
//! cases on it and reports a [`Record`] for each; [`trials()`] makes a libtest-mimic test of each, for
//! a plugin author's own `cargo test`. What a server is known not to do is stated in a file,
//! [`KnownGaps`], one case with its reason a line: such a case may fail, and must not pass unnoticed.
//!
//! From the command line the same is `fsplug conformance run plugin.so --uri scheme://authority/dir`.
//!
//! ```
//! // The number of cases only grows.
//! let cases = conformance_tests::cases();
//! assert!(cases.len() >= 250);
//! assert!(cases.iter().any(|case| case.name() == "status::missing_is_not_found"));
//! ```

mod case;
mod content;
mod context;
mod failure;
mod groups;
mod known_gaps;
mod report;
mod runner;
mod target;
mod trials;

pub use case::{Case, Requirements};
pub use context::Context;
pub use failure::{CaseResult, Failure};
pub use groups::cases;
pub use known_gaps::KnownGaps;
pub use report::{Outcome, PluginInfo, Record, Summary};
pub use runner::{RunOptions, run, run_case};
pub use target::{Connect, Target};
pub use trials::trials;
