//! The stable representation of this crate's traits: what actually crosses between host and plugin.
//!
//! Nobody but `host-loader` and the code of [`export_plugin!`](crate::export_plugin) needs this
//! module. Its building blocks come from `abi_stable`, of which no public signature outside it
//! speaks, so that a later major version of the ABI may be built on something else.
//!
//! * Futures are polled on the caller's thread, with the plugin's runtime entered
//!   ([`FileSystemFactory::enter`](crate::FileSystemFactory::enter)); dropping one cancels it.
//! * Bytes cross as reference-counted chunks and are not copied.
//! * What is used after its file system was closed, or in the child of a fork, is
//!   [`ErrorKind::Closed`](crate::ErrorKind::Closed).
//! * A panic in the plugin becomes [`ErrorKind::PluginPanic`](crate::ErrorKind::PluginPanic).
//! * Whatever one side allocates, that side frees.

#![allow(
    non_camel_case_types,
    non_local_definitions,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::pedantic,
    clippy::missing_safety_doc,
    reason = "the code that sabi_trait and StableAbi generate"
)]

#[doc(hidden)]
pub mod c;
mod chunk;
mod deadline;
mod error;
#[doc(hidden)]
pub mod export;
mod fork;
mod future;
mod gate;
mod host;
mod interface;
mod layout;
mod module;
mod records;
mod remote;
mod served;
pub(crate) mod signals;
#[cfg(test)]
mod tests;
mod wire;

#[doc(hidden)]
pub use abi_stable::library::LibHeader as Header;
pub use deadline::sleep;
pub use fork::check_fork;
pub use gate::{Gate, Run};
pub use layout::layout_description;
#[doc(hidden)]
pub use module::{Export, root_header};
pub use module::{ROOT_SYMBOL, load_factory};
pub use served::isolate;
pub use signals::SigpipeGuard;
