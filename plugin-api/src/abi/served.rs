//! The plugin's side: objects of this crate's traits served as vtables.

mod bulk_copy;
mod delegation_token;
mod factory;
mod file_system;
mod recoverable;
mod stream;

pub use factory::isolate;
pub(super) use factory::serve_factory;
