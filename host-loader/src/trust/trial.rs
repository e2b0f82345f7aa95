//! [`Trial`]: loading a plugin in a process where it can do no harm to this one.

mod process;
mod tail;
mod verdict;

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use plugin_api::{Error, Result};

use super::SealedImage;
use crate::audit::BundledLibrary;
use crate::elf_image::refuse;
use crate::loader;
use process::{BEGUN, hashes_of};
use tail::Tail;
use verdict::{Ended, verdict};

pub use process::try_load_plugin;

/// The usual program for trials.
const PROGRAM: &str = "fsplug";

/// What it is told to do, before the path of the file.
const VERBS: [&str; 2] = ["plugins", "try-load"];

/// How long a trial may take unless the program says otherwise.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// How long the process may take until it begins to load.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Between two looks at it.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// How plugins are tried.
pub(super) struct Trial {
    /// The program that was named; without one, the usual one is looked for.
    pub(super) program: Option<PathBuf>,
    pub(super) time_limit: Duration,
}

/// Why a plugin is not loaded after its trial.
pub(super) enum Failed {
    /// It failed in an orderly way, as it would here, or could not be tried.
    Orderly(Error),
    /// It took the process with it, or did not come to an end.
    Fatal(String),
}

impl Trial {
    /// Loads the image of this file in another process, with the libraries that it brings along. Blocks until that has
    /// ended, or the time is up.
    pub(super) fn run(
        &self,
        file: &Path,
        image: &SealedImage,
        bundle: &[BundledLibrary],
    ) -> std::result::Result<(), Failed> {
        let program = self.program().map_err(Failed::Orderly)?;
        let hashes = hashes_of(bundle).map_err(Failed::Orderly)?;
        let cannot = |error: io::Error| {
            Failed::Orderly(refuse(
                format!("it cannot be tried with {}: {error}", program.display()),
                "make that a program of this version of fsplug that this user can run",
            ))
        };
        let mut child = Command::new(&program)
            .args(VERBS)
            .arg(self.time_limit.as_millis().to_string())
            .arg(file)
            .args(hashes)
            .stdin(image.duplicate().map_err(cannot)?)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let watched = self.watch(&mut child);
        if watched.as_ref().map_or(true, |ended| ended.status.is_none()) {
            // It may have ended by itself just now.
            let _ = child.kill();
            let _ = child.wait();
        }
        verdict(&watched.map_err(cannot)?, &program, self.time_limit)
    }

    /// Waits for the end, or for the time to be up.
    fn watch(&self, child: &mut Child) -> io::Result<Ended> {
        let mut deadline = Instant::now() + START_LIMIT;
        let mut output = Tail::of(child.stdout.take())?;
        let mut errors = Tail::of(child.stderr.take())?;
        let mut pause = SHORTEST_PAUSE;
        let mut has_begun = false;
        let status = loop {
            let status = child.try_wait()?;
            // Also after the end: what it said last is still in the pipes.
            output.read_on();
            errors.read_on();
            if !has_begun && output.begins_with(BEGUN) {
                has_begun = true;
                deadline = Instant::now() + self.time_limit;
            }
            if status.is_some() || Instant::now() >= deadline {
                break status;
            }
            thread::sleep(pause);
            pause = LONGEST_PAUSE.min(pause * 2);
        };
        Ok(Ended {
            has_begun,
            status,
            output: output.text(),
            errors: errors.text(),
        })
    }

    fn program(&self) -> Result<PathBuf> {
        if let Some(program) = &self.program {
            return Ok(program.clone());
        }
        // Who starts a process with elevated rights decides on its PATH, and a link decides what is beside it.
        let is_looked_for = !loader::has_elevated_rights();
        let beside = env::current_exe()
            .ok()
            .map(|program| program.with_file_name(PROGRAM));
        let path = env::var_os("PATH");
        let listed = path.iter().flat_map(env::split_paths);
        let absolute = listed
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join(PROGRAM));
        beside
            .into_iter()
            .chain(absolute)
            .filter(|_| is_looked_for)
            .find(|program| program.is_file())
            .ok_or_else(|| {
                refuse(
                    "it cannot be tried: there is no fsplug beside this program or in PATH",
                    "install fsplug there, or name it with FileSystemsBuilder::trial_program",
                )
            })
    }
}
