//! Every way to break a plugin, as a built file: the host survives, the plugin beside it works, and the report can be
//! read.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{ABI_VERSION, Error};
use rustix::fs::{CWD, Mode, mkfifoat};

use crate::book;
use crate::example_plugins::library;
use crate::shared_object::{PluginDir, acceptable, compile, manifest};
use crate::toolchain::{C, compile as run_compiler, link, object, plugin_object, source};
use crate::ways::{Library, SONAME, Way, library_object, plugins, shared_library};

/// Lines that a report may have.
const LONGEST_REPORT: usize = 3;

struct Broken {
    /// What is wrong, as the book says it.
    wrong: &'static str,
    /// Puts the plugin into its directory.
    place: fn(&Path),
    /// What its report must name.
    names: &'static [&'static str],
    /// The scheme whose use loads the plugin, if it is not found out before.
    scheme: Option<&'static str>,
}

/// A plugin that is refused before it is loaded.
const fn unloaded(wrong: &'static str, place: fn(&Path), names: &'static [&'static str]) -> Broken {
    Broken {
        wrong,
        place,
        names,
        scheme: None,
    }
}

/// A plugin whose fault shows when it is loaded.
const fn at_use(
    wrong: &'static str,
    scheme: &'static str,
    place: fn(&Path),
    names: &'static [&'static str],
) -> Broken {
    Broken {
        wrong,
        place,
        names,
        scheme: Some(scheme),
    }
}

const BROKEN: &[Broken] = &[
    unloaded("no file at all", |_| {}, &["empty plugin directory"]),
    unloaded("an empty file", |dir| put(dir, b""), &["the file is empty"]),
    unloaded(
        "a text file",
        |dir| put(dir, b"hello"),
        &["not an ELF shared library"],
    ),
    unloaded("cut off", |dir| put(dir, &acceptable()[..40]), &["truncated"]),
    unloaded("a dangling link", dangling, &["cannot be read"]),
    unloaded("a FIFO", fifo, &["not a regular file"]),
    unloaded(
        "a directory",
        |dir| fs::create_dir(file(dir)).unwrap(),
        &["not a regular file"],
    ),
    unloaded(
        "another machine",
        |dir| put(dir, &patched(18, &40u16.to_ne_bytes())),
        &["built for ARM"],
    ),
    unloaded("32-bit", |dir| put(dir, &patched(4, &[1])), &["32-bit"]),
    unloaded("a program", program, &["not a shared library"]),
    unloaded("an object file", object_file, &["not a shared library"]),
    unloaded(
        "no manifest",
        |dir| put(dir, &compile(None, "", &[])),
        &["no fsplug manifest note"],
    ),
    unloaded(
        "a damaged manifest",
        |dir| put(dir, &compile(Some(r#"{"format":1,"abi"#), "", &[])),
        &["cannot be read"],
    ),
    unloaded("another ABI", newer_abi, &["this host ABI"]),
    unloaded(
        "the scheme of the host",
        |dir| put(dir, &compile(Some(&manifest(1, "x", "file")), "", &[])),
        &["'file'"],
    ),
    unloaded(
        "needs a shared library",
        needs_library,
        &["libdep.so.1", "not in bundled/"],
    ),
    unloaded(
        "bundles one without a hash in its name",
        bundles_unhashed,
        &["libdep.so.1", "without a hash"],
    ),
    unloaded(
        "bundles one that calls itself otherwise",
        bundles_renamed,
        &["libdep-00000000.so.1", "SONAME"],
    ),
    unloaded(
        "uses a symbol that nothing defines",
        undefined_symbol,
        &["dep_version"],
    ),
    unloaded(
        "exports a symbol that the process has",
        exports_hosts,
        &["getpid"],
    ),
    unloaded(
        "exports a process-wide unique symbol",
        unique_symbol,
        &["STB_GNU_UNIQUE", "kept"],
    ),
    unloaded("has text relocations", text_relocations, &["text relocations"]),
    unloaded("needs a newer glibc", newer_glibc, &["needs glibc 9."]),
    at_use(
        "has no entry point",
        "good",
        |dir| put(dir, acceptable()),
        &["fs_plugin_root_module"],
    ),
    at_use(
        "has something else as entry point",
        "x",
        other_entry,
        &["broken.so"],
    ),
    at_use(
        "has another interface",
        "panicking",
        other_layout,
        &["rebuild the plugin"],
    ),
    at_use(
        "panics when it starts",
        "panicking",
        |dir| put(dir, &library("panicking")),
        &["no factory on Mondays"],
    ),
    at_use(
        "fails when it starts",
        "failing",
        |dir| put(dir, &library("failing")),
        &["the licence server"],
    ),
];

fn file(dir: &Path) -> PathBuf {
    dir.join("broken.so")
}

fn put(dir: &Path, content: &[u8]) {
    fs::write(file(dir), content).unwrap();
}

/// The acceptable library with other bytes at this place.
fn patched(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut content = acceptable().to_vec();
    content[at..at + bytes.len()].copy_from_slice(bytes);
    content
}

fn dangling(dir: &Path) {
    symlink("/nowhere/broken.so", file(dir)).unwrap();
}

fn fifo(dir: &Path) {
    mkfifoat(CWD, file(dir), Mode::from_raw_mode(0o600)).unwrap();
}

fn program(dir: &Path) {
    run_compiler(
        C,
        &file(dir),
        &["-no-pie", source("host.c").to_str().unwrap(), "-ldl"],
    );
}

fn object_file(dir: &Path) {
    plugin_object(&file(dir), "broken", 1);
}

fn newer_abi(dir: &Path) {
    put(
        dir,
        &compile(Some(&manifest(ABI_VERSION.major + 1, "x", "x")), "", &[]),
    );
}

/// Links `plugin.c` with what is made by the callers in a directory beside the plugin's.
fn plugin_with(dir: &Path, library: Option<&Path>, options: &[String]) {
    let object = plugin_object(&dir.join("made/plugin.o"), "broken", 1);
    let inputs: Vec<&Path> = [object.as_path()].into_iter().chain(library).collect();
    link(&file(dir), &inputs, options);
}

fn shared_dep(dir: &Path, soname: &str) -> PathBuf {
    let made = dir.join("made");
    let object = library_object(&made, Library::C, 1, false);
    shared_library(&made, &object, soname)
}

fn needs_library(dir: &Path) {
    plugin_with(dir, Some(&shared_dep(dir, SONAME)), &[]);
}

fn bundles_unhashed(dir: &Path) {
    let library = shared_dep(dir, SONAME);
    plugin_with(dir, Some(&library), &[]);
    fs::create_dir(dir.join("bundled")).unwrap();
    fs::rename(library, dir.join("bundled").join(SONAME)).unwrap();
}

fn bundles_renamed(dir: &Path) {
    let soname = "libdep-00000000.so.1";
    plugin_with(dir, Some(&shared_dep(dir, soname)), &[]);
    fs::create_dir(dir.join("bundled")).unwrap();
    fs::rename(shared_dep(dir, SONAME), dir.join("bundled").join(soname)).unwrap();
}

fn undefined_symbol(dir: &Path) {
    plugin_with(dir, None, &[]);
}

fn exports_hosts(dir: &Path) {
    let export = "#[unsafe(no_mangle)] pub extern \"C\" fn getpid() -> i32 { 0 }";
    put(dir, &compile(Some(&manifest(1, "x", "x")), export, &[]));
}

fn unique_symbol(dir: &Path) {
    let made = plugins(&dir.join("made"), Library::Cxx, Way::Symbolic, false);
    fs::rename(made.join("one/one.so"), file(dir)).unwrap();
}

fn text_relocations(dir: &Path) {
    let made = dir.join("made");
    let plugin = plugin_object(&made.join("plugin.o"), "broken", 1);
    let dep = library_object(&made, Library::C, 1, true);
    let address = object(C, "text_relocation.c", &made.join("address.o"), &[]);
    link(&file(dir), &[plugin, dep, address], &["-Wl,-z,notext".to_owned()]);
}

fn newer_glibc(dir: &Path) {
    let made = dir.join("made");
    plugin_with(dir, Some(&library_object(&made, Library::C, 1, true)), &[]);
    let mut content = fs::read(file(dir)).unwrap();
    let version = b"GLIBC_2.";
    let places: Vec<usize> = (0..content.len() - version.len())
        .filter(|&at| content[at..].starts_with(version))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        content[at + version.len() - 2] = b'9';
    }
    put(dir, &content);
}

fn other_entry(dir: &Path) {
    let entry = "#[unsafe(no_mangle)] pub static fs_plugin_root_module: [u64; 512] = [0; 512];";
    put(dir, &compile(Some(&manifest(1, "x", "x")), entry, &[]));
}

/// A plugin that knows a method of the interface by another name.
fn other_layout(dir: &Path) {
    let mut content = library("panicking");
    let (name, other) = (b"recoverable_writer", b"recoverable_hunter");
    let mut changed = 0;
    for at in 0..content.len() - name.len() {
        if content[at..].starts_with(name) {
            content[at..at + name.len()].copy_from_slice(other);
            changed += 1;
        }
    }
    assert!(changed > 0);
    put(dir, &content);
}

/// The only error that the registry has for the broken plugin, after using it if it looks usable.
fn error_of(registry: &FileSystems, broken: &Broken, dir: &Path) -> Error {
    let reported = || {
        registry
            .plugins()
            .into_iter()
            .find(|report| report.path.starts_with(dir))
            .expect("it is reported")
    };
    if let Some(scheme) = broken.scheme {
        assert!(reported().error.is_none(), "{}: {:?}", broken.wrong, reported());
        let path = format!("{scheme}://a/key");
        assert!(block_on(registry.open_path(&path)).is_err(), "{}", broken.wrong);
    }
    let report = reported();
    assert!(!report.loaded);
    report.error.expect("it is broken")
}

#[test]
fn whatever_is_wrong_with_a_plugin_the_host_survives_the_others_load_and_three_lines_say_it() {
    let good = library("counting");
    let mut book = "| what is wrong | when it shows | what the host says |\n|---|---|---|\n".to_owned();
    for broken in BROKEN {
        let plugins = PluginDir::new();
        plugins.add("good", &good);
        let dir = plugins.path().join("broken");
        fs::create_dir(&dir).unwrap();
        (broken.place)(&dir);
        let registry = plugins.registry();
        let error = error_of(&registry, broken, &dir);
        let text = error.to_string();
        let wrong = broken.wrong;
        assert!(text.lines().count() <= LONGEST_REPORT, "{wrong}: {text}");
        assert!(text.contains(dir.to_str().unwrap()), "{wrong}: {text}");
        assert!(!error.remedy().is_empty(), "{wrong}: {text}");
        for name in broken.names {
            assert!(text.contains(name), "{wrong}: '{name}' is not in: {text}");
        }
        let (fs, path) = block_on(registry.open_path("counting://a/key")).unwrap();
        assert_eq!(block_on(fs.status(&path)).unwrap().len, 1, "{wrong}");
        // The command says the same, and goes on too.
        let listed = listed(plugins.path());
        if broken.scheme.is_none() {
            assert!(listed.contains(text.lines().next().unwrap()), "{wrong}: {listed}");
        }
        assert!(listed.contains("counting"), "{wrong}: {listed}");
        let when = if broken.scheme.is_some() {
            "first use"
        } else {
            "before it is loaded"
        };
        writeln!(book, "| {wrong} | {when} | {} |", for_the_book(&text, &dir)).unwrap();
    }
    assert!(BROKEN.len() >= 15);
    book::assert_current("broken plugins", &book);
}

/// What `fsplug plugins list` prints.
fn listed(plugins: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fsplug"))
        .arg("--plugins")
        .arg(plugins)
        .args(["plugins", "list"])
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The text as it is on every machine, in one cell.
fn for_the_book(text: &str, dir: &Path) -> String {
    let text = text
        .replace(file(dir).to_str().unwrap(), "…/broken.so")
        .replace(dir.to_str().unwrap(), "…");
    let text = [
        ("it needs glibc ", ",", "2.99"),
        ("this system has ", ";", "2.36"),
        ("built for ARM, this host is ", ";", "x86-64"),
        ("this host ABI ", ";", "1.2"),
        ("FileSystemAbi.", ": unexpected", "…"),
        ("plugin-api ", "\n", "1.2.0"),
    ]
    .into_iter()
    .fold(text, |text, (before, end, same)| {
        between(&text, before, end, same)
    });
    text.replace('|', "\\|").replace('\n', "<br>")
}

/// With what is between two texts, or follows the first, replaced.
fn between(text: &str, before: &str, end: &str, same: &str) -> String {
    let Some(begin) = text.find(before).map(|at| at + before.len()) else {
        return text.to_owned();
    };
    let end = text[begin..].find(end).map_or(text.len(), |at| begin + at);
    format!("{}{same}{}", &text[..begin], &text[end..])
}
