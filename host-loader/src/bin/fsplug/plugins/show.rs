//! `fsplug plugins show`.

use std::fs::File;
use std::io;
use std::path::Path;

use host_loader::PluginReport;
use host_loader::plugin_api::{Error, ErrorKind};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{PluginRecord, record};
use crate::failure::{Failure, printable};
use crate::session::Session;

/// The JSON form of a plugin with everything that is known about it.
#[derive(Serialize)]
struct ShownRecord<'a> {
    #[serde(flatten)]
    plugin: PluginRecord<'a>,
    /// The lowest minor version of a host's ABI that it works with.
    min_host_minor: Option<u32>,
    /// The number of its options.
    options: Option<usize>,
    /// The SHA-256 of the file.
    sha256: Option<String>,
    plugin_toml: Option<TomlRecord<'a>>,
}

/// The `plugin.toml` beside a plugin.
#[derive(Serialize)]
struct TomlRecord<'a> {
    path: String,
    publisher: Option<&'a str>,
    license: Option<&'a str>,
    url: Option<&'a str>,
    priorities: &'a std::collections::BTreeMap<String, i64>,
    warnings: &'a [String],
}

/// Shows every plugin of a name, or the one in a file.
pub(super) fn run(session: &mut Session, name: &str) -> Result<(), Failure> {
    let reports = session.file_systems.plugins();
    let is_asked = |report: &&PluginReport| report.name == name || report.path == Path::new(name);
    let shown: Vec<&PluginReport> = reports.iter().filter(is_asked).collect();
    if shown.is_empty() {
        let names: Vec<&str> = reports.iter().map(|report| report.name.as_str()).collect();
        let there = match names.as_slice() {
            [] => "no plugin was found".to_owned(),
            names => format!("there are {}", names.join(", ")),
        };
        let message = format!("no plugin is called '{name}'; {there}");
        return Err(Error::new(ErrorKind::InvalidInput, message)
            .with_remedy("correct the name, or name the plugin directory with --plugins")
            .into());
    }
    for (number, report) in shown.into_iter().enumerate() {
        if session.output.is_json() {
            session.output.record(&shown_record(report))?;
            continue;
        }
        if number > 0 {
            session.output.line("")?;
        }
        for (label, value) in lines(report) {
            session
                .output
                .line(&format!("{label:12}  {}", printable(&value)))?;
        }
    }
    session.output.flush()
}

fn shown_record(report: &PluginReport) -> ShownRecord<'_> {
    let manifest = report.manifest.as_ref();
    ShownRecord {
        plugin: record(report),
        min_host_minor: manifest.map(|manifest| manifest.min_host_minor),
        options: manifest.map(|manifest| manifest.options.len()),
        sha256: sha256(&report.path).ok(),
        plugin_toml: report.plugin_toml.as_ref().map(|toml| TomlRecord {
            path: toml.path.display().to_string(),
            publisher: toml.publisher.as_deref(),
            license: toml.license.as_deref(),
            url: toml.url.as_deref(),
            priorities: &toml.priorities,
            warnings: &toml.warnings,
        }),
    }
}

/// What is known about a plugin, line by line.
fn lines(report: &PluginReport) -> Vec<(&'static str, String)> {
    let shown = shown_record(report);
    let plugin = &shown.plugin;
    let mut lines = vec![
        ("name", plugin.name.to_owned()),
        ("state", plugin.state.to_owned()),
    ];
    let mut add = |label, value: Option<String>| lines.extend(value.map(|value| (label, value)));
    add("version", plugin.version.map(str::to_owned));
    add(
        "schemes",
        (!plugin.schemes.is_empty()).then(|| plugin.schemes.join(", ")),
    );
    let needs = |minor: u32| format!(", works with hosts from minor {minor} on");
    add(
        "abi",
        plugin
            .abi
            .as_ref()
            .map(|abi| format!("{abi}{}", shown.min_host_minor.map(needs).unwrap_or_default())),
    );
    add("options", shown.options.map(|options| options.to_string()));
    add("path", Some(plugin.path.clone()));
    add("found by", Some(plugin.found_by.to_owned()));
    add("sha256", shown.sha256);
    add("shadowed by", report.shadowed_by.clone());
    if let Some(toml) = &shown.plugin_toml {
        add("plugin.toml", Some(toml.path.clone()));
        for (label, value) in [
            ("publisher", toml.publisher),
            ("license", toml.license),
            ("url", toml.url),
        ] {
            add(label, value.map(str::to_owned));
        }
        let priorities: Vec<String> = toml
            .priorities
            .iter()
            .map(|(scheme, priority)| format!("{scheme} {priority}"))
            .collect();
        add(
            "priority",
            (!priorities.is_empty()).then(|| priorities.join(", ")),
        );
        for warning in toml.warnings {
            add("warning", Some(warning.clone()));
        }
    }
    add("error", report.error.as_ref().map(Error::to_string));
    lines
}

/// The hash of a regular file.
fn sha256(path: &Path) -> io::Result<String> {
    if !path.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hex::encode(hash.finalize()))
}
