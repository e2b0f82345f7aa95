//! An S3 server in the process of a test or demo.
//!
//! Real HTTP on a loopback port, signatures verified, in memory or on a folder, with faults that can be
//! injected into any operation, and a log of what clients sent:
//!
//! ```
//! use testkit::{Action, Fault, Server};
//!
//! let server = Server::builder().bucket("bucket").start_blocking()?;
//! server.store().put("bucket", "key", "content");
//! server.faults().add(Fault::on("GetObject").key("key").times(1).action(Action::CutBodyAfter(3)));
//! // A client of `server.endpoint()` now reads "con" and then the end of the connection.
//! assert_eq!(server.requests().count("GetObject"), 0);
//! # Ok::<_, std::io::Error>(())
//! ```
//!
//! Beside S3 it is an STS with [roles](Role) and sessions, an [instance metadata service](InstanceMetadata), and a
//! certificate authority of its own for TLS.
//!
//! Buckets are addressed in the path. Versions, access control lists, tags, policies and SSE-C are not there:
//! what asks for them is answered 501.

mod admission;
mod auth;
mod blob;
mod bodies;
mod bucket_names;
mod canaries;
mod checksums;
mod clock;
mod conditions;
mod connection;
mod deviations;
mod director;
mod encryption;
mod error_xml;
mod errors;
mod faults;
mod folder;
mod identity;
mod imds;
mod listing;
mod multipart;
mod object;
mod operation;
mod payload;
mod personality;
mod request_log;
mod roles;
mod s3;
mod server;
mod service;
mod signature;
mod store;
mod sts;
mod tls;

pub use admission::WrongRegion;
pub use canaries::{Canaries, Sighting};
pub use director::{Arrival, Director};
pub use encryption::Encryption;
pub use faults::{Action, Fault, FaultHandle, Faults, Hit, Hits, RuleError, Rules};
pub use identity::SessionInfo;
pub use imds::{InstanceMetadata, InstanceMetadataBuilder};
pub use multipart::UploadInfo;
pub use object::ObjectInfo;
pub use personality::Personality;
pub use request_log::{RecordedRequest, RequestLog};
pub use roles::Role;
pub use server::{Server, ServerBuilder};
pub use store::{EtagKind, Store};
pub use tls::TlsVersions;

/// The access key of a server that is given none.
pub const ACCESS_KEY: &str = "testkit-access-key";

/// The secret of [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "testkit-secret-key";

/// The region of a server that is given none.
pub const REGION: &str = "us-east-1";
