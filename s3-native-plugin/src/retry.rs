//! Repetition of failed requests.
//!
//! One [table](table::TABLE) says what to do after each failure, for each [class](table::RequestClass)
//! of request. The [policy](policy::RetryPolicy) adds how long to wait and the limits: attempts, the
//! deadline of the operation, a [token bucket](token_bucket::TokenBucket) against amplification and a
//! [pace](pace::Pace) for outages. All of these are free of the SDK; `interceptor` and `verdict` plug
//! them into its loop.

pub mod backoff;
mod document;
mod failure;
mod interceptor;
pub mod pace;
pub mod policy;
mod region;
pub mod table;
pub mod token_bucket;
mod transport_failure;
mod verdict;

pub use document::markdown;
pub use transport_failure::TransportFailure;

pub(crate) use interceptor::{Paced, RetryInterceptor, SLOWEST};
pub(crate) use verdict::{Attempted, Verdict, VerdictClassifier};
