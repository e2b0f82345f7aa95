//! Where plugins are looked for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{Config, ErrorKind};
use tempfile::TempDir;

use crate::fake_plugin::FakeFactory;
use crate::log::Log;
use crate::shared_object::{PluginDir, acceptable, compile, manifest};

#[test]
fn an_unknown_scheme_lists_known_schemes_and_every_searched_path() {
    let dir = PluginDir::new();
    dir.add("good", acceptable());
    let missing = dir.path().join("missing");
    let misplaced = TempDir::new().unwrap();
    fs::write(misplaced.path().join("x.so"), b"").unwrap();
    let registry = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(dir.path())
        .plugin_dir(&missing)
        .plugin_dir(misplaced.path())
        .build()
        .unwrap();
    let error = block_on(registry.open_path("gopher://host/key"))
        .err()
        .expect("unknown");
    assert_eq!(error.kind(), ErrorKind::UnknownScheme);
    assert_eq!(error.path(), "gopher://host/key");
    let text = error.to_string();
    for part in [
        "'gopher'".to_owned(),
        "known: file, good".to_owned(),
        format!("{} (1 plugin)", dir.path().display()),
        format!("{} (missing)", missing.display()),
        format!(
            "{} (no plugin: the .so files directly in it",
            misplaced.path().display()
        ),
    ] {
        assert!(text.contains(&part), "'{part}' is not in: {text}");
    }
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn a_missing_plugin_directory_is_no_error_and_an_empty_plugin_is_one_that_names_it() {
    let dir = PluginDir::new();
    let missing = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(dir.path().join("missing"))
        .build()
        .unwrap();
    assert!(missing.plugins().is_empty());
    assert_eq!(missing.schemes(), ["file"]);

    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    fs::write(empty.join("README"), b"").unwrap();
    fs::create_dir(dir.path().join(".hidden")).unwrap();
    fs::write(dir.path().join("notes.txt"), b"").unwrap();
    let report = dir.report();
    assert_eq!(
        (report.path.as_path(), report.name.as_str()),
        (empty.as_path(), "empty")
    );
    let text = report.error.unwrap().to_string();
    assert!(
        text.contains("empty plugin directory; put the plugin's .so there or remove it"),
        "{text}"
    );
    assert!(text.contains(empty.to_str().unwrap()), "{text}");
}

#[test]
fn plugins_for_java_are_counted_and_neither_candidates_nor_warned_of() {
    let dir = PluginDir::new();
    for name in ["metrics-prometheus", "s3-fs-hadoop"] {
        fs::create_dir(dir.path().join(name)).unwrap();
        fs::write(dir.path().join(name).join(format!("flink-{name}.jar")), b"PK").unwrap();
        fs::write(dir.path().join(name).join("README.txt"), b"").unwrap();
    }
    let found = |registry: &FileSystems| {
        let selection = registry.selection(&registry.resolve("good://a/b").unwrap());
        selection.searched[0].found.clone()
    };
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    let registry = tracing::subscriber::with_default(subscriber, || dir.registry());
    assert_eq!(log.text(), "");
    assert!(registry.plugins().is_empty());
    assert_eq!(found(&registry), "no plugin, 2 Java plugins");
    // One that is both is a plugin.
    fs::write(dir.path().join("s3-fs-hadoop/good.so"), acceptable()).unwrap();
    let registry = dir.registry();
    assert_eq!(registry.plugins().len(), 1);
    assert_eq!(found(&registry), "1 plugin, 1 Java plugin");
}

#[test]
fn a_file_in_place_of_a_plugin_directory_is_reported() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("plugins");
    fs::write(&file, b"").unwrap();
    let registry = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(&file)
        .build()
        .unwrap();
    let reports = registry.plugins();
    assert_eq!(reports.len(), 1);
    assert!(
        reports[0]
            .error
            .as_ref()
            .unwrap()
            .to_string()
            .contains("not a directory")
    );
}

#[test]
fn links_to_a_plugin_and_repeated_directories_count_once() {
    let dir = PluginDir::new();
    let path = dir.add("a", acceptable());
    symlink(dir.path().join("a"), dir.path().join("b")).unwrap();
    fs::create_dir(dir.path().join("c")).unwrap();
    fs::hard_link(&path, dir.path().join("c/other.so")).unwrap();
    symlink(&path, dir.path().join("a/z.so")).unwrap();
    let registry = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(dir.path())
        .plugin_dir(dir.path())
        .build()
        .unwrap();
    let reports = registry.plugins();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert_eq!(reports[0].path, path);
    assert_eq!(reports[0].name, "good");
}

#[test]
fn two_plugins_for_one_scheme_are_an_error_that_names_both_when_it_is_used() {
    let dir = PluginDir::new();
    let one = dir.add("one", acceptable());
    let two = dir.add("two", &compile(Some(&manifest(1, "rival", "good")), "", &[]));
    let registry = dir.registry();
    assert!(registry.plugins().iter().all(|report| report.error.is_none()));
    let error = block_on(registry.open_path("good://a/b"))
        .err()
        .expect("ambiguous");
    let text = error.to_string();
    for path in [one, two] {
        assert!(text.contains(path.to_str().unwrap()), "{text}");
    }
    for remedy in ["'fs.good.plugin' to good or rival", "'fs.good.priority.good'"] {
        assert!(error.remedy().contains(remedy), "{error}");
    }
}

#[test]
fn two_files_of_one_plugin_in_one_directory_are_an_error_whose_remedy_is_to_remove_one() {
    let dir = PluginDir::new();
    let one = dir.add("one", acceptable());
    let two = dir.add("two", acceptable());
    let registry = dir.registry();
    let error = block_on(registry.open_path("good://a/b")).err().unwrap();
    for path in [one, two] {
        assert!(error.message().contains(path.to_str().unwrap()), "{error}");
    }
    assert_eq!(error.remedy(), "remove all but one of them");
}

#[test]
fn a_named_file_takes_the_place_of_the_plugin_of_its_name_in_a_directory() {
    let dir = PluginDir::new();
    let elsewhere = PluginDir::new();
    let installed = dir.add("good", acceptable());
    let named = elsewhere.add("mine", acceptable());
    let registry = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(dir.path())
        .plugin_file(&named)
        .build()
        .unwrap();
    let reports = registry.plugins();
    let paths: Vec<&Path> = reports.iter().map(|report| report.path.as_path()).collect();
    assert_eq!(paths, [&named, &installed]);
    assert_eq!(reports[0].shadowed_by, None);
    assert_eq!(reports[1].shadowed_by.as_deref(), named.to_str());
    let selection = registry.selection(&registry.resolve("good://a/b").unwrap());
    assert_eq!(selection.chosen().unwrap().origin, named.to_str().unwrap());
    assert_eq!(selection.searched[0].path, named);
    assert!(
        selection
            .to_string()
            .contains("has the same name and was found earlier"),
        "{selection}"
    );
}

#[test]
fn a_plugin_that_cannot_be_used_takes_nobodys_place_and_no_fallback_takes_its_own() {
    let dir = PluginDir::new();
    // Of another ABI, and so refused; its manifest can be read all the same.
    dir.add(
        "good",
        &compile(Some(&newer_than_the_host("good", "good")), "", &[]),
    );
    let later = PluginDir::new();
    let builder = || {
        FileSystems::builder()
            .search_environment(false)
            .plugin_dir(dir.path())
            .plugin_dir(later.path())
            .factory(
                crate::fake_plugin::manifest("any", &["any"]),
                Arc::<FakeFactory>::default(),
            )
            .config(Config::from_pairs([("fs.fallback-plugin", "any")]))
    };
    let registry = builder().build().unwrap();
    let good = registry.resolve("good://a/b").unwrap();
    let selection = registry.selection(&good);
    let error = selection.error.as_ref().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnknownScheme);
    assert!(error.message().contains("is broken"), "{error}");
    assert!(
        selection
            .to_string()
            .contains("it is broken: the plugin needs a host of"),
        "{selection}"
    );

    let path = later.add("good", acceptable());
    let selection = builder().build().unwrap().selection(&good);
    assert_eq!(selection.chosen().unwrap().origin, path.to_str().unwrap());
    let by_name = Config::from_pairs([("fs.good.plugin", "good")]);
    let named = builder().config(by_name).build().unwrap().selection(&good);
    assert_eq!(named.chosen().unwrap().origin, path.to_str().unwrap());
}

/// A manifest that only a later minor version of the host understands.
fn newer_than_the_host(name: &str, scheme: &str) -> String {
    manifest(1, name, scheme).replacen('{', r#"{"min_host_minor":99,"#, 1)
}

#[test]
fn relative_plugin_directories_become_absolute() {
    let registry = FileSystems::builder()
        .search_environment(false)
        .plugin_dir("no/such/plugins")
        .build()
        .unwrap();
    let error = block_on(registry.open_path("gopher://h/k"))
        .err()
        .expect("unknown");
    let absolute = std::env::current_dir()
        .unwrap()
        .join(Path::new("no/such/plugins"));
    assert!(error.to_string().contains(absolute.to_str().unwrap()), "{error}");
}
