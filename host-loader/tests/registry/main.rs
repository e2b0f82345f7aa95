//! The registry as its callers see it: finding, routing, loading, and what each broken plugin says.

mod blocking_facade;
mod broken_plugins;
mod configuration;
mod dependencies;
mod discovery;
mod fake_plugin;
mod loading;
mod log;
#[path = "../support/minisign.rs"]
mod minisign;
mod real_plugins;
mod routing;
mod shared_object;
mod trial;
mod trust;
