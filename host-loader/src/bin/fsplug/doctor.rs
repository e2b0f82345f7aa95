//! `fsplug doctor`.

use std::time::Duration;

use host_loader::plugin_api::{DiagnosisOptions, Error, ErrorKind, Location, Outcome, Probe};
use serde::Serialize;

use crate::cli::DoctorArguments;
use crate::exit_status::ExitStatus;
use crate::failure::{ErrorRecord, Failure, printable};
use crate::remedy;
use crate::session::Session;

/// The JSON form of a stage. Every member is always there; what does not apply is `null`.
#[derive(Serialize)]
struct ProbeRecord<'a> {
    stage: &'a str,
    outcome: &'static str,
    found: &'a str,
    remedy: Option<&'a str>,
    milliseconds: u64,
    error: Option<ErrorRecord<'a>>,
}

/// Shows what each stage came to. Ends with the code of the first failure.
pub(crate) async fn run(session: &mut Session, arguments: &DoctorArguments) -> Result<(), Failure> {
    let location = session.resolve(&arguments.uri)?;
    let options = DiagnosisOptions::default().read_only(arguments.read_only);
    let diagnosed = session.file_systems.diagnose(&location, &options).await;
    let probes = diagnosed.map_err(|error| error.with_operation("diagnose").with_path(&location))?;
    let probes: Vec<Probe> = probes.into_iter().map(with_remedy).collect();
    for probe in &probes {
        show(session, probe)?;
    }
    let failed: Vec<&Probe> = with_outcome(&probes, Outcome::Failed).collect();
    let warnings = with_outcome(&probes, Outcome::Warning).count();
    let Some(first) = failed.first() else {
        if !session.output.is_json() {
            session
                .output
                .line(&format!("{location} can be used{}", flaws(warnings)))?;
        }
        return session.output.flush();
    };
    session.output.flush()?;
    Err(ended(&location, first, failed.len(), warnings))
}

fn with_outcome(probes: &[Probe], outcome: Outcome) -> impl Iterator<Item = &Probe> {
    probes.iter().filter(move |probe| probe.outcome == outcome)
}

/// A failure whose error does not say what to do about it says what usually helps.
fn with_remedy(mut probe: Probe) -> Probe {
    if let (Outcome::Failed, true, Some(error)) = (probe.outcome, probe.remedy.is_empty(), &probe.error) {
        remedy::complete(error.clone())
            .remedy()
            .clone_into(&mut probe.remedy);
    }
    probe
}

fn show(session: &mut Session, probe: &Probe) -> Result<(), Failure> {
    let error = probe.error.as_ref();
    if session.output.is_json() {
        return session.output.record(&ProbeRecord {
            stage: &probe.stage,
            outcome: probe.outcome.as_str(),
            found: &probe.found,
            remedy: (!probe.remedy.is_empty()).then_some(&probe.remedy),
            milliseconds: u64::try_from(probe.took.as_millis()).unwrap_or(u64::MAX),
            error: error.map(|error| ErrorRecord::new(error, ExitStatus::of(error))),
        });
    }
    let mark = match probe.outcome {
        Outcome::Passed => "ok",
        Outcome::Failed => "FAIL",
        Outcome::Skipped => "skip",
        _ => "warn",
    };
    let time = match probe.outcome {
        Outcome::Skipped => String::new(),
        _ => format!(" ({})", rounded(probe.took)),
    };
    let output = &mut session.output;
    output.line(&format!(
        "{mark:4}  {:15}  {}{time}",
        printable(&probe.stage),
        printable(&probe.found)
    ))?;
    if !probe.remedy.is_empty() {
        output.line(&format!("{:23}=> {}", "", printable(&probe.remedy)))?;
    }
    Ok(())
}

fn rounded(took: Duration) -> String {
    match took.as_millis() {
        millis if millis < 1000 => format!("{millis} ms"),
        _ => format!("{:.1} s", took.as_secs_f64()),
    }
}

fn flaws(warnings: usize) -> String {
    match warnings {
        0 => String::new(),
        1 => ", with 1 warning".to_owned(),
        more => format!(", with {more} warnings"),
    }
}

/// The end of a diagnosis with failures.
fn ended(location: &Location, first: &Probe, failed: usize, warnings: usize) -> Failure {
    let (kind, status) = match &first.error {
        Some(error) => (error.kind(), ExitStatus::of(error)),
        None => (ErrorKind::Other, ExitStatus::Failed),
    };
    let stages = if failed == 1 {
        "1 stage"
    } else {
        &format!("{failed} stages")
    };
    let message = format!(
        "{stages} failed{}, first {}: {}",
        flaws(warnings),
        first.stage,
        first.found
    );
    let error = Error::new(kind, message)
        .with_operation("diagnose")
        .with_path(location)
        .with_remedy(first.remedy.clone());
    Failure::Error { error, status }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnosis_ends_with_the_code_of_its_first_failure() {
        let location = Location::parse("s3://b/d").unwrap();
        let missing = Error::new(ErrorKind::NotFound, "no such bucket").with_service_code("NoSuchBucket");
        let probe = Probe::failed("bucket", missing.with_remedy("create it"));
        let Failure::Error { error, status } = ended(&location, &probe, 2, 1) else {
            panic!("a failure is an error");
        };
        assert_eq!(status, ExitStatus::DirectoryNotFound);
        assert_eq!(
            error.to_string(),
            "diagnose s3://b/d: 2 stages failed, with 1 warning, first bucket: no such bucket (NoSuchBucket); create it"
        );
    }
}
