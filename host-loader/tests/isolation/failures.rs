//! The failures, each provoked in a process of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fsplug::{Fate, Host};
use crate::toolchain::{C, compile, link, object, source};
use crate::ways::{Library, SONAME, Way, library_object, plugins, shared_library};

/// The version that everything but the plugins has.
const OTHER_VERSION: u32 = 9;

/// What there is in the process besides the plugins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surroundings {
    Nothing,
    /// The program is linked with another version of the library.
    LinkedHost,
    /// The program itself has a function of that name.
    ExportingHost,
    /// A preloaded library has one.
    Preload,
    /// The plugin `one` was opened with `RTLD_GLOBAL`.
    GlobalPlugin,
    /// Another version of the library is first in `LD_LIBRARY_PATH`.
    LibraryPath,
}

/// How the test's own host opens the plugins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    Plain,
    Deepbind,
    Dlmopen,
}

/// Plugins and what surrounds them.
pub(crate) struct Scene {
    dir: PathBuf,
    plugins: PathBuf,
    surroundings: Surroundings,
    /// The plugins have one SONAME, and it is asked whether they are taken for each other, not what they use.
    one_soname: bool,
}

impl Scene {
    pub(crate) fn build(
        dir: &Path,
        library: Library,
        way: Way,
        surroundings: Surroundings,
        one_soname: bool,
    ) -> Self {
        Self {
            dir: dir.to_owned(),
            plugins: plugins(dir, library, way, one_soname),
            surroundings,
            one_soname,
        }
    }

    /// The plugins that are loaded in one process, in this order.
    fn orders(&self) -> &'static [&'static [&'static str]] {
        match self.surroundings {
            Surroundings::Nothing => &[&["one", "two"], &["two", "one"]],
            // The other one is already there.
            Surroundings::GlobalPlugin => &[&["two"]],
            _ => &[&["one"], &["two"]],
        }
    }

    fn plugin(&self, name: &str) -> String {
        let path = self.plugins.join(name).join(format!("{name}.so"));
        path.to_str().unwrap().to_owned()
    }

    /// Another version of the library, as a shared library in a directory of its own.
    fn other_library(&self) -> PathBuf {
        let dir = self.dir.join("other");
        let object = library_object(&dir, Library::C, OTHER_VERSION, false);
        shared_library(&dir, &object, SONAME)
    }

    /// Whether each plugin gets its own code when the test's host opens it; what the linker says if it cannot.
    pub(crate) fn is_isolated(&self, opening: Opening) -> Result<bool, String> {
        let host = self.host();
        let mode = match opening {
            Opening::Plain => "plain",
            Opening::Deepbind => "deepbind",
            Opening::Dlmopen => "dlmopen",
        };
        let mut isolated = true;
        for order in self.orders() {
            let mut command = Command::new(&host);
            command.arg(mode);
            match self.surroundings {
                Surroundings::GlobalPlugin => {
                    command.arg(format!("global:{}", self.plugin("one")));
                }
                Surroundings::LibraryPath => {
                    command.env("LD_LIBRARY_PATH", self.other_library().parent().unwrap());
                }
                Surroundings::Preload => {
                    command.env("LD_PRELOAD", self.preload());
                }
                _ => {}
            }
            command.args(order.iter().map(|name| self.plugin(name)));
            let output = command.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            let text = String::from_utf8(output.stdout).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            // What was there before the plugins answered first.
            for (name, line) in order.iter().rev().zip(lines.iter().rev()) {
                if let Some(error) = line.strip_prefix("error ") {
                    return Err(error.to_owned());
                }
                let version = expected(name);
                isolated &= if self.one_soname {
                    line.starts_with(&format!("{version} ")) && line.ends_with(" 1")
                } else {
                    *line == format!("{version} {version} 1")
                };
            }
        }
        Ok(isolated)
    }

    fn host(&self) -> PathBuf {
        let mut arguments = vec![
            source("host.c").to_str().unwrap().to_owned(),
            format!("-DHOST_VERSION={OTHER_VERSION}"),
            "-ldl".to_owned(),
        ];
        match self.surroundings {
            Surroundings::LinkedHost => {
                let library = self.other_library();
                arguments.push("-DLINKED".to_owned());
                arguments.push(library.to_str().unwrap().to_owned());
                arguments.push(format!(
                    "-Wl,--enable-new-dtags,-rpath,{}",
                    library.parent().unwrap().display()
                ));
            }
            Surroundings::ExportingHost => {
                arguments.extend(["-DEXPORTS".to_owned(), "-rdynamic".to_owned()]);
            }
            _ => {}
        }
        compile(C, &self.dir.join("host"), &arguments)
    }

    /// A library that has the function, and no SONAME.
    fn preload(&self) -> PathBuf {
        let dir = self.dir.join("preload");
        let object = library_object(&dir, Library::C, OTHER_VERSION, false);
        link(&dir.join("preload.so"), &[object], &[])
    }

    /// What becomes of each plugin in `fsplug`, in every order.
    pub(crate) fn in_fsplug(&self) -> Vec<(&'static str, Fate)> {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        // A preloaded library is searched before plugins as what the program has or is linked with: for the
        // host there is no difference.
        let environment = match self.surroundings {
            Surroundings::Nothing => Vec::new(),
            Surroundings::LinkedHost => vec![("LD_PRELOAD", path(&self.other_library()))],
            Surroundings::ExportingHost | Surroundings::Preload => {
                vec![("LD_PRELOAD", path(&self.preload()))]
            }
            Surroundings::GlobalPlugin => {
                let object = object(C, "global.c", &self.dir.join("global.o"), &[]);
                let opener = link(&self.dir.join("global.so"), &[object], &[]);
                vec![
                    ("LD_PRELOAD", path(&opener)),
                    ("ISOLATION_GLOBAL", self.plugin("one")),
                ]
            }
            Surroundings::LibraryPath => {
                vec![("LD_LIBRARY_PATH", path(self.other_library().parent().unwrap()))]
            }
        };
        let host = Host {
            plugins: &self.plugins,
            environment,
        };
        let load = |order: &&'static [&'static str]| order.iter().copied().zip(host.load(order));
        self.orders().iter().flat_map(load).collect()
    }
}

/// The version that a plugin expects.
pub(crate) fn expected(plugin: &str) -> u32 {
    if plugin == "one" { 1 } else { 2 }
}

/// How many instances there are of one file that was opened by three names, with `dlopen` and in `fsplug`.
pub(crate) fn instances_of_one_file(dir: &Path, way: Way) -> (usize, usize) {
    let scene = Scene::build(dir, Library::C, way, Surroundings::Nothing, false);
    let first = PathBuf::from(scene.plugin("one"));
    fs::remove_dir_all(scene.plugins.join("two")).unwrap();
    let mut names = vec![first.clone()];
    for name in ["hard", "soft"] {
        let link = scene.plugins.join(name).join("link.so");
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&link);
        if name == "hard" {
            fs::hard_link(&first, &link).unwrap();
        } else {
            symlink(&first, &link).unwrap();
        }
        names.push(link);
    }
    let output = Command::new(scene.host())
        .arg("plain")
        .args(&names)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    // The count is a static: each instance begins with one.
    let by_the_linker = text.lines().filter(|line| line.ends_with(" 1")).count();

    let host = Host {
        plugins: &scene.plugins,
        environment: Vec::new(),
    };
    let listed = host.run(&["--json", "plugins", "list"], None);
    let by_fsplug = String::from_utf8(listed.stdout).unwrap().lines().count();
    (by_the_linker, by_fsplug)
}
