//! Runs the suite as tests: on the mock plugin, on local files and on the S3 plugin with the embedded
//! server. `FSPLUG_CONFORMANCE` chooses one: `mock`, `mock-directories`, `file`, `s3`, `s3-directories`
//! (with markers and directory renames switched on), or the path of a plugin's library, which is tested on `FSPLUG_CONFORMANCE_URI` with the pairs `key=value` of
//! `FSPLUG_CONFORMANCE_CONFIG`, one a line.

#[path = "support/plugins.rs"]
mod plugins;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::{env, fs};

use conformance_tests::{KnownGaps, RunOptions, Target, cases, trials};
use libtest_mimic::{Arguments, Trial};
use plugin_api::{Config, Location};
use testkit::Server;

use plugins::{Outcome, connect, mock_plugin, of_an_author, s3_plugin};

/// The races are run this often: more than enough to meet every order of two writers.
const ROUNDS: u32 = 1000;

const BUCKET: &str = "conformance";

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The machine's threads are not the limit: most cases wait for a server.
    arguments.test_threads.get_or_insert(8);
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("the suite cannot be run: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome<ExitCode> {
    let directory = tempfile::tempdir()?;
    let server = Server::builder().bucket(BUCKET).start_blocking()?;
    let mut targets = Vec::new();
    let mut tests = Vec::new();
    for name in chosen() {
        let target = Arc::new(target(&name, directory.path(), &server)?);
        let prefix = Path::new(&name)
            .file_stem()
            .map_or(name.clone(), |stem| stem.to_string_lossy().into_owned());
        tests.extend(tests_of(&prefix, &target)?);
        targets.push(target);
    }
    let conclusion = libtest_mimic::run(arguments, tests);
    let listed_only = arguments.list;
    for target in targets.iter().filter(|_| !listed_only) {
        futures_executor::block_on(target.clean_up())?;
    }
    Ok(conclusion.exit_code())
}

fn chosen() -> Vec<String> {
    match env::var("FSPLUG_CONFORMANCE") {
        Ok(name) => vec![name],
        Err(_) => ["mock", "mock-directories", "file", "s3", "s3-directories"]
            .map(str::to_owned)
            .into(),
    }
}

fn tests_of(prefix: &str, target: &Arc<Target>) -> Outcome<Vec<Trial>> {
    let known_gaps = match env::var_os("FSPLUG_CONFORMANCE_GAPS") {
        Some(path) => KnownGaps::parse(&fs::read_to_string(path)?)?,
        None => KnownGaps::default(),
    };
    let cases = cases();
    known_gaps.check(&cases)?;
    let options = RunOptions {
        rounds: ROUNDS,
        known_gaps,
        ..RunOptions::default()
    };
    Ok(trials(prefix, target, cases, &options))
}

fn target(name: &str, directory: &Path, server: &Server) -> Outcome<Target> {
    let entropy = ("entropy.key", "_entropy_");
    let (library, uri, config) = match name {
        "file" => {
            let uri = format!("file://{}", directory.display());
            (None, uri, Config::default())
        }
        "mock" | "mock-directories" => {
            let mut config = Config::from_pairs([(format!("mock.{}", entropy.0), entropy.1)]);
            config.set("mock.real-directories", (name == "mock-directories").to_string());
            (Some(mock_plugin()), format!("mock://{name}/"), config)
        }
        "s3" | "s3-directories" => {
            let mut config = Config::from_pairs(server.config("s3."));
            for option in ["s3.directory-markers", "s3.rename.directories"] {
                config.set(option, (name == "s3-directories").to_string());
            }
            config.set(format!("s3.{}", entropy.0), entropy.1);
            (Some(s3_plugin()), format!("s3://{BUCKET}/"), config)
        }
        path => {
            let (uri, config) = of_an_author(path)?;
            (Some(path.into()), uri, config)
        }
    };
    let root = Location::parse(&uri)?;
    Ok(futures_executor::block_on(Target::new(
        &root,
        connect(library, &root, config),
    ))?)
}
