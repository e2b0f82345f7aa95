//! From a location to the file system that serves it: routing, the instance cache, shutdown.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{Config, ErrorKind, FileSystem, FileSystemExt};

use crate::fake_plugin::{FakeFactory, manifest};
use crate::shared_object::PluginDir;

fn registry(factory: &Arc<FakeFactory>) -> FileSystems {
    FileSystems::builder()
        .search_environment(false)
        .factory(manifest("fake", &["fake", "Alias"]), Arc::clone(factory) as _)
        .config(Config::from_pairs([("fake.key", "1"), ("other.key", "2")]))
        .build()
        .unwrap()
}

fn get(registry: &FileSystems, path: &str) -> Arc<dyn FileSystem> {
    block_on(registry.open_path(path)).unwrap().0
}

#[test]
fn schemes_are_found_without_regard_to_case_and_one_factory_may_serve_several() {
    let factory = Arc::<FakeFactory>::default();
    let registry = registry(&factory);
    assert_eq!(registry.schemes(), ["alias", "fake", "file"]);
    for path in ["fake://a/k", "FAKE://a/k", "alias://a/k", "aLiAs://a/k"] {
        let (fs, location) = block_on(registry.open_path(path)).unwrap();
        assert!(block_on(fs.exists(&location)).unwrap());
    }
    assert_eq!(factory.created(), 2);
}

#[test]
fn an_instance_belongs_to_scheme_and_authority_and_gets_the_whole_configuration() {
    let factory = Arc::<FakeFactory>::default();
    let registry = registry(&factory);
    let first = get(&registry, "fake://a/x/y");
    assert!(Arc::ptr_eq(&first, &get(&registry.clone(), "fake://a/other")));
    assert!(!Arc::ptr_eq(&first, &get(&registry, "fake://b/x/y")));
    // Authorities keep their case.
    get(&registry, "fake://A/x/y");
    assert_eq!(factory.created(), 3);
    let (root, config) = factory.seen.lock().unwrap().clone().unwrap();
    assert_eq!(root.as_str(), "fake://A/");
    assert_eq!(
        (config.get("fake.key"), config.get("other.key")),
        (Some("1"), Some("2"))
    );
}

#[test]
fn concurrent_first_uses_create_one_instance() {
    let (open, factory) = FakeFactory::gated();
    let factory = Arc::new(factory);
    let registry = registry(&factory);
    let instances = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    block_on(join_all((0..8).map(|_| registry.open_path("fake://a/k"))))
                        .into_iter()
                        .map(|result| result.unwrap().0)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        open.send(()).unwrap();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(factory.created(), 1);
    assert!(
        instances
            .iter()
            .all(|instance| Arc::ptr_eq(instance, &instances[0]))
    );
}

#[test]
fn a_failed_creation_is_not_remembered() {
    let factory = Arc::<FakeFactory>::default();
    factory.failures.store(2, Ordering::SeqCst);
    let registry = registry(&factory);
    let results = block_on(join_all((0..4).map(|_| registry.open_path("fake://a/k"))));
    let failures: Vec<_> = results
        .iter()
        .filter_map(|result| result.as_ref().err())
        .collect();
    assert_eq!(failures.len(), 2);
    for error in failures {
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert_eq!(error.path(), "fake://a/");
    }
    assert_eq!(factory.created(), 3);
}

#[test]
fn a_cancelled_creation_leaves_the_way_free_for_the_next_caller() {
    let (open, factory) = FakeFactory::gated();
    let factory = Arc::new(factory);
    let registry = registry(&factory);
    assert!(registry.open_path("fake://a/k").now_or_never().is_none());
    open.send(()).unwrap();
    get(&registry, "fake://a/k");
    assert_eq!(factory.created(), 2);
}

#[test]
fn creations_for_different_authorities_do_not_wait_for_each_other() {
    let (open, factory) = FakeFactory::gated();
    let factory = Arc::new(factory);
    let registry = registry(&factory);
    let mut first = Box::pin(registry.open_path("fake://a/k"));
    let mut second = Box::pin(registry.open_path("fake://b/k"));
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    assert_eq!(factory.created(), 2);
    open.send(()).unwrap();
    // The later one may finish first.
    block_on(second).unwrap();
    block_on(first).unwrap();
}

#[test]
fn two_factories_for_one_scheme_are_an_error_that_names_both() {
    let registry = FileSystems::builder()
        .search_environment(false)
        .factory(manifest("one", &["x"]), Arc::<FakeFactory>::default())
        .factory(manifest("two", &["X", "y"]), Arc::<FakeFactory>::default())
        .build()
        .unwrap();
    let error = block_on(registry.open_path("x://a/k")).err().expect("ambiguous");
    assert!(
        error.to_string().contains("'one'") && error.to_string().contains("'two'"),
        "{error}"
    );
    get(&registry, "y://a/k");
}

/// A registry of linked factories that all serve `x`, and one that serves `y`.
fn with_rivals(pairs: &[(&str, &str)]) -> FileSystems {
    FileSystems::builder()
        .search_environment(false)
        .factory(manifest("one", &["x"]), Arc::<FakeFactory>::default())
        .factory(manifest("two", &["x"]), Arc::<FakeFactory>::default())
        .factory(manifest("s3-native", &["x"]), Arc::<FakeFactory>::default())
        .factory(manifest("other", &["y"]), Arc::<FakeFactory>::default())
        .config(Config::from_pairs(pairs.iter().copied()))
        .build()
        .unwrap()
}

/// Which plugin serves a path.
fn chosen(registry: &FileSystems, path: &str) -> Option<String> {
    let selection = registry.selection(&registry.resolve(path).unwrap());
    Some(selection.chosen()?.name.clone())
}

#[test]
fn priorities_are_those_of_plugins_or_of_the_factories_of_flink_whose_place_they_take() {
    for (pairs, expected) in [
        (&[("fs.x.priority.one", "1")][..], Some("one")),
        (
            &[("fs.x.priority.one", "1"), ("fs.x.priority.two", "2")],
            Some("two"),
        ),
        (
            &[(
                "fs.x.priority.org.apache.flink.fs.s3native.NativeS3FileSystemFactory",
                "1",
            )],
            Some("s3-native"),
        ),
        // Nothing takes the place of this one.
        (
            &[(
                "fs.x.priority.org.apache.flink.fs.s3hadoop.S3FileSystemFactory",
                "1",
            )],
            None,
        ),
        (&[("fs.y.priority.one", "1")], None),
        (&[("fs.x.plugin", "two"), ("fs.x.priority.one", "9")], Some("two")),
        (&[("fs.x.plugin", " ")], None),
        // Of another scheme.
        (&[("fs.x.plugin", "other")], None),
    ] {
        let registry = with_rivals(pairs);
        assert_eq!(chosen(&registry, "x://a/k").as_deref(), expected, "{pairs:?}");
        assert_eq!(chosen(&registry, "y://a/k").as_deref(), Some("other"));
        assert_eq!(
            block_on(registry.open_path("x://a/k")).is_ok(),
            expected.is_some()
        );
    }
}

#[test]
fn the_wrong_name_of_a_plugin_and_an_unreadable_priority_are_errors_of_the_configuration() {
    for pair in [("fs.x.plugin", "three"), ("fs.x.priority.one", "high")] {
        let registry = with_rivals(&[pair]);
        let error = block_on(registry.open_path("x://a/k")).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(
            error.message().contains(&format!("'{}' is '{}'", pair.0, pair.1)),
            "{error}"
        );
        assert_eq!(error.path(), "x://a/k");
        get(&registry, "y://a/k");
    }
}

#[test]
fn the_fallback_plugin_serves_what_no_plugin_names_and_nobody_else_is_made_for() {
    let registry = with_rivals(&[
        ("fs.fallback-plugin", "other"),
        ("fs.allowed-fallback-filesystems", "s3n;S3A"),
    ]);
    for path in [
        "gopher://host/k",
        "gs://bucket/k",
        "s3a://bucket/k",
        "s3p://bucket/k",
    ] {
        assert_eq!(chosen(&registry, path).as_deref(), Some("other"), "{path}");
        get(&registry, path);
    }
    assert_eq!(registry.schemes(), ["file", "x", "y"]);
    // There is a plugin that is made for it.
    let error = block_on(registry.open_path("s3://bucket/k")).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnknownScheme);
    for part in [
        "the plugin s3-native serves it, and is not installed",
        "let the plugin 'other' serve it: add 's3' to 'fs.allowed-fallback-filesystems'",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    // Nor does it help where nothing decides.
    assert_eq!(chosen(&registry, "x://a/k"), None);

    let wrong = with_rivals(&[("fs.fallback-plugin", "othr")]);
    let error = block_on(wrong.open_path("gopher://host/k")).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(
        error.to_string().contains("one, two, s3-native, other, local"),
        "{error}"
    );
    get(&wrong, "y://a/k");
}

#[test]
fn a_known_plugin_that_is_there_and_refused_is_not_called_not_installed() {
    let dir = PluginDir::new();
    let path = dir.add("s3-native", b"no library");
    let registry = dir.registry();
    let error = block_on(registry.open_path("s3://bucket/k")).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnknownScheme);
    let text = error.to_string();
    for part in [
        "the plugin s3-native serves it; known: file",
        &format!("{} is broken: ", path.display()),
    ] {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
    assert!(!text.contains("not installed"), "{text}");
}

#[test]
fn a_linked_factory_may_take_the_place_of_the_local_file_system() {
    let factory = Arc::<FakeFactory>::default();
    let registry = FileSystems::builder()
        .search_environment(false)
        .factory(manifest("mine", &["file"]), Arc::clone(&factory) as _)
        .build()
        .unwrap();
    get(&registry, "/anywhere");
    assert_eq!(factory.created(), 1);
}

#[test]
fn the_manifest_of_a_linked_factory_is_checked() {
    let mut manifest = manifest("late", &["x"]);
    manifest.min_host_minor = u32::MAX;
    let result = FileSystems::builder()
        .search_environment(false)
        .factory(manifest, Arc::<FakeFactory>::default())
        .build();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::PluginLoad);
}

#[test]
fn plain_paths_are_below_the_default_scheme() {
    let with_default = |text: &str| {
        FileSystems::builder()
            .search_environment(false)
            .factory(manifest("fake", &["fake"]), Arc::<FakeFactory>::default())
            .config(Config::from_pairs([("fs.default-scheme", text)]))
            .build()
    };
    let registry = with_default("fake://store/").unwrap();
    for path in ["/a/b", "a/b", "fake://store/a/b"] {
        let (_, location) = block_on(registry.open_path(path)).unwrap();
        assert_eq!(location.as_str(), "fake://store/a/b", "{path}");
    }
    assert_eq!(registry.resolve("file:/a/b").unwrap().as_str(), "file:///a/b");
    assert_eq!(
        with_default(" ").unwrap().resolve("/a").unwrap().as_str(),
        "file:///a"
    );
    let error = with_default("store").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(
        error.to_string().contains("'fs.default-scheme' is 'store'"),
        "{error}"
    );
}

#[test]
fn shutdown_reaches_every_factory_and_ends_the_registry() {
    let factory = Arc::<FakeFactory>::default();
    let registry = registry(&factory);
    get(&registry, "fake://a/k");
    for _ in 0..2 {
        block_on(registry.shutdown(Duration::ZERO)).unwrap();
    }
    assert_eq!(factory.shutdowns.load(Ordering::SeqCst), 2);
    for path in ["fake://a/k", "fake://b/k", "/tmp"] {
        let error = block_on(registry.clone().open_path(path)).err().expect("closed");
        assert_eq!(error.kind(), ErrorKind::Closed);
    }
}

#[test]
fn an_instance_made_while_the_registry_shuts_down_is_not_handed_out() {
    let (open, factory) = FakeFactory::gated();
    let registry = registry(&Arc::new(factory));
    let mut creation = Box::pin(registry.open_path("fake://a/k"));
    assert!((&mut creation).now_or_never().is_none());
    let cut_off = block_on(registry.shutdown(Duration::ZERO)).unwrap_err();
    assert_eq!(cut_off.kind(), ErrorKind::Timeout);
    // Whether anybody still waits for it or not.
    let _ = open.send(());
    assert_eq!(
        block_on(creation).err().expect("closed").kind(),
        ErrorKind::Closed
    );
}
