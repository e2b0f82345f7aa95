//! The arguments of `fsplug config`.

use clap::{Args, Subcommand};

/// `config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show what each option is set to, where that stands, and what is wrong with the configuration
    ///
    /// No plugin is loaded and no store asked. Secrets are shown as `<redacted>`.
    Explain(ExplainArguments),
    /// List the keys that a plugin and this program understand
    Keys(KeysArguments),
}

/// `config explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    /// Show the options that are not set, too
    #[arg(short, long)]
    pub(crate) all: bool,

    /// Show the options as they are for this path, such as `s3://bucket/`; without it, those of all plugins
    #[arg(value_name = "URI")]
    pub(crate) uri: Option<String>,
}

/// `config keys`.
#[derive(Args, Debug)]
pub(crate) struct KeysArguments {
    /// Print a page in Markdown, with everything that is known about each key
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,

    /// The name of a plugin or the path of its library; `host` for the keys of this program. Without it, all
    #[arg(value_name = "PLUGIN")]
    pub(crate) plugin: Option<String>,
}
