//! `WordCount`: counts the words of text files, exactly once, whatever happens to the process.
//!
//! The worker reads its input in parallel ranges through whatever filesystem plugin serves the URI,
//! writes results through the recoverable writer, and takes checkpoints. Killed at any moment and
//! started again with `--restore`, it goes on from the latest complete checkpoint, and the result is
//! the same as that of a run that was never interrupted.

mod checkpoint;
mod job;
mod progress;
mod reader;
mod results;
mod sink;
mod split;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, value_parser};
use futures_executor::block_on;
use host_loader::FileSystems;
use plugin_api::{Config, ConfigOption, Error, ErrorKind, Result, ValueType};

use crate::job::{JobConfig, Place, Trigger};
use crate::progress::{Event, Reporter};

/// Counts words exactly once, with checkpoints, on any filesystem that a plugin serves.
///
/// Results go to part files `part-<reader>-<number>` in the output directory, as lines
/// `word<TAB>count`; the counts of a word are to be added up. A word is what stands between ASCII
/// white space. Prints one line of JSON at the end.
#[derive(Debug, Parser)]
#[command(name = "wordcount", version)]
struct Arguments {
    /// Text file, or directory of text files.
    #[arg(long, value_name = "URI")]
    input: String,

    /// Directory for the part files.
    #[arg(long, value_name = "URI")]
    output: String,

    /// Directory for the checkpoints, of which the last three that are complete are kept.
    #[arg(long, value_name = "URI")]
    checkpoints: String,

    /// Directory with filesystem plugins; may be given several times.
    #[arg(long, value_name = "DIR")]
    plugins: Vec<PathBuf>,

    /// Configuration of the filesystems; may be given several times.
    #[arg(short = 'D', value_name = "KEY=VALUE", value_parser = parse_pair)]
    define: Vec<(String, String)>,

    /// Parallel readers.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u16).range(1..=1024))]
    readers: u16,

    /// Time between two checkpoints.
    #[arg(long, value_name = "TIME", default_value = "1 s", value_parser = parse_duration)]
    checkpoint_interval: Duration,

    /// Go on from the latest complete checkpoint, if there is one.
    #[arg(long)]
    restore: bool,

    /// Size of the ranges that readers take in turn.
    #[arg(long, value_name = "SIZE", default_value = "4 mb", value_parser = parse_size)]
    split_size: u64,

    /// Bytes that one request asks for.
    #[arg(long, value_name = "SIZE", default_value = "256 kb", value_parser = parse_size)]
    read_size: u64,

    /// Words whose counts are added up before they are written; never more than one read.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = value_parser!(u64).range(1..))]
    batch_words: u64,

    /// Size at which a part file is closed; it is published at the next checkpoint.
    #[arg(long, value_name = "SIZE", default_value = "8 mb", value_parser = parse_size)]
    part_size: u64,

    /// Read no more than this a second, all readers together. For demonstrations.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    throttle: Option<u64>,

    /// Report on standard output what happens, one line of JSON for each event.
    #[arg(long)]
    progress: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wordcount: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let mut builder = FileSystems::builder().config(Config::from_pairs(arguments.define));
    for directory in arguments.plugins {
        builder = builder.plugin_dir(directory);
    }
    let systems = builder.build()?;
    let config = block_on(async {
        Ok::<_, Error>(JobConfig {
            input: place(&systems, &arguments.input).await?,
            output: place(&systems, &arguments.output).await?,
            checkpoints: place(&systems, &arguments.checkpoints).await?,
            readers: arguments.readers.into(),
            trigger: Trigger::Interval(arguments.checkpoint_interval),
            restore: arguments.restore,
            split_size: arguments.split_size,
            read_size: arguments.read_size,
            batch_words: arguments.batch_words,
            part_size: arguments.part_size,
            throttle: arguments.throttle.unwrap_or(0),
            probe: None,
        })
    })?;
    let mut reporter = Reporter::new(io::stdout().lock(), !arguments.progress);
    let summary = job::run(&config, &mut |event| reporter.report(event))?;
    drop(config);
    block_on(systems.shutdown(Duration::from_secs(10)))?;
    reporter.report(&Event::Finished(summary))
}

async fn place(systems: &FileSystems, path: &str) -> Result<Place> {
    let (files, at) = systems.open_path(path).await?;
    Ok(Place { files, at })
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write it as key=value, for example s3.region=eu-west-1".to_owned()),
    }
}

/// Reads a value in the spelling of configuration files.
fn parse_value<T>(
    text: &str,
    value_type: ValueType,
    parse: impl Fn(&Config, &ConfigOption) -> Result<Option<T>>,
) -> Result<T> {
    let option = ConfigOption::new("value", value_type);
    parse(&Config::from_pairs([("value", text)]), &option)
        .map_err(|error| Error::new(ErrorKind::InvalidInput, error.message().to_owned()))?
        .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "it is blank"))
}

fn parse_size(text: &str) -> Result<u64> {
    match parse_value(text, ValueType::Bytes, Config::bytes)? {
        0 => Err(Error::new(ErrorKind::InvalidInput, "it must be at least 1 byte")),
        size => Ok(size),
    }
}

fn parse_duration(text: &str) -> Result<Duration> {
    parse_value(text, ValueType::Duration, Config::duration)
}
