//! The S3 filesystem plugin: schemes `s3` and `s3a` on the AWS SDK for Rust.
//!
//! [`S3FileSystemFactory`] owns the runtime, the connection pools and the memory budget; each
//! file system is one bucket.

mod bucket;
mod bulk_copy;
mod client;
mod committer;
mod connector;
mod copy;
mod credentials;
mod delegation_token;
mod delete;
mod diagnosis;
mod dialect;
mod entropy;
mod error;
mod factory;
mod file_system;
mod gate;
mod input_stream;
mod listing;
mod memory;
mod metrics;
mod mkdirs;
mod multipart_upload;
pub mod options;
mod output_stream;
mod plaintext;
mod recoverable_state;
mod recoverable_stream;
mod recoverable_writer;
mod rename;
pub mod retry;
#[cfg(debug_assertions)]
mod sabotage;
mod secret;
mod settings;
mod status;
mod withheld;
mod write_headers;

pub use factory::S3FileSystemFactory;

plugin_api::export_plugin! {
    name: "s3-native",
    schemes: ["s3", "s3a"],
    options: options::OPTIONS,
    owned_prefixes: options::OWNED_PREFIXES,
    scope_prefix: options::BUCKET_PREFIX,
    factory: S3FileSystemFactory::new,
}

/// What the tests of this crate reach below the file system. No part of the interface.
#[doc(hidden)]
pub mod internals {
    use std::sync::Arc;

    use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use plugin_api::{Config, DiagnosisOptions, Error, HostRef, Location, Probe, Result};
    use tokio::runtime::Handle;

    #[cfg(debug_assertions)]
    pub use crate::sabotage::{Sabotage, sabotage};

    /// A factory whose file systems run on this runtime instead of one of their own. With debug assertions
    /// no recovery on this thread leaves a gap of part numbers to chance from here on.
    pub fn factory_on(runtime: Handle, host: HostRef) -> crate::S3FileSystemFactory {
        #[cfg(debug_assertions)]
        crate::sabotage::fix_part_numbers();
        crate::S3FileSystemFactory::on(runtime, host)
    }

    pub use crate::diagnosis::Limits;

    /// A diagnosis as the factory makes it, in other limits of time.
    pub async fn diagnose(
        factory: &crate::S3FileSystemFactory,
        root: &Location,
        config: &Config,
        options: &DiagnosisOptions,
        limits: Limits,
    ) -> Result<Vec<Probe>> {
        factory.diagnose_within(root, config, options, limits).await
    }

    /// The SDK's client as the file systems of this configuration have it.
    pub async fn client(config: &Config) -> Result<aws_sdk_s3::Client> {
        client_for(config, Arc::new(plugin_api::SilentHost)).await
    }

    /// The same, whose measurements this host is told.
    pub async fn client_for(config: &Config, host: HostRef) -> Result<aws_sdk_s3::Client> {
        let settings = crate::settings::Settings::read(config)?;
        crate::client::connect(&settings, &Arc::default(), &crate::metrics::Metrics::new(host)).await
    }

    /// What the file systems make of an error of that client.
    pub fn error<E>(operation: &'static str, path: &Location, error: SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        crate::error::s3_error(operation, path, error)
    }
}
