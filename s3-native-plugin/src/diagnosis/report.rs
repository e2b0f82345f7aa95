//! [`Report`]: runs one stage after the other, each within its time, and keeps what it came to.

use std::future::Future;
use std::time::Duration;

use plugin_api::{Error, ErrorKind, Probe, Result, Retry};
use tokio::time::Instant;

/// How long a diagnosis may take. All in all it is less than a minute.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A stage of small requests.
    pub stage: Duration,
    /// A stage that moves some megabytes.
    pub transfer: Duration,
    /// All stages; what is left then is skipped.
    pub total: Duration,
    /// The clean-up behind them.
    pub clean_up: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stage: Duration::from_secs(5),
            transfer: Duration::from_secs(15),
            total: Duration::from_secs(45),
            clean_up: Duration::from_secs(10),
        }
    }
}

/// Why there is not what a stage needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Missing {
    /// It would have come from this stage.
    Stage(&'static str),
    /// Nobody wants the stage.
    Because(&'static str),
}

impl Missing {
    fn why(self) -> String {
        match self {
            Self::Stage(stage) => format!("needs {stage}"),
            Self::Because(why) => why.to_owned(),
        }
    }
}

/// What a stage is given by those before it.
pub(super) type Given<T> = Result<T, Missing>;

/// What a stage found, and what it gives to those behind it.
pub(super) struct Finding<T> {
    value: T,
    pub(super) found: String,
    /// What to do about a flaw.
    remedy: Option<String>,
}

impl<T> Finding<T> {
    pub(super) fn new(value: T, found: impl Into<String>) -> Self {
        Self {
            value,
            found: found.into(),
            remedy: None,
        }
    }

    /// It works, with a flaw.
    pub(super) fn flawed(value: T, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(value, found)
        }
    }
}

/// The stages so far.
pub(super) struct Report {
    limits: Limits,
    deadline: Instant,
    probes: Vec<Probe>,
}

impl Report {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            deadline: Instant::now() + limits.total,
            probes: Vec::new(),
        }
    }

    /// Runs a stage of small requests with what it is given, or skips it.
    pub(super) async fn stage<I, T, F>(
        &mut self,
        stage: &'static str,
        given: Given<I>,
        work: impl FnOnce(I) -> F,
    ) -> Given<T>
    where
        F: Future<Output = Result<Finding<T>>>,
    {
        self.within(self.limits.stage, stage, given, work).await
    }

    /// The same for a stage that moves some megabytes.
    pub(super) async fn transfer<I, T, F>(
        &mut self,
        stage: &'static str,
        given: Given<I>,
        work: impl FnOnce(I) -> F,
    ) -> Given<T>
    where
        F: Future<Output = Result<Finding<T>>>,
    {
        self.within(self.limits.transfer, stage, given, work).await
    }

    async fn within<I, T, F>(
        &mut self,
        limit: Duration,
        stage: &'static str,
        given: Given<I>,
        work: impl FnOnce(I) -> F,
    ) -> Given<T>
    where
        F: Future<Output = Result<Finding<T>>>,
    {
        let start = Instant::now();
        let limit = limit.min(self.deadline.saturating_duration_since(start));
        let given = given.and_then(|input| {
            if limit.is_zero() {
                return Err(Missing::Because("the time for the diagnosis is over"));
            }
            Ok(input)
        });
        let input = match given {
            Ok(input) => input,
            Err(missing) => {
                self.probes.push(Probe::skipped(stage, missing.why()));
                return Err(missing);
            }
        };
        let result = tokio::time::timeout(limit, work(input))
            .await
            .unwrap_or_else(|_| Err(too_slow(stage, limit)));
        let took = start.elapsed();
        let (probe, value) = match result {
            Ok(Finding {
                value,
                found,
                remedy: None,
            }) => (Probe::passed(stage, found), Ok(value)),
            Ok(Finding {
                value,
                found,
                remedy: Some(remedy),
            }) => (Probe::warning(stage, found, remedy), Ok(value)),
            Err(error) => (Probe::failed(stage, error), Err(Missing::Stage(stage))),
        };
        self.probes.push(probe.took(took));
        value
    }

    /// Adds a stage that kept its time itself.
    pub(super) fn push(&mut self, probe: Probe) {
        self.probes.push(probe);
    }

    pub(super) fn into_probes(self) -> Vec<Probe> {
        self.probes
    }
}

fn too_slow(stage: &str, limit: Duration) -> Error {
    let remedy = match stage {
        "config" => "set 's3.region', so that the instance metadata is not asked for it",
        "dns" => "check the name servers of this machine, and the host in 's3.endpoint'",
        "tcp" => {
            "check 's3.endpoint', and that no firewall or security group stands between this machine and it"
        }
        "credentials" => {
            "check the sources of credentials of this machine, or set 's3.access-key' and 's3.secret-key'"
        }
        "identity" => "check that STS can be reached, and 's3.assume-role.sts.endpoint'",
        "multipart" => "check how fast this machine reaches the store: 10 MiB did not go there in this time",
        _ => "check that the store is up, and what stands between this machine and it",
    };
    Error::new(ErrorKind::Timeout, format!("no answer within {limit:?}"))
        .with_retry(Retry::Yes)
        .with_remedy(remedy)
}

#[cfg(test)]
mod tests {
    use plugin_api::Outcome;

    use super::*;

    fn limits() -> Limits {
        Limits {
            total: Duration::from_secs(12),
            ..Limits::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stage_that_hangs_is_given_up_and_whoever_needs_it_is_skipped() {
        let start = Instant::now();
        let mut report = Report::new(limits());
        let dns = report
            .stage("dns", Ok(()), |()| std::future::pending::<Result<Finding<u8>>>())
            .await;
        let tcp = report
            .stage("tcp", dns, |port| async move { Ok(Finding::new(port, "open")) })
            .await;
        assert!(tcp.is_err());
        let probes = report.into_probes();
        assert_eq!(start.elapsed(), limits().stage);
        assert_eq!(probes[0].outcome, Outcome::Failed);
        assert!(probes[0].remedy.contains("name servers"), "{}", probes[0].remedy);
        assert_eq!(probes[1].outcome, Outcome::Skipped);
        assert_eq!(probes[1].found, "needs dns");
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_stages_hang_the_diagnosis_ends_in_its_time() {
        let start = Instant::now();
        let mut report = Report::new(limits());
        for _ in 0..20 {
            let hangs = report.stage("put", Ok(()), |()| std::future::pending::<Result<Finding<()>>>());
            assert!(hangs.await.is_err());
        }
        assert_eq!(start.elapsed(), limits().total);
        let last = report.into_probes().pop().unwrap();
        assert_eq!(last.outcome, Outcome::Skipped);
    }

    #[test]
    fn the_limits_leave_some_of_a_minute() {
        let limits = Limits::default();
        assert!(limits.total + limits.clean_up < Duration::from_mins(1));
    }
}
