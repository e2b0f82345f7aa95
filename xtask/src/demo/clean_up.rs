//! [`CleanUp`]: `fsplug uploads gc`, as an operator runs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// `fsplug uploads gc` on the output, with all checkpoints as what refers to uploads.
pub(super) struct CleanUp {
    program: PathBuf,
    arguments: Vec<String>,
}

/// What it says in the end, as far as it is of interest here.
#[derive(Debug, Deserialize)]
struct Summary {
    aborted: usize,
    referenced: usize,
}

#[derive(Deserialize)]
struct SummaryLine {
    summary: Summary,
}

/// What all runs together came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cleaned {
    pub(super) runs: usize,
    /// Uploads that nothing referred to.
    pub(super) aborted: usize,
    /// How often an upload was left alone because a checkpoint refers to it.
    pub(super) referenced: usize,
}

impl CleanUp {
    /// With this program, for the plugins in this directory.
    pub(super) fn new(
        fsplug: &Path,
        plugins: &Path,
        config: &[(&str, String)],
        (output, checkpoints): (&str, &str),
    ) -> Self {
        let plugins = plugins.display().to_string();
        let mut arguments = vec!["--json".to_owned(), "--plugins".to_owned(), plugins];
        for (key, value) in config {
            arguments.extend(["-D".to_owned(), format!("{key}={value}")]);
        }
        // No upload is too young: the worker is dead, so that nobody is between an upload and its checkpoint.
        arguments.extend(["uploads", "gc", output, "--older-than", "0s", "--yes"].map(str::to_owned));
        arguments.extend(["--referenced-by".to_owned(), format!("{checkpoints}/**")]);
        Self {
            program: fsplug.to_path_buf(),
            arguments,
        }
    }

    /// Runs it. There must be a checkpoint, and no worker.
    pub(super) fn run(&self, cleaned: &mut Cleaned) -> Result<()> {
        let output = Command::new(&self.program)
            .args(&self.arguments)
            .output()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "the clean-up failed: {}\n{said}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let last = said.lines().last().unwrap_or_default();
        let SummaryLine { summary } =
            serde_json::from_str(last).with_context(|| format!("the clean-up ended with: {last}"))?;
        cleaned.runs += 1;
        cleaned.aborted += summary.aborted;
        cleaned.referenced += summary.referenced;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_up_that_fails_or_says_nothing_is_an_error() {
        for program in ["/bin/false", "/bin/true"] {
            let clean_up = CleanUp::new(
                Path::new(program),
                Path::new("plugins"),
                &[],
                ("s3://b/o", "s3://b/c"),
            );
            let mut cleaned = Cleaned::default();
            let error = clean_up.run(&mut cleaned).unwrap_err();
            assert!(error.to_string().starts_with("the clean-up "), "{error}");
            assert_eq!(cleaned, Cleaned::default());
        }
    }
}
