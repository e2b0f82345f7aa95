//! [`Workspace`]: calls cargo, and knows what it built.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// The repository and the cargo that this task was called with.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    cargo: OsString,
}

impl Workspace {
    /// Finds the repository from the directory that cargo runs this task in.
    pub(crate) fn find() -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut locate = Command::new(&cargo);
        locate.args(["locate-project", "--workspace", "--message-format", "plain"]);
        if let Some(manifest_dir) = std::env::var_os("CARGO_MANIFEST_DIR") {
            locate.current_dir(manifest_dir);
        }
        let output = locate
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo")?;
        let manifest = String::from_utf8(output.stdout).context("the path of the workspace is not UTF-8")?;
        let root = Path::new(manifest.trim()).parent().map(Path::to_path_buf);
        match root {
            Some(root) if output.status.success() => Ok(Self { root, cargo }),
            _ => bail!("no workspace here; call `cargo xtask` inside the repository"),
        }
    }

    /// The directory of the repository.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory into which plugins are dropped.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// A cargo command in the repository.
    ///
    /// What the outer cargo tells this task about itself is removed: build scripts that look at it
    /// would run again, and everything above them with them, whenever a build from here follows one
    /// from the command line.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(arguments).current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_")
                || text.starts_with("CARGO_MANIFEST_")
                || text.starts_with("CARGO_BIN_")
                || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&&*text)
            {
                command.env_remove(&name);
            }
        }
        command
    }

    /// Runs `cargo build` with these arguments. Its messages go to standard error.
    pub(crate) fn build(&self, arguments: &[&str]) -> Result<Artifacts> {
        let mut command = self.cargo(&["build", "--message-format", "json-render-diagnostics"]);
        command.args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot run cargo")?;
        let stdout = child.stdout.take().context("cargo has no standard output")?;
        let mut files = Vec::new();
        for line in BufReader::new(stdout).lines() {
            let line = line.context("cannot read what cargo says")?;
            if let Ok(Message { reason, filenames }) = serde_json::from_str(&line)
                && reason == "compiler-artifact"
            {
                files.extend(filenames);
            }
        }
        if !child.wait()?.success() {
            bail!("cargo build {} failed", arguments.join(" "));
        }
        Ok(Artifacts { files })
    }

    /// Runs a command to its end; an error unless it succeeded.
    pub(crate) fn run(mut command: Command) -> Result<()> {
        let shown = format!("{command:?}");
        let status = command.status().with_context(|| format!("cannot run {shown}"))?;
        if !status.success() {
            let program = Path::new(command.get_program());
            let name = program.file_name().unwrap_or(program.as_os_str()).display();
            let arguments: Vec<_> = command
                .get_args()
                .map(|argument| argument.to_string_lossy())
                .collect();
            bail!("`{name} {}` failed: {status}", arguments.join(" "));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// The files that a build made, or found to be fresh.
#[derive(Debug)]
pub(crate) struct Artifacts {
    files: Vec<PathBuf>,
}

impl Artifacts {
    /// The executable of this name.
    pub(crate) fn executable(&self, name: &str) -> Result<&Path> {
        self.file(&format!("{name}{EXE_SUFFIX}"))
    }

    /// The shared library of the crate with this name, written with underscores.
    pub(crate) fn library(&self, name: &str) -> Result<&Path> {
        self.file(&format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"))
    }

    fn file(&self, name: &str) -> Result<&Path> {
        self.files
            .iter()
            .find(|path| path.file_name().is_some_and(|file| file == name))
            .map(PathBuf::as_path)
            .with_context(|| format!("the build made no '{name}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_are_found_by_their_whole_name() {
        let artifacts = Artifacts {
            files: vec![
                "/t/debug/libs3_native_plugin.rlib".into(),
                "/t/debug/libs3_native_plugin.so".into(),
            ],
        };
        let found = artifacts.library("s3_native_plugin").unwrap();
        assert_eq!(found, Path::new("/t/debug/libs3_native_plugin.so"));
        let error = artifacts.executable("testkit").unwrap_err();
        assert!(error.to_string().contains("'testkit'"));
    }
}
