//! What each operation promises on S3, beyond what the other suites of this crate show.

#[path = "../support/fixture.rs"]
mod fixture;

mod closing;
mod compatibility;
mod create;
mod deletion;
mod directories;
mod directory_rename;
mod document;
mod file_rename;
mod keys;
mod memory;
