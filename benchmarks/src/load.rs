//! From the start of a process to the first byte of an object: finding, checking and loading the
//! plugin, and its first request, beside a process that has the bare AWS SDK linked in.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use futures_executor::block_on;
use host_loader::FileSystems;
use plugin_api::{CreateOptions, FileSystemExt, OpenOptions};
use rustix::fs::{Advice, fadvise};

use crate::peers::{BUCKET, bare_sdk, config, start};

/// Processes of each variant; the median counts.
const PROCESSES: usize = 21;

const KEY: &str = "first-byte";

/// A variant: its name, the plugin directory if it loads the plugin, and whether the plugin's file is
/// read from the disk again.
type Variant<'a> = (&'static str, Option<&'a Path>, bool);

/// Prints the table. `plugins` is a plugin directory that holds the S3 plugin.
pub(crate) fn run(plugins: &Path, testkit: &Path) -> Result<(), String> {
    let (_server, endpoint) = start(testkit)?;
    write_object(plugins, &endpoint)?;
    let variants: [Variant<'_>; 3] = [
        ("bare SDK, linked", None, false),
        ("plugin, its file in the page cache", Some(plugins), false),
        ("plugin, its file not in the page cache", Some(plugins), true),
    ];
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut samples = variants.map(|_| Vec::new());
    for process in 0..=PROCESSES {
        for ((_, plugins, is_evicted), samples) in variants.iter().zip(&mut samples) {
            if let (Some(plugins), true) = (plugins, is_evicted) {
                evict(plugins)?;
            }
            let phases = spawn(&program, &endpoint, *plugins)?;
            // The first ones warm up the server and the page cache.
            if process > 0 {
                samples.push(phases);
            }
        }
    }
    println!("a process from its main function to the first byte of an object (ms, medians of {PROCESSES})");
    println!(
        "  {:<40} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "", "find", "load", "request", "all", "ratio"
    );
    let first = median(samples[0].iter().map(|phases| phases[2]).collect());
    for ((name, ..), samples) in variants.iter().zip(&samples) {
        let between = |from: Option<usize>, to: usize| {
            let took = |phases: &[f64; 3]| phases[to] - from.map_or(0.0, |from| phases[from]);
            median(samples.iter().map(took).collect())
        };
        println!(
            "  {name:<40} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>6.2}x",
            between(None, 0),
            between(Some(0), 1),
            between(Some(1), 2),
            between(None, 2),
            between(None, 2) / first
        );
    }
    Ok(())
}

/// What a process of a variant does: prints when it had the registry, the file system and the byte,
/// in milliseconds since `start`.
pub(crate) fn first_byte(start: Instant, endpoint: &str, plugins: Option<&Path>) -> Result<(), String> {
    let since = || start.elapsed().as_secs_f64() * 1e3;
    let phases = if let Some(plugins) = plugins {
        let read = async {
            let systems = FileSystems::builder()
                .search_environment(false)
                .plugin_dir(plugins)
                .config(config(endpoint))
                .build()?;
            let found = since();
            let (fs, path) = systems.open_path(&format!("s3://{BUCKET}/{KEY}")).await?;
            let loaded = since();
            let chunk = fs.open(&path, &OpenOptions::default()).await?.read(1).await?;
            assert_eq!(chunk, "x");
            Ok([found, loaded, since()])
        };
        block_on(read).map_err(|error: plugin_api::Error| error.to_string())?
    } else {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let found = since();
        let client = bare_sdk(endpoint);
        let loaded = since();
        runtime.block_on(async {
            let request = client.get_object().bucket(BUCKET).key(KEY);
            let mut body = request.send().await.map_err(|error| error.to_string())?.body;
            let frame = body.next().await.ok_or("the object is empty")?;
            assert_eq!(frame.map_err(|error| error.to_string())?, "x");
            Ok::<_, String>([found, loaded, since()])
        })?
    };
    println!("{} {} {}", phases[0], phases[1], phases[2]);
    Ok(())
}

fn write_object(plugins: &Path, endpoint: &str) -> Result<(), String> {
    let write = async {
        let systems = FileSystems::builder()
            .search_environment(false)
            .plugin_dir(plugins)
            .config(config(endpoint))
            .build()?;
        let (fs, path) = systems.open_path(&format!("s3://{BUCKET}/{KEY}")).await?;
        fs.write_all(&path, "x".into(), &CreateOptions::overwrite()).await
    };
    block_on(write).map_err(|error: plugin_api::Error| error.to_string())?;
    Ok(())
}

fn spawn(program: &Path, endpoint: &str, plugins: Option<&Path>) -> Result<[f64; 3], String> {
    let mut command = Command::new(program);
    command.args(["first-byte", "--endpoint", endpoint]);
    if let Some(plugins) = plugins {
        command.arg("--plugins").arg(plugins);
    }
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let phases: Vec<f64> = text.split_whitespace().flat_map(str::parse).collect();
    phases
        .try_into()
        .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Drops the plugin's file from the page cache.
fn evict(plugins: &Path) -> Result<(), String> {
    for library in libraries(plugins).map_err(|error| error.to_string())? {
        let file = File::open(&library).map_err(|error| error.to_string())?;
        // What is not on the disk yet stays in the cache.
        file.sync_all().map_err(|error| error.to_string())?;
        fadvise(&file, 0, None, Advice::DontNeed).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn libraries(plugins: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for plugin in fs::read_dir(plugins)? {
        for file in fs::read_dir(plugin?.path())? {
            found.push(file?.path());
        }
    }
    Ok(found)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
