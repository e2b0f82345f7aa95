//! Runs the suite as tests: on the mock plugin, on local files and on the S3 plugin with the embedded
//! server. `FSPLUG_CONFORMANCE` chooses one: `mock`, `mock-directories`, `file`, `s3`, `s3-directories`
//! (with markers and directory renames switched on), `s3-` and the name of a personality of the embedded
//! server, `s3-r2-equal-parts`, or the path of a plugin's library, which is tested on `FSPLUG_CONFORMANCE_URI`
//! with the pairs `key=value` of `FSPLUG_CONFORMANCE_CONFIG`, one a line.
//!
//! On a personality the plugin gets endpoint and keys alone; what the store cannot keep is in
//! `known-gaps/<target>.txt`, without the `s3-`.

#[path = "support/plugins.rs"]
mod plugins;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::{env, fs};

use conformance_tests::{KnownGaps, RunOptions, Target, cases, trials};
use libtest_mimic::{Arguments, Trial};
use plugin_api::{Config, Location};
use testkit::{Personality, Server};

use plugins::{Outcome, connect, mock_plugin, of_an_author, s3_plugin};

/// The races are run this often: more than enough to meet every order of two writers.
const ROUNDS: u32 = 1000;

/// The same on each personality: what is learnt is of interest there, and it is learnt once.
const ROUNDS_OF_PERSONALITIES: u32 = 10;

/// Cloudflare R2 with the key that says what it demands.
const R2_EQUAL_PARTS: &str = "s3-r2-equal-parts";

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
    let mut servers = Vec::new();
    let mut targets = Vec::new();
    let mut tests = Vec::new();
    for name in chosen() {
        let personality = personality(&name);
        let server = server(personality)?;
        let target = Arc::new(target(&name, directory.path(), &server)?);
        servers.push(server);
        let prefix = Path::new(&name)
            .file_stem()
            .map_or(name.clone(), |stem| stem.to_string_lossy().into_owned());
        tests.extend(tests_of(&prefix, &target, personality.is_some())?);
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
            .into_iter()
            .chain(Personality::ALL.map(|personality| format!("s3-{}", personality.name())))
            .chain([R2_EQUAL_PARTS.to_owned()])
            .collect(),
    }
}

/// The personality that a target's server has.
fn personality(target: &str) -> Option<Personality> {
    match target {
        R2_EQUAL_PARTS => Some(Personality::R2),
        _ => Personality::from_name(target.strip_prefix("s3-")?),
    }
}

fn server(personality: Option<Personality>) -> Outcome<Server> {
    let builder = Server::builder().bucket(BUCKET);
    Ok(match personality {
        Some(personality) => builder.personality(personality),
        None => builder,
    }
    .start_blocking()?)
}

/// What the store is known not to keep.
fn known_gaps(target: &str, is_personality: bool) -> Outcome<KnownGaps> {
    let path = if let Some(path) = env::var_os("FSPLUG_CONFORMANCE_GAPS") {
        PathBuf::from(path)
    } else {
        let name = target.strip_prefix("s3-").unwrap_or(target);
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("known-gaps");
        let path = directory.join(name).with_extension("txt");
        // Most stores have none.
        if !is_personality || !path.exists() {
            return Ok(KnownGaps::default());
        }
        path
    };
    Ok(KnownGaps::parse(&fs::read_to_string(path)?)?)
}

fn tests_of(prefix: &str, target: &Arc<Target>, is_personality: bool) -> Outcome<Vec<Trial>> {
    let known_gaps = known_gaps(prefix, is_personality)?;
    let cases = cases();
    known_gaps.check(&cases)?;
    let options = RunOptions {
        rounds: if is_personality {
            ROUNDS_OF_PERSONALITIES
        } else {
            ROUNDS
        },
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
        name if personality(name).is_some() => {
            let mut config = Config::from_pairs([
                ("s3.endpoint", server.endpoint()),
                ("s3.access-key", server.access_key().to_owned()),
                ("s3.secret-key", server.secret_key().to_owned()),
            ]);
            if name == R2_EQUAL_PARTS {
                config.set("s3.upload.equal-parts", "true");
            }
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
