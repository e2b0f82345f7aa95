//! [`Director`]: decides about requests one by one, for explorations that count them.

use std::fmt;

use async_trait::async_trait;
use http::HeaderMap;

use crate::faults::Action;
use crate::operation::Operation;

/// A request that has arrived, before anything is done about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Arrival {
    /// Name of the operation as in the API of S3 or STS, such as `UploadPart`; `Unknown` for any other.
    pub operation: &'static str,
    /// Key, decoded.
    pub key: Option<String>,
    /// Upload id of multipart operations.
    pub upload_id: Option<String>,
    /// Part number of multipart operations.
    pub part_number: Option<u16>,
    /// The access key that it is signed with, which tells the clients of one server apart. The signature is
    /// not verified yet.
    pub access_key: String,
}

impl Arrival {
    pub(crate) fn of(operation: &Operation, headers: &HeaderMap) -> Self {
        let authorization = headers.get(http::header::AUTHORIZATION);
        let access_key = authorization
            .and_then(|value| {
                value
                    .to_str()
                    .ok()?
                    .split_once("Credential=")?
                    .1
                    .split('/')
                    .next()
            })
            .unwrap_or_default();
        Self {
            operation: operation.name,
            key: operation.key.clone(),
            upload_id: operation.upload_id.clone(),
            part_number: operation.part_number,
            access_key: access_key.to_owned(),
        }
    }
}

/// Decides about requests one by one.
#[async_trait]
pub trait Director: fmt::Debug + Send + Sync {
    /// What happens to a request, which waits until this is decided; [`None`] leaves it to the faults of the
    /// server. Requests on other connections go on in the meantime, also to this method.
    async fn direct(&self, arrival: Arrival) -> Option<Action>;
}
