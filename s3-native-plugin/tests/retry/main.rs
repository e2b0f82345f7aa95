//! What is repeated, and when: the table against the wire, the limits, outages and stalls.

#[path = "../support/child.rs"]
mod child;
mod credentials;
mod document;
mod fixture;
mod limits;
mod outage;
mod raw_server;
mod region;
mod stalls;
mod statuses;
mod transport;
