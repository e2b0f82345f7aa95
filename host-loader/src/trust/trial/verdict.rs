//! What a trial says about the plugin, by how its process ended and what that printed.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use super::Failed;
use super::process::{LOADED, REFUSED, read_error};
use crate::elf_image::refuse;

/// What became of the process.
pub(super) struct Ended {
    /// Whether it came to loading the plugin.
    pub(super) has_begun: bool,
    /// Nothing if the time was up.
    pub(super) status: Option<ExitStatus>,
    pub(super) output: String,
    pub(super) errors: String,
}

pub(super) fn verdict(ended: &Ended, program: &Path, time_limit: Duration) -> Result<(), Failed> {
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

#[cfg(test)]
mod tests {
    use super::super::process::write_error;
    use super::*;
    use plugin_api::{Error, ErrorKind};

    fn ended(status: Option<i32>, output: &str, errors: &str) -> Result<(), String> {
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
}
