//! `fsplug`: files of any store a plugin serves, from the command line.
//!
//! ```text
//! fsplug ls s3://bucket/dir
//! fsplug cp -r s3://bucket/dir ./copy
//! fsplug plugins list
//! ```
//!
//! Paths are `scheme://authority/key` or local ones, absolute or relative to the working directory.
//!
//! # Exit codes
//!
//! | code | meaning |
//! |---|---|
//! | 0 | success |
//! | 1 | failure that no other code describes |
//! | 2 | wrong command line, malformed path or invalid configuration |
//! | 3 | directory or bucket not found, or not a directory |
//! | 4 | file not found |
//! | 5 | temporary failure: running the command again may help |
//! | 6 | something is in the way: it exists already, is not empty or was changed meanwhile |
//! | 7 | permission denied, or no valid credentials |
//! | 8 | no plugin serves the scheme, or the plugin is broken |
//!
//! A command that works on several paths ends with the code of its first failure.
//!
//! # Output
//!
//! Results go to standard output, everything else to standard error. With `--json`, each result and
//! each failure is one JSON object on a line of standard output; where standard output carries the
//! content of a file (`cat`, `cp … -`), failures go to standard error instead.

mod age;
mod cat;
mod cli;
mod config;
mod conformance;
mod console;
mod cp;
mod doctor;
mod exit_status;
mod failure;
mod ls;
mod mkdir;
mod mv;
mod output;
mod plugins;
mod recoverable;
mod remedy;
mod rm;
mod session;
mod stat;
mod stats;
mod table;
mod timestamp;
mod uploads;

use std::process::ExitCode;

use crate::cli::{Cli, Command, ConformanceCommand, PluginsCommand};
use crate::failure::Failure;
use crate::session::Session;

fn main() -> ExitCode {
    let cli = Cli::parse_arguments();
    // Nothing but the plugin is to be in the process that tries it.
    if let Command::Plugins {
        command: PluginsCommand::TryLoad(trial),
    } = cli.command
    {
        return host_loader::try_load_plugin(trial.arguments.into_iter());
    }
    let mut session = match Session::start(&cli) {
        Ok(session) => session,
        Err((failure, console)) => return failure::end_without_session(failure, &console, cli.json),
    };
    let result = futures_executor::block_on(run(&mut session, &cli));
    session.finish(result).into()
}

async fn run(session: &mut Session, cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Ls(arguments) => ls::run(session, arguments).await,
        Command::Cat(arguments) => cat::run(session, arguments).await,
        Command::Stat(arguments) => stat::run(session, arguments).await,
        Command::Cp(arguments) => cp::run(session, arguments).await,
        Command::Mv(arguments) => mv::run(session, arguments).await,
        Command::Rm(arguments) => rm::run(session, arguments).await,
        Command::Mkdir(arguments) => mkdir::run(session, arguments).await,
        Command::Uploads { command } => uploads::run(session, command).await,
        Command::Recoverable { command } => recoverable::run(session, command).await,
        Command::Config { command } => config::run(session, command),
        Command::Doctor(arguments) => doctor::run(session, arguments).await,
        Command::Plugins { command } => plugins::run(session, command),
        Command::Conformance {
            command: ConformanceCommand::Run(arguments),
        } => conformance::run(session, cli, arguments).await,
    }
}
