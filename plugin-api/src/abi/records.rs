//! Conversions of the records of exactly-once output and of tokens.

use std::time::Duration;

use super::interface::{
    ConditionBuf, PendingUploadBuf, ProbeBuf, RecoverableBuf, RecoverableInfoBuf, RecoverableRef, TokenBuf,
};
use super::wire::{pairs_from_wire, pairs_to_wire, time_from_wire, time_to_wire};
use crate::{
    Bytes, DelegationToken, Error, Outcome, PendingUpload, Probe, Recoverable, RecoverableCondition,
    RecoverableInfo, Result,
};

impl From<Recoverable> for RecoverableBuf {
    fn from(state: Recoverable) -> Self {
        Self {
            version: state.version(),
            bytes: state.bytes().clone().into(),
        }
    }
}

impl From<RecoverableBuf> for Recoverable {
    fn from(state: RecoverableBuf) -> Self {
        Self::new(state.version, state.bytes)
    }
}

impl<'a> From<&'a Recoverable> for RecoverableRef<'a> {
    fn from(state: &'a Recoverable) -> Self {
        Self {
            version: state.version(),
            bytes: state.bytes().as_ref().into(),
        }
    }
}

impl From<RecoverableRef<'_>> for Recoverable {
    fn from(state: RecoverableRef<'_>) -> Self {
        Self::new(state.version, Bytes::copy_from_slice(state.bytes.as_slice()))
    }
}

impl From<RecoverableInfo> for RecoverableInfoBuf {
    fn from(info: RecoverableInfo) -> Self {
        Self {
            location: info.location.into(),
            len: info.len,
            upload_id: info.upload_id.into(),
            attributes: pairs_to_wire(info.attributes),
        }
    }
}

impl RecoverableInfoBuf {
    /// The information, after a check of its location.
    pub(super) fn into_info(self) -> Result<RecoverableInfo> {
        let mut info = RecoverableInfo::new(
            self.location.into_location()?,
            self.len,
            self.upload_id.into_string(),
        );
        info.attributes = pairs_from_wire(self.attributes);
        Ok(info)
    }
}

const COMMITTABLE: u32 = 0;
const COMMITTED: u32 = 1;
const GONE: u32 = 2;
const CONFLICT: u32 = 3;
const DAMAGED: u32 = 4;

impl From<RecoverableCondition> for ConditionBuf {
    fn from(condition: RecoverableCondition) -> Self {
        let (tag, why) = match condition {
            RecoverableCondition::Committable => (COMMITTABLE, String::new()),
            RecoverableCondition::Committed => (COMMITTED, String::new()),
            RecoverableCondition::Gone(why) => (GONE, why),
            RecoverableCondition::Conflict(why) => (CONFLICT, why),
            RecoverableCondition::Damaged(why) => (DAMAGED, why),
        };
        Self { tag, why: why.into() }
    }
}

impl ConditionBuf {
    /// The condition, unless the plugin is newer and has one that this build does not know.
    pub(super) fn into_condition(self) -> Result<RecoverableCondition> {
        let why = self.why.into_string();
        match self.tag {
            COMMITTABLE => Ok(RecoverableCondition::Committable),
            COMMITTED => Ok(RecoverableCondition::Committed),
            GONE => Ok(RecoverableCondition::Gone(why)),
            CONFLICT => Ok(RecoverableCondition::Conflict(why)),
            DAMAGED => Ok(RecoverableCondition::Damaged(why)),
            tag => Err(Error::unsupported(
                "this host",
                &format!("the condition {tag} of recoverables: {why}"),
            )
            .with_remedy("use a newer build of the host")),
        }
    }
}

const PASSED: u32 = 0;
const WARNING: u32 = 1;
const FAILED: u32 = 2;
const SKIPPED: u32 = 3;

impl From<Probe> for ProbeBuf {
    fn from(probe: Probe) -> Self {
        let outcome = match probe.outcome {
            Outcome::Passed => PASSED,
            Outcome::Warning => WARNING,
            Outcome::Failed => FAILED,
            Outcome::Skipped => SKIPPED,
        };
        Self {
            stage: probe.stage.into(),
            outcome,
            found: probe.found.into(),
            remedy: probe.remedy.into(),
            took_us: u64::try_from(probe.took.as_micros()).unwrap_or(u64::MAX),
            error: probe.error.map(Into::into).into(),
        }
    }
}

impl From<ProbeBuf> for Probe {
    /// An outcome of a newer plugin that this build does not know is at least worth a look.
    fn from(probe: ProbeBuf) -> Self {
        Self {
            stage: probe.stage.into_string(),
            outcome: match probe.outcome {
                PASSED => Outcome::Passed,
                FAILED => Outcome::Failed,
                SKIPPED => Outcome::Skipped,
                _ => Outcome::Warning,
            },
            found: probe.found.into_string(),
            remedy: probe.remedy.into_string(),
            took: Duration::from_micros(probe.took_us),
            error: probe.error.into_option().map(Into::into),
        }
    }
}

impl From<PendingUpload> for PendingUploadBuf {
    fn from(upload: PendingUpload) -> Self {
        Self {
            location: upload.location.into(),
            upload_id: upload.upload_id.into(),
            initiated_ms: time_to_wire(upload.initiated),
        }
    }
}

impl PendingUploadBuf {
    /// The upload, after a check of its location.
    pub(super) fn into_upload(self) -> Result<PendingUpload> {
        Ok(PendingUpload {
            location: self.location.into_location()?,
            upload_id: self.upload_id.into_string(),
            initiated: time_from_wire(self.initiated_ms),
        })
    }
}

impl From<DelegationToken> for TokenBuf {
    fn from(token: DelegationToken) -> Self {
        Self {
            bytes: token.bytes.into(),
            valid_until_ms: time_to_wire(token.valid_until),
        }
    }
}

impl From<TokenBuf> for DelegationToken {
    fn from(token: TokenBuf) -> Self {
        Self {
            bytes: token.bytes.into(),
            valid_until: time_from_wire(token.valid_until_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn every_condition_crosses_and_one_of_a_newer_plugin_is_no_success() {
        let why = "because".to_owned();
        for condition in [
            RecoverableCondition::Committable,
            RecoverableCondition::Committed,
            RecoverableCondition::Gone(why.clone()),
            RecoverableCondition::Conflict(why.clone()),
            RecoverableCondition::Damaged(why),
        ] {
            let wire = ConditionBuf::from(condition.clone());
            assert_eq!(wire.into_condition().unwrap(), condition);
        }
        let newer = ConditionBuf {
            tag: DAMAGED + 1,
            why: "of something new".into(),
        };
        let error = newer.into_condition().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("something new"), "{error}");
    }
}
