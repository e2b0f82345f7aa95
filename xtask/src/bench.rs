//! `cargo xtask bench`: builds what is compared as it is shipped, and runs the comparison.

use std::fs;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use crate::workspace::Workspace;
use crate::{dist, plugin_build, step};

/// Compare with peers in one run; every variant is measured in turn, and the median of seven counts.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What to compare.
    what: What,

    /// Size of the large object in MiB.
    #[arg(long, default_value_t = 256)]
    mib: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// The plugin boundary, beside plain dyn calls.
    Abi,
    /// Reads and writes through the S3 plugin, beside the bare AWS SDK.
    S3,
    /// A fresh process up to the first byte of an object, beside the bare AWS SDK linked into it.
    Load,
    /// Parts that go out at the same time, beside one after another.
    Uploads,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    step("building what is compared (optimised; takes minutes)");
    let package = match options.what {
        What::Abi => "null-plugin",
        What::S3 | What::Load | What::Uploads => plugin_build::PACKAGE,
    };
    let library = workspace.build(&["--profile", dist::PROFILE, "-p", package])?;
    let library = library.library(&package.replace('-', "_"))?;
    let programs = workspace.build(&["--release", "-p", "benchmarks", "-p", "testkit", "--bins"])?;

    let plugins = tempfile::tempdir().context("cannot make a temporary directory")?;
    let directory = plugins.path().join(package);
    fs::create_dir(&directory)?;
    fs::copy(library, directory.join("plugin.so")).context("cannot copy the plugin")?;

    let mut command = std::process::Command::new(programs.executable("benchmarks")?);
    match options.what {
        What::Abi => command.arg("abi"),
        What::Uploads => command.arg("uploads"),
        What::Load => command
            .args(["load", "--testkit"])
            .arg(programs.executable("testkit")?),
        What::S3 => command
            .args(["s3", "--mib", &options.mib.to_string(), "--testkit"])
            .arg(programs.executable("testkit")?),
    };
    command.arg("--plugins").arg(plugins.path());
    Workspace::run(command)
}
