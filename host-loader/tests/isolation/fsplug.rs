//! Runs the built `fsplug` as the host of test plugins, which announce themselves when they are loaded.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// What became of one plugin.
#[derive(Debug)]
pub(crate) enum Fate {
    /// Refused, before any of its code ran.
    Refused(String),
    /// Loaded; the version that it was built with and the one that it got.
    Loaded { built: u32, used: u32 },
}

/// A plugin directory and the environment in which `fsplug` runs with it.
pub(crate) struct Host<'a> {
    pub(crate) plugins: &'a Path,
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Host<'_> {
    /// Uses the schemes of these plugins one after the other in one process, and what became of each.
    pub(crate) fn load(&self, names: &[&str]) -> Vec<Fate> {
        let dir = TempDir::new().unwrap();
        let announced = dir.path().join("announced");
        fs::write(&announced, "").unwrap();
        let listed = self.run(&["--json", "plugins", "list"], None);
        let text = String::from_utf8(listed.stdout).unwrap();
        let records: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let paths: Vec<String> = names.iter().map(|name| format!("{name}://a/key")).collect();
        let mut arguments = vec!["stat"];
        arguments.extend(paths.iter().map(String::as_str));
        // The plugins have no root module, so that each of these fails after its library was loaded.
        let used = self.run(&arguments, Some(&announced));
        assert!(used.status.code().is_some_and(|code| code > 0), "{used:?}");
        let announced = fs::read_to_string(&announced).unwrap();
        let fate = |name: &&str| {
            let record = records.iter().find(|record| record["name"] == **name).unwrap();
            let lines: Vec<&str> = announced
                .lines()
                .filter_map(|line| line.strip_prefix(*name)?.strip_prefix(' '))
                .collect();
            match (&lines[..], &record["error"]) {
                ([], Value::Object(error)) => {
                    Fate::Refused(format!("{}; {}", error["message"], error["remedy"]))
                }
                ([line], Value::Null) => {
                    let (built, used) = line.split_once(' ').unwrap();
                    Fate::Loaded {
                        built: built.parse().unwrap(),
                        used: used.parse().unwrap(),
                    }
                }
                _ => panic!("{name}: {announced:?} {record} {used:?}"),
            }
        };
        names.iter().map(fate).collect()
    }

    /// Runs a command; the plugins that it loads write to `announced`.
    pub(crate) fn run(&self, arguments: &[&str], announced: Option<&Path>) -> Output {
        Command::new(env!("CARGO_BIN_EXE_fsplug"))
            .arg("--plugins")
            .arg(self.plugins)
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(announced.map(|path| ("ISOLATION_ANNOUNCE", path)))
            .output()
            .unwrap()
    }
}
