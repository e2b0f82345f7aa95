//! [`PluginLock`]: which files a plugin directory may hold, and with what content.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use plugin_api::{Error, Result};

use super::permissions::{is_there, open_trusted};
use super::sealed_image::{SealedImage, unreadable};
use crate::audit::BUNDLE_DIRECTORY;
use crate::discovery::PLUGIN_TOML;
use crate::elf_image::refuse;

/// The name of the file in a plugin directory.
const NAME: &str = "plugins.lock";

/// The first line, up to the version.
const HEAD: &str = "# fsplug plugins.lock ";

const VERSION: u32 = 1;

/// What explains the file to whoever opens it.
const EXPLANATION: &str =
    "# SHA-256 and file of each plugin here; others are not loaded. Written by 'fsplug plugins lock'.";

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
enum Malformed {
    /// Its format has this version.
    Newer(u32),
    /// The number of the line, from 1, and what is wrong with it.
    Line(usize, &'static str),
}

impl PluginLock {
    fn parse(text: &str) -> std::result::Result<Self, Malformed> {
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

fn malformed(what: &str, dir: &Path) -> Error {
    refuse(
        what,
        format!(
            "restore it, or if the plugins are as you want them: fsplug plugins lock --dir {}",
            dir.display()
        ),
    )
}

/// The path of a file from its plugin directory, as a lock has it.
fn name_of(file: &Path, dir: &Path) -> Result<String> {
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

fn is_below(file: &Path) -> bool {
    let mut components = file.components();
    components
        .by_ref()
        .all(|part| matches!(part, Component::Normal(_)))
        && file.file_name().is_some()
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
mod tests {
    use super::*;
    use plugin_api::ErrorKind;
    use proptest::prelude::*;

    fn malformed_line(text: &str) -> (usize, &'static str) {
        match PluginLock::parse(text) {
            Err(Malformed::Line(line, what)) => (line, what),
            other => panic!("{other:?}"),
        }
    }

    fn entry(file: &str) -> String {
        format!("{HEAD}1\n{}  {file}\n", "ab".repeat(32))
    }

    #[test]
    fn a_line_that_means_nothing_makes_the_whole_lock_unusable() {
        assert!(PluginLock::parse(&entry("a/b.so")).is_ok());
        for text in [
            "",
            "\n",
            "# fsplug plugins.lock\n",
            "# fsplug plugins.lock x\n",
            "a/b.so",
        ] {
            assert_eq!(malformed_line(text).0, 1, "{text:?}");
        }
        for file in [
            "",
            "/a/b.so",
            "../b.so",
            "a/../b.so",
            "./b.so",
            "a\\b.so",
            "a/b.so\u{7}",
        ] {
            assert_eq!(malformed_line(&entry(file)).0, 2, "{file:?}");
        }
        for line in [
            "x  a/b.so",
            "ab  a/b.so",
            "nonsense",
            &format!("{} a/b.so", "ab".repeat(32)),
        ] {
            assert_eq!(malformed_line(&format!("{HEAD}1\n\n{line}\n")).0, 3, "{line:?}");
        }
        let twice = format!("{}{}", entry("a/b.so"), &entry("a/b.so")[HEAD.len() + 2..]);
        assert_eq!(
            malformed_line(&twice),
            (3, "has a file that another line has too")
        );
        assert_eq!(
            PluginLock::parse(&format!("{HEAD}2\n?")),
            Err(Malformed::Newer(2))
        );
    }

    #[test]
    fn a_lock_that_is_there_and_cannot_be_read_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(PluginLock::read(dir.path()).unwrap(), None);
        let path = PluginLock::path(dir.path());
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        let error = PluginLock::read(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains(path.to_str().unwrap()) && error.contains("dangling"),
            "{error}"
        );
        fs::remove_file(&path).unwrap();
        for content in [&b"\xff"[..], b"", &vec![b'#'; 2 << 20]] {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            assert!(PluginLock::read(dir.path()).is_err());
        }
        PluginLock::default().write(dir.path()).unwrap();
        assert!(PluginLock::read(dir.path()).unwrap().unwrap().is_empty());
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        let error = PluginLock::read(dir.path()).unwrap_err().to_string();
        assert!(error.contains("chmod go-w"), "{error}");
    }

    #[test]
    fn writing_leaves_nothing_else_behind() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            PluginLock::default().write(dir.path()).unwrap();
        }
        assert_eq!(entries_of(dir.path()).unwrap(), [PluginLock::path(dir.path())]);
        let error = PluginLock::default()
            .write(&dir.path().join("missing"))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    fn locks() -> impl Strategy<Value = PluginLock> {
        let file = "[a-z #*.é-]{1,8}/[a-z0-9 .]{1,8}\\.so(\\.[0-9])?".prop_filter("dots alone", |file| {
            is_below(Path::new(file)) && !file.starts_with("./")
        });
        prop::collection::btree_map(file, any::<[u8; 32]>(), 0..5).prop_map(PluginLock)
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(lock in locks()) {
            prop_assert_eq!(PluginLock::parse(&lock.to_string()), Ok(lock));
        }

        #[test]
        fn damage_never_admits_what_the_lock_did_not(lock in locks(), at: prop::sample::Index, byte: u8) {
            let mut text = lock.to_string().into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            if let Some(Ok(damaged)) = std::str::from_utf8(&text).ok().map(PluginLock::parse) {
                // One byte can change one hash or one name.
                prop_assert!(lock.changes_to(&damaged).len() <= 2);
            }
            text.truncate(at);
            if let Some(Ok(shorter)) = std::str::from_utf8(&text).ok().map(PluginLock::parse) {
                let is_new = |change: &LockChange| change.verb() == "changed";
                prop_assert!(!lock.changes_to(&shorter).iter().any(is_new));
            }
        }

        #[test]
        fn changes_are_what_makes_one_lock_the_other(older in locks(), newer in locks()) {
            let mut made = older.clone();
            for change in older.changes_to(&newer) {
                match change.now {
                    Some(now) => {
                        made.0.insert(change.file, hex::decode(now).unwrap().try_into().unwrap());
                    }
                    None => drop(made.0.remove(&change.file)),
                }
            }
            prop_assert_eq!(made, newer);
        }
    }
}
