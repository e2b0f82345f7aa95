//! The server as a process of its own: its cost does not count for the process that measures itself, and
//! clients in any language reach it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use testkit::{EtagKind, Server};
use tokio::signal::unix::{SignalKind, signal};

/// An S3 server for tests.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until a signal, on 127.0.0.1.
    Serve(Serve),
}

#[derive(Args)]
struct Serve {
    /// Port to listen on; 0 takes any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Bucket to create at the start. Can be repeated.
    #[arg(long = "bucket")]
    buckets: Vec<String>,
    /// Access key to accept.
    #[arg(long, default_value = testkit::ACCESS_KEY)]
    access_key: String,
    /// Secret of the access key.
    #[arg(long, default_value = testkit::SECRET_KEY)]
    secret_key: String,
    /// Region of all buckets.
    #[arg(long, default_value = testkit::REGION)]
    region: String,
    /// Keep everything in this folder instead of in memory.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Least size of all parts of an upload but the last, in bytes.
    #[arg(long, default_value_t = 5 << 20)]
    min_part_size: u64,
    /// How entity tags are made.
    #[arg(long, value_enum, default_value_t = Etag::Md5)]
    etag: Etag,
    /// Store so many empty objects `preload/00000001`, `preload/00000002`, … in the first bucket at the start.
    #[arg(long, default_value_t = 0, requires = "buckets")]
    preload: u32,
    /// Write the port to this file once the server listens.
    #[arg(long)]
    port_file: Option<PathBuf>,
    /// Exit when standard input ends, so that a parent that is killed leaves no server behind.
    #[arg(long)]
    exit_with_stdin: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Etag {
    /// MD5 of the content, as S3 does.
    Md5,
    /// Random: spares hashing when throughput is measured.
    Random,
}

fn main() -> ExitCode {
    let Command::Serve(options) = Cli::parse().command;
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("testkit: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: Serve) -> std::io::Result<()> {
    let mut builder = Server::builder()
        .port(options.port)
        .credentials(options.access_key, options.secret_key)
        .region(options.region)
        .min_part_size(options.min_part_size)
        .etag(match options.etag {
            Etag::Md5 => EtagKind::Md5,
            Etag::Random => EtagKind::Random,
        });
    for bucket in &options.buckets {
        builder = builder.bucket(bucket);
    }
    if let Some(folder) = options.folder {
        builder = builder.folder(folder);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        let server = builder.start().await?;
        if let Some(bucket) = options.buckets.first() {
            for number in 1..=options.preload {
                server.store().put(bucket, &format!("preload/{number:08}"), "");
            }
        }
        if let Some(path) = options.port_file {
            // By renaming, so that whoever waits for the file never reads half a number.
            let temporary = path.with_extension("tmp");
            std::fs::write(&temporary, format!("{}\n", server.address().port()))?;
            std::fs::rename(temporary, path)?;
        }
        let mut stdout = std::io::stdout();
        writeln!(stdout, "listening on {}", server.endpoint())?;
        stdout.flush()?;
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
            () = end_of_stdin(), if options.exit_with_stdin => {}
        }
        server.shutdown().await;
        Ok(())
    })
}

/// Reads on a thread of its own, which the exit of the process ends: such a read cannot be cancelled.
async fn end_of_stdin() {
    let (ended, wait) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        // An error ends it as well.
        drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        drop(ended);
    });
    drop(wait.await);
}
