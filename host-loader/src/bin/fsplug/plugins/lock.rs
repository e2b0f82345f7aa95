//! `fsplug plugins lock`.

use std::path::{Path, PathBuf};

use host_loader::plugin_api::{Error, ErrorKind};
use host_loader::{LockChange, PluginLock};
use serde::Serialize;

use crate::cli::LockArguments;
use crate::failure::Failure;
use crate::session::Session;

/// The JSON form of a change. Every member is always there; what is not known is `null`.
#[derive(Serialize)]
struct ChangeRecord<'a> {
    directory: String,
    file: &'a str,
    change: &'static str,
    was: Option<&'a str>,
    now: Option<&'a str>,
}

/// Compares what a plugin directory holds with its lock, and makes that the lock unless it is only to be checked.
pub(crate) fn run(session: &mut Session, arguments: &LockArguments) -> Result<(), Failure> {
    let directories = match &arguments.dir {
        Some(dir) => vec![std::path::absolute(dir).map_err(Error::from)?],
        None => where_plugins_are(session),
    };
    match directories.as_slice() {
        [] => return Err(unclear("no plugin was found".to_owned())),
        [_, _, ..] if !arguments.check => {
            let all: Vec<String> = directories.iter().map(|dir| dir.display().to_string()).collect();
            return Err(unclear(format!("there are plugins in {}", all.join(" and "))));
        }
        _ => {}
    }
    let mut different = Vec::new();
    for dir in &directories {
        if update(session, dir, arguments.check)? {
            different.push(PluginLock::path(dir).display().to_string());
        }
    }
    session.output.flush()?;
    if arguments.check && !different.is_empty() {
        let message = format!("{} is not what is there", different.join(" and "));
        return Err(Error::new(ErrorKind::PluginLoad, message)
            .with_operation("check")
            .with_remedy("restore the files above, or if you meant to change them: fsplug plugins lock")
            .into());
    }
    Ok(())
}

/// Compares one directory, and writes its lock if that is wanted. Returns whether there was a difference.
fn update(session: &mut Session, dir: &Path, check: bool) -> Result<bool, Failure> {
    let before = match PluginLock::read(dir) {
        Ok(before) => before,
        Err(error) if check => return Err(error.into()),
        Err(error) => {
            session.console.note(&format!("a new lock is written: {error}"));
            None
        }
    };
    let is_new = before.is_none();
    let now = PluginLock::of_directory(dir)?;
    let changes = before.unwrap_or_default().changes_to(&now);
    for change in &changes {
        if session.output.is_json() {
            session.output.record(&record(dir, change))?;
        } else {
            session.output.line(&change.to_string())?;
        }
    }
    if !check && (is_new || !changes.is_empty()) {
        now.write(dir)?;
    }
    if !session.output.is_json() {
        let path = PluginLock::path(dir);
        let state = match (check, is_new, changes.len()) {
            (true, true, _) => "missing".to_owned(),
            (_, false, 0) => "as it was".to_owned(),
            (true, false, number) => format!("{number} differ"),
            (false, _, number) => format!("written, {number} changed"),
        };
        let number = match now.len() {
            1 => "1 file".to_owned(),
            number => format!("{number} files"),
        };
        session
            .output
            .line(&format!("{}: {number}, {state}", path.display()))?;
    }
    Ok(is_new || !changes.is_empty())
}

/// The plugin directories of all files that were found.
fn where_plugins_are(session: &Session) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = Vec::new();
    for report in session.file_systems.plugins() {
        let is_file_in_it = report.path != report.directory && report.path.is_file();
        if is_file_in_it && !directories.contains(&report.directory) {
            directories.push(report.directory);
        }
    }
    directories
}

fn unclear(message: String) -> Failure {
    Error::new(ErrorKind::InvalidInput, message)
        .with_operation("lock plugins")
        .with_remedy("name the plugin directory with --dir")
        .into()
}

fn record<'a>(dir: &Path, change: &'a LockChange) -> ChangeRecord<'a> {
    ChangeRecord {
        directory: dir.display().to_string(),
        file: &change.file,
        change: change.verb(),
        was: change.was.as_deref(),
        now: change.now.as_deref(),
    }
}
