//! [`Reference`]: the files and directories as they have to be, and what each verb may come to.
//!
//! Paths are keys below the directory of a case. A slash at the end asks for a directory.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use plugin_api::{ErrorKind, WriteMode};

use crate::allowed::Allowed;
use crate::rules::{Directories, Rules};

/// One version of a file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) content: Bytes,
    /// Another for each time that something appears under a name.
    pub(crate) version: u64,
}

/// What a status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File(u64),
    Directory,
}

/// The files and directories as they have to be.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) rules: Rules,
    pub(crate) files: BTreeMap<String, File>,
    /// Directories that exist by themselves, with a slash at the end. That of the case is not in it.
    pub(crate) directories: BTreeSet<String>,
    /// Where unfinished files are kept, by their number: a directory with its slash.
    pub(crate) unfinished: BTreeMap<u64, String>,
    last: u64,
}

/// A path without the slash that asks for a directory.
pub(crate) fn bare(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// The directory that a path is in, with its slash; empty for that of the case.
pub(crate) fn parent(path: &str) -> &str {
    let path = bare(path);
    path.rfind('/').map_or("", |slash| &path[..=slash])
}

impl Reference {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            files: BTreeMap::new(),
            directories: BTreeSet::new(),
            unfinished: BTreeMap::new(),
            last: 0,
        }
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// Every directory, those that exist by their content included.
    pub(crate) fn all_directories(&self) -> BTreeSet<String> {
        let names = self.files.keys().chain(&self.directories);
        let slashes =
            names.flat_map(|name| name.match_indices('/').map(move |(at, _)| name[..=at].to_owned()));
        slashes.collect()
    }

    /// Whether there is any file, or directory that exists by itself.
    pub(crate) fn has_anything(&self) -> bool {
        !self.files.is_empty() || !self.directories.is_empty()
    }

    pub(crate) fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let files = self.files.range(prefix.to_owned()..).map(|(key, _)| key.as_str());
        let directories = self.directories.range(prefix.to_owned()..).map(String::as_str);
        files
            .take_while(move |key| key.starts_with(prefix))
            .chain(directories.take_while(move |key| key.starts_with(prefix)))
    }

    pub(crate) fn is_directory(&self, path: &str) -> bool {
        self.below(&format!("{}/", bare(path))).next().is_some()
    }

    pub(crate) fn is_empty(&self, directory: &str) -> bool {
        let prefix = format!("{}/", bare(directory));
        let only_itself = self.below(&prefix).all(|name| name == prefix);
        only_itself && !self.unfinished.values().any(|place| place.starts_with(&prefix))
    }

    pub(crate) fn is_below_a_file(&self, path: &str) -> bool {
        let above = bare(path).match_indices('/').map(|(at, _)| &path[..at]);
        above.into_iter().any(|name| self.files.contains_key(name))
    }

    pub(crate) fn refuses(&self, path: &str) -> bool {
        let odd = |name: &str| matches!(name, "" | "." | "..");
        self.rules.refuses_empty_names && bare(path).split('/').any(odd)
    }

    /// Whether a file here would meet directories: where these are real, names do not meet.
    pub(crate) fn meets_a_directory(&self, path: &str) -> bool {
        self.rules.has_real_directories() && (self.is_directory(path) || self.is_below_a_file(path))
    }

    pub(crate) fn status(&self, path: &str) -> Result<Kind, ErrorKind> {
        if self.refuses(path) {
            return Err(ErrorKind::InvalidPath);
        }
        match self.files.get(path) {
            Some(file) => Ok(Kind::File(file.content.len() as u64)),
            None if self.is_directory(path) => Ok(Kind::Directory),
            None => Err(ErrorKind::NotFound),
        }
    }

    /// What a listing shows, by its path; directories with a slash at the end. A directory comes before
    /// a file of its name.
    pub(crate) fn list(&self, path: &str, recursive: bool) -> Result<BTreeMap<String, Kind>, ErrorKind> {
        let status = self.status(path)?;
        if !self.is_directory(path) {
            return Ok(BTreeMap::from([(path.to_owned(), status)]));
        }
        Ok(self.entries(&format!("{}/", bare(path)), recursive))
    }

    /// What is in a directory, or with an empty prefix in that of the case.
    pub(crate) fn entries(&self, prefix: &str, recursive: bool) -> BTreeMap<String, Kind> {
        let mut entries = BTreeMap::new();
        for name in self.below(prefix) {
            match name[prefix.len()..].find('/') {
                Some(slash) if !recursive => {
                    let directory = &name[..=prefix.len() + slash];
                    entries.insert(directory.to_owned(), Kind::Directory);
                }
                _ => {
                    if let Some(file) = self.files.get(name) {
                        entries.insert(name.to_owned(), Kind::File(file.content.len() as u64));
                    }
                }
            }
        }
        entries
    }

    pub(crate) fn open(&self, path: &str) -> Result<&File, ErrorKind> {
        match self.status(path)? {
            Kind::Directory => Err(ErrorKind::IsADirectory),
            Kind::File(_) => self.files.get(path).ok_or(ErrorKind::NotFound),
        }
    }

    /// Whether a new file may be begun. That the name is taken may also show when it is published.
    pub(crate) fn create(&self, path: &str, mode: WriteMode) -> Allowed {
        let no_overwrite = mode == WriteMode::NoOverwrite;
        if self.refuses(path) {
            Allowed::error(&[ErrorKind::InvalidPath])
        } else if self.rules.has_real_directories() && self.is_directory(path) {
            let taken: &[_] = if no_overwrite {
                &[ErrorKind::AlreadyExists]
            } else {
                &[]
            };
            Allowed::error(&[ErrorKind::IsADirectory]).or(taken)
        } else if self.rules.has_real_directories() && self.is_below_a_file(path) {
            Allowed::error(&[ErrorKind::NotADirectory])
        } else if no_overwrite && self.files.contains_key(path) {
            Allowed::success().or(&[ErrorKind::AlreadyExists])
        } else {
            Allowed::success()
        }
    }

    /// A file is begun: the number of the unfinished one.
    pub(crate) fn begin(&mut self, path: &str) -> u64 {
        if self.rules.makes_parents_at_open {
            self.add_parents(path);
        }
        self.last += 1;
        if self.rules.keeps_unfinished_beside {
            self.unfinished.insert(self.last, parent(path).to_owned());
        }
        self.last
    }

    /// Whether an unfinished file is no longer where it was begun, because the directory was renamed or
    /// deleted. It cannot be published then.
    pub(crate) fn is_lost(&self, number: u64, path: &str) -> bool {
        self.rules.keeps_unfinished_beside
            && self
                .unfinished
                .get(&number)
                .is_none_or(|place| place != parent(path))
    }

    /// An unfinished file ends, published or not. What is not where it was begun stays as litter.
    pub(crate) fn end(&mut self, number: u64, path: &str) {
        if !self.is_lost(number, path) {
            self.unfinished.remove(&number);
        }
    }

    /// Whether the unfinished file may be published.
    ///
    /// With marked directories names are looked at when a file is begun: what comes later may be noticed
    /// or not (S-54).
    pub(crate) fn close(&self, number: u64, path: &str, mode: WriteMode) -> Allowed {
        let is_taken = mode == WriteMode::NoOverwrite && self.files.contains_key(path);
        let taken: &[_] = if is_taken {
            &[ErrorKind::AlreadyExists]
        } else {
            &[]
        };
        if self.is_lost(number, path) {
            Allowed::error(&[ErrorKind::NotFound, ErrorKind::NotADirectory]).or(taken)
        } else if self.meets_a_directory(path) {
            let marked = self.rules.directories == Directories::Marked;
            let noticed = [
                ErrorKind::IsADirectory,
                ErrorKind::NotADirectory,
                ErrorKind::AlreadyExists,
            ];
            Allowed::error(&noticed).or_success_if(marked)
        } else if is_taken {
            Allowed::error(taken)
        } else {
            Allowed::success()
        }
    }

    /// A file appears.
    pub(crate) fn put(&mut self, path: &str, content: Bytes) -> u64 {
        if self.rules.directories == Directories::Real {
            self.add_parents(path);
        }
        self.last += 1;
        let version = self.last;
        self.files.insert(path.to_owned(), File { content, version });
        version
    }

    /// What a deletion comes to: whether there is something to delete.
    pub(crate) fn delete(&self, path: &str, recursive: bool) -> Result<bool, ErrorKind> {
        match self.status(path) {
            Err(ErrorKind::NotFound) => Ok(false),
            Err(kind) => Err(kind),
            Ok(Kind::Directory) if !recursive && !self.is_empty(path) => Err(ErrorKind::DirectoryNotEmpty),
            Ok(_) => Ok(true),
        }
    }

    /// The file or directory is deleted.
    pub(crate) fn remove(&mut self, path: &str) {
        self.mark_parent(path);
        if self.files.remove(path).is_none() {
            let prefix = format!("{}/", bare(path));
            self.files.retain(|key, _| !key.starts_with(&prefix));
            self.directories.retain(|name| !name.starts_with(&prefix));
            self.unfinished.retain(|_, place| !place.starts_with(&prefix));
        }
    }

    /// Another client deletes a file.
    pub(crate) fn foreign_remove(&mut self, path: &str) {
        self.files.remove(path);
    }

    /// Another client makes a directory, of which a mark of its own shows.
    pub(crate) fn foreign_mkdirs(&mut self, path: &str) {
        if self.rules.directories == Directories::Real {
            self.make_directories(path);
        } else {
            self.directories.insert(format!("{}/", bare(path)));
        }
    }

    pub(crate) fn mkdirs(&self, path: &str) -> Allowed {
        let is_file = self.files.contains_key(bare(path));
        if self.refuses(path) {
            Allowed::error(&[ErrorKind::InvalidPath])
        } else if !self.rules.has_real_directories() {
            Allowed::success()
        } else if self.is_below_a_file(path) {
            Allowed::error(&[ErrorKind::NotADirectory])
        } else if is_file {
            Allowed::error(&[ErrorKind::NotADirectory, ErrorKind::AlreadyExists])
        } else {
            Allowed::success()
        }
    }

    /// The directory is made, and those above it.
    pub(crate) fn make_directories(&mut self, path: &str) {
        if self.rules.has_real_directories() {
            let mut directory = format!("{}/", bare(path));
            while !directory.is_empty() && self.directories.insert(directory.clone()) {
                directory = parent(&directory).to_owned();
            }
        }
    }

    pub(crate) fn add_parents(&mut self, path: &str) {
        let directory = parent(path).to_owned();
        if !directory.is_empty() {
            self.make_directories(&directory);
        }
    }

    pub(crate) fn mark_parent(&mut self, path: &str) {
        let directory = parent(path);
        if self.rules.directories == Directories::Marked && !directory.is_empty() {
            self.directories.insert(directory.to_owned());
        }
    }
}
