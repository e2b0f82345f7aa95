//! The arguments of `uploads`.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::age;

/// `uploads`.
#[derive(Debug, Subcommand)]
pub(crate) enum UploadsCommand {
    /// List the open uploads of a path and of everything below it, with their age
    Ls(UploadsLsArguments),
    /// Abort old uploads that no state refers to; without --yes, only show which
    ///
    /// An upload is aborted if it is old enough and none of the state files holds its id: raw, in
    /// base64 (either alphabet) or in hexadecimal. Uploads are listed first and the state is read
    /// after that, so that state which is written meanwhile counts. If a state file cannot be read,
    /// nothing is aborted.
    ///
    /// What cannot be seen: ids in compressed or encrypted state, in base64 that is broken into
    /// lines, and in what was encoded more than once. A compressed file is refused where it can be
    /// recognised.
    ///
    /// Choose --older-than longer than any upload takes from its beginning to the first checkpoint
    /// that refers to it: until then only the age protects it.
    Gc(UploadsGcArguments),
}

/// `uploads ls`.
#[derive(Args, Debug)]
pub(crate) struct UploadsLsArguments {
    /// Show the ids of the uploads
    #[arg(short, long)]
    pub(crate) long: bool,

    /// The file or directory that the uploads are to become or be below
    #[arg(value_name = "URI")]
    pub(crate) uri: String,
}

/// `uploads gc`.
#[derive(Args, Debug)]
pub(crate) struct UploadsGcArguments {
    /// Leave alone what was begun less than this ago, such as 90m, 36h or 7d
    #[arg(long, value_name = "AGE", default_value = "7d", value_parser = age::parse)]
    pub(crate) older_than: Duration,

    /// Leave alone what these state files refer to (may be repeated)
    ///
    /// The URI or local path of a file, in which `*` stands for any characters but a slash, `?` for
    /// one of these, and `**` as a whole segment for any directories, or at the end for everything
    /// below. Each has to match a file.
    #[arg(long, value_name = "GLOB", required_unless_present = "no_references")]
    pub(crate) referenced_by: Vec<String>,

    /// State that there is no state that could refer to an upload
    #[arg(long, conflicts_with = "referenced_by")]
    pub(crate) no_references: bool,

    /// Read state although it is, or seems to be, compressed: ids inside are not found
    #[arg(long)]
    pub(crate) allow_compressed: bool,

    /// Really abort the uploads
    #[arg(long)]
    pub(crate) yes: bool,

    /// The file or directory that the uploads are to become or be below
    #[arg(value_name = "URI")]
    pub(crate) uri: String,
}
