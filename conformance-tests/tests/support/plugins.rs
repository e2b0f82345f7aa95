//! The plugins that the tests of this package load, and instances of their file systems.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use conformance_tests::Connect;
use host_loader::FileSystems;
use plugin_api::{Config, Location};

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A new registry each time, as another process would have one.
pub(crate) fn connect(library: Option<PathBuf>, root: &Location, config: Config) -> Connect {
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

pub(crate) fn mock_plugin() -> PathBuf {
    library("FSPLUG_TEST_MOCK_PLUGIN", "mock-plugin", "libmock_plugin.so")
}

pub(crate) fn s3_plugin() -> PathBuf {
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

/// Where a plugin that is not of this project is tested, and how it is configured.
pub(crate) fn of_an_author(path: &str) -> Outcome<(String, Config)> {
    let uri = env::var("FSPLUG_CONFORMANCE_URI")
        .map_err(|_| format!("name the place to test '{path}' on with FSPLUG_CONFORMANCE_URI"))?;
    let pairs = env::var("FSPLUG_CONFORMANCE_CONFIG").unwrap_or_default();
    let pairs = pairs.lines().filter_map(|line| line.split_once('='));
    Ok((uri, Config::from_pairs(pairs)))
}
