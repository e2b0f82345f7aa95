//! [`Headers`]: what a store may refuse or overlook of the requests that make an object visible.

use plugin_api::{Error, ErrorKind, FileStatus, Result, WriteMode};

use super::identity::{Content, Found, find};
use super::refusal;
use super::target::Target;
use crate::dialect::{Condition, Obedience, refuses_checksum, refuses_header};

/// The headers that a store may refuse.
#[allow(clippy::struct_excessive_bools, reason = "one for each header")]
pub(super) struct Headers {
    kind: Condition,
    pub(super) checksum: bool,
    pub(super) condition: bool,
    /// Whether the store has refused the condition.
    condition_refused: bool,
    /// Whether it must be asked by another request whether the key is taken. This is weaker: of two
    /// writers that ask at the same time both go on.
    must_ask: bool,
}

impl Headers {
    pub(super) fn of(target: &Target, kind: Condition) -> Self {
        let wanted = target.mode == WriteMode::NoOverwrite;
        let obedience = target.dialect().obedience(kind);
        Self {
            kind,
            checksum: target.dialect().takes_checksums(),
            condition: wanted && obedience != Obedience::Lost,
            condition_refused: false,
            must_ask: wanted && obedience != Obedience::Obeyed,
        }
    }

    /// Learns from a failure: whoever says that the condition does not hold looks at it.
    pub(super) fn note(&self, target: &Target, error: &Error) {
        if self.condition && error.kind() == ErrorKind::PreconditionFailed {
            target.dialect().learn(self.kind, Obedience::Obeyed);
        }
    }

    /// Drops the header that the error may be about: whether there was one left. The checksum goes
    /// first; if that was not it, it comes back and the condition goes.
    pub(super) fn give_way(&mut self, target: &Target, error: &Error) -> bool {
        if self.checksum && refuses_checksum(error) {
            self.checksum = false;
            return true;
        }
        if self.condition && refuses_header(error) {
            self.lose_condition();
            self.checksum = target.dialect().takes_checksums();
            return true;
        }
        false
    }

    pub(super) fn lose_condition(&mut self) {
        self.condition = false;
        self.condition_refused = true;
        self.must_ask = true;
    }

    /// Asks whether the key is taken, if no condition says so. `Some` if our own object is there.
    pub(super) async fn stand_in_for_condition(
        &mut self,
        operation: &'static str,
        target: &Target,
        content: &Content,
    ) -> Result<Option<FileStatus>> {
        if !std::mem::take(&mut self.must_ask) {
            return Ok(None);
        }
        match find(operation, target, Some(content)).await {
            Ok(Found::Nothing) => Ok(None),
            Ok(Found::Ours(status)) => Ok(Some(status)),
            Ok(found) => Err(refusal::taken(operation, target, &found)),
            // Who may write and not look relies upon the condition.
            Err(error) if self.condition && error.kind() == ErrorKind::PermissionDenied => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The request passed: what it went without is not sent again.
    pub(super) fn remember(&self, target: &Target) {
        if !self.checksum {
            target.dialect().forgo_checksums();
        }
        if self.condition_refused {
            // Who does not know the header does not know it with other requests.
            target.dialect().lose_conditions_of_writes();
        }
    }
}
