//! The exploration as a program: `cargo xtask explore` builds and runs it.

use std::process::ExitCode;

use clap::Parser;
use exploration::{Options, Sabotage, Schedule, explore};

/// Run writers of exactly-once output through every fault at every request, and every pair of them.
#[derive(Debug, Parser)]
#[command(name = "explore")]
struct Arguments {
    /// Decides about the bytes that are written, and about what a limit leaves out.
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// Replay one schedule, such as 'script=crash faults=3:lose-reply,7:crash'.
    #[arg(long, value_name = "TEXT")]
    schedule: Option<Schedule>,

    /// Run so many schedules at most.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    /// Threads; one for each core unless set.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,

    /// Let the plugin make a mistake, which must be found.
    #[arg(long, value_name = "NAME")]
    sabotage: Option<Sabotage>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.sabotage.is_some() && !cfg!(debug_assertions) {
        eprintln!("error: this build cannot be sabotaged: build it with debug assertions");
        return ExitCode::FAILURE;
    }
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let report = explore(&Options {
        seed: arguments.seed,
        schedule: arguments.schedule,
        limit: arguments.limit,
        jobs: arguments.jobs.unwrap_or_else(cores),
        sabotage: arguments.sabotage,
    });
    print!("{report}");
    if report.violations().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
