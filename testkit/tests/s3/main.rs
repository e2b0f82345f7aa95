//! The server as the AWS SDK sees it, and on the wire.

mod auth;
mod checksums;
mod client;
mod conditions;
mod copies;
mod encryption;
mod fault_effects;
mod fault_rules;
mod fault_wire;
mod faults;
mod folder;
mod identities;
mod imds;
mod listing;
mod multipart;
mod objects;
mod personalities;
mod process;
mod public_buckets;
mod regions;
mod sessions;
mod sts;
mod tls;
