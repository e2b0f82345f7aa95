//! `fsplug stat`.

use std::collections::BTreeMap;

use host_loader::plugin_api::FileStatus;
use indicatif::BinaryBytes;
use serde::Serialize;

use crate::cli::StatArguments;
use crate::failure::{At as _, Failure, printable};
use crate::session::Session;
use crate::timestamp;

/// The JSON form of a status. Every member is always there; what is not known is `null`.
#[derive(Serialize)]
pub(crate) struct StatusRecord<'a> {
    uri: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    size: u64,
    modified: Option<String>,
    etag: Option<&'a str>,
    attributes: BTreeMap<&'a str, &'a str>,
}

impl<'a> StatusRecord<'a> {
    pub(crate) fn new(status: &'a FileStatus) -> Self {
        Self {
            uri: status.location.as_str(),
            kind: kind(status),
            size: status.len,
            modified: status.modified.map(timestamp::with_millis),
            etag: (!status.etag.is_empty()).then_some(&status.etag),
            attributes: status
                .attributes
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
        }
    }
}

/// Shows each path; a failure of one does not keep the others from being shown.
pub(crate) async fn run(session: &mut Session, arguments: &StatArguments) -> Result<(), Failure> {
    for path in &arguments.paths {
        let result = show(session, path).await;
        session.go_on(result)?;
    }
    Ok(())
}

async fn show(session: &mut Session, path: &str) -> Result<(), Failure> {
    let (file_system, location) = session.open(path).await?;
    let status = file_system.status(&location).await.at("status", &location)?;
    if session.output.is_json() {
        return session.output.record(&StatusRecord::new(&status));
    }
    for (label, value) in facts(&status) {
        session
            .output
            .line(&format!("{label:>10}: {}", printable(&value)))?;
    }
    session.output.flush()
}

/// What is known, for a human.
fn facts(status: &FileStatus) -> Vec<(&str, String)> {
    let mut facts = vec![
        ("uri", status.location.to_string()),
        ("type", kind(status).to_owned()),
    ];
    if status.is_file() {
        facts.push(("size", format!("{} ({})", status.len, BinaryBytes(status.len))));
    }
    if let Some(modified) = status.modified {
        facts.push(("modified", timestamp::with_millis(modified)));
    }
    if !status.etag.is_empty() {
        facts.push(("etag", status.etag.clone()));
    }
    let further = status.attributes.iter();
    facts.extend(further.map(|(key, value)| (key.as_str(), value.clone())));
    facts
}

fn kind(status: &FileStatus) -> &'static str {
    if status.is_directory() {
        "directory"
    } else {
        "file"
    }
}
