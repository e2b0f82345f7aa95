//! `cargo xtask demo`: `WordCount` over the S3 plugin and the embedded server, verified.

mod watch;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use host_loader::plugin_api::{Config, ConfigOption, ValueType};

use crate::count::{Counts, compare, count_words};
use crate::report::{Progress, grouped};
use crate::server::{BUCKET, Server};
use crate::store::{Output, Store};
use crate::text::{Text, documents};
use crate::worker::{Outcome, Summary, Worker};
use crate::workspace::Workspace;
use crate::{plugin_build, step};
use watch::{Restart, Watch};

/// How long the worker is to take unless `--rate` says otherwise.
const TARGET: Duration = Duration::from_secs(6);

/// Count words on the embedded S3 server, with checkpoints, and verify the result.
///
/// Builds the S3 plugin, drops it into plugins/s3-native, starts the embedded server, uploads the
/// text and runs the `WordCount` worker on it. The worker is held to a rate at which it takes about
/// six seconds, so that there are several checkpoints to see; `--rate 0` lets it run freely.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Text files to count; without any, the repository's own documents, repeated.
    #[arg(value_name = "TEXT_FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Kill the worker with SIGKILL when this much is done, and restart it from the last complete
    /// checkpoint.
    #[arg(long, value_name = "N%", value_parser = parse_percent)]
    pub(crate) kill_at: Option<u64>,

    /// Parallel readers.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) readers: usize,

    /// How much text to make of the documents.
    #[arg(long, value_name = "SIZE", default_value = "30000000", value_parser = parse_size)]
    pub(crate) size: u64,

    /// Bytes a second that the worker may read; 0 for no limit.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) rate: Option<u64>,

    /// Size at which the worker closes a part file.
    #[arg(long, value_name = "SIZE", default_value = "512 kb", value_parser = parse_size)]
    pub(crate) part_size: u64,

    /// Words whose counts the worker adds up before it writes them: the fewer, the more output.
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(crate) batch_words: u64,

    /// Time between two checkpoints.
    #[arg(long, value_name = "TIME", default_value = "1 s")]
    pub(crate) checkpoint_interval: String,
}

/// What was built for the demo.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The directory with the plugin.
    pub(crate) plugins: PathBuf,
    /// The embedded server.
    pub(crate) testkit: PathBuf,
    /// The worker.
    pub(crate) wordcount: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let texts = texts(options, &workspace)?;
    step("building the S3 plugin, the embedded server and the worker");
    let packages = ["-p", plugin_build::PACKAGE, "-p", "testkit", "-p", "wordcount"];
    let built = workspace.build(&packages)?;
    let library = plugin_build::install(&workspace.plugins(), &plugin_build::library(&built)?)?;
    step(format_args!("dropped {}", library.display()));
    let programs = Programs {
        plugins: workspace.plugins(),
        testkit: built.executable("testkit")?.to_path_buf(),
        wordcount: built.executable("wordcount")?.to_path_buf(),
    };
    count(options, &texts, &programs)
}

/// The texts that the options ask for.
pub(crate) fn texts(options: &Options, workspace: &Workspace) -> Result<Vec<Text>> {
    if options.files.is_empty() {
        let unit = documents(workspace.root())?;
        return Ok(vec![Text::repeated("documents.md", unit, options.size)]);
    }
    let files = options.files.iter().enumerate();
    files.map(|(index, path)| Text::from_file(index, path)).collect()
}

/// Uploads, counts and verifies.
pub(crate) fn count(options: &Options, texts: &[Text], programs: &Programs) -> Result<()> {
    let total: u64 = texts.iter().map(|text| text.len).sum();
    let server = Server::start(&programs.testkit)?;
    step(format_args!("embedded S3 server at {}", server.endpoint()));
    let config = server.config();
    let store = Store::new(&programs.plugins, &config)?;

    let input = format!("s3://{BUCKET}/input");
    step(format_args!("uploading {} bytes to {input}", grouped(total)));
    let mut progress = Progress::new("uploaded", total);
    for text in texts {
        store.upload(text, &input, |bytes| progress.advance(bytes))?;
    }
    drop(progress);

    let output = format!("s3a://{BUCKET}/output");
    let rate = options.rate.unwrap_or(total / TARGET.as_secs());
    let mut worker = Worker::new(&programs.wordcount, &programs.plugins, &config);
    worker.option("--input", &input);
    worker.option("--output", &output);
    worker.option("--checkpoints", format!("s3://{BUCKET}/checkpoints"));
    worker.option("--readers", options.readers);
    worker.option("--checkpoint-interval", &options.checkpoint_interval);
    worker.option("--batch-words", options.batch_words);
    worker.option("--part-size", options.part_size);
    if rate > 0 {
        worker.option("--throttle", rate);
    }
    step(format_args!(
        "counting words: {} readers, a checkpoint every {}, part files to {output}",
        options.readers, options.checkpoint_interval
    ));
    let begun = Instant::now();
    let mut watch = Watch::new(total, options.kill_at);
    let summary = run_worker(&worker, &mut watch)?;
    let seconds = begun.elapsed().as_secs_f64();
    let (checkpoints, restart) = watch.into_result();

    step("verifying against an independent count");
    let result = store.read_output(&output)?;
    let open_uploads = store.open_uploads(&output)?;
    store.shutdown()?;
    let mut expected = Counts::new();
    for text in texts {
        count_words(text.open()?, &mut expected)?;
    }
    compare(&expected, &result.counts)?;
    verify_summary(&summary, total, &expected, &result)?;
    ensure!(
        open_uploads.unwrap_or(0) == 0,
        "{} uploads are left open in the output",
        open_uploads.unwrap_or(0)
    );

    let report = Report {
        files: texts.len(),
        rate,
        seconds,
        checkpoints,
        restart,
        open_uploads,
    };
    print_report(&summary, &result, &report);
    Ok(())
}

fn run_worker(worker: &Worker, watch: &mut Watch) -> Result<Summary> {
    loop {
        let restore = watch.was_killed();
        match worker.run(restore, |event| watch.event(event))? {
            Outcome::Killed => step(format_args!(
                "killed the worker at {}%; restarting it from the last complete checkpoint",
                watch.percent()
            )),
            Outcome::Finished(summary) => {
                ensure!(
                    watch.is_satisfied(),
                    "the worker was done before it could be killed: no checkpoint was complete by then; \
                     give more text or a lower --rate"
                );
                return Ok(summary);
            }
        }
    }
}

/// What the worker says of itself has to be true as well.
fn verify_summary(summary: &Summary, total: u64, expected: &Counts, result: &Output) -> Result<()> {
    let words: u64 = expected.values().sum();
    for (what, said, is) in [
        ("bytes", summary.bytes, total),
        ("words", summary.words, words),
        ("distinct words", summary.distinct, expected.len() as u64),
        ("part files", summary.parts, result.parts),
    ] {
        ensure!(
            said == is,
            "the worker says that there are {said} {what}, not {is}"
        );
    }
    Ok(())
}

struct Report {
    files: usize,
    rate: u64,
    seconds: f64,
    checkpoints: u64,
    restart: Option<Restart>,
    open_uploads: Option<usize>,
}

fn print_report(summary: &Summary, result: &Output, report: &Report) {
    let files = if report.files == 1 { "file" } else { "files" };
    println!();
    println!(
        "input         {} bytes in {} {files}",
        grouped(summary.bytes),
        report.files
    );
    println!(
        "words         {}, {} distinct",
        grouped(summary.words),
        grouped(summary.distinct)
    );
    println!("checkpoints   {}", report.checkpoints);
    println!(
        "part files    {}, {} bytes",
        grouped(summary.parts),
        grouped(result.bytes)
    );
    if let Some(restart) = &report.restart {
        println!(
            "killed        at {}%, restored from checkpoint {} at {}%",
            restart.killed_at, restart.checkpoint, restart.restored_at
        );
    }
    match report.open_uploads {
        Some(open) => println!(
            "open uploads  {open} left, {} of killed workers aborted",
            summary.orphans_aborted
        ),
        None => println!("open uploads  not known: the plugin cannot list them"),
    }
    let held = match report.rate {
        0 => "no limit".to_owned(),
        rate => format!("held to {} bytes a second", grouped(rate)),
    };
    println!("time          {:.1} s, {held}", report.seconds);
    println!("result        counts are exact");
}

fn parse_percent(text: &str) -> Result<u64, String> {
    match text.strip_suffix('%').unwrap_or(text).trim().parse() {
        Ok(percent @ 1..=99) => Ok(percent),
        _ => Err("give a percentage from 1% to 99%".to_owned()),
    }
}

fn parse_size(text: &str) -> Result<u64> {
    let option = ConfigOption::new("size", ValueType::Bytes);
    Config::from_pairs([("size", text)])
        .bytes(&option)
        .map_err(|error| anyhow::anyhow!("{}", error.message().to_owned()))?
        .context("it is blank")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_and_sizes_are_read_in_their_usual_spellings() {
        assert_eq!(parse_percent("50%"), Ok(50));
        assert_eq!(parse_percent("7"), Ok(7));
        for wrong in ["0", "100%", "x", "-1", ""] {
            assert!(parse_percent(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_size("4 mb").unwrap(), 4 << 20);
        assert!(parse_size("lots").is_err());
    }
}
