//! What the plugin finds out about its way to a bucket, on servers on which one thing is wrong.

mod access;
mod fixture;
mod network;
mod store;
mod traces;
