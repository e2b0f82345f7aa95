//! Runnable comparisons. Start them with `cargo xtask bench`, which builds what they load.

mod abi;
mod measure;
mod s3;
mod uploads;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// What the plugin boundary costs beside a plain dyn call.
    Abi {
        /// A plugin directory that holds the null plugin.
        #[arg(long)]
        plugins: PathBuf,
    },
    /// Reads and writes through the S3 plugin beside the bare AWS SDK.
    S3 {
        /// A plugin directory that holds the S3 plugin.
        #[arg(long)]
        plugins: PathBuf,
        /// The testkit program, which is started as the server.
        #[arg(long)]
        testkit: PathBuf,
        /// Size of the large object in MiB.
        #[arg(long, default_value_t = 256)]
        mib: u64,
    },
    /// Parts of a recoverable file, one after another and at the same time, at 20 ms a request.
    Uploads {
        /// A plugin directory that holds the S3 plugin.
        #[arg(long)]
        plugins: PathBuf,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().what {
        What::Abi { plugins } => abi::run(&plugins).map_err(|error| error.to_string()),
        What::S3 {
            plugins,
            testkit,
            mib,
        } => s3::run(&plugins, &testkit, mib),
        What::Uploads { plugins } => uploads::run(&plugins),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benchmarks: {error}");
            ExitCode::FAILURE
        }
    }
}
