//! Loads filesystem plugins and hands their file systems to the host.
//!
//! A plugin is a shared library in a plugin directory, `<plugin directory>/<name>/<file>.so`.
//! [`FileSystems`] finds plugins without running any of their code, loads each at its first use and
//! keeps it until the process ends. What it returns is the ordinary asynchronous
//! [`FileSystem`](plugin_api::FileSystem) of [`plugin_api`], whatever plugin serves the path;
//! [`blocking`] has the same for callers without a runtime.
//!
//! - The host's own file system is [`local`], scheme `file`.
//! - Log events and spans of plugins arrive in the host's `tracing` subscriber: [`telemetry`]; what they
//!   measure is in [`FileSystems::metrics`]: [`metrics`].
//! - One process can obtain short-lived credentials for others: [`DelegationTokenManager`].
//! - A broken plugin is reported ([`FileSystems::plugins`]) and does not keep the others from
//!   loading.
//!
//! ```
//! use host_loader::FileSystems;
//! use host_loader::plugin_api::{Config, ErrorKind};
//!
//! let file_systems = FileSystems::builder()
//!     .plugin_dir("/opt/engine/plugins")
//!     .config(Config::from_pairs([("s3.region", "eu-central-1")]))
//!     .build()?;
//! assert!(file_systems.schemes().contains(&"file".to_owned()));
//!
//! let location = file_systems.resolve("gopher://host/key")?;
//! let error = futures_executor::block_on(file_systems.get(&location)).err().expect("unknown");
//! assert_eq!(error.kind(), ErrorKind::UnknownScheme);
//! assert!(error.to_string().contains("/opt/engine/plugins (missing)"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(unsafe_code)]

/// The Rust blocks of the guide are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/embedding.md")]
mod embedding_guide {}

mod audit;
pub mod blocking;
pub mod configuration;
mod delegation_tokens;
mod diagnosis;
mod discovery;
mod elf_image;
mod file_systems;
mod loader;
pub mod local;
mod manifest_note;
pub mod metrics;
mod plugin;
mod streams;
pub mod telemetry;
mod trust;
mod well_known;

pub use delegation_tokens::{DelegationTokenManager, DelegationTokens};
pub use discovery::{PluginToml, SearchedPlace};
pub use file_systems::{FileSystems, FileSystemsBuilder, Selection, SelectionCandidate};
pub use plugin::PluginReport;
pub use plugin_api;
pub use streams::{OpenStream, StreamCounts, StreamKind};
pub use trust::{LockChange, PluginLock, try_load_plugin};
