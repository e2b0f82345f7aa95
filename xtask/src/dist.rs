//! `cargo xtask dist`: what is shipped.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::report::grouped;
use crate::workspace::Workspace;
use crate::{plugin_build, step};

/// The cargo profile of what is shipped.
pub(crate) const PROFILE: &str = "dist";

/// Build the S3 plugin and the fsplug program as they are shipped, and drop the plugin into
/// plugins/s3-native.
#[derive(Debug, Args)]
pub(crate) struct Options {}

pub(crate) fn run(_options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    step("building the S3 plugin and fsplug (dist profile; takes minutes)");
    // One after the other: built together, the plugin would get the features of both.
    let library = plugin_build::build(&workspace, PROFILE)?;
    let built = workspace.build(&["--profile", PROFILE, "-p", "host-loader", "--bin", "fsplug"])?;
    let installed = plugin_build::install(&workspace.plugins(), &library)?;
    for path in [&*installed, built.executable("fsplug")?] {
        println!("{:>14} bytes  {}", grouped(size(path)?), path.display());
    }
    Ok(())
}

fn size(path: &Path) -> Result<u64> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(metadata.len())
}
