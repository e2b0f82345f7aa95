//! Plugins and hosts built against an older, a newer and a changed interface.
//!
//! Each variant is a copy of `plugin-api` with an edit, and a plugin (and a host) built against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use host_loader::FileSystems;
use plugin_api::{DiagnosisOptions, ErrorKind, FileSystem, Outcome};

/// What the default body of the appended method answers, as the newer host shows it.
const DEFAULT_ANSWER: u64 = 41 << 40;
/// What a plugin that has the method answers.
const REAL_ANSWER: u64 = 43 << 40;

struct Edit {
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

/// A method appended to a trait and a field appended to the root module.
const NEWER: &[Edit] = &[
    Edit {
        file: "src/abi/interface.rs",
        from: "    fn entropy_key(&self) -> ROption<RString>;\n    #[sabi(last_prefix_field)]\n    \
               fn close(&self, deadline_ms: u64) -> WireFuture<'_, ()>;\n",
        to: "    fn entropy_key(&self) -> ROption<RString>;\n    #[sabi(last_prefix_field)]\n    \
             fn close(&self, deadline_ms: u64) -> WireFuture<'_, ()>;\n    \
             fn appended(&self) -> u64 { 41 }\n",
    },
    Edit {
        file: "src/abi/interface.rs",
        from: "WireResult<FactoryAbi_TO<RBox<()>>>,\n}",
        to: "WireResult<FactoryAbi_TO<RBox<()>>>,\n    pub appended_field: u32,\n}",
    },
    Edit {
        file: "src/abi/module.rs",
        from: "new_factory: new_factory::<P>,\n",
        to: "new_factory: new_factory::<P>, appended_field: 7,\n",
    },
    Edit {
        file: "src/abi/served/file_system.rs",
        from: "    fn entropy_key(&self) -> ROption<RString> {",
        to: "    fn appended(&self) -> u64 { 43 }\n    fn entropy_key(&self) -> ROption<RString> {",
    },
    Edit {
        file: "src/abi/remote/file_system.rs",
        from: "Capabilities::from_bits_retain(self.0.capabilities())",
        to: "Capabilities::from_bits_retain(self.0.capabilities() | self.0.appended() << 40)",
    },
];

/// A method whose signature is another.
const CHANGED: &[Edit] = &[
    Edit {
        file: "src/abi/interface.rs",
        from: "fn delete<'a>(&'a self, path: LocationRef<'a>, recursive: bool) -> WireFuture<'a, bool>;",
        to: "fn delete<'a>(&'a self, path: LocationRef<'a>, recursive: u64) -> WireFuture<'a, bool>;",
    },
    Edit {
        file: "src/abi/served/file_system.rs",
        from: "fn delete<'a>(&'a self, path: LocationRef<'a>, recursive: bool)",
        to: "fn delete<'a>(&'a self, path: LocationRef<'a>, recursive: u64)",
    },
    Edit {
        file: "src/abi/served/file_system.rs",
        from: "(**self).delete(&path, recursive)",
        to: "(**self).delete(&path, recursive != 0)",
    },
    Edit {
        file: "src/abi/remote/file_system.rs",
        from: "self.0.delete(path.into(), recursive)",
        to: "self.0.delete(path.into(), recursive.into())",
    },
];

/// Without the method that version 1.2 appended to the factory.
const OLDER: &[Edit] = &[
    Edit {
        file: "src/abi/interface.rs",
        from: "    fn diagnose<'a>(\n        &'a self,\n        root: LocationRef<'a>,\n        \
               config: RSlice<'a, PairRef<'a>>,\n        options: Diagnose<'a>,\n    ) -> \
               WireFuture<'a, RVec<ProbeBuf>> {\n        let _ = (root, config, options);\n        \
               unsupported(\"diagnoses of its own\")\n    }\n",
        to: "",
    },
    Edit {
        file: "src/abi/served/factory.rs",
        from: "    fn diagnose<'a>(",
        to: "}\nimpl Served {\n    #[allow(dead_code, reason = \"a host before 1.2 does not call it\")]\n    fn diagnose<'a>(",
    },
    Edit {
        file: "src/abi/remote/factory.rs",
        from: "let probes = self.0.diagnose(root.into(), config.as_slice().into(), options);\n        \
               Ok(from_wire(probes.await)?.into_iter().map(Into::into).collect())",
        to: "let _ = (root, config, options);\n        Err(crate::Error::unsupported(\"this host\", \"diagnoses\"))",
    },
    Edit {
        file: "src/manifest.rs",
        from: "AbiVersion { major: 1, minor: 2 }",
        to: "AbiVersion { major: 1, minor: 1 }",
    },
];

struct Variant {
    /// A directory with one plugin, as a host wants it.
    plugins: PathBuf,
    /// The host program, if it was asked for.
    host: PathBuf,
}

/// All variants; they share one target directory, so that the dependencies are built once.
struct Variants {
    current: Variant,
    newer: Variant,
    older: Variant,
    changed: Variant,
}

static VARIANTS: LazyLock<Variants> = LazyLock::new(|| Variants {
    current: build("current", &[], false),
    newer: build("newer", NEWER, true),
    older: build("older", OLDER, true),
    changed: build("changed", CHANGED, false),
});

fn build(name: &str, edits: &[Edit], with_host: bool) -> Variant {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("host-loader is in the workspace");
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abi-versions");
    let variant = root.join(name);
    // The documentation of plugin-api shows its example.
    for part in ["plugin-api/src", "plugin-api/examples", "host-loader/src"] {
        copy(&workspace.join(part), &variant.join(part));
    }
    for krate in ["plugin-api", "host-loader"] {
        let manifest = Path::new(krate).join("Cargo.toml");
        fs::copy(workspace.join(&manifest), variant.join(&manifest)).unwrap();
    }
    // The library alone: neither the program nor the tests are needed here.
    let _ = fs::remove_dir_all(variant.join("host-loader/src/bin"));
    let manifest = fs::read_to_string(workspace.join("host-loader/Cargo.toml")).unwrap();
    let section = |name: &str| {
        let lines = manifest.lines().skip_while(|line| *line != name).skip(1);
        let lines = lines.take_while(|line| !line.starts_with('['));
        let lines: Vec<&str> = lines
            .filter(|line| !line.starts_with("conformance-tests"))
            .collect();
        format!("{name}\n{}\n", lines.join("\n"))
    };
    write(
        &variant.join("host-loader/Cargo.toml"),
        &(section("[package]") + &section("[dependencies]")),
    );
    for edit in edits {
        let path = variant.join("plugin-api").join(edit.file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text.matches(edit.from).count(),
            1,
            "the edit of {} fits the source: {}",
            edit.file,
            edit.from
        );
        write(&path, &text.replace(edit.from, edit.to));
    }
    let package = |kind: &str, target: &str| {
        format!(
            "[package]\nname = \"versioned-{kind}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n{target}\n\
             [dependencies]\nplugin-api.workspace = true\n"
        )
    };
    write(
        &variant.join("plugin/Cargo.toml"),
        &package("plugin", "[lib]\ncrate-type = [\"cdylib\"]\n"),
    );
    write(
        &variant.join("plugin/src/lib.rs"),
        include_str!("abi_versions/plugin.rs"),
    );
    let host = package("host", "") + "host-loader.workspace = true\nfutures-executor.workspace = true\n";
    write(&variant.join("host/Cargo.toml"), &host);
    write(
        &variant.join("host/src/main.rs"),
        include_str!("abi_versions/host.rs"),
    );
    let cargo = fs::read_to_string(workspace.join("Cargo.toml")).unwrap();
    let (before, members) = cargo.split_once("members = [").unwrap();
    let after = members.split_once(']').unwrap().1;
    let members = "members = [\"plugin-api\", \"host-loader\", \"plugin\", \"host\"]";
    write(&variant.join("Cargo.toml"), &format!("{before}{members}{after}"));
    fs::copy(workspace.join("Cargo.lock"), variant.join("Cargo.lock")).unwrap();

    let target = root.join("target");
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--offline", "-p", "versioned-plugin"]);
    // A few calls each: what takes time is to compile.
    for setting in ["opt-level=0", "debug=false", "package.\"*\".opt-level=0"] {
        command.args(["--config", &format!("profile.dev.{setting}")]);
    }
    if with_host {
        command.args(["-p", "versioned-host"]);
    }
    let output = command
        .current_dir(&variant)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let plugins = variant.join("plugins");
    fs::create_dir_all(plugins.join("versioned")).unwrap();
    // The other variants write to the same names.
    fs::copy(
        target.join("debug/libversioned_plugin.so"),
        plugins.join("versioned/libversioned.so"),
    )
    .unwrap();
    let host = variant.join("versioned-host");
    if with_host {
        fs::copy(target.join("debug/versioned-host"), &host).unwrap();
    }
    Variant { plugins, host }
}

/// Writes only what differs, so that cargo builds again only what it must.
fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn load_here(variant: &Variant) -> plugin_api::Result<(std::sync::Arc<dyn FileSystem>, u64)> {
    let systems = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(&variant.plugins)
        .build()?;
    futures_executor::block_on(async {
        let (fs, path) = systems.open_path("versioned://x/key").await?;
        let len = fs.status(&path).await?.len;
        Ok((fs, len))
    })
}

/// What a host of another interface prints for a plugin.
fn load_in(host: &Variant, plugin: &Variant) -> String {
    let output = Command::new(&host.host).arg(&plugin.plugins).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_plugin_of_the_same_interface_loads() {
    let (fs, len) = load_here(&VARIANTS.current).unwrap();
    assert_eq!((fs.capabilities().bits(), len), (0b10, 42));
}

#[test]
fn a_plugin_of_a_newer_interface_loads() {
    let (fs, len) = load_here(&VARIANTS.newer).unwrap();
    assert_eq!((fs.capabilities().bits(), len), (0b10, 42));
}

#[test]
fn a_plugin_of_an_older_interface_loads_and_new_methods_answer_by_default() {
    assert_eq!(
        load_in(&VARIANTS.newer, &VARIANTS.current),
        format!("{:#x} 42", 0b10 | DEFAULT_ANSWER)
    );
    assert_eq!(
        load_in(&VARIANTS.newer, &VARIANTS.newer),
        format!("{:#x} 42", 0b10 | REAL_ANSWER)
    );
}

#[test]
fn a_plugin_that_knows_no_diagnosis_is_tried_as_everybody_uses_it_and_one_that_does_loads_in_an_older_host() {
    let systems = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(&VARIANTS.older.plugins)
        .build()
        .unwrap();
    let path = systems.resolve("versioned://x/key").unwrap();
    let probes = futures_executor::block_on(systems.diagnose(&path, &DiagnosisOptions::default())).unwrap();
    let stages: Vec<&str> = probes.iter().map(|probe| probe.stage.as_str()).collect();
    assert_eq!(stages[..2], ["config", "status"]);
    // Everything is a file there.
    assert_eq!(
        (probes[0].outcome, probes[1].outcome),
        (Outcome::Passed, Outcome::Failed)
    );
    for plugin in [&VARIANTS.current, &VARIANTS.older] {
        assert_eq!(load_in(&VARIANTS.older, plugin), "0x2 42");
    }
}

#[test]
fn a_plugin_of_a_changed_interface_is_refused_in_three_lines_that_name_the_type() {
    let error = load_here(&VARIANTS.changed).err().expect("it must not load");
    assert_eq!(error.kind(), ErrorKind::PluginLoad);
    let text = error.to_string();
    assert!(text.lines().count() <= 3, "{text}");
    for part in [
        "FileSystemAbi",
        "delete",
        "bool",
        "u64",
        "libversioned.so",
        "rebuild the plugin",
    ] {
        assert!(text.contains(part), "'{part}' is missing in: {text}");
    }
}
