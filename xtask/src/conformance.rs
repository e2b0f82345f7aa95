//! `cargo xtask conformance`: runs the conformance suite on the built plugin against a real server.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use crate::ceph::{self, Ceph, ends_with_us};
use crate::server::KillOnDrop;
use crate::workspace::Workspace;
use crate::{plugin_build, step};

/// Debian's packages of the server, and what makes the first bucket.
const PACKAGES: [&str; 4] = ["radosgw", "ceph-mon", "ceph-osd", "curl"];

/// Run the conformance suite on the built S3 plugin against a real server, which is started for it
/// on the loopback interface and ends with it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server.
    server: RealServer,

    /// Install the server with apt-get if it is missing; for root only.
    #[arg(long)]
    install: bool,

    /// Succeed with a message if the server is missing and cannot be installed.
    #[arg(long)]
    skip_if_missing: bool,

    /// Run only cases with this text in their name. Can be repeated.
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RealServer {
    /// The object gateway of Ceph.
    Rgw,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let RealServer::Rgw = options.server;
    let workspace = Workspace::find()?;
    let (version, known_gaps) = match available(&workspace, options.install) {
        Ok(available) => available,
        Err(error) if options.skip_if_missing => {
            step(format_args!(
                "skipped, since Ceph RGW cannot be run here: {error:#}"
            ));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let (plugin, fsplug) = artefacts(&workspace)?;
    step(format_args!("starting Ceph RGW {version}"));
    let started = Instant::now();
    let server = Ceph::start()?;
    step(format_args!(
        "running the conformance suite (Ceph took {:.0} s to start)",
        started.elapsed().as_secs_f64()
    ));
    let mut command = ends_with_us("env");
    command
        .arg(fsplug)
        .args(["conformance", "run"])
        .arg(plugin)
        .args(["--uri", &format!("s3://{}/some/prefix", ceph::BUCKET)])
        .arg("--known-gaps")
        .arg(known_gaps);
    for text in &options.filter {
        command.args(["--filter", text]);
    }
    for (key, value) in server.config() {
        command.arg(format!("-D{key}={value}"));
    }
    show_all_but_successes(command)
}

/// The version of the server, installed or to be, and the file of its known gaps.
fn available(workspace: &Workspace, install: bool) -> Result<(String, PathBuf)> {
    let version = match ceph::version() {
        Some(version) => version,
        None if install => {
            step(format_args!("installing {}", PACKAGES.join(" ")));
            apt_get(&["update"])?;
            apt_get(&[&["install", "--yes", "--no-install-recommends"], &PACKAGES[..]].concat())?;
            ceph::version().context("radosgw is installed but does not tell its version")?
        }
        None => bail!(
            "it is not installed; give --install as root, or install {}",
            PACKAGES.join(" ")
        ),
    };
    let major = version.split('.').next().unwrap_or_default();
    let name = format!("conformance-tests/known-gaps/ceph-rgw-{major}.txt");
    let known_gaps = workspace.root().join(&name);
    if !known_gaps.is_file() {
        bail!("there is no {name}, which says what this version is known not to do");
    }
    Ok((version, known_gaps))
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    // A mirror that is away must not hold anybody up for long.
    let mut command = Command::new("timeout");
    command
        .args(["180", "apt-get", "--quiet", "--quiet"])
        .args(["-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    Workspace::run(command)
}

/// The plugin's library and fsplug: those that the environment names, as for tests, or built here.
fn artefacts(workspace: &Workspace) -> Result<(OsString, OsString)> {
    let named = (
        env::var_os("FSPLUG_TEST_PLUGIN"),
        env::var_os("FSPLUG_TEST_FSPLUG"),
    );
    if let (Some(plugin), Some(fsplug)) = named {
        return Ok((plugin, fsplug));
    }
    step("building the workspace");
    // All of it, as `cargo xtask test` does, so that nothing is built twice.
    let built = workspace.build(&["--workspace"])?;
    let fsplug = built.executable("fsplug")?.into();
    Ok((plugin_build::library(&built)?.into(), fsplug))
}

/// Runs the suite, and passes on what it says but for the hundreds of cases that are as they should be.
fn show_all_but_successes(mut command: Command) -> Result<()> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run fsplug")?;
    let mut process = KillOnDrop(child);
    let stdout = process.0.stdout.take().context("fsplug has no standard output")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.context("cannot read what fsplug says")?;
        let line = String::from_utf8_lossy(&line);
        if is_of_interest(&line) {
            println!("{line}");
        }
    }
    let status = process.0.wait()?;
    if !status.success() {
        bail!("the plugin does not conform on this server: {status}");
    }
    Ok(())
}

fn is_of_interest(line: &str) -> bool {
    let outcome = line
        .strip_prefix("case ")
        .and_then(|case| case.split_once(" ... "));
    outcome.is_none_or(|(_, outcome)| outcome == "FAILED")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_cases_only_failures_are_shown() {
        assert!(is_of_interest("case a::b ... FAILED"));
        assert!(is_of_interest("result: ok. 1 passed"));
        for outcome in ["ok", "known gap (x)", "not applicable (needs X)"] {
            assert!(!is_of_interest(&format!("case a::b ... {outcome}")));
        }
    }

    #[test]
    fn a_failed_run_is_an_error() {
        assert!(show_all_but_successes(Command::new("true")).is_ok());
        let error = show_all_but_successes(Command::new("false")).unwrap_err();
        assert!(error.to_string().contains("does not conform"), "{error}");
    }
}
