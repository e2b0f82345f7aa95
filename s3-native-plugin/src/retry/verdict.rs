//! [`Verdict`]: what the interceptor decided about an attempt, and the classifier that tells the SDK's own loop.

use std::error::Error as StdError;
use std::fmt;

use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::Error;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use aws_smithy_types::retry::ErrorKind;

use super::policy::{Decision, Next, Reason};

/// What an attempt meant, left in its reply for the classifier and for whoever makes the error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    /// How many attempts there were, this one included.
    pub(crate) attempts: u32,
    pub(crate) decision: Decision,
}

impl Verdict {
    fn retry_action(&self) -> RetryAction {
        match self.decision.next {
            // The kind plays no part any more: delay and limits are decided.
            Next::Again(delay) => {
                RetryAction::retryable_error_with_explicit_delay(ErrorKind::ServerError, delay)
            }
            Next::GiveUp(_) => RetryAction::RetryForbidden,
        }
    }

    /// Why no further attempt was made, unless the error itself says it.
    pub(crate) fn gave_up(&self) -> Option<Reason> {
        match self.decision.next {
            Next::GiveUp(reason) if !reason.as_str().is_empty() => Some(reason),
            _ => None,
        }
    }
}

/// A failure without a reply that could hold the verdict.
#[derive(Debug)]
pub(crate) struct Attempted {
    pub(crate) verdict: Verdict,
    source: BoxError,
}

impl fmt::Display for Attempted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {} failed", self.verdict.attempts)
    }
}

impl StdError for Attempted {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

/// Puts the verdict around an error.
pub(super) fn wrap(error: &mut OrchestratorError<Error>, verdict: Verdict) {
    let bare = std::mem::replace(error, OrchestratorError::other("the attempt failed"));
    let source = Box::new(bare);
    *error = OrchestratorError::connector(ConnectorError::other(Attempted { verdict, source }.into(), None));
}

/// Tells the SDK what was decided.
#[derive(Debug)]
pub(crate) struct VerdictClassifier;

impl ClassifyRetry for VerdictClassifier {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        if let Some(response) = context.response() {
            // Before there is a verdict, the SDK asks whether the connection is to be kept; its own
            // classifiers answer that.
            return response
                .extension::<Verdict>()
                .map_or(RetryAction::NoActionIndicated, Verdict::retry_action);
        }
        match context.output_or_error() {
            Some(Err(error)) => find_attempted(error).map_or(RetryAction::RetryForbidden, |attempted| {
                attempted.verdict.retry_action()
            }),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "VerdictClassifier"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::run_after(
            RetryClassifierPriority::transient_error_classifier(),
        ))
    }
}

fn find_attempted<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Attempted> {
    crate::error::chain(error).find_map(|link| link.downcast_ref::<Attempted>())
}
