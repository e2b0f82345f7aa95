//! The interface between a data engine and its filesystem plugins.
//!
//! A plugin is a shared library that serves one or more URI schemes. Its author implements
//! [`FileSystemFactory`] and [`FileSystem`], ordinary asynchronous Rust traits, and exports them
//! with one macro, [`export_plugin!`]. A host (usually through the `host-loader` crate) gets the
//! very same traits back. What lies between, a stable ABI that does not depend on the compiler,
//! the allocator or the runtime of either side, is in [`abi`] and concerns neither.
//!
//! # A complete plugin
//!
//! Files in memory, in a crate of type `cdylib`. It passes the conformance suite.
//!
#![doc = concat!("```\n", include_str!("../examples/memory.rs"), "# fn main() {}\n```")]

pub mod abi;
mod bulk_copy;
mod capabilities;
mod config;
mod delegation_token;
mod diagnosis;
mod error;
mod file_system;
mod host;
mod location;
mod manifest;
pub mod metrics;
mod options;
mod recoverable;
mod status;
mod stream;
pub mod telemetry;

pub use abi::signals::runtime_thread_started;
pub use async_trait::async_trait;
pub use bulk_copy::{BulkCopy, CopyOptions, CopyProgress, CopyRequest, NoProgress};
pub use bytes::Bytes;
pub use capabilities::Capabilities;
pub use config::{Config, ConfigOption, Effective, Schema, Scoped, ValueType};
pub use delegation_token::{DelegationToken, DelegationTokenProvider, DelegationTokenReceiver};
pub use diagnosis::{DiagnosisOptions, Outcome, Probe};
pub use error::{Cause, Error, ErrorKind, Result, Retry};
pub use file_system::{FileSystem, FileSystemExt, FileSystemFactory, Lister};
pub use host::{
    Callsite, CallsiteKind, FieldValue, Fields, Host, HostRef, Level, Measurement, MemoryPressure,
    MetricKind, SilentHost,
};
pub use location::Location;
pub use manifest::{
    ABI_VERSION, AbiVersion, Manifest, NOTE_OWNER, NOTE_SECTION, NOTE_TYPE, OptionInfo, PluginSpec,
};
pub use options::{
    CreateOptions, ExtensionOption, Extensions, ListOptions, OpenOptions, OptionValue, WriteMode,
};
pub use recoverable::{
    Committer, PendingUpload, Recoverable, RecoverableCondition, RecoverableInfo, RecoverableStream,
    RecoverableWriter,
};
pub use status::{FileKind, FileStatus};
pub use stream::{InputStream, OutputStream};
pub use telemetry::HostSubscriber;
