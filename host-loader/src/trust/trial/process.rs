//! The process of a trial: it loads the plugin, and says what came of it.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use plugin_api::{Error, ErrorKind, Result};

use crate::audit::BundledLibrary;
use crate::discovery::Inspected;
use crate::elf_image::refuse;
use crate::loader;
use crate::telemetry::HostTelemetry;
use crate::trust::{SealedImage, open_regular};

/// How much longer the process lives at most, if nobody is left to end it.
const GRACE: Duration = Duration::from_secs(5);

/// What it says before it loads, so that a program which does something else is told from a plugin that does.
pub(super) const BEGUN: &str = "fsplug: loading\n";

/// What it says at the end, before a plugin's own error or nothing.
pub(super) const LOADED: &str = "fsplug: loaded";
pub(super) const REFUSED: &str = "fsplug: refused ";

/// Loads the plugin that is this process's standard input, and says on standard output what came of it: what the program
/// does that [`trial_program`](crate::FileSystemsBuilder::trial_program) names, as `fsplug` does.
///
/// `arguments` are those after `plugins try-load`. The process is to end with the returned code, and to do nothing
/// else; it is ended with `SIGABRT` if this takes much longer than it may.
pub fn try_load_plugin(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let limit = arguments.next().and_then(|limit| limit.to_str()?.parse().ok());
    let (Some(limit), Some(file)) = (limit, arguments.next()) else {
        return ExitCode::from(2);
    };
    let hashes: Vec<String> = arguments
        .map(|hash| hash.to_string_lossy().into_owned())
        .collect();
    // Whoever started this process may be gone before it.
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(limit) + GRACE);
        std::process::abort();
    });
    if io::stdout()
        .write_all(BEGUN.as_bytes())
        .and_then(|()| io::stdout().flush())
        .is_err()
    {
        return ExitCode::from(3);
    }
    let (line, code) = match load_standard_input(Path::new(&file), &hashes) {
        Ok(()) => (LOADED.to_owned(), 0),
        Err(error) => (format!("{REFUSED}{}", write_error(&error)), 1),
    };
    // A plugin may have written a part of a line.
    let written = io::stdout().write_all(format!("\n{line}\n").as_bytes());
    if written.is_err() {
        ExitCode::from(3)
    } else {
        ExitCode::from(code)
    }
}

/// The SHA-256 of each library of a bundle, in hexadecimal. By them this process, which reads the files anew, knows
/// those that were checked before it was started.
pub(super) fn hashes_of(bundle: &[BundledLibrary]) -> Result<Vec<String>> {
    let hash = |library: &BundledLibrary| library.image.sha256().map(hex::encode);
    bundle.iter().map(hash).collect()
}

fn load_standard_input(file: &Path, hashes: &[String]) -> Result<()> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let image = SealedImage::inherited(input)?;
    let present = Inspected::of(file, &image.content(), &open_regular);
    if let Some(error) = present.error {
        return Err(error);
    }
    if hashes_of(&present.bundle)? != hashes {
        return Err(refuse(
            "a library that it brings along is not the one that was checked a moment ago",
            "try again when nobody writes to its directory",
        ));
    }
    loader::load(
        image,
        present.bundle,
        Arc::new(HostTelemetry::for_plugin("trial")),
    )
    .map(drop)
}

/// Kind, message and remedy of an error, in a line.
pub(super) fn write_error(error: &Error) -> String {
    serde_json::to_string(&(error.kind().as_str(), error.message(), error.remedy()))
        .expect("texts always have a JSON form")
}

pub(super) fn read_error(text: &str) -> Error {
    match serde_json::from_str::<(String, String, String)>(text) {
        Ok((kind, message, remedy)) => {
            let is_named = |known: &&ErrorKind| known.as_str() == kind;
            let kind = ErrorKind::ALL.iter().find(is_named).copied();
            Error::new(kind.unwrap_or(ErrorKind::PluginLoad), message).with_remedy(remedy)
        }
        Err(_) => refuse(
            "its trial failed, and what it said is not known",
            "look at its log",
        ),
    }
}
