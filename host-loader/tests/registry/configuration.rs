//! Where the configuration of a registry comes from, and what is said about it when a plugin is used.

use std::fs;
use std::sync::Arc;

use futures_executor::block_on;
use host_loader::plugin_api::{Config, ConfigOption, ErrorKind, Manifest, OptionInfo, ValueType};
use host_loader::{FileSystems, FileSystemsBuilder};

use crate::fake_plugin::{FakeFactory, manifest};
use crate::log::Log;

const OPTIONS: &[ConfigOption] = &[
    ConfigOption::new("fake.region", ValueType::Text)
        .aliases(&["fs.fake.region"])
        .scoped(&["region"]),
    ConfigOption::new("fake.secret", ValueType::Text).secret(),
    ConfigOption::new("fake.old", ValueType::Bool).no_effect("there is nothing to switch on"),
];

fn fake_manifest() -> Manifest {
    Manifest {
        options: OPTIONS.iter().map(OptionInfo::from).collect(),
        owned_prefixes: vec!["fake.".to_owned()],
        scope_prefix: "fake.host.".to_owned(),
        ..manifest("fake", &["fake"])
    }
}

fn builder(factory: &Arc<FakeFactory>) -> FileSystemsBuilder {
    FileSystems::builder()
        .search_environment(false)
        .factory(fake_manifest(), Arc::clone(factory) as _)
}

fn with(pairs: &[(&str, &str)]) -> FileSystems {
    builder(&Arc::default())
        .config(Config::from_pairs(pairs.iter().copied()))
        .build()
        .unwrap()
}

/// What is logged meanwhile.
fn logged(work: impl FnOnce()) -> String {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    log.text()
}

#[test]
fn a_plugin_receives_file_and_program_merged_and_the_program_wins() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    fs::write(
        &file,
        "fake:\n  region: file\n  secret: file\nstate.backend: rocksdb\n",
    )
    .unwrap();
    let factory = Arc::<FakeFactory>::default();
    let registry = builder(&factory)
        .config_file(&file)
        .config(Config::from_pairs([
            ("fake.secret", "program"),
            ("fake.region", " "),
        ]))
        .config_from_command_line(Config::from_pairs([("fake.host.a.region", "line")]))
        .build()
        .unwrap();
    block_on(registry.open_path("fake://a/")).unwrap();
    let (_, config) = factory.seen.lock().unwrap().clone().unwrap();
    let expected = [
        ("fake.host.a.region", "line"),
        ("fake.region", "file"),
        ("fake.secret", "program"),
        ("state.backend", "rocksdb"),
    ];
    assert_eq!(config.iter().collect::<Vec<_>>(), expected);
    let origin = |key| registry.configuration().origin(key).unwrap().to_string();
    assert_eq!(origin("fake.region"), format!("{}:2", file.display()));
    assert_eq!(
        (
            origin("fake.secret").as_str(),
            origin("fake.host.a.region").as_str()
        ),
        ("the program", "-D")
    );
    assert!(!format!("{registry:?} {:?}", registry.configuration()).contains("rocksdb"));
}

#[test]
fn an_unreadable_file_fails_the_builder() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("config.yaml");
    let error = builder(&Arc::default())
        .config_file(&missing)
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");
}

#[test]
fn mistakes_are_warned_of_once_when_the_plugin_is_first_used() {
    let pairs = [
        ("fake.regoin", "canary"),
        ("fake.host.a.regions", "canary"),
        ("fake.old", "true"),
        ("fake.region", "canary-1"),
        ("fs.fake.region", "canary-2"),
        ("other.key", "canary"),
        ("fs.fake.limit.total", "4"),
        ("fs.fake.limit.totl", "canary"),
        // Of a scheme that is not used.
        ("fs.gs.priority", "canary"),
    ];
    let log = logged(|| {
        let registry = with(&pairs);
        assert_eq!(registry.explain(None).unwrap().findings.len(), 6);
        for path in ["fake://a/", "fake://a/x", "fake://b/"] {
            block_on(registry.open_path(path)).unwrap();
        }
    });
    assert_eq!(log.matches("WARN").count(), 5, "{log}");
    for part in [
        "the program: unknown key 'fs.fake.limit.totl'; did you mean 'fs.fake.limit.total'?",
        "the program: unknown key 'fake.regoin'; did you mean 'fake.region'?",
        "'fake.host.a.regions' ends with the name of no option of a host; did you mean 'fake.host.a.region'?",
        "'fake.old' has no effect: there is nothing to switch on",
        "'fake.region' counts; 'fs.fake.region' (the program) is ignored",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(!log.contains("canary"), "{log}");
    let unused = logged(|| drop(with(&pairs)));
    assert_eq!(unused, "");
}

#[test]
fn in_strict_mode_an_unknown_key_is_an_error_that_names_key_origin_and_nearest() {
    let registry = with(&[
        ("fs.strict-config", "true"),
        ("fake.regoin", "canary"),
        ("fake.x.y", "canary"),
    ]);
    // Every time, since it may be another caller who hears it.
    for _ in 0..2 {
        let error = block_on(registry.open_path("fake://a/")).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert_eq!(error.path(), "the program");
        assert_eq!(error.message(), "unknown key 'fake.regoin', and one more");
        assert!(error.remedy().contains("'fake.region'"), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    // Warnings stay warnings, and others' keys are none of the plugin's business.
    let tolerated = with(&[
        ("fs.strict-config", "true"),
        ("fake.old", "true"),
        ("other.key", "1"),
        ("fs.fake.limit.total", "4"),
        ("fs.gs.limit.totl", "4"),
    ]);
    block_on(tolerated.open_path("fake://a/")).unwrap();
    let of_host = with(&[("fs.strict-config", "true"), ("fs.fake.limit.totl", "4")]);
    let error = block_on(of_host.open_path("fake://a/")).err().unwrap();
    assert_eq!(error.message(), "unknown key 'fs.fake.limit.totl'");
    let error = builder(&Arc::default())
        .config(Config::from_pairs([("fs.strict-config", "perhaps")]))
        .build()
        .unwrap_err();
    assert!(
        error.to_string().contains("'fs.strict-config' is 'perhaps'"),
        "{error}"
    );
}

#[test]
fn an_explanation_is_about_the_plugin_of_the_path_and_loads_nothing() {
    let factory = Arc::<FakeFactory>::default();
    let registry = builder(&factory)
        .config(Config::from_pairs([
            ("fake.region", "all"),
            ("fake.host.a.region", "own"),
            ("fake.secret", "canary"),
        ]))
        .build()
        .unwrap();
    let values = |path: &str| -> Vec<(String, Option<String>, Option<String>)> {
        let location = registry.resolve(path).unwrap();
        let explanation = registry.explain(Some(&location)).unwrap();
        let set = explanation
            .options
            .into_iter()
            .filter(|option| option.origin.is_some());
        set.map(|option| (option.key, option.value, option.scope))
            .collect()
    };
    let row = |key: &str, value: &str, scope: Option<&str>| {
        (key.to_owned(), Some(value.to_owned()), scope.map(str::to_owned))
    };
    let secret = row("fake.secret", "<redacted>", None);
    assert_eq!(
        values("fake://a/x"),
        [row("fake.region", "own", Some("a")), secret.clone()]
    );
    assert_eq!(values("fake://b/"), [row("fake.region", "all", None), secret]);
    assert_eq!(values("file:///x"), []);
    assert_eq!(
        registry
            .explain(None)
            .unwrap()
            .options
            .iter()
            .filter(|o| o.scope.is_some())
            .count(),
        1
    );
    let unknown = registry.resolve("gopher://x/").unwrap();
    assert_eq!(
        registry.explain(Some(&unknown)).unwrap_err().kind(),
        ErrorKind::UnknownScheme
    );
    assert_eq!(factory.created(), 0);
}
