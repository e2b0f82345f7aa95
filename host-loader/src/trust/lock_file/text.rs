//! The text of a lock, written and read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path};

use plugin_api::Result;

use super::PluginLock;
use crate::elf_image::refuse;

/// The first line, up to the version.
pub(super) const HEAD: &str = "# fsplug plugins.lock ";

pub(super) const VERSION: u32 = 1;

/// What explains the file to whoever opens it.
const EXPLANATION: &str =
    "# SHA-256 and file of each plugin here; others are not loaded. Written by 'fsplug plugins lock'.";

/// The text of the file.
impl fmt::Display for PluginLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}{VERSION}\n{EXPLANATION}")?;
        for (file, hash) in &self.0 {
            writeln!(f, "{}  {file}", hex::encode(hash))?;
        }
        Ok(())
    }
}

/// Why a text is no lock.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// Its format has this version.
    Newer(u32),
    /// The number of the line, from 1, and what is wrong with it.
    Line(usize, &'static str),
}

impl PluginLock {
    pub(super) fn parse(text: &str) -> std::result::Result<Self, Malformed> {
        let mut lines = text.lines().zip(1_usize..);
        let version = lines
            .next()
            .and_then(|(line, _)| line.strip_prefix(HEAD)?.parse().ok());
        match version {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => return Err(Malformed::Newer(newer)),
            _ => return Err(Malformed::Line(1, "does not say that this is a lock")),
        }
        let mut entries = BTreeMap::new();
        for (line, number) in lines {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what| Malformed::Line(number, what);
            let (hash, file) = line
                .split_once("  ")
                .ok_or(wrong("has no hash and file with two spaces between"))?;
            let mut bytes = [0; 32];
            hex::decode_to_slice(hash, &mut bytes).map_err(|_| wrong("does not begin with a SHA-256"))?;
            if !is_nameable(file) || !is_below(Path::new(file)) {
                return Err(wrong("has no path from the plugin directory"));
            }
            if entries.insert(file.to_owned(), bytes).is_some() {
                return Err(wrong("has a file that another line has too"));
            }
        }
        Ok(Self(entries))
    }
}

/// The path of a file from its plugin directory, as a lock has it.
pub(super) fn name_of(file: &Path, dir: &Path) -> Result<String> {
    file.strip_prefix(dir)
        .ok()
        .and_then(Path::to_str)
        .filter(|name| is_nameable(name))
        .map(str::to_owned)
        .ok_or_else(|| {
            refuse(
                "a lock cannot hold its name",
                "rename it to letters, digits and hyphens",
            )
        })
}

/// Whether `sha256sum` and a line of text take the name as it is.
fn is_nameable(file: &str) -> bool {
    !file.contains(|c: char| c.is_control() || c == '\\')
}

pub(super) fn is_below(file: &Path) -> bool {
    file.components().all(|part| matches!(part, Component::Normal(_))) && file.file_name().is_some()
}
