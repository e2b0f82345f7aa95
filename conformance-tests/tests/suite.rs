//! Runs the suite as tests: on the mock plugin, on local files and on the S3 plugin with the embedded
//! server. `FSPLUG_CONFORMANCE` chooses one: `mock`, `mock-directories`, `file`, `s3`, `s3-directories`
//! (with markers and directory renames switched on), or the path of a plugin's library, which is tested on `FSPLUG_CONFORMANCE_URI` with the pairs `key=value` of
//! `FSPLUG_CONFORMANCE_CONFIG`, one a line.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::{env, fs};

use conformance_tests::{Connect, KnownGaps, RunOptions, Target, cases, trials};
use host_loader::FileSystems;
use libtest_mimic::{Arguments, Trial};
use plugin_api::{Config, Location};
use testkit::Server;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

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
            let uri = env::var("FSPLUG_CONFORMANCE_URI")
                .map_err(|_| format!("name the place to test '{path}' on with FSPLUG_CONFORMANCE_URI"))?;
            let pairs = env::var("FSPLUG_CONFORMANCE_CONFIG").unwrap_or_default();
            let pairs = pairs.lines().filter_map(|line| line.split_once('='));
            (Some(PathBuf::from(path)), uri, Config::from_pairs(pairs))
        }
    };
    let root = Location::parse(&uri)?;
    Ok(futures_executor::block_on(Target::new(
        &root,
        connect(library, &root, config),
    ))?)
}

/// A new registry each time, as another process would have one.
fn connect(library: Option<PathBuf>, root: &Location, config: Config) -> Connect {
    let root = root.clone();
    Arc::new(move || {
        let mut builder = FileSystems::builder()
            .search_environment(false)
            .config(config.clone());
        if let Some(library) = &library {
            builder = builder.plugin_file(library);
        }
        let root = root.clone();
        Box::pin(async move { builder.build()?.get(&root).await })
    })
}

fn mock_plugin() -> PathBuf {
    library("FSPLUG_TEST_MOCK_PLUGIN", "mock-plugin", "libmock_plugin.so")
}

fn s3_plugin() -> PathBuf {
    library("FSPLUG_TEST_PLUGIN", "s3-native-plugin", "libs3_native_plugin.so")
}

/// The library that a variable names, else built here.
fn library(variable: &str, package: &str, file: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable) {
        return path.into();
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "-p", package, "--message-format", "json"]);
    // What the outer cargo says of itself would make build scripts run again.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    let output = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs, since it runs this");
    assert!(output.status.success(), "cargo builds {package}");
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let path = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["filenames"].as_array().cloned())
        .flatten()
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .rfind(|path| path.file_name().is_some_and(|name| name == file));
    path.unwrap_or_else(|| panic!("cargo names no {file}"))
}
