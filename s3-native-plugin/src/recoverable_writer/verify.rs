//! What a commit of a state would come to, found out without changing anything.
//!
//! The questions are those of the committer, in its order, and so are the answers; only that nothing
//! is uploaded, completed or aborted.

use std::sync::Arc;

use plugin_api::{ErrorKind, RecoverableCondition, Result, WriteMode};

use crate::multipart_upload::{self as multipart, Content, Found, Target, Upload};
use crate::recoverable_state::RecoverableState;

const OPERATION: &str = "verify";

/// What a commit would come to.
pub(super) async fn condition(
    target: &Arc<Target>,
    state: &RecoverableState,
) -> Result<RecoverableCondition> {
    if !state.has_upload() {
        let content = Content::whole(state.tail.len() as u64, crc32c::crc32c(&state.tail));
        return Ok(match multipart::find(OPERATION, target, Some(&content)).await? {
            Found::Foreign if state.mode == WriteMode::Overwrite => RecoverableCondition::Committable,
            Found::Nothing => RecoverableCondition::Committable,
            found => occupied(found),
        });
    }
    let upload = Upload::resumed(target, &state.upload_id, state.begun, &state.parts);
    match upload.list_parts(OPERATION).await {
        Ok(listed) => {
            if let Err(changed) = upload.verify(OPERATION, &state.parts, &listed) {
                return Ok(RecoverableCondition::Damaged(changed.message().to_owned()));
            }
        }
        Err(error) if error.kind() == ErrorKind::UploadGone => {
            let found = multipart::find(OPERATION, target, Some(&state.content())).await?;
            return Ok(gone(&upload, found));
        }
        Err(error) => return Err(error),
    }
    Ok(
        match multipart::find(OPERATION, target, Some(&state.content())).await? {
            Found::Nothing => RecoverableCondition::Committable,
            Found::Foreign | Found::Untold(_) if state.mode == WriteMode::Overwrite => {
                RecoverableCondition::Committable
            }
            found => occupied(found),
        },
    )
}

/// What an object at the path means if the upload is gone.
pub(super) fn gone(upload: &Upload, found: Found) -> RecoverableCondition {
    match found {
        Found::Nothing => RecoverableCondition::Gone(format!(
            "the upload '{}' no longer exists: it expired or was aborted",
            upload.id
        )),
        found => occupied(found),
    }
}

/// What an object at the path means where it would not be replaced.
fn occupied(found: Found) -> RecoverableCondition {
    match found {
        Found::Ours(_) => RecoverableCondition::Committed,
        Found::OtherContent(difference) => RecoverableCondition::Conflict(format!(
            "another recovery of this file was committed instead: {difference}"
        )),
        Found::Untold(why) => RecoverableCondition::Conflict(format!(
            "it cannot be told whether the file there, which has the right length, is ours: {why}"
        )),
        Found::Foreign | Found::Nothing => {
            RecoverableCondition::Conflict("another file is there, which is not ours".to_owned())
        }
    }
}
