//! Where plugins are looked for, in the order in which they count.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The variable with Flink's way to activate what is only put by: file names, separated by semicolons.
pub(super) const BUILT_IN: &str = "ENABLE_BUILT_IN_PLUGINS";

/// Who names the places that are usual.
const USER: &str = "HOME";
const PROGRAM: &str = "where the program is";
const SYSTEM: &str = "the system";

/// Where a system keeps plugins for all its users.
const OF_SYSTEM: &[&str] = &["/usr/local/lib/fsplug/plugins", "/usr/lib/fsplug/plugins"];

/// One place to look for plugins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file or directory; absolute, unless it is refused.
    pub(crate) path: PathBuf,
    /// Who or what names it.
    pub(crate) named_by: &'static str,
    /// What is there.
    pub(crate) kind: PlaceKind,
}

/// What a place is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlaceKind {
    /// One plugin's library.
    File,
    /// A directory with a sub-directory for each plugin.
    Directory,
    /// Some of the plugins that are put by in these directories.
    BuiltIn {
        /// Their names, or those of their files.
        names: Vec<String>,
        /// The directories, of which the first that has a name counts.
        directories: Vec<PathBuf>,
    },
    /// None that is looked at, and why.
    Refused(&'static str),
}

impl Place {
    pub(crate) fn file(path: PathBuf) -> Self {
        Self {
            path,
            named_by: "the program",
            kind: PlaceKind::File,
        }
    }

    pub(crate) fn directory(path: PathBuf, named_by: &'static str) -> Self {
        Self {
            path,
            named_by,
            kind: PlaceKind::Directory,
        }
    }

    /// A place that is not looked at.
    pub(crate) fn refused(path: PathBuf, named_by: &'static str, why: &'static str) -> Self {
        Self {
            path,
            named_by,
            kind: PlaceKind::Refused(why),
        }
    }

    /// A directory that has to be named by its absolute path: a relative one would depend on who starts the program,
    /// and where.
    pub(crate) fn absolute(path: PathBuf, named_by: &'static str) -> Self {
        if path.is_absolute() {
            Self::directory(path, named_by)
        } else {
            Self::refused(path, named_by, "not an absolute path")
        }
    }

    /// Whether nobody asked for it in particular: that such a directory cannot be searched is no mistake of anybody.
    pub(crate) fn is_usual(&self) -> bool {
        [USER, PROGRAM, SYSTEM].contains(&self.named_by)
    }

    /// The plugin directory that it is, if it is one.
    pub(crate) fn into_directory(self) -> Option<PathBuf> {
        (self.kind == PlaceKind::Directory).then_some(self.path)
    }
}

/// The environment of a process, as far as it says where plugins are.
pub(crate) struct Surroundings<'a> {
    /// Reads a variable.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The path of the running program.
    pub(crate) executable: Option<&'a Path>,
}

impl Surroundings<'_> {
    fn set(&self, name: &str) -> Option<PathBuf> {
        let value = (self.variable)(name).filter(|value| !value.is_empty())?;
        Some(value.into())
    }

    /// The list of directories that the user of the program gives, before those of the program.
    pub(crate) fn listed(&self) -> Vec<Place> {
        const LIST: &str = "FSPLUG_PLUGIN_PATH";
        let list = (self.variable)(LIST).unwrap_or_default();
        std::env::split_paths(&list)
            .filter(|path| !path.as_os_str().is_empty())
            .map(|path| Place::absolute(path, LIST))
            .collect()
    }

    /// The directories of an installation and of the user, after those of the program.
    pub(crate) fn installed(&self) -> Vec<Place> {
        const HOME: &str = "FSPLUG_HOME";
        const FLINK: &str = "FLINK_PLUGINS_DIR";
        let mut places = Vec::new();
        places.extend(self.set(FLINK).map(|path| Place::absolute(path, FLINK)));
        let home = self.set(HOME);
        let above = self.executable.and_then(Path::parent).and_then(Path::parent);
        if let Some(home) = &home {
            places.push(Place::absolute(home.join("plugins"), HOME));
        }
        if let Some(beside) = self.executable.and_then(Path::parent) {
            places.push(Place::directory(beside.join("plugins"), PROGRAM));
        }
        if let Some(above) = above {
            places.push(Place::directory(above.join("plugins"), PROGRAM));
        }
        let names = self.built_in();
        if !names.is_empty() {
            let home = home.as_deref().filter(|home| home.is_absolute());
            let directories: Vec<PathBuf> =
                home.into_iter().chain(above).map(|dir| dir.join("opt")).collect();
            places.push(Place {
                path: directories
                    .first()
                    .cloned()
                    .unwrap_or_else(|| PathBuf::from("opt")),
                named_by: BUILT_IN,
                kind: PlaceKind::BuiltIn { names, directories },
            });
        }
        places.extend(self.of_user());
        places
    }

    /// The directory of the user, by the XDG base directories.
    fn of_user(&self) -> Option<Place> {
        const DATA: &str = "XDG_DATA_HOME";
        let below = "fsplug/plugins";
        if let Some(data) = self.set(DATA) {
            return Some(Place::absolute(data.join(below), DATA));
        }
        let data = self.set(USER)?.join(".local/share").join(below);
        Some(Place::absolute(data, USER))
    }

    /// The names of what is activated. The variable is Flink's too, and Flink's libraries are none of ours.
    fn built_in(&self) -> Vec<String> {
        let names = (self.variable)(BUILT_IN).unwrap_or_default();
        let names = names.to_string_lossy();
        names
            .split(';')
            .map(str::trim)
            .filter(|name| !name.is_empty() && !name.to_ascii_lowercase().ends_with(".jar"))
            .map(str::to_owned)
            .collect()
    }
}

/// The directories of the system, which only its administrator can write to.
pub(crate) fn of_system() -> impl Iterator<Item = Place> {
    OF_SYSTEM.iter().map(|path| Place::directory(path.into(), SYSTEM))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(variables: &[(&str, &str)], executable: Option<&str>) -> (Vec<Place>, Vec<Place>) {
        let variable = |name: &str| {
            let pair = variables.iter().find(|(other, _)| *other == name)?;
            Some(OsString::from(pair.1))
        };
        let surroundings = Surroundings {
            variable: &variable,
            executable: executable.map(Path::new),
        };
        (surroundings.listed(), surroundings.installed())
    }

    fn shown(places: &[Place]) -> Vec<String> {
        let all = places.iter();
        all.map(|place| {
            let kind = match &place.kind {
                PlaceKind::Directory => String::new(),
                PlaceKind::BuiltIn { names, directories } => format!(" {names:?} of {}", directories.len()),
                other => format!(" {other:?}"),
            };
            format!("{}: {}{kind}", place.named_by, place.path.display())
        })
        .collect()
    }

    #[test]
    fn the_environment_is_searched_in_the_documented_order() {
        let (listed, installed) = places(
            &[
                ("FSPLUG_PLUGIN_PATH", "/one::/two"),
                ("FLINK_PLUGINS_DIR", "/flink"),
                ("FSPLUG_HOME", "/srv"),
                ("HOME", "/user"),
                (
                    "ENABLE_BUILT_IN_PLUGINS",
                    "a.so; b;;flink-s3-fs-hadoop-1.20.0.jar",
                ),
            ],
            Some("/opt/app/bin/run"),
        );
        assert_eq!(
            shown(&listed),
            ["FSPLUG_PLUGIN_PATH: /one", "FSPLUG_PLUGIN_PATH: /two"]
        );
        assert_eq!(
            shown(&installed),
            [
                "FLINK_PLUGINS_DIR: /flink",
                "FSPLUG_HOME: /srv/plugins",
                "where the program is: /opt/app/bin/plugins",
                "where the program is: /opt/app/plugins",
                r#"ENABLE_BUILT_IN_PLUGINS: /srv/opt ["a.so", "b"] of 2"#,
                "HOME: /user/.local/share/fsplug/plugins",
            ]
        );
        let system: Vec<Place> = of_system().collect();
        assert_eq!(
            shown(&system),
            [
                "the system: /usr/local/lib/fsplug/plugins",
                "the system: /usr/lib/fsplug/plugins"
            ]
        );
    }

    #[test]
    fn blank_variables_name_nothing_and_the_users_directory_may_be_elsewhere() {
        let blank = |name| (name, "");
        let names = [
            "FSPLUG_PLUGIN_PATH",
            "FLINK_PLUGINS_DIR",
            "FSPLUG_HOME",
            "HOME",
            "ENABLE_BUILT_IN_PLUGINS",
        ];
        assert_eq!(places(&names.map(blank), None), (vec![], vec![]));
        let (_, installed) = places(
            &[
                ("XDG_DATA_HOME", "/data"),
                ("HOME", "/me"),
                ("ENABLE_BUILT_IN_PLUGINS", "a"),
            ],
            Some("/app/bin/run"),
        );
        assert_eq!(
            shown(&installed)[2..],
            [
                r#"ENABLE_BUILT_IN_PLUGINS: /app/opt ["a"] of 1"#,
                "XDG_DATA_HOME: /data/fsplug/plugins"
            ]
        );
    }

    #[test]
    fn a_relative_path_in_a_variable_is_refused_and_kept_to_say_so() {
        let variables = [
            "FSPLUG_PLUGIN_PATH",
            "FLINK_PLUGINS_DIR",
            "FSPLUG_HOME",
            "XDG_DATA_HOME",
        ];
        let (listed, installed) = places(&variables.map(|name| (name, "here")), None);
        let all = [listed, installed].concat();
        assert_eq!(all.len(), 4);
        for (place, variable) in all.iter().zip(variables) {
            assert_eq!(place.named_by, variable);
            assert_eq!(place.kind, PlaceKind::Refused("not an absolute path"));
        }
    }
}
