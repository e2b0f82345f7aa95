//! [`PluginLock`]: which files a plugin directory may hold, and with what content.

mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use plugin_api::{Error, Result};

use super::permissions::{is_there, open_trusted};
use super::sealed_image::{SealedImage, unreadable};
use crate::audit::BUNDLE_DIRECTORY;
use crate::discovery::PLUGIN_TOML;
use crate::elf_image::refuse;
use text::{Malformed, VERSION, name_of};

/// The name of the file in a plugin directory.
const NAME: &str = "plugins.lock";

/// Bytes of the largest lock file.
const LARGEST: u64 = 1 << 20;

/// The SHA-256 of each library and `plugin.toml` in a plugin directory, by its path from there: what `plugins.lock`
/// holds.
///
/// Where that file is, only what it lists is loaded from the directory, and only with this content. It is text that
/// `sha256sum --check` can read too: a line with the version of the format, and one for each file with its
/// hash in hexadecimal, two spaces, and its path such as `<plugin>/<file>`. Other lines that begin with `#`, and blank
/// ones, mean nothing.
///
/// ```
/// use host_loader::PluginLock;
///
/// # let dir = tempfile::tempdir()?;
/// let present = PluginLock::of_directory(dir.path())?;
/// present.write(dir.path())?;
/// assert_eq!(PluginLock::read(dir.path())?, Some(present));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginLock(BTreeMap<String, [u8; 32]>);

/// How a file differs between two locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockChange {
    /// `<plugin>/<file>`
    pub file: String,
    /// Its hash in the older lock, in hexadecimal, if that has it.
    pub was: Option<String>,
    /// Its hash in the newer lock, in hexadecimal, if that has it.
    pub now: Option<String>,
}

impl LockChange {
    /// What happened to the file: `added`, `changed` or `removed`.
    pub fn verb(&self) -> &'static str {
        match (&self.was, &self.now) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        }
    }
}

/// A line for people, with as much of the hashes as they compare.
impl fmt::Display for LockChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hashes: Vec<String> = [&self.was, &self.now]
            .into_iter()
            .flatten()
            .map(|hash| short(hash))
            .collect();
        write!(f, "{:<7} {} {}", self.verb(), self.file, hashes.join(" -> "))
    }
}

impl PluginLock {
    /// What a plugin directory holds now: all files named `*.so`, `*.so.*` or `plugin.toml` in it, in its
    /// sub-directories, and in what these bundle. Blocks for as long as reading them takes.
    ///
    /// # Errors
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad): a file cannot be read, or might be changed by somebody else
    /// than root and this user; or has a name that a lock cannot hold (not UTF-8, or with a control character or a
    /// backslash).
    pub fn of_directory(dir: &Path) -> Result<Self> {
        let mut entries = BTreeMap::new();
        let listed =
            |dir: &Path| entries_of(dir).map_err(|error| unreadable(&error).with_path(dir.display()));
        for entry in listed(dir)? {
            let mut files = Vec::new();
            if !entry.is_dir() {
                // Among what is put by, a library needs no directory of its own.
                files.push(entry);
            } else if !is_hidden(&entry) {
                files.extend(listed(&entry)?);
                let bundled = entry.join(BUNDLE_DIRECTORY);
                if bundled.is_dir() {
                    files.extend(listed(&bundled)?);
                }
            }
            for file in files.into_iter().filter(|file| is_locked(file)) {
                let hash = open_trusted(&file, Some(dir))
                    .and_then(|(opened, metadata)| SealedImage::copy_of(&opened, &metadata, &file)?.sha256());
                let named = name_of(&file, dir).and_then(|name| Ok((name, hash?)));
                let (name, hash) = named.map_err(|error| error.with_path(file.display()))?;
                entries.insert(name, hash);
            }
        }
        Ok(Self(entries))
    }

    /// Reads the lock of a plugin directory; `None` if it has none.
    ///
    /// # Errors
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad): it cannot be read, might be changed by others, or is not what
    /// [`write`](Self::write) writes.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        Self::read_from(dir, true)
    }

    /// The same, and whether it matters who may change the file.
    pub(super) fn read_from(dir: &Path, only_trusted: bool) -> Result<Option<Self>> {
        let path = Self::path(dir);
        let read = || -> Result<Option<Self>> {
            if !is_there(&path)? {
                return Ok(None);
            }
            let file = if only_trusted {
                open_trusted(&path, Some(dir))?.0
            } else {
                super::open_regular(&path)?.0
            };
            let mut text = String::new();
            let len = file
                .take(LARGEST + 1)
                .read_to_string(&mut text)
                .map_err(|error| unreadable(&error))?;
            if len as u64 > LARGEST {
                return Err(malformed("larger than a list of plugins can be", dir));
            }
            Self::parse(&text).map(Some).map_err(|reason| match reason {
                Malformed::Newer(version) => refuse(
                    format!("it has format {version}, and this host knows {VERSION}"),
                    "update the host, or write the lock again with its own fsplug",
                ),
                Malformed::Line(line, what) => malformed(&format!("line {line} {what}"), dir),
            })
        };
        // Where the lock is not readable nothing is known of the plugins beside it.
        read().map_err(|error| {
            refuse(
                format!("{} cannot be relied on: {}", path.display(), error.message()),
                error.remedy(),
            )
        })
    }

    /// Writes the lock of a plugin directory, as a whole or not at all; what is there before is replaced. Blocks until
    /// it is on the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let write = || -> io::Result<()> {
            let mut file = tempfile::Builder::new()
                .prefix(".plugins.lock-")
                .permissions(Permissions::from_mode(0o644))
                .tempfile_in(dir)?;
            file.write_all(self.to_string().as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(Self::path(dir))?;
            File::open(dir)?.sync_all()
        };
        write().map_err(|error| {
            Error::from(error)
                .with_operation("write")
                .with_path(Self::path(dir).display())
        })
    }

    /// Where the lock of a plugin directory is.
    pub fn path(dir: &Path) -> PathBuf {
        dir.join(NAME)
    }

    /// How many files it lists.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is different in `newer`, sorted by file.
    pub fn changes_to(&self, newer: &Self) -> Vec<LockChange> {
        let mut files: Vec<&String> = self.0.keys().chain(newer.0.keys()).collect();
        files.sort();
        files.dedup();
        let change = |file: &String| {
            let hash = |lock: &Self| lock.0.get(file).map(hex::encode);
            let (was, now) = (hash(self), hash(newer));
            (was != now).then(|| LockChange {
                file: file.clone(),
                was,
                now,
            })
        };
        files.into_iter().filter_map(change).collect()
    }

    /// The hash that a file in `dir` must have.
    pub(super) fn expected(&self, file: &Path, dir: &Path) -> Result<&[u8; 32]> {
        self.0.get(&name_of(file, dir)?).ok_or_else(|| {
            refuse(
                format!("{} does not list it", Self::path(dir).display()),
                format!("if it belongs there: fsplug plugins lock --dir {}", dir.display()),
            )
        })
    }

    /// Whether the file with this hash is the one that the lock lists.
    pub(super) fn check(&self, file: &Path, dir: &Path, found: &[u8; 32]) -> Result<()> {
        let expected = self.expected(file, dir)?;
        if found == expected {
            return Ok(());
        }
        Err(refuse(
            format!(
                "its SHA-256 is {}, and {} says {}",
                short(&hex::encode(found)),
                Self::path(dir).display(),
                short(&hex::encode(expected))
            ),
            format!(
                "restore the file, or if you meant to change it: fsplug plugins lock --dir {}",
                dir.display()
            ),
        ))
    }
}

fn malformed(what: &str, dir: &Path) -> Error {
    refuse(
        what,
        format!(
            "restore it, or if the plugins are as you want them: fsplug plugins lock --dir {}",
            dir.display()
        ),
    )
}

fn is_hidden(file: &Path) -> bool {
    file.file_name()
        .is_some_and(|name| name.as_encoded_bytes().first() == Some(&b'.'))
}

/// Whether a file has a say in what is loaded.
fn is_locked(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    match file.extension() {
        Some(extension) if extension == "so" || name == PLUGIN_TOML => true,
        extension => name.contains(".so.") && extension.is_none_or(|extension| extension != "minisig"),
    }
}

fn entries_of(dir: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
}

/// As much of a hash in hexadecimal as a reader compares.
fn short(hash: &str) -> String {
    format!("{}…", &hash[..12])
}

#[cfg(test)]
mod tests;
