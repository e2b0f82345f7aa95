//! What a commit of a state would come to, found out without changing anything.

use std::fs::File;

use plugin_api::{RecoverableCondition, Result, WriteMode};

use super::committer::{TargetContent, gone, target_content};
use super::errors::{io_error, says_nothing_there};
use super::recoverable_state::State;
use super::take_over::damage;

const OPERATION: &str = "verify";
const FOREIGN: &str = "there is a file with another content, which would be left alone";

/// Looks at the in-progress file and the target; blocks. Takes no lock, so that a writer or a
/// committer that works on the file meanwhile is not disturbed.
pub(super) fn condition(state: &State) -> Result<RecoverableCondition> {
    let failed = |error: &std::io::Error| io_error(OPERATION, &state.target, error);
    let target = || target_content(state).map_err(|error| failed(&error));
    let file = match File::open(state.temp_path()?) {
        Ok(file) => file,
        Err(error) if says_nothing_there(&error) => {
            return Ok(match target()? {
                TargetContent::Ours => RecoverableCondition::Committed,
                TargetContent::Foreign => RecoverableCondition::Conflict(FOREIGN.to_owned()),
                TargetContent::Nothing => {
                    RecoverableCondition::Gone(gone(OPERATION, state).message().to_owned())
                }
            });
        }
        Err(error) => return Err(failed(&error)),
    };
    let len = file.metadata().map_err(|error| failed(&error))?.len();
    if let Some(damage) = damage(state, &file, len).map_err(|error| failed(&error))? {
        return Ok(RecoverableCondition::Damaged(damage));
    }
    if state.target_path()?.is_dir() {
        return Ok(RecoverableCondition::Conflict("a directory is there".to_owned()));
    }
    if state.mode == WriteMode::Overwrite {
        return Ok(RecoverableCondition::Committable);
    }
    Ok(match target()? {
        TargetContent::Nothing => RecoverableCondition::Committable,
        TargetContent::Ours => RecoverableCondition::Committed,
        TargetContent::Foreign => RecoverableCondition::Conflict(FOREIGN.to_owned()),
    })
}
