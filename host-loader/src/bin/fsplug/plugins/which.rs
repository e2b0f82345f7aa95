//! `fsplug plugins which`.

use host_loader::{Selection, SelectionCandidate};
use serde::Serialize;

use crate::failure::Failure;
use crate::session::Session;

/// The JSON form of a choice. Every member is always there.
#[derive(Serialize)]
struct SelectionRecord<'a> {
    scheme: &'a str,
    /// The name of the plugin; `null` if there is none.
    chosen: Option<&'a str>,
    /// `null` if there is none.
    reason: Option<&'a str>,
    searched: Vec<PlaceRecord<'a>>,
    candidates: Vec<CandidateRecord<'a>>,
}

#[derive(Serialize)]
struct PlaceRecord<'a> {
    path: String,
    named_by: &'a str,
    found: &'a str,
}

#[derive(Serialize)]
struct CandidateRecord<'a> {
    name: &'a str,
    version: Option<&'a str>,
    path: &'a str,
    priority: i64,
    set_by: &'a str,
    chosen: bool,
    why: &'a str,
}

/// Explains which plugin serves a path. Without one, the explanation is followed by the error.
pub(super) fn run(session: &mut Session, uri: &str) -> Result<(), Failure> {
    let location = session.resolve(uri)?;
    let selection = session.file_systems.selection(&location);
    if session.output.is_json() {
        session.output.record(&record(&selection))?;
    } else {
        for line in selection.to_string().lines() {
            session.output.line(line)?;
        }
    }
    session.output.flush()?;
    match selection.error {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

fn record(selection: &Selection) -> SelectionRecord<'_> {
    let chosen = selection.chosen();
    SelectionRecord {
        scheme: &selection.scheme,
        chosen: chosen.map(|chosen| chosen.name.as_str()),
        reason: chosen.map(|_| selection.reason.as_str()),
        searched: selection
            .searched
            .iter()
            .map(|place| PlaceRecord {
                path: place.path.display().to_string(),
                named_by: place.named_by,
                found: &place.found,
            })
            .collect(),
        candidates: selection.candidates.iter().map(candidate).collect(),
    }
}

fn candidate(candidate: &SelectionCandidate) -> CandidateRecord<'_> {
    CandidateRecord {
        name: &candidate.name,
        version: (!candidate.version.is_empty()).then_some(&candidate.version),
        path: &candidate.origin,
        priority: candidate.priority,
        set_by: &candidate.set_by,
        chosen: candidate.is_chosen,
        why: &candidate.why,
    }
}
