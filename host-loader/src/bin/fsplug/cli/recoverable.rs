//! The arguments of `recoverable`.

use clap::{Args, Subcommand};

/// `recoverable`.
#[derive(Debug, Subcommand)]
pub(crate) enum RecoverableCommand {
    /// Show what the states in a file are about, without asking the store
    Show(RecoverableArguments),
    /// Ask the store whether a state can be committed or already is, and change nothing
    ///
    /// Ends with code 0 if it can be or is, with code 6 if something else is in the way, else with
    /// code 1.
    Verify(RecoverableArguments),
    /// Publish exactly what a state covers; again, it changes nothing
    Commit(RecoverableArguments),
    /// Give up the unfinished file of a state for good
    Abort {
        #[command(flatten)]
        arguments: RecoverableArguments,

        /// Really give it up
        #[arg(long)]
        yes: bool,
    },
}

/// A state in a file.
#[derive(Args, Debug)]
pub(crate) struct RecoverableArguments {
    /// Choose one of several states, by its number in `recoverable show`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) index: Option<u32>,

    /// Use the file system of this URI, such as `s3://bucket`; else the one that knows the state
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Option<String>,

    /// Take the states for ones of this format version; else version 2 and then 1
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<u32>,

    /// A file that is one state, or holds states raw or in base64; local or of any store
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
}
