//! The host's side: vtables of a plugin as objects of this crate's traits.

mod bulk_copy;
mod delegation_token;
mod factory;
mod file_system;
mod recoverable;
mod stream;

pub(super) use factory::RemoteFactory;
