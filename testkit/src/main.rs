//! The server as a process of its own: its cost does not count for the process that measures itself, and
//! clients in any language reach it.

mod serve_identity;

use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serve_identity::IdentityFlags;
use testkit::{EtagKind, InstanceMetadata, Personality, Rules, Server};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

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
    ///
    /// Says on standard output where it listens, with `--instance-metadata` in a second line where that does, and
    /// then `fault ACTION OPERATION KEY` for each request that a fault hits. At `kill` and `apply-then-kill`, that
    /// line is the moment to kill the client.
    #[command(after_help = RULES_HELP)]
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
    /// Region of the endpoint and of all buckets without one of their own.
    #[arg(long, default_value = testkit::REGION)]
    region: String,
    /// Keep everything in this folder instead of in memory.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Least size of all parts of an upload but the last, in bytes.
    #[arg(long, default_value_t = 5 << 20)]
    min_part_size: u64,
    /// Behave like this store.
    #[arg(long, value_name = "NAME", value_parser = personality())]
    personality: Option<Personality>,
    /// How entity tags are made.
    #[arg(long, value_enum, default_value_t = Etag::Md5)]
    etag: Etag,
    /// Store so many empty objects `preload/00000001`, `preload/00000002`, … in the first bucket at the start.
    #[arg(long, default_value_t = 0, requires = "buckets")]
    preload: u32,
    /// Write the port to this file once the server listens.
    #[arg(long)]
    port_file: Option<PathBuf>,
    /// Faults that requests meet, as rules in the form below.
    #[arg(long, value_name = "RULES", default_value = "", hide_default_value = true)]
    faults: Rules,
    /// What random faults come from: the same rules and seed hit the same requests again.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Take commands from standard input, a line each: `add RULES` adds faults behind those that are there,
    /// `clear` removes all. The answer is a line `ok` or `refused: REASON`.
    #[arg(long)]
    commands: bool,
    /// Exit when standard input ends, so that a parent that is killed leaves no server behind.
    #[arg(long)]
    exit_with_stdin: bool,
    #[command(flatten)]
    identity: IdentityFlags,
}

#[derive(Clone, Copy, ValueEnum)]
enum Etag {
    /// MD5 of the content, as S3 does.
    Md5,
    /// Random: spares hashing when throughput is measured.
    Random,
}

const RULES_HELP: &str = "\
Rules: SELECTOR[,SELECTOR…] -> ACTION[; …], such as op=UploadPart,nth=3 -> lose-reply
  Selectors: op=NAME or op=*, key=TEXT, key~=TEXT (contains), part=N, nth=N, skip=N, times=N, every=N, chance=P%
  Actions on the wire: reset, lose-reply, delay:TIME, cut:BYTES, reset-body:BYTES, half-close,
    half-close-body:BYTES, truncate:BYTES, trickle:BYTES, flip:OFFSET, close, black-hole
  Actions on the answer: status:STATUS:CODE[:MESSAGE], status-with:STATUS:CODE:HEADER=VALUE,
    apply-then-status:STATUS:CODE, error-in-200:CODE, ignore-range, ignore-conditions, wrong-range:SHIFT
  Actions on the store and the client: swap:CONTENT, remove, expire, kill, apply-then-kill
  In texts, white space and % , ; : > are percent-encoded. The documentation of testkit::Rules has it all.";

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
    if let Some(personality) = options.personality {
        builder = builder.personality(personality);
    }
    if let Some(folder) = options.folder {
        builder = builder.folder(folder);
    }
    builder = options.identity.apply(builder);
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
        if let (Some(path), Some(pem)) = (&options.identity.ca_file, server.ca_certificate_pem()) {
            write_whole(path, pem)?;
        }
        let metadata = options.identity.instance_metadata;
        let metadata = metadata.then(|| InstanceMetadata::builder(&server).start());
        let metadata = metadata.transpose()?;
        if let Some(path) = options.port_file {
            write_whole(&path, &format!("{}\n", server.address().port()))?;
        }
        let mut hits = server.faults().hits();
        server.faults().add_all(&options.faults, options.seed);
        say(format_args!("listening on {}", server.endpoint()))?;
        if let Some(metadata) = &metadata {
            say(format_args!("instance metadata on {}", metadata.endpoint()))?;
        }
        let mut lines = (options.commands || options.exit_with_stdin).then(lines_of_stdin);
        loop {
            tokio::select! {
                // In this order, so that a command is answered behind the faults that came before it.
                biased;
                _ = terminated.recv() => break,
                _ = interrupted.recv() => break,
                Some(hit) = hits.next() => say(format_args!("fault {hit}"))?,
                line = next(&mut lines) => match line {
                    Some(line) if options.commands => match command(&server, &line, options.seed) {
                        Ok(()) => say(format_args!("ok"))?,
                        Err(reason) => say(format_args!("refused: {reason}"))?,
                    },
                    Some(_) => {}
                    None if options.exit_with_stdin => break,
                    None => lines = None,
                },
            }
        }
        server.shutdown().await;
        Ok(())
    })
}

/// Writes a file by renaming, so that whoever waits for it never reads half of it.
fn write_whole(path: &Path, content: &str) -> std::io::Result<()> {
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, content)?;
    std::fs::rename(temporary, path)
}

/// Takes the names of all personalities.
fn personality() -> impl clap::builder::TypedValueParser<Value = Personality> {
    use clap::builder::TypedValueParser as _;
    let names = Personality::ALL.map(Personality::name);
    clap::builder::PossibleValuesParser::new(names).try_map(|name| {
        Personality::from_name(&name).ok_or_else(|| format!("there is no personality '{name}'"))
    })
}

/// One line on standard output, at once.
fn say(text: std::fmt::Arguments<'_>) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// Does what a line of standard input says.
fn command(server: &Server, line: &str, seed: u64) -> Result<(), String> {
    match line.trim().split_once(' ').unwrap_or((line.trim(), "")) {
        ("add", rules) => match server.faults().add_rules(rules, seed) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
        ("clear", "") => {
            server.faults().clear();
            Ok(())
        }
        _ => Err(format!(
            "'{}' is neither 'add RULES' nor 'clear'",
            line.escape_debug()
        )),
    }
}

/// Reads on a thread of its own, which the exit of the process ends: such a read cannot be cancelled.
fn lines_of_stdin() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        // An error ends it as well.
        for line in std::io::stdin().lock().split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The next line; never, if none are read.
async fn next(lines: &mut Option<mpsc::UnboundedReceiver<String>>) -> Option<String> {
    match lines {
        Some(lines) => lines.recv().await,
        None => std::future::pending().await,
    }
}
