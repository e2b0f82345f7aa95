//! The file system of the plugin against the embedded server, through the public traits.

#[path = "../support/child.rs"]
mod child;
mod environment;
mod errors;
mod factory;
mod fixture;
mod input_stream;
mod keys;
mod verbs;
