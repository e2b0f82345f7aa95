//! What a plugin finds out about its own way to a store: [`Probe`], one stage after the other.

use std::time::Duration;

use crate::{Error, Extensions};

/// How a diagnosis goes about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiagnosisOptions {
    /// Leave out everything that writes.
    pub read_only: bool,
    /// Further options by key.
    pub extensions: Extensions,
}

impl DiagnosisOptions {
    /// Leaves out everything that writes, or not.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }
}

/// What one stage of a diagnosis came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// It works, but something is weaker, slower or odder than a reader might expect.
    Warning,
    /// It does not work.
    Failed,
    /// It was not looked at: it was not asked for, or needs a stage that failed.
    Skipped,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: &[Self] = &[Self::Passed, Self::Warning, Self::Failed, Self::Skipped];

    /// A short name for machines, such as `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What one stage of a diagnosis found. Texts are one line each and hold no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Probe {
    /// The name of the stage, such as `dns`: lower case, words joined by `-`, once in a diagnosis.
    pub stage: String,
    /// What it came to.
    pub outcome: Outcome,
    /// What was found; of a stage that was skipped, why.
    pub found: String,
    /// What to do about it, or "" if nothing is to be done.
    pub remedy: String,
    /// How long it took.
    pub took: Duration,
    /// What it failed from; none unless it failed.
    pub error: Option<Error>,
}

impl Probe {
    /// A stage that is as it should be.
    pub fn passed(stage: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            stage: stage.into(),
            outcome: Outcome::Passed,
            found: found.into(),
            remedy: String::new(),
            took: Duration::ZERO,
            error: None,
        }
    }

    /// A stage that works with a flaw, and what to do about that.
    pub fn warning(stage: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Warning,
            remedy: remedy.into(),
            ..Self::passed(stage, found)
        }
    }

    /// A stage that failed: what and the remedy are those of the error.
    pub fn failed(stage: impl Into<String>, error: Error) -> Self {
        let probe = Self::passed(stage, error.what());
        Self {
            outcome: Outcome::Failed,
            remedy: error.remedy().to_owned(),
            error: Some(error),
            ..probe
        }
    }

    /// A stage that was not looked at, and why.
    pub fn skipped(stage: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Skipped,
            ..Self::passed(stage, why)
        }
    }

    /// With the time that it took.
    #[must_use]
    pub fn took(mut self, took: Duration) -> Self {
        self.took = took;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_failure_says_what_the_error_says_without_saying_the_remedy_twice() {
        let error = Error::new(ErrorKind::PermissionDenied, "access denied")
            .with_operation("put")
            .with_path("s3://b/k")
            .with_service_code("AccessDenied")
            .with_http_status(403)
            .with_remedy("allow s3:PutObject");
        let probe = Probe::failed("put", error);
        assert_eq!(probe.outcome, Outcome::Failed);
        assert_eq!(probe.found, "access denied (HTTP 403 AccessDenied)");
        assert_eq!(probe.remedy, "allow s3:PutObject");
    }
}
