//! `fsplug config explain`.

use host_loader::configuration::{ExplainedOption, Finding};
use serde::Serialize;

use crate::cli::ExplainArguments;
use crate::failure::{Failure, printable};
use crate::session::Session;
use crate::table;

/// The JSON form of an option. Every member is always there.
#[derive(Serialize)]
struct OptionRecord<'a> {
    plugin: &'a str,
    key: &'a str,
    /// `null` if there is none, not even a default.
    value: Option<&'a str>,
    /// `null` if there is no value.
    origin: Option<String>,
    /// The key that stands there; `null` unless the option is set.
    set_by: Option<&'a str>,
    /// `null` if the value counts for all buckets or other authorities that have none of their own.
    scope: Option<&'a str>,
}

/// A line of JSON that is a finding.
#[derive(Serialize)]
struct FindingLine<'a> {
    finding: FindingRecord<'a>,
}

#[derive(Serialize)]
struct FindingRecord<'a> {
    kind: &'a str,
    key: &'a str,
    origin: String,
    message: &'a str,
    nearest: Option<&'a str>,
}

/// Shows every option that is set, or every one, and then the findings.
pub(super) fn run(session: &mut Session, arguments: &ExplainArguments) -> Result<(), Failure> {
    let location = arguments
        .uri
        .as_deref()
        .map(|uri| session.resolve(uri))
        .transpose()?;
    let explanation = session.file_systems.explain(location.as_ref())?;
    let shown: Vec<&ExplainedOption> = explanation
        .options
        .iter()
        .filter(|option| arguments.all || option.origin.is_some())
        .collect();
    let findings = &explanation.findings;
    let output = &mut session.output;
    if output.is_json() {
        for option in shown {
            output.record(&option_record(option))?;
        }
        for finding in findings {
            output.record(&finding_line(finding))?;
        }
        return output.flush();
    }
    if shown.is_empty() {
        session
            .console
            .note("no option is set; --all shows what there is to set, with the defaults");
    } else {
        let head = ["KEY", "VALUE", "FOR", "ORIGIN"].map(str::to_owned);
        let rows: Vec<[String; 4]> = std::iter::once(head).chain(shown.into_iter().map(row)).collect();
        for line in table::aligned(&rows) {
            output.line(&line)?;
        }
        if !findings.is_empty() {
            output.line("")?;
        }
    }
    if !findings.is_empty() {
        output.line("Worth a look:")?;
        for finding in findings {
            output.line(&format!("  {}", printable(&finding.to_string())))?;
        }
    }
    output.flush()
}

fn origin(option: &ExplainedOption) -> Option<String> {
    match (&option.origin, &option.value) {
        (Some(origin), _) => Some(origin.to_string()),
        (None, Some(_)) => Some("default".to_owned()),
        (None, None) => None,
    }
}

fn row(option: &ExplainedOption) -> [String; 4] {
    let mut origin = origin(option).unwrap_or_else(|| "-".to_owned());
    if let Some(key) = option.set_by.as_ref().filter(|key| **key != option.key) {
        origin = format!("{origin} as {key}");
    }
    [
        printable(&option.key).into_owned(),
        printable(option.value.as_deref().unwrap_or("-")).into_owned(),
        option.scope.clone().unwrap_or_else(|| "all".to_owned()),
        printable(&origin).into_owned(),
    ]
}

fn option_record(option: &ExplainedOption) -> OptionRecord<'_> {
    OptionRecord {
        plugin: &option.plugin,
        key: &option.key,
        value: option.value.as_deref(),
        origin: origin(option),
        set_by: option.set_by.as_deref(),
        scope: option.scope.as_deref(),
    }
}

fn finding_line(finding: &Finding) -> FindingLine<'_> {
    FindingLine {
        finding: FindingRecord {
            kind: finding.kind.as_str(),
            key: &finding.key,
            origin: finding.origin.to_string(),
            message: &finding.message,
            nearest: (!finding.nearest.is_empty()).then_some(&finding.nearest),
        },
    }
}
