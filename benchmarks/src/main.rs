//! Runnable comparisons. Start them with `cargo xtask bench`, which builds what they load.

mod abi;
mod load;
mod measure;
mod peers;
mod s3;
mod uploads;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

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
    /// A fresh process up to the first byte of an object, beside the bare AWS SDK linked into it.
    Load {
        /// A plugin directory that holds the S3 plugin.
        #[arg(long)]
        plugins: PathBuf,
        /// The testkit program, which is started as the server.
        #[arg(long)]
        testkit: PathBuf,
    },
    /// What each of those processes does.
    #[command(hide = true)]
    FirstByte {
        /// The server.
        #[arg(long)]
        endpoint: String,
        /// A plugin directory that holds the S3 plugin; without it the bare SDK reads.
        #[arg(long)]
        plugins: Option<PathBuf>,
    },
    /// Parts of a recoverable file, one after another and at the same time, at 20 ms a request.
    Uploads {
        /// A plugin directory that holds the S3 plugin.
        #[arg(long)]
        plugins: PathBuf,
    },
}

fn main() -> ExitCode {
    let start = Instant::now();
    let result = match Arguments::parse().what {
        What::Abi { plugins } => abi::run(&plugins).map_err(|error| error.to_string()),
        What::S3 {
            plugins,
            testkit,
            mib,
        } => s3::run(&plugins, &testkit, mib),
        What::Load { plugins, testkit } => load::run(&plugins, &testkit),
        What::FirstByte { endpoint, plugins } => load::first_byte(start, &endpoint, plugins.as_deref()),
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
