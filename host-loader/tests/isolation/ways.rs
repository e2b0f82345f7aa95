//! The ways to give a plugin its library.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::shared_object::{self, manifest};
use crate::toolchain::{C, CXX, compile, link, object, plugin_object, rustc};

/// What a plugin does to have a library.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    Runpath,
    Rpath,
    UniqueSoname,
    Visible,
    Symbolic,
    Hidden,
}

impl Way {
    pub(crate) const ALL: [Self; 6] = [
        Self::Runpath,
        Self::Rpath,
        Self::UniqueSoname,
        Self::Visible,
        Self::Symbolic,
        Self::Hidden,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Runpath => "dynamic, RUNPATH",
            Self::Rpath => "dynamic, RPATH",
            Self::UniqueSoname => "unique SONAME",
            Self::Visible => "static, visible",
            Self::Symbolic => "static, -Bsymbolic",
            Self::Hidden => "**static, hidden**",
        }
    }

    fn is_dynamic(self) -> bool {
        matches!(self, Self::Runpath | Self::Rpath | Self::UniqueSoname)
    }
}

/// The library that plugins have in several versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Library {
    C,
    /// C++ with a static in an inline function.
    Cxx,
    /// The same compiled with `-fno-gnu-unique`.
    CxxNotUnique,
    /// A Rust crate with a function that has a C name.
    Rust,
}

/// The SONAME of the library, unless each version has a name of its own.
pub(crate) const SONAME: &str = "libdep.so.1";

/// Compiles a version of the library, not linked yet.
pub(crate) fn library_object(dir: &Path, library: Library, version: u32, hidden: bool) -> PathBuf {
    let mut options = vec![format!("-DVERSION={version}")];
    if hidden {
        options.push("-fvisibility=hidden".to_owned());
    }
    let (compiler, source) = match library {
        Library::C => (C, "dep.c"),
        Library::Cxx => (CXX, "inline_static.cc"),
        Library::CxxNotUnique => {
            options.push("-fno-gnu-unique".to_owned());
            (CXX, "inline_static.cc")
        }
        Library::Rust => unreachable!("rustc makes its libraries"),
    };
    object(compiler, source, &dir.join("dep.o"), &options)
}

/// Links the library; its file has the name that it is known by.
pub(crate) fn shared_library(dir: &Path, object: &Path, soname: &str) -> PathBuf {
    link(&dir.join(soname), &[object], &[format!("-Wl,-soname,{soname}")])
}

/// The SONAME with a hash of what the library is made from.
pub(crate) fn hashed_soname(object: &Path) -> String {
    let hash = hex::encode(Sha256::digest(fs::read(object).unwrap()));
    format!("libdep-{}.so.1", &hash[..8])
}

/// The name of the plugin that expects this version, which is its scheme too.
pub(crate) fn plugin_name(version: u32) -> &'static str {
    ["one", "two"][version as usize - 1]
}

/// Makes the plugins `one` and `two` in a plugin directory: each has another version of the library.
pub(crate) fn plugins(dir: &Path, library: Library, way: Way, one_soname: bool) -> PathBuf {
    let plugins = dir.join("plugins");
    for version in [1, 2] {
        let name = plugin_name(version);
        let output = plugins.join(name).join(format!("{name}.so"));
        if library == Library::Rust {
            rust_plugin(&dir.join(name), &output, way, version);
        } else {
            native_plugin(&dir.join(name), &output, library, way, version, one_soname);
        }
    }
    plugins
}

fn native_plugin(dir: &Path, output: &Path, library: Library, way: Way, version: u32, one_soname: bool) {
    let plugin = plugin_object(&dir.join("plugin.o"), plugin_name(version), version);
    let dep = library_object(dir, library, version, way == Way::Hidden);
    let mut options = Vec::new();
    if one_soname {
        options.push("-Wl,-soname,libplugin.so".to_owned());
    }
    let soname = match way {
        Way::UniqueSoname => hashed_soname(&dep),
        _ => SONAME.to_owned(),
    };
    let dep = if way.is_dynamic() {
        let tags = match way {
            Way::Rpath => "disable",
            _ => "enable",
        };
        options.push(format!("-Wl,--{tags}-new-dtags,-rpath,{}", dir.display()));
        shared_library(dir, &dep, &soname)
    } else {
        dep
    };
    if way == Way::Symbolic {
        options.push("-Wl,-Bsymbolic".to_owned());
    }
    link(output, &[plugin, dep], &options);
}

/// Compiles a version of the Rust crate.
fn crate_version(dir: &Path, version: u32) -> PathBuf {
    let source = dir.join("dep.rs");
    let code = include_str!("native/dep.rs").replace("@VERSION", &version.to_string());
    fs::write(&source, code).unwrap();
    let arguments = [
        "--edition=2024",
        "--crate-type=rlib",
        "--crate-name=dep",
        "-Cpanic=abort",
        "-O",
        &format!("-Cmetadata=version-{version}"),
        source.to_str().unwrap(),
    ];
    compile(&rustc(), &dir.join("libdep.rlib"), &arguments)
}

fn rust_plugin(dir: &Path, output: &Path, way: Way, version: u32) {
    fs::create_dir_all(dir).unwrap();
    let krate = crate_version(dir, version);
    let name = plugin_name(version);
    let code = include_str!("native/plugin.rs")
        .replace("@NAME", name)
        .replace("@VERSION", &version.to_string());
    let script = dir.join("hidden.map");
    fs::write(&script, "{ local: dep_version; };").unwrap();
    let krate = format!("dep={}", krate.display());
    let script = format!("-Clink-arg=-Wl,--version-script={}", script.display());
    let mut arguments = vec!["--extern", krate.as_str(), "-ldylib=c", "-O"];
    match way {
        Way::Symbolic => arguments.push("-Clink-arg=-Wl,-Bsymbolic"),
        Way::Hidden => arguments.push(&script),
        _ => assert!(!way.is_dynamic(), "Rust crates are linked statically"),
    }
    let library = shared_object::compile(Some(&manifest(1, name, name)), &code, &arguments);
    fs::create_dir_all(output.parent().unwrap()).unwrap();
    fs::write(output, library).unwrap();
}
