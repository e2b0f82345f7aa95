//! What can go wrong between libraries in one process: provoked with real ones, and what the host does about it.

mod allocators;
mod book;
mod broken;
mod bundles;
#[path = "../support/example_plugins.rs"]
mod example_plugins;
mod failures;
mod fsplug;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "../registry/shared_object.rs"]
mod shared_object;
mod table;
mod toolchain;
mod ways;
