//! [`WriteHeaders`]: encryption and storage class with every request that makes an object.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;

use crate::settings::encryption::Encryption;

/// What says how an object is encrypted, in requests and in replies.
const ALGORITHM: &str = "x-amz-server-side-encryption";

/// Adds the headers to every request that makes an object or begins an upload, so that no verb can forget them,
/// and looks whether the store confirms the encryption.
#[derive(Debug)]
pub(crate) struct WriteHeaders {
    headers: Vec<(&'static str, String)>,
    algorithm: Option<&'static str>,
    endpoint: String,
    /// Whether it was said that the store confirms nothing.
    warned: Arc<AtomicBool>,
}

impl WriteHeaders {
    /// None if there is nothing to add.
    pub(crate) fn new(encryption: &Encryption, endpoint: &str) -> Option<Self> {
        let mut headers = Vec::new();
        if let Some(algorithm) = encryption.algorithm {
            headers.push((ALGORITHM, algorithm.to_owned()));
        }
        if let Some(id) = &encryption.kms_key_id {
            headers.push(("x-amz-server-side-encryption-aws-kms-key-id", id.clone()));
        }
        if !encryption.kms_context.is_empty() {
            let json = serde_json::json!(encryption.kms_context).to_string();
            let context = aws_smithy_types::base64::encode(json);
            headers.push(("x-amz-server-side-encryption-context", context));
        }
        if let Some(class) = &encryption.storage_class {
            headers.push(("x-amz-storage-class", class.clone()));
        }
        (!headers.is_empty()).then(|| Self {
            headers,
            algorithm: encryption.algorithm,
            endpoint: endpoint.to_owned(),
            warned: Arc::default(),
        })
    }
}

/// The operations that take these headers. Parts are encrypted as their upload says.
fn makes_an_object(config: &ConfigBag) -> bool {
    let operation = config.load::<Metadata>().map_or("", Metadata::name);
    matches!(operation, "PutObject" | "CreateMultipartUpload" | "CopyObject")
}

impl Intercept for WriteHeaders {
    fn name(&self) -> &'static str {
        "WriteHeaders"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if makes_an_object(config) {
            let headers = context.request_mut().headers_mut();
            for (name, value) in &self.headers {
                headers.insert(*name, value.clone());
            }
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let reply = context.response();
        if self.algorithm.is_some()
            && reply.status().is_success()
            && makes_an_object(config)
            && reply.headers().get(ALGORITHM) != self.algorithm
            && !self.warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                endpoint = %self.endpoint,
                "the store does not confirm the encryption that 's3.sse.type' asks for: what is written may not be \
                 encrypted"
            );
        }
        Ok(())
    }
}
