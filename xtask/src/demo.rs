//! `cargo xtask demo`: `WordCount` over the S3 plugin and the embedded server, verified.

mod chaos;
mod clean_up;
mod plan;
mod watch;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, value_parser};
use host_loader::plugin_api::{Config, ConfigOption, ValueType};

use crate::count::{Counts, compare, count_words};
use crate::report::{Progress, grouped};
use crate::server::{BUCKET, Server};
use crate::store::{Output, Store};
use crate::text::{Text, documents};
use crate::worker::{Killer, Outcome, Summary, Worker};
use crate::workspace::Workspace;
use crate::{plugin_build, step};
use chaos::{Chaos, Tally};
use clean_up::CleanUp;
use plan::plan;
use watch::{Restart, Watch};

/// How long the worker is to take unless `--rate` says otherwise,
const TARGET: Duration = Duration::from_secs(6);
/// and how much longer for each kill of `--chaos`.
const TARGET_PER_KILL: Duration = Duration::from_millis(500);

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

    /// Kill the worker with SIGKILL at N random requests, restart it from the last complete checkpoint
    /// each time, and let the server throw faults all the while.
    #[arg(long, value_name = "N", conflicts_with = "kill_at", value_parser = value_parser!(u16).range(1..=1000))]
    pub(crate) chaos: Option<u16>,

    /// What the kills and faults of --chaos come from; random unless given.
    #[arg(long, value_name = "N", requires = "chaos")]
    pub(crate) seed: Option<u64>,

    /// Parallel readers.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) readers: usize,

    /// How much text to make of the documents.
    #[arg(long, value_name = "SIZE", default_value = "30000000", value_parser = parse_size)]
    pub(crate) size: u64,

    /// Bytes a second that the worker may read; 0 for no limit.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) rate: Option<u64>,

    /// Size at which the worker closes a part file; 512 kb, and with --chaos 12 mb: a multipart upload.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) part_size: Option<u64>,

    /// Words whose counts the worker adds up before it writes them: the fewer, the more output; 500, and
    /// with --chaos 10.
    #[arg(long, value_name = "N")]
    pub(crate) batch_words: Option<u64>,

    /// Time between two checkpoints; 1 s, and with --chaos 300 ms.
    #[arg(long, value_name = "TIME")]
    pub(crate) checkpoint_interval: Option<String>,
}

impl Options {
    /// What the worker is started with, apart from where it reads and writes.
    fn pace(&self, total: u64) -> Pace {
        let kills = self.chaos.map_or(0, u32::from);
        let (part_size, batch_words, interval) = match self.chaos {
            None => (512 << 10, 500, "1 s"),
            Some(_) => (12 << 20, 10, "300 ms"),
        };
        let target = TARGET + TARGET_PER_KILL * kills;
        Pace {
            rate: self.rate.unwrap_or(total * 1000 / target.as_millis() as u64),
            part_size: self.part_size.unwrap_or(part_size),
            batch_words: self.batch_words.unwrap_or(batch_words),
            checkpoint_interval: self.checkpoint_interval.as_deref().unwrap_or(interval).to_owned(),
        }
    }
}

/// How fast the worker goes, and what it writes.
struct Pace {
    /// Bytes a second; 0 for no limit.
    rate: u64,
    part_size: u64,
    batch_words: u64,
    checkpoint_interval: String,
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
    /// The command line, with which `--chaos` cleans up.
    pub(crate) fsplug: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let texts = texts(options, &workspace)?;
    step("building the S3 plugin, the embedded server and the worker");
    let mut packages = vec!["-p", plugin_build::PACKAGE, "-p", "testkit", "-p", "wordcount"];
    if options.chaos.is_some() {
        packages.extend(["-p", "host-loader"]);
    }
    let built = workspace.build(&packages)?;
    let library = plugin_build::install(&workspace.plugins(), &plugin_build::library(&built)?)?;
    step(format_args!("dropped {}", library.display()));
    let programs = Programs {
        plugins: workspace.plugins(),
        testkit: built.executable("testkit")?.to_path_buf(),
        wordcount: built.executable("wordcount")?.to_path_buf(),
        fsplug: built.executable("fsplug").ok().map(Path::to_path_buf),
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
    let seed = options.seed.unwrap_or_else(|| rand::random::<u32>().into());
    let (tally, killer) = (Tally::default(), Killer::default());
    let mut server = Server::start(&programs.testkit, seed, {
        let (tally, killer) = (tally.clone(), killer.clone());
        move |fault| tally.fault(fault, &killer)
    })?;
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
    let checkpoints = format!("s3://{BUCKET}/checkpoints");
    let pace = options.pace(total);
    let mut worker = Worker::new(&programs.wordcount, &programs.plugins, &config, killer);
    worker.option("--input", &input);
    worker.option("--output", &output);
    worker.option("--checkpoints", &checkpoints);
    worker.option("--readers", options.readers);
    worker.option("--checkpoint-interval", &pace.checkpoint_interval);
    worker.option("--batch-words", pace.batch_words);
    worker.option("--part-size", pace.part_size);
    if pace.rate > 0 {
        worker.option("--throttle", pace.rate);
    }
    step(format_args!(
        "counting words: {} readers, a checkpoint every {}, part files to {output}",
        options.readers, pace.checkpoint_interval
    ));
    let begun = Instant::now();
    let mut watch = Watch::new(total, options.kill_at);
    let (summary, chaos) = match options.chaos {
        None => (run_worker(&worker, &mut watch)?, None),
        Some(kills) => {
            step(format_args!("seed {seed}, faults {}", chaos::RULES));
            let plan = plan(seed, kills.into(), total);
            let places = (output.as_str(), checkpoints.as_str());
            let fsplug = programs.fsplug.as_deref().context("fsplug was not built")?;
            let clean_up = CleanUp::new(fsplug, &programs.plugins, &config, places);
            let (summary, chaos) = chaos::run(&worker, &mut server, &mut watch, &tally, &clean_up, plan)?;
            (summary, Some(chaos))
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    let (completed, restart) = watch.into_result();

    step("verifying against an independent count");
    let result = store.read_output(&output)?;
    let open_uploads = left_open(&store, &[&output, &checkpoints])?;
    store.shutdown()?;
    let mut expected = Counts::new();
    for text in texts {
        count_words(text.open()?, &mut expected)?;
    }
    compare(&expected, &result.counts)?;
    verify_summary(&summary, total, &expected, &result)?;
    ensure!(
        open_uploads.unwrap_or(0) == 0,
        "{} uploads are left open",
        open_uploads.unwrap_or(0)
    );

    let report = Report {
        files: texts.len(),
        rate: pace.rate,
        seconds,
        checkpoints: completed,
        restart: restart.filter(|_| chaos.is_none()),
        chaos: chaos.map(|chaos| (seed, chaos)),
        open_uploads,
    };
    print_report(&summary, &result, &report);
    Ok(())
}

/// How many uploads are open below the directories once nobody needs any; `None` if the plugin cannot tell.
///
/// The worker has aborted at its end what killed runs had left behind; `--chaos` cleans up besides.
fn left_open(store: &Store, directories: &[&str]) -> Result<Option<usize>> {
    let mut sum = Some(0);
    for directory in directories {
        sum = sum
            .zip(store.open_uploads(directory)?)
            .map(|(sum, open)| sum + open);
    }
    Ok(sum)
}

fn run_worker(worker: &Worker, watch: &mut Watch) -> Result<Summary> {
    loop {
        let restore = watch.was_killed();
        match worker.run(restore, |event| Ok(watch.event(event)))? {
            Outcome::Killed => step(format_args!(
                "killed the worker at {}%; restarting it from the last complete checkpoint",
                watch.percent()
            )),
            Outcome::Failed(status) => bail!("the worker failed: {status}"),
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
    /// With its seed.
    chaos: Option<(u64, Chaos)>,
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
    if let Some((seed, chaos)) = &report.chaos {
        print_chaos(*seed, chaos);
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

fn print_chaos(seed: u64, chaos: &Chaos) {
    println!("seed          {seed}");
    println!("rules         {}", chaos::RULES);
    let faults = chaos.faults.iter().map(|(kind, count)| format!("{kind} {count}"));
    println!("faults        {}", faults.collect::<Vec<_>>().join(", "));
    println!(
        "kills         {}, and {} workers that gave up",
        chaos.kills.len(),
        chaos.failures
    );
    for kill in &chaos.kills {
        println!("              {kill}");
    }
    let restored = chaos.restored.iter().map(|checkpoint| match checkpoint {
        Some(checkpoint) => format!("checkpoint {checkpoint}"),
        None => "the beginning".to_owned(),
    });
    println!("runs          from {}", restored.collect::<Vec<_>>().join(", "));
    println!(
        "clean-up      fsplug uploads gc, {} times: {} aborted, {} times an upload was kept for a checkpoint",
        chaos.cleaned.runs, chaos.cleaned.aborted, chaos.cleaned.referenced
    );
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
