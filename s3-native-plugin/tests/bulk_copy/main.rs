//! Bulk copies against the embedded server: down, up and inside the store.

#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "../support/fixture.rs"]
mod fixture;

mod downloads;
mod faults;
mod hostile;
mod limits;
mod memory;
mod server_side;
mod tree;
mod uploads;
