//! Reads against the embedded server: every byte exact or a typed error, whatever happens on the way.

mod checksums;
mod faults;
mod fixture;
mod prefetch;
mod replies;
