//! [`trials`]: every case as a test of libtest-mimic.

use std::sync::Arc;

use libtest_mimic::{Completion, Failed, Trial};

use crate::case::Case;
use crate::report::Outcome;
use crate::runner::{RunOptions, run_case};
use crate::target::Target;

/// Every case as a test called `prefix::name`, for a test target with `harness = false`. A case that
/// does not apply and a known gap are shown as ignored, with the reason.
pub fn trials(prefix: &str, target: &Arc<Target>, cases: Vec<Case>, options: &RunOptions) -> Vec<Trial> {
    let options = Arc::new(options.clone());
    let trial = |case: Case| {
        let (target, options) = (Arc::clone(target), Arc::clone(&options));
        Trial::ignorable_test(format!("{prefix}::{}", case.name()), move || {
            match run_case(&target, &Arc::new(case), &options).outcome {
                Outcome::Passed => Ok(Completion::Completed),
                Outcome::Failed(failure) => Err(Failed::from(failure)),
                Outcome::KnownGap { reason, .. } => {
                    Ok(Completion::ignored_with(format!("known gap: {reason}")))
                }
                Outcome::NotApplicable(reason) => Ok(Completion::ignored_with(reason)),
            }
        })
    };
    cases.into_iter().map(trial).collect()
}
