//! `cargo xtask plugin`: builds the S3 plugin and drops it where hosts look for it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::step;
use crate::workspace::Workspace;

/// The package of the S3 plugin.
pub(crate) const PACKAGE: &str = "s3-native-plugin";
/// Its library, and
const LIBRARY: &str = "s3_native_plugin";
/// its directory below `plugins`.
const DIRECTORY: &str = "s3-native";

/// Build the S3 plugin and drop it into plugins/s3-native.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Cargo profile to build with: dev is quick to build, dist is what is shipped.
    #[arg(long, value_name = "PROFILE", default_value = "dev")]
    profile: String,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    step(format_args!(
        "building the S3 plugin ({} profile)",
        options.profile
    ));
    let library = build(&workspace, &options.profile)?;
    let installed = install(&workspace.plugins(), &library)?;
    step(format_args!("dropped {}", installed.display()));
    Ok(())
}

/// Builds the plugin; the path of its library.
pub(crate) fn build(workspace: &Workspace, profile: &str) -> Result<PathBuf> {
    let built = workspace.build(&["--profile", profile, "-p", PACKAGE])?;
    library(&built)
}

/// The plugin's library among what was built.
pub(crate) fn library(built: &crate::workspace::Artifacts) -> Result<PathBuf> {
    built.library(LIBRARY).map(Path::to_path_buf)
}

/// Copies the library below `plugins`. A process that has the old file loaded keeps it: the new one
/// takes its name only when it is complete.
pub(crate) fn install(plugins: &Path, library: &Path) -> Result<PathBuf> {
    let directory = plugins.join(DIRECTORY);
    let name = library.file_name().context("the library has no name")?;
    let target = directory.join(name);
    let partial = directory.join(format!(".{}.{}", name.display(), std::process::id()));
    fs::create_dir_all(&directory)
        .and_then(|()| fs::copy(library, &partial))
        .and_then(|_| fs::rename(&partial, &target))
        .inspect_err(|_| drop(fs::remove_file(&partial)))
        .with_context(|| format!("cannot copy {} to {}", library.display(), target.display()))?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_replaces_the_file_and_leaves_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let library = directory.path().join("libs3_native_plugin.so");
        let plugins = directory.path().join("plugins");
        for content in ["old", "new"] {
            fs::write(&library, content).unwrap();
            let installed = install(&plugins, &library).unwrap();
            assert_eq!(fs::read_to_string(&installed).unwrap(), content);
        }
        assert_eq!(fs::read_dir(plugins.join(DIRECTORY)).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_library_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let error = install(directory.path(), Path::new("/nowhere/libx.so")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/libx.so"), "{error}");
        assert_eq!(fs::read_dir(directory.path().join(DIRECTORY)).unwrap().count(), 0);
    }
}
