//! Plugins that were exported with `export_plugin!`, loaded from their shared libraries.

#[path = "../support/example_plugins.rs"]
mod example_plugins;

use std::thread;

use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{ErrorKind, FileSystemExt};

use crate::log::Log;
use crate::shared_object::PluginDir;

pub(crate) use example_plugins::library;

/// A registry with its own copies of both plugins: another file is another library.
fn registry() -> (PluginDir, FileSystems) {
    let dir = PluginDir::new();
    for name in ["counting", "panicking"] {
        dir.add(name, &library(name));
    }
    let registry = dir.registry();
    (dir, registry)
}

pub(crate) fn factories_made(registry: &FileSystems, path: &str) -> u64 {
    block_on(async {
        let (fs, file) = registry.open_path(path).await.unwrap();
        fs.status(&file).await.unwrap().len
    })
}

#[test]
fn a_plugin_is_found_without_being_loaded_and_loaded_at_its_first_use() {
    let (_dir, registry) = registry();
    assert_eq!(registry.schemes(), ["counting", "file", "panicking"]);
    let reports = registry.plugins();
    for report in &reports {
        assert!(report.error.is_none() && !report.loaded, "{report:?}");
    }
    assert_eq!(factories_made(&registry, "counting://a/k"), 1);
    let loaded: Vec<bool> = registry.plugins().iter().map(|report| report.loaded).collect();
    assert_eq!(loaded, [true, false]);
}

#[test]
fn concurrent_first_uses_load_a_plugin_once() {
    let (_dir, registry) = registry();
    thread::scope(|scope| {
        for number in 0..8 {
            let registry = &registry;
            scope.spawn(move || {
                assert_eq!(factories_made(registry, &format!("counting://{number}/k")), 1);
            });
        }
    });
}

#[test]
fn a_factory_that_panics_is_an_error_that_is_remembered_and_hurts_nobody_else() {
    let (dir, registry) = registry();
    let errors: Vec<_> = (0..2)
        .map(|_| {
            block_on(registry.open_path("panicking://a/k"))
                .err()
                .expect("must fail")
        })
        .collect();
    assert_eq!(errors[0].to_string(), errors[1].to_string());
    assert_eq!(errors[0].kind(), ErrorKind::PluginPanic);
    let text = errors[0].to_string();
    for part in [
        "no factory on Mondays",
        dir.path().to_str().unwrap(),
        "author of the plugin",
    ] {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
    let report = registry
        .plugins()
        .into_iter()
        .find(|report| report.name == "panicking")
        .unwrap();
    assert!(report.error.is_some() && report.manifest.is_some() && !report.loaded);
    assert_eq!(factories_made(&registry, "counting://a/k"), 1);
}

#[test]
fn what_a_plugin_logs_arrives_in_the_subscriber_of_the_caller() {
    let (_dir, registry) = registry();
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let (fs, file) = block_on(registry.open_path("counting://a/k")).unwrap();
        assert!(block_on(fs.exists(&file)).unwrap());
    });
    let text = log.text();
    for part in [
        "factory made",
        "made=1",
        "file system made",
        "counting://a/",
        "plugin=\"counting\"",
    ] {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
}

#[test]
fn a_truncated_copy_of_a_real_plugin_is_refused() {
    let dir = PluginDir::new();
    let whole = library("counting");
    dir.add("counting", &whole[..whole.len() - 1]);
    let text = dir.report().error.unwrap().to_string();
    assert!(text.contains("truncated"), "{text}");
}
