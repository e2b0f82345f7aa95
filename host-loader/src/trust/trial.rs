//! [`Trial`]: loading a plugin in a process where it can do no harm to this one.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use plugin_api::{Error, ErrorKind, Result};
use rustix::fs::OFlags;

use super::{SealedImage, open_regular};
use crate::audit::BundledLibrary;
use crate::discovery::Inspected;
use crate::elf_image::refuse;
use crate::loader;
use crate::telemetry::HostTelemetry;

/// The usual program for trials.
const PROGRAM: &str = "fsplug";

/// What it is told to do, before the path of the file.
const VERBS: [&str; 2] = ["plugins", "try-load"];

/// How long a trial may take unless the program says otherwise.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// How long the process may take until it begins to load.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How much longer the process that tries lives at most, if nobody is left to end it.
const GRACE: Duration = Duration::from_secs(5);

/// What that process says before it loads, so that a program which does something else is told from a plugin that does.
const BEGUN: &str = "fsplug: loading\n";

/// What it says at the end, before a plugin's own error or nothing.
const LOADED: &str = "fsplug: loaded";
const REFUSED: &str = "fsplug: refused ";

/// Bytes of its output that are kept.
const KEPT: usize = 2048;

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

/// What became of the process.
struct Ended {
    /// Whether it came to loading the plugin.
    has_begun: bool,
    /// Nothing if the time was up.
    status: Option<ExitStatus>,
    output: String,
    errors: String,
}

fn verdict(ended: &Ended, program: &Path, time_limit: Duration) -> std::result::Result<(), Failed> {
    let said = match last_words(&ended.errors) {
        words if words.is_empty() => String::new(),
        words => format!("; it said: {words}"),
    };
    if !ended.has_begun {
        return Err(Failed::Orderly(refuse(
            format!(
                "it cannot be tried: {} does not load plugins{said}",
                program.display()
            ),
            "make that a program of this version of fsplug that this user can run",
        )));
    }
    let Some(status) = ended.status else {
        let seconds = time_limit.as_secs_f64();
        return Err(Failed::Fatal(format!(
            "loading it did not come to an end in {seconds} s{said}"
        )));
    };
    if let Some(signal) = status.signal() {
        // A terminal, a service manager or the kernel in need of memory has no opinion about the plugin.
        if [libc::SIGHUP, libc::SIGINT, libc::SIGKILL, libc::SIGTERM].contains(&signal) {
            return Err(Failed::Orderly(refuse(
                format!(
                    "its trial was interrupted from outside, with {}{said}",
                    signal_name(signal)
                ),
                "try again",
            )));
        }
        return Err(Failed::Fatal(format!(
            "loading it ended the process with {}{said}",
            signal_name(signal)
        )));
    }
    let last = ended.output.lines().last().unwrap_or_default();
    match (status.code(), last.strip_prefix(REFUSED)) {
        (Some(0), _) if last == LOADED => Ok(()),
        (Some(1), Some(error)) => Err(Failed::Orderly(read_error(error))),
        (code, _) => Err(Failed::Fatal(format!(
            "loading it ended the process with exit code {}{said}",
            code.unwrap_or_default()
        ))),
    }
}

/// The end of what a pipe brings.
struct Tail {
    pipe: Option<File>,
    /// The first bytes.
    start: Vec<u8>,
    kept: VecDeque<u8>,
}

impl Tail {
    fn of(pipe: Option<impl Into<OwnedFd>>) -> io::Result<Self> {
        let pipe = pipe.map(|pipe| File::from(pipe.into()));
        if let Some(pipe) = &pipe {
            // A process that the plugin has started may hold the other end for ever.
            rustix::fs::fcntl_setfl(pipe, OFlags::NONBLOCK)?;
        }
        Ok(Self {
            pipe,
            start: Vec::new(),
            kept: VecDeque::new(),
        })
    }

    /// Reads what is there now; not without end, if more comes all the time.
    fn read_on(&mut self) {
        let mut buffer = [0; 4096];
        for _ in 0..64 {
            match self.pipe.as_mut().map(|pipe| pipe.read(&mut buffer)) {
                Some(Ok(read @ 1..)) => {
                    let missing = BEGUN.len().saturating_sub(self.start.len());
                    self.start.extend(&buffer[..read.min(missing)]);
                    self.kept.extend(&buffer[..read]);
                    let excess = self.kept.len().saturating_sub(KEPT);
                    self.kept.drain(..excess);
                }
                _ => return,
            }
        }
    }

    fn begins_with(&self, text: &str) -> bool {
        self.start.starts_with(text.as_bytes())
    }

    fn text(self) -> String {
        String::from_utf8_lossy(&Vec::from(self.kept)).into_owned()
    }
}

/// The last lines, as one.
fn last_words(text: &str) -> String {
    const LINES: usize = 3;
    const CHARACTERS: usize = 300;
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let joined = lines[lines.len().saturating_sub(LINES)..].join(" / ");
    let plain = joined.replace(char::is_control, " ");
    match plain.char_indices().rev().nth(CHARACTERS) {
        Some((at, _)) => format!("…{}", &plain[at..]),
        None => plain,
    }
}

/// The SHA-256 of each library of a bundle, in hexadecimal. By them the other process, which reads the files anew,
/// knows those that were checked here.
fn hashes_of(bundle: &[BundledLibrary]) -> Result<Vec<String>> {
    let hash = |library: &BundledLibrary| library.image.sha256().map(hex::encode);
    bundle.iter().map(hash).collect()
}

fn signal_name(number: i32) -> String {
    let name = match number {
        libc::SIGABRT => "SIGABRT",
        libc::SIGALRM => "SIGALRM",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGHUP => "SIGHUP",
        libc::SIGILL => "SIGILL",
        libc::SIGINT => "SIGINT",
        libc::SIGKILL => "SIGKILL",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGSYS => "SIGSYS",
        libc::SIGTERM => "SIGTERM",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

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
fn write_error(error: &Error) -> String {
    serde_json::to_string(&(error.kind().as_str(), error.message(), error.remedy()))
        .expect("texts always have a JSON form")
}

fn read_error(text: &str) -> Error {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: Option<i32>, output: &str, errors: &str) -> std::result::Result<(), String> {
        let ended = Ended {
            has_begun: output != "nothing",
            status: status.map(ExitStatus::from_raw),
            output: output.to_owned(),
            errors: errors.to_owned(),
        };
        verdict(&ended, Path::new("/p/fsplug"), Duration::from_millis(1500)).map_err(|failed| match failed {
            Failed::Orderly(error) => format!("orderly: {error}"),
            Failed::Fatal(reason) => format!("fatal: {reason}"),
        })
    }

    #[test]
    fn only_a_process_that_says_so_and_ends_well_has_loaded_the_plugin() {
        const EXIT_1: i32 = 1 << 8;
        assert_eq!(ended(Some(0), "noise\nfsplug: loaded\n", "noise"), Ok(()));
        for (status, output, errors, expected) in [
            (
                Some(0),
                "",
                "",
                "fatal: loading it ended the process with exit code 0",
            ),
            (
                Some(libc::SIGSEGV),
                LOADED,
                "",
                "fatal: loading it ended the process with SIGSEGV",
            ),
            (
                Some(64),
                "",
                "",
                "fatal: loading it ended the process with signal 64",
            ),
            (
                Some(libc::SIGKILL),
                LOADED,
                "noise",
                "orderly: its trial was interrupted from outside, with SIGKILL; it said: noise; try again",
            ),
            (
                Some(EXIT_1),
                "",
                "one\n\ntwo\x1b\nthree\nfour\n",
                "fatal: loading it ended the process with exit code 1; it said: two  / three / four",
            ),
            (
                None,
                LOADED,
                "",
                "fatal: loading it did not come to an end in 1.5 s",
            ),
        ] {
            assert_eq!(ended(status, output, errors), Err(expected.to_owned()));
        }
        let error = Error::new(ErrorKind::PluginPanic, "no factory\ntoday").with_remedy("wait");
        let output = format!("{REFUSED}{}", write_error(&error));
        assert_eq!(ended(Some(EXIT_1), &output, ""), Err(format!("orderly: {error}")));
        assert_eq!(read_error(&write_error(&error)).kind(), ErrorKind::PluginPanic);
        assert!(
            ended(Some(EXIT_1), REFUSED, "")
                .unwrap_err()
                .contains("not known")
        );
    }

    #[test]
    fn a_program_that_does_something_else_is_not_held_against_the_plugin() {
        for status in [None, Some(0), Some(libc::SIGSEGV)] {
            let told = ended(status, "nothing", "usage").unwrap_err();
            assert!(
                told.contains("orderly: it cannot be tried: /p/fsplug does not load plugins"),
                "{told}"
            );
            assert!(told.contains("it said: usage"), "{told}");
        }
    }

    #[test]
    fn last_words_are_bounded() {
        let long = "é".repeat(1000);
        assert_eq!(last_words(&long).chars().count(), 302);
        assert_eq!(last_words(""), "");
    }

    #[test]
    fn no_more_than_the_end_of_an_output_is_kept() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut tail = Tail::of(Some(OwnedFd::from(reader))).unwrap();
        for number in 0..100 {
            writer.write_all(&[number; 100]).unwrap();
            tail.read_on();
        }
        assert!(tail.begins_with("\0\0\0"));
        // The writer is still open: nothing waits for it.
        assert_eq!(tail.kept.len(), KEPT);
        assert_eq!(tail.kept.back(), Some(&99));
    }
}
