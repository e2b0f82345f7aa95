//! `cargo xtask explore`: builds the exploration of fault schedules and runs it.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::step;
use crate::workspace::Workspace;

/// Run writers of exactly-once output through every fault at every request, and every pair of them.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What the exploration is told: --seed N, --schedule TEXT, --limit N, --jobs N, --sabotage NAME.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    arguments: Vec<OsString>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    step("building the exploration");
    // All of it, as `cargo xtask test` does, so that nothing is built twice.
    let built = workspace.build(&["--workspace"])?;
    let mut explore = std::process::Command::new(built.executable("explore")?);
    explore.args(&options.arguments);
    Workspace::run(explore)
}
