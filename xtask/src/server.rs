//! [`Server`]: the embedded S3 server as a child process.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};

/// Ends a child process when it goes out of scope, whatever the reason.
#[derive(Debug)]
pub(crate) struct KillOnDrop(pub(crate) Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // Both fail only if the process has ended and been waited for already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The bucket that the demo works in.
pub(crate) const BUCKET: &str = "demo";
const ACCESS_KEY: &str = "demo";
const SECRET_KEY: &str = "demo-secret";
const REGION: &str = "us-east-1";

/// A running server. It ends with this value, and also when this process is killed: its standard
/// input closes then.
#[derive(Debug)]
pub(crate) struct Server {
    endpoint: String,
    /// What the server answers to commands.
    answers: Receiver<String>,
    commands: ChildStdin,
    _process: KillOnDrop,
}

impl Server {
    /// Starts the server on a free port and waits until it listens. Random faults come from `seed`;
    /// each request that a fault hits is shown to `on_fault`, as the server describes it.
    pub(crate) fn start(
        testkit: &Path,
        seed: u64,
        mut on_fault: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        let child = Command::new(testkit)
            .args(["serve", "--port", "0", "--bucket", BUCKET])
            .args(["--exit-with-stdin", "--commands", "--seed"])
            .arg(seed.to_string())
            .args([
                "--access-key",
                ACCESS_KEY,
                "--secret-key",
                SECRET_KEY,
                "--region",
                REGION,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", testkit.display()))?;
        let mut process = KillOnDrop(child);
        let commands = process.0.stdin.take();
        let commands = commands.context("the server has no standard input")?;
        let stdout = process.0.stdout.take();
        let stdout = stdout.context("the server has no standard output")?;
        let mut lines = BufReader::new(stdout).lines().map_while(io::Result::ok);
        let Some(endpoint) = lines.find_map(|line| endpoint(&line)) else {
            bail!("the server ended before it listened: {}", process.0.wait()?);
        };
        let (sender, answers) = mpsc::channel();
        // Reads for as long as the server lives, so that it never waits for a reader.
        thread::spawn(move || {
            for line in lines {
                match line.strip_prefix("fault ") {
                    Some(fault) => on_fault(fault),
                    // Nobody asked for an answer that cannot be sent.
                    None => drop(sender.send(line)),
                }
            }
        });
        Ok(Self {
            endpoint,
            answers,
            commands,
            _process: process,
        })
    }

    /// Adds faults behind those that are there.
    pub(crate) fn add_faults(&mut self, rules: &str) -> Result<()> {
        self.command(&format!("add {rules}"))
    }

    /// Removes all faults.
    pub(crate) fn clear_faults(&mut self) -> Result<()> {
        self.command("clear")
    }

    fn command(&mut self, command: &str) -> Result<()> {
        writeln!(self.commands, "{command}").context("cannot command the server")?;
        let answer = self.answers.recv().context("the server has ended")?;
        ensure!(answer == "ok", "the server takes no '{command}': {answer}");
        Ok(())
    }

    /// Its URL.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The configuration with which the plugin reaches it.
    pub(crate) fn config(&self) -> Vec<(&'static str, String)> {
        vec![
            ("s3.endpoint", self.endpoint.clone()),
            ("s3.access-key", ACCESS_KEY.to_owned()),
            ("s3.secret-key", SECRET_KEY.to_owned()),
            ("s3.region", REGION.to_owned()),
            ("s3.path-style-access", "true".to_owned()),
        ]
    }
}

fn endpoint(line: &str) -> Option<String> {
    let url = line.split_once("listening on ")?.1;
    url.split_whitespace()
        .next()
        .filter(|url| url.starts_with("http"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_read_from_the_line_that_announces_it() {
        let found = endpoint("listening on http://127.0.0.1:4711\n");
        assert_eq!(found.as_deref(), Some("http://127.0.0.1:4711"));
        assert_eq!(endpoint("starting\n"), None);
    }

    #[test]
    fn a_server_that_ends_at_once_is_an_error() {
        let error = Server::start(Path::new("/bin/true"), 0, |_| {}).unwrap_err();
        assert!(error.to_string().contains("before it listened"), "{error}");
    }
}
