//! The command line.

mod config;
mod recoverable;
mod trust;
mod uploads;

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use host_loader::FileSystemsBuilder;
use host_loader::plugin_api::Config;

use crate::exit_status::ExitStatus;

pub(crate) use config::{ConfigCommand, ExplainArguments, KeysArguments};
pub(crate) use recoverable::{RecoverableArguments, RecoverableCommand};
pub(crate) use trust::{CheckArguments, LockArguments, ReleaseArguments, TryLoadArguments};
pub(crate) use uploads::{UploadsCommand, UploadsGcArguments, UploadsLsArguments};

/// Where the help shows the options that every verb has.
const GLOBAL: &str = "Global options";

/// Files of any store that a plugin serves.
///
/// A path is `scheme://authority/key`, or a local one. Keys are taken literally: no globs, no escapes.
#[derive(Debug, Parser)]
#[command(name = "fsplug", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Search this directory for plugins, before the usual ones (may be repeated)
    ///
    /// The usual ones: `FSPLUG_PLUGIN_PATH`, `FLINK_PLUGINS_DIR`, `FSPLUG_HOME`/plugins, plugins beside or above the
    /// directory of this program, those of the user and of the system. Never the working directory. `fsplug plugins
    /// which` shows them all.
    #[arg(long, global = true, value_name = "DIR", help_heading = GLOBAL)]
    pub(crate) plugins: Vec<PathBuf>,

    /// Read this configuration file: Flink's config.yaml or flink-conf.yaml
    ///
    /// Without it: the file in `FSPLUG_CONFIG`, or else the one in the directory `FLINK_CONF_DIR`. Over the
    /// file the environment wins (`FLINK_PROPERTIES`, `FSPLUG_PROPERTIES`, and a variable such as
    /// `FSPLUG_S3_REGION` for each key), and over that -D.
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    pub(crate) config: Option<PathBuf>,

    /// Set a configuration value, such as s3.region=eu-west-1 (may be repeated)
    ///
    /// Other users of this machine can see command lines: leave secrets to the environment.
    #[arg(short = 'D', global = true, value_name = "KEY=VALUE", help_heading = GLOBAL)]
    define: Vec<String>,

    /// Print one JSON object a line, failures included
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,

    /// Print errors only: no progress, notes or warnings
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub(crate) quiet: bool,

    /// Say more: the causes of errors and the log; -vv and -vvv say yet more
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = GLOBAL)]
    pub(crate) verbose: u8,

    /// Print at the end what was asked of the store: requests by billing class, bytes, latencies
    ///
    /// As a table on standard error, or with --json as one line of JSON there.
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) stats: bool,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// The arguments of the process. Ends it if they are wrong or ask for help.
    pub(crate) fn parse_arguments() -> Self {
        let mut command = Self::command().after_help(ExitStatus::help());
        let matches = command.get_matches_mut();
        let cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit());
        if let Some(position) = cli.define.iter().position(|pair| split_pair(pair).is_none()) {
            // The text may be a secret that lost its key: it is not repeated.
            let message = format!("argument {} of -D is not of the form KEY=VALUE", position + 1);
            command.error(ErrorKind::ValueValidation, message).exit();
        }
        cli
    }

    /// The builder with all sources of configuration; of -D the last value of a key counts.
    pub(crate) fn configure(&self, builder: FileSystemsBuilder) -> FileSystemsBuilder {
        let pairs = self.define.iter().filter_map(|pair| split_pair(pair));
        let builder = builder
            .config_from_environment(true)
            .config_from_command_line(Config::from_pairs(pairs));
        match &self.config {
            Some(file) => builder.config_file(file),
            None => builder,
        }
    }
}

/// The key without surrounding space, and the value as it is.
fn split_pair(pair: &str) -> Option<(&str, &str)> {
    let (key, value) = pair.split_once('=')?;
    let key = key.trim();
    (!key.is_empty()).then_some((key, value))
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List a directory, or show that a file is there; directories end with a slash
    Ls(LsArguments),
    /// Write the content of files to standard output
    Cat(CatArguments),
    /// Show what is known about files and directories
    Stat(StatArguments),
    /// Copy files, between any two stores
    ///
    /// A target that ends with a slash, or is a directory, receives the sources under their own
    /// names. A source that ends with a slash stands for what is in it: `cp -r dir/ target` copies
    /// dir/file to target/file. Missing directories are made, existing files replaced, links to
    /// directories not followed. `-` is standard input or output.
    ///
    /// A target appears whole or not at all. The first failure ends the command; copies that were
    /// complete stay.
    Cp(CpArguments),
    /// Rename a file within its store
    Mv(MvArguments),
    /// Delete files and directories
    Rm(RmArguments),
    /// Make directories
    Mkdir(MkdirArguments),
    /// Look at uploads that were begun and not ended, and clean them up
    Uploads {
        /// What to do.
        #[command(subcommand)]
        command: UploadsCommand,
    },
    /// Look into the states of unfinished files that checkpoints keep, and finish or give up the files
    Recoverable {
        /// What to do.
        #[command(subcommand)]
        command: RecoverableCommand,
    },
    /// Look at the configuration, and at the keys that there are
    Config {
        /// What to do.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Find out whether a path can be used, and what to do where it cannot
    ///
    /// Looks at one thing after the other: the configuration, the network, TLS, the clock, the credentials, then each
    /// kind of request. What fails comes with its remedy, and what needs it is skipped. Everything that is written
    /// goes into a new directory below the path, which is gone at the end. Takes less than a minute on S3,
    /// whatever the network does.
    Doctor(DoctorArguments),
    /// Look at the plugins
    Plugins {
        /// What to do.
        #[command(subcommand)]
        command: PluginsCommand,
    },
    /// Test whether a plugin does what it claims
    Conformance {
        /// What to do.
        #[command(subcommand)]
        command: ConformanceCommand,
    },
}

/// `ls`.
#[derive(Args, Debug)]
pub(crate) struct LsArguments {
    /// List every file below, instead of one level
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,

    /// Show size and time of the last modification (UTC)
    #[arg(short, long)]
    pub(crate) long: bool,

    /// Show sizes with units
    #[arg(short = 'H', long)]
    pub(crate) human_readable: bool,

    /// What to list
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) path: String,
}

/// `cat`.
#[derive(Args, Debug)]
pub(crate) struct CatArguments {
    /// Start at this byte of each file
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub(crate) offset: u64,

    /// Write at most this many bytes of each file
    #[arg(long, value_name = "BYTES")]
    pub(crate) length: Option<u64>,

    /// The files
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,
}

/// `stat`.
#[derive(Args, Debug)]
pub(crate) struct StatArguments {
    /// The files and directories
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,
}

/// `cp`.
#[derive(Args, Debug)]
pub(crate) struct CpArguments {
    /// Copy directories with every file below them; names stay as they are, byte for byte
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// Keep existing files, copy the others, and end with code 6 if there were any
    #[arg(short, long)]
    pub(crate) no_clobber: bool,

    /// Copy this many files at a time
    #[arg(short, long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: u16,

    /// What to copy
    #[arg(value_name = "SOURCE", required = true)]
    pub(crate) sources: Vec<String>,

    /// Where to
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
}

/// `mv`.
#[derive(Args, Debug)]
pub(crate) struct MvArguments {
    /// The file
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,

    /// Its new name, or the directory to move it to; a file of that name is replaced
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
}

/// `rm`.
#[derive(Args, Debug)]
pub(crate) struct RmArguments {
    /// Delete directories with everything below them
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// Do not mind what is not there
    #[arg(short, long)]
    pub(crate) force: bool,

    /// The files and directories
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,
}

/// `mkdir`.
#[derive(Args, Debug)]
pub(crate) struct MkdirArguments {
    /// Make missing parents, and do not mind a directory that exists
    #[arg(short, long)]
    pub(crate) parents: bool,

    /// The directories
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,
}

/// `doctor`.
#[derive(Args, Debug)]
pub(crate) struct DoctorArguments {
    /// Write nothing
    #[arg(long)]
    pub(crate) read_only: bool,

    /// The directory to try it in, such as `s3://bucket/dir`
    #[arg(value_name = "URI")]
    pub(crate) uri: String,
}

/// `plugins`.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginsCommand {
    /// List every plugin found, and why one cannot be used
    List,
    /// Show what is known about a plugin
    Show {
        /// The name of the plugin, or its file
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// The same after all checks that come before loading, ending with code 8 if one cannot be used
    Check(CheckArguments),
    /// Explain which plugin serves a path: what was searched, what there is, and what decides
    Which {
        /// The path, such as `s3://bucket/dir`; nothing has to be there
        #[arg(value_name = "URI")]
        uri: String,
    },
    /// Write what a plugin directory holds into its plugins.lock: nothing else is loaded from there any more
    ///
    /// Prints what has changed since the last time. The lock has the SHA-256 of every library.
    Lock(LockArguments),
    /// Let files out of quarantine that did not survive a trial, so that they are tried again
    Release(ReleaseArguments),
    /// What `check --trial` runs: loads the plugin on standard input
    #[command(hide = true)]
    TryLoad(TryLoadArguments),
}

/// `conformance`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConformanceCommand {
    /// Run the conformance suite on a plugin and a place that it may write to
    ///
    /// Cases work in a new directory below the URI and clean up after themselves. A case applies where
    /// the file system claims what it is about; the others are listed with what is not claimed. Ends
    /// with code 1 if a case failed.
    Run(ConformanceArguments),
}

/// `conformance run`.
#[derive(Args, Debug)]
pub(crate) struct ConformanceArguments {
    /// The plugin's library; without it, whatever plugin serves the URI
    #[arg(value_name = "PLUGIN.so")]
    pub(crate) plugin: Option<PathBuf>,

    /// Work below this directory, such as `s3://bucket/prefix`
    #[arg(long, value_name = "URI", required_unless_present = "list")]
    pub(crate) uri: Option<String>,

    /// Run only cases with this text in their name (may be repeated)
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Vec<String>,

    /// Show the cases instead of running them
    #[arg(long)]
    pub(crate) list: bool,

    /// Cases that are known to fail: a line `case = "reason"` each; one that passes is a failure,
    /// unless its reason begins with `sometimes `
    #[arg(long, value_name = "FILE")]
    pub(crate) known_gaps: Option<PathBuf>,

    /// Run this many cases at a time
    #[arg(short, long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,

    /// Give a case this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,

    /// Repeat races this often
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rounds: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_definition_is_split_at_its_first_equals_sign() {
        assert_eq!(split_pair(" a.b = c=d "), Some(("a.b", " c=d ")));
        assert_eq!(split_pair("a="), Some(("a", "")));
        assert_eq!(split_pair("a"), None);
        assert_eq!(split_pair(" =a"), None);
    }
}
