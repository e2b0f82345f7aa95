//! Development tasks: `cargo xtask --help`.

mod bench;
mod ceph;
mod conformance;
mod count;
mod demo;
mod dist;
mod explore;
mod header;
mod plugin_build;
mod report;
mod server;
mod store;
mod test;
mod text;
mod worker;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, demonstrates and tests this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Demo(demo::Options),
    Test(test::Options),
    Conformance(conformance::Options),
    Dist(dist::Options),
    Plugin(plugin_build::Options),
    Bench(bench::Options),
    Explore(explore::Options),
    Header(header::Options),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Demo(options) => demo::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Conformance(options) => conformance::run(&options),
        Task::Dist(options) => dist::run(&options),
        Task::Plugin(options) => plugin_build::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Explore(options) => explore::run(&options),
        Task::Header(options) => header::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Tells on standard error what is going on.
fn step(text: impl std::fmt::Display) {
    eprintln!("==> {text}");
}
