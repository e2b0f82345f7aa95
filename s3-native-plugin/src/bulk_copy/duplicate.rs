//! Copies inside the store: no byte of them comes here.

use plugin_api::{CopyRequest, Result};

use super::window::Shared;
use super::{OPERATION, fetch};
use crate::copy;

/// Copies one object; onto itself there is nothing to do but to see that it is there.
pub(super) async fn duplicate(shared: &Shared, index: usize, request: &CopyRequest) -> Result<()> {
    let CopyRequest { source, target, .. } = request;
    let bucket = &shared.bucket;
    let version = {
        let _permit = shared.requests(1).await;
        fetch::head(shared, source, false).await?
    };
    let status = version.status(source);
    let is_itself = source.authority() == target.authority() && source.key() == target.key();
    if !is_itself {
        let parts_at_a_time = if status.len > bucket.settings.copy_threshold {
            bucket.settings.upload_concurrency
        } else {
            1
        };
        let _permits = shared.requests(parts_at_a_time).await;
        copy::copy(bucket, OPERATION, &status, target).await?;
    }
    shared.advanced(index, status.len);
    Ok(())
}
