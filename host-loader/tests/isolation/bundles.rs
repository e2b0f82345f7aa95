//! Plugins that bring shared libraries along.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use host_loader::{FileSystems, FileSystemsBuilder, PluginLock};
use tempfile::TempDir;

use crate::failures::expected;
use crate::fsplug::{Fate, Host};
use crate::toolchain::{C, link, object, plugin_object};
use crate::ways::{Library, SONAME, hashed_soname, library_object, plugin_name, shared_library};

/// A plugin directory, and the directory in which its libraries are made.
struct Bundles {
    made: TempDir,
    plugins: TempDir,
}

impl Bundles {
    fn new() -> Self {
        Self {
            made: TempDir::new().unwrap(),
            plugins: TempDir::new().unwrap(),
        }
    }

    /// The plugins `one` and `two`, each with its own version of the library under its own name.
    fn of_both_versions() -> Self {
        let bundles = Self::new();
        for version in [1, 2] {
            let library = bundles.library(version, None);
            bundles.plugin(version, &library, &[]);
            bundles.bundle(version, &library);
        }
        bundles
    }

    fn path(&self, name: &str) -> PathBuf {
        self.made.path().join(name)
    }

    /// A version of the library; under a name with its hash, if there is no other.
    fn library(&self, version: u32, soname: Option<&str>) -> PathBuf {
        let dir = self.path(plugin_name(version));
        let object = library_object(&dir, Library::C, version, false);
        let hashed = hashed_soname(&object);
        shared_library(&dir, &object, soname.unwrap_or(&hashed))
    }

    /// A plugin that is linked with the library.
    fn plugin(&self, version: u32, library: &Path, options: &[String]) {
        let name = plugin_name(version);
        let object = plugin_object(&self.path(name).join("plugin.o"), name, version);
        let output = self.plugins.path().join(name).join(format!("{name}.so"));
        link(&output, &[object.as_path(), library], options);
    }

    /// Puts a library beside the plugin.
    fn bundle(&self, version: u32, library: &Path) -> PathBuf {
        let directory = self.plugins.path().join(plugin_name(version)).join("bundled");
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join(library.file_name().unwrap());
        fs::copy(library, &path).unwrap();
        path
    }

    fn load_with(&self, names: &[&str], environment: Vec<(&'static str, String)>) -> Vec<Fate> {
        let host = Host {
            plugins: self.plugins.path(),
            environment,
        };
        host.load(names)
    }

    fn assert_own(&self, names: &[&str], environment: Vec<(&'static str, String)>) {
        for (name, fate) in names.iter().zip(self.load_with(names, environment)) {
            let version = expected(name);
            assert!(
                matches!(fate, Fate::Loaded { built, used } if (built, used) == (version, version)),
                "{name}: {fate:?}"
            );
        }
    }

    /// The registry of these plugins alone.
    fn builder(&self) -> FileSystemsBuilder {
        FileSystems::builder()
            .search_environment(false)
            .plugin_dir(self.plugins.path())
    }

    /// The text with which the plugin `one` is refused, which has these parts.
    fn assert_refused(&self, environment: Vec<(&'static str, String)>, parts: &[&str]) {
        let fates = self.load_with(&["one"], environment);
        let [Fate::Refused(text)] = &fates[..] else {
            panic!("{fates:?}");
        };
        for part in parts {
            assert!(text.contains(part), "'{part}' is not in: {text}");
        }
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn two_plugins_that_bundle_two_versions_of_a_library_get_their_own_each() {
    let bundles = Bundles::of_both_versions();
    for order in [["one", "two"], ["two", "one"]] {
        bundles.assert_own(&order, Vec::new());
    }
    // Another library of the same name is first in the linker's way.
    let wrong = library_object(&bundles.path("wrong"), Library::C, 9, false);
    for version in [1, 2] {
        let soname = bundles.library(version, None);
        let soname = soname.file_name().unwrap().to_str().unwrap();
        shared_library(&bundles.path("path"), &wrong, soname);
    }
    let path = text(&bundles.path("path"));
    bundles.assert_own(&["one", "two"], vec![("LD_LIBRARY_PATH", path)]);
}

#[test]
fn an_origin_in_the_run_path_is_accepted_and_not_needed() {
    let bundles = Bundles::new();
    for (version, tags) in [(1, "enable"), (2, "disable")] {
        let library = bundles.library(version, None);
        let option = format!("-Wl,--{tags}-new-dtags,-rpath,$ORIGIN/bundled");
        bundles.plugin(version, &library, &[option]);
        bundles.bundle(version, &library);
    }
    bundles.assert_own(&["one", "two"], Vec::new());
}

#[test]
fn a_bundled_library_whose_symbols_the_host_has_is_refused_by_symbol_and_file() {
    let bundles = Bundles::of_both_versions();
    let hosts = text(&bundles.library(2, Some(SONAME)));
    bundles.assert_refused(
        vec![("LD_PRELOAD", hosts)],
        &["bundled/libdep-", "dep_version", "statically"],
    );
}

#[test]
fn a_library_without_a_hash_in_its_name_is_not_accepted_wherever_it_lies() {
    let bundles = Bundles::new();
    let library = bundles.library(1, Some(SONAME));
    bundles.plugin(1, &library, &[]);
    bundles.assert_refused(Vec::new(), &["libdep.so.1 (not in bundled/)", "statically"]);
    bundles.bundle(1, &library);
    bundles.assert_refused(
        Vec::new(),
        &["libdep.so.1 (bundled, but without a hash in its name)"],
    );
    bundles.assert_refused(
        vec![("LD_PRELOAD", text(&library))],
        &["libdep.so.1", "this process has one of that name"],
    );
}

#[test]
fn a_bundled_library_may_need_another_and_must_find_it_in_the_bundle() {
    let bundles = Bundles::new();
    let inner = bundles.library(1, None);
    let object = object(C, "outer.c", &bundles.path("outer.o"), &[]);
    let soname = "libouter-0123456789abcdef.so";
    let outer = link(
        &bundles.path(soname),
        &[object.as_path(), &inner],
        &[format!("-Wl,-soname,{soname}")],
    );
    let plugin = plugin_object(&bundles.path("plugin.o"), "one", 1);
    let outer_first = [plugin.as_path(), &outer, &inner];
    let output = bundles.plugins.path().join("one/one.so");
    link(&output, &outer_first, &["-Wl,--no-as-needed".to_owned()]);
    bundles.bundle(1, &outer);
    let name = inner.file_name().unwrap().to_str().unwrap();
    bundles.assert_refused(Vec::new(), &[name, "not in bundled/"]);
    bundles.bundle(1, &inner);
    bundles.assert_own(&["one"], Vec::new());
}

#[test]
fn bundled_libraries_that_need_each_other_are_refused() {
    let bundles = Bundles::new();
    let names = ["liba-00000001.so", "libb-00000002.so"];
    let inner = bundles.library(1, Some("liba-00000001.so"));
    let object = object(C, "outer.c", &bundles.path("outer.o"), &[]);
    let option = |name: &str| format!("-Wl,-soname,{name},--no-as-needed");
    let outer = link(
        &bundles.path(names[1]),
        &[object.as_path(), &inner],
        &[option(names[1])],
    );
    let inner_object = library_object(&bundles.path("again"), Library::C, 1, false);
    let inner = link(
        &bundles.path(names[0]),
        &[inner_object.as_path(), &outer],
        &[option(names[0])],
    );
    bundles.plugin(1, &inner, &[]);
    bundles.bundle(1, &outer);
    bundles.bundle(1, &inner);
    bundles.assert_refused(Vec::new(), &["in a circle", names[0], names[1]]);
}

#[test]
fn one_name_is_one_content_in_a_process() {
    let bundles = Bundles::new();
    let soname = "libdep-00112233.so.1";
    let mut beside = Vec::new();
    for version in [1, 2] {
        let library = bundles.library(version, Some(soname));
        bundles.plugin(version, &library, &[]);
        beside.push(bundles.bundle(version, &library));
    }
    // Which of the two comes first must not matter to the other, which is told.
    for (first, second, path) in [("one", "two", &beside[1]), ("two", "one", &beside[0])] {
        let host = Host {
            plugins: bundles.plugins.path(),
            environment: Vec::new(),
        };
        let announced = bundles.path("announced");
        fs::write(&announced, "").unwrap();
        let uris = [format!("{first}://a/k"), format!("{second}://a/k")];
        let output = host.run(&["stat", &uris[0], &uris[1]], Some(&announced));
        let version = expected(first);
        assert_eq!(
            fs::read_to_string(&announced).unwrap(),
            format!("{first} {version} {version}\n")
        );
        let text = String::from_utf8(output.stderr).unwrap();
        for part in [path.to_str().unwrap(), "another library of that name", "hash"] {
            assert!(text.contains(part), "'{part}' is not in: {text}");
        }
    }
    // The same content is the same library.
    fs::copy(&beside[0], &beside[1]).unwrap();
    let fates = bundles.load_with(&["one", "two"], Vec::new());
    assert!(
        matches!(
            fates[..],
            [Fate::Loaded { used: 1, .. }, Fate::Loaded { built: 2, used: 1 }]
        ),
        "{fates:?}"
    );
}

#[test]
fn what_is_bundled_is_under_the_lock_like_the_plugin_itself() {
    let bundles = Bundles::new();
    let library = bundles.library(1, None);
    bundles.plugin(1, &library, &[]);
    let beside = bundles.bundle(1, &library);
    let lock = PluginLock::of_directory(bundles.plugins.path()).unwrap();
    assert_eq!(lock.len(), 2);
    lock.write(bundles.plugins.path()).unwrap();
    bundles.assert_own(&["one"], Vec::new());

    // A byte behind what is loaded changes nothing but the hash.
    let mut changed = fs::read(&beside).unwrap();
    changed.push(0);
    fs::write(&beside, changed).unwrap();
    let host = Host {
        plugins: bundles.plugins.path(),
        environment: Vec::new(),
    };
    let used = host.run(&["stat", "one://a/key"], None);
    let printed = String::from_utf8(used.stderr).unwrap();
    for part in [text(&beside).as_str(), "SHA-256", "fsplug plugins lock"] {
        assert!(printed.contains(part), "'{part}' is not in: {printed}");
    }
}

#[test]
fn what_is_bundled_and_others_may_change_is_refused_when_it_is_found() {
    let bundles = Bundles::new();
    let library = bundles.library(1, None);
    bundles.plugin(1, &library, &[]);
    let beside = bundles.bundle(1, &library);
    fs::set_permissions(&beside, Permissions::from_mode(0o666)).unwrap();
    let reports = bundles.builder().build().unwrap().plugins();
    let error = reports[0].error.as_ref().unwrap().to_string();
    for part in ["bundled/libdep-", "others may write", "0666", "chmod go-w"] {
        assert!(error.contains(part), "'{part}' is not in: {error}");
    }
}

#[test]
fn a_plugin_is_tried_with_the_bundled_library_that_was_checked_or_not_at_all() {
    let bundles = Bundles::new();
    let library = bundles.library(1, None);
    bundles.plugin(1, &library, &[]);
    let beside = bundles.bundle(1, &library);
    let soname = library.file_name().unwrap().to_str().unwrap();
    let other = bundles.library(2, Some(soname));
    // What happens to the file after it was checked.
    let program = bundles.path("swapping");
    let tries = |command: &str| {
        let fsplug = env!("CARGO_BIN_EXE_fsplug");
        fs::write(&program, format!("#!/bin/sh\n{command}\nexec {fsplug} \"$@\"\n")).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let registry = bundles
            .builder()
            .trial_program(&program)
            .quarantine_dir(bundles.path("quarantine"))
            .build()
            .unwrap();
        let reports = registry.check_plugins(true);
        reports[0].error.as_ref().unwrap().to_string()
    };
    // These libraries have no entry point: it was loaded.
    let error = tries("");
    assert!(error.contains("fs_plugin_root_module"), "{error}");
    let swap = format!("cp {} {}", other.display(), beside.display());
    let error = tries(&swap);
    assert!(error.contains("not the one that was checked"), "{error}");
    assert!(!bundles.path("quarantine").exists());
}
