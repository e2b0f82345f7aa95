//! [`Store`]: the files of one authority.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use plugin_api::{Error, ErrorKind, FileStatus, Location, Result, WriteMode};

use crate::recorder::Recorder;
use crate::uploads::Uploads;

/// The stores of this process, by authority.
static STORES: Mutex<BTreeMap<String, Arc<Store>>> = Mutex::new(BTreeMap::new());

/// The files of one authority, and what is known of the calls on them.
#[derive(Debug)]
pub(crate) struct Store {
    real_directories: bool,
    content: Mutex<Content>,
    pub(crate) uploads: Uploads,
    pub(crate) calls: Recorder,
}

#[derive(Debug, Default)]
struct Content {
    files: BTreeMap<String, File>,
    /// The directories that exist by themselves, without a slash at the end.
    directories: BTreeSet<String>,
    versions: u64,
}

/// One version of a file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) content: Bytes,
    version: u64,
    modified: SystemTime,
    /// The upload that published it, or 0.
    pub(crate) upload: u64,
}

impl File {
    pub(crate) fn status(&self, location: Location) -> FileStatus {
        FileStatus::file(location, self.content.len() as u64)
            .with_modified(Some(self.modified))
            .with_etag(format!("\"{}\"", self.version))
    }
}

/// A lock whose data stays usable when a holder panicked: every change is made in one step.
pub(crate) fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// The store of an authority; made if there is none.
    pub(crate) fn of(authority: &str, real_directories: bool) -> Arc<Self> {
        let mut stores = unpoisoned(&STORES);
        let store = stores.entry(authority.to_owned()).or_insert_with(|| {
            Arc::new(Self {
                real_directories,
                content: Mutex::default(),
                uploads: Uploads::default(),
                calls: Recorder::default(),
            })
        });
        Arc::clone(store)
    }

    pub(crate) fn has_real_directories(&self) -> bool {
        self.real_directories
    }

    /// The file of exactly this path.
    pub(crate) fn file(&self, path: &Location) -> Option<File> {
        unpoisoned(&self.content).files.get(path.key()).cloned()
    }

    /// The status of the file or directory; a file wins.
    pub(crate) fn status(&self, path: &Location) -> Result<FileStatus> {
        let content = unpoisoned(&self.content);
        if let Some(file) = content.files.get(path.key()) {
            return Ok(file.status(path.clone()));
        }
        if content.is_directory(path) {
            return Ok(FileStatus::directory(path.clone()));
        }
        Err(not_found(path))
    }

    /// Everything at or below a path as it is now: files with their keys, and directories that exist
    /// by themselves with a slash at the end. `None` if there is nothing.
    pub(crate) fn tree(&self, path: &Location) -> Option<Vec<FileStatus>> {
        let content = unpoisoned(&self.content);
        if !content.is_directory(path) {
            let file = content.files.get(path.key())?;
            return Some(vec![file.status(path.clone())]);
        }
        let prefix = path.directory_prefix();
        let files = content
            .files_below(&prefix)
            .map(|(key, file)| file.status(path.with_key(key)));
        let directories = content
            .directories
            .range(prefix.clone()..)
            .take_while(|name| name.starts_with(&prefix))
            .map(|name| FileStatus::directory(path.with_key(&format!("{name}/"))));
        Some(files.chain(directories).collect())
    }

    /// Publishes a file in one step; its status.
    pub(crate) fn publish(
        &self,
        path: &Location,
        data: Bytes,
        mode: WriteMode,
        upload: u64,
    ) -> Result<FileStatus> {
        let mut content = unpoisoned(&self.content);
        self.check_target(&content, path, mode)?;
        if self.real_directories {
            content.add_directories(path.key().rsplit_once('/').map_or("", |(parent, _)| parent));
        }
        let file = content.new_version(data, upload);
        let status = file.status(path.clone());
        content.files.insert(path.key().to_owned(), file);
        Ok(status)
    }

    /// Whether a file may be made here.
    pub(crate) fn check_free(&self, path: &Location, mode: WriteMode) -> Result<()> {
        self.check_target(&unpoisoned(&self.content), path, mode)
    }

    fn check_target(&self, content: &Content, path: &Location, mode: WriteMode) -> Result<()> {
        if mode == WriteMode::NoOverwrite && content.files.contains_key(path.key()) {
            return Err(Error::new(ErrorKind::AlreadyExists, "the file exists")
                .with_path(path)
                .with_remedy("choose another name, or allow to overwrite it"));
        }
        if self.real_directories {
            if content.is_directory(path) {
                return Err(is_a_directory(path));
            }
            content.check_parents(path)?;
        }
        Ok(())
    }

    /// Makes a directory and its parents, if directories exist here by themselves.
    pub(crate) fn mkdirs(&self, path: &Location) -> Result<()> {
        if !self.real_directories || path.is_root() {
            return Ok(());
        }
        let mut content = unpoisoned(&self.content);
        let directory = path.with_key(path.key().trim_end_matches('/'));
        if content.files.contains_key(directory.key()) {
            return Err(not_a_directory(path));
        }
        content.check_parents(&directory)?;
        content.add_directories(directory.key());
        Ok(())
    }

    /// Deletes a file or directory; false if there is nothing.
    pub(crate) fn delete(&self, path: &Location, recursive: bool) -> Result<bool> {
        let mut content = unpoisoned(&self.content);
        if content.files.remove(path.key()).is_some() {
            return Ok(true);
        }
        if !content.is_directory(path) {
            return Ok(false);
        }
        let prefix = path.directory_prefix();
        let below = |name: &String| name.starts_with(&prefix);
        if !recursive && !content.is_empty(path) {
            return Err(
                Error::new(ErrorKind::DirectoryNotEmpty, "the directory is not empty")
                    .with_path(path)
                    .with_remedy("delete it recursively, or what is in it first"),
            );
        }
        content.files.retain(|name, _| !below(name));
        content.directories.retain(|name| !below(name));
        content.directories.remove(path.key().trim_end_matches('/'));
        Ok(true)
    }

    /// Renames a file or directory in one step.
    pub(crate) fn rename(&self, from: &Location, to: &Location) -> Result<()> {
        let mut content = unpoisoned(&self.content);
        let is_file = content.files.contains_key(from.key());
        if from.is_root() || !(is_file || content.is_directory(from)) {
            return Err(not_found(from));
        }
        let source = from.key().trim_end_matches('/');
        let enters = content.is_directory(to) && !content.files.contains_key(to.key());
        if enters && !is_file && to.key().trim_end_matches('/') == source {
            return Ok(());
        }
        // A slash asks for a directory: a file goes into it, and a directory becomes it.
        let to = if enters || is_file && to.key().ends_with('/') {
            to.join(from.name())
        } else {
            to.with_key(to.key().trim_end_matches('/'))
        };
        if to.key() == source {
            return Ok(());
        }
        if is_file {
            self.check_target(&content, &to, WriteMode::Overwrite)?;
        } else {
            self.check_directory_target(&content, from, &to)?;
        }
        if self.real_directories {
            content.add_directories(to.key().rsplit_once('/').map_or("", |(parent, _)| parent));
        }
        if is_file {
            if let Some(file) = content.files.remove(from.key()) {
                content.files.insert(to.key().to_owned(), file);
            }
        } else {
            content.move_directory(source, to.key());
        }
        Ok(())
    }

    fn check_directory_target(&self, content: &Content, from: &Location, to: &Location) -> Result<()> {
        if to.key().starts_with(&from.directory_prefix()) {
            return Err(
                Error::new(ErrorKind::InvalidInput, "a directory cannot be moved into itself")
                    .with_path(from)
                    .with_remedy(format!("choose another target than '{to}'")),
            );
        }
        if content.files.contains_key(to.key()) {
            return Err(not_a_directory(to));
        }
        if !content.is_empty(to) {
            return Err(
                Error::new(ErrorKind::DirectoryNotEmpty, "the target is not empty")
                    .with_path(to)
                    .with_remedy("choose another target"),
            );
        }
        if self.real_directories {
            content.check_parents(to)?;
        }
        Ok(())
    }
}

impl Content {
    fn new_version(&mut self, content: Bytes, upload: u64) -> File {
        self.versions += 1;
        File {
            content,
            version: self.versions,
            modified: now(),
            upload,
        }
    }

    fn files_below(&self, prefix: &str) -> impl Iterator<Item = (&String, &File)> {
        self.files
            .range(prefix.to_owned()..)
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    fn is_directory(&self, path: &Location) -> bool {
        path.is_root()
            || self
                .directories
                .contains(path.key().strip_suffix('/').unwrap_or(path.key()))
            || self.files_below(&path.directory_prefix()).next().is_some()
    }

    /// Whether nothing is in a directory, if there is one.
    fn is_empty(&self, path: &Location) -> bool {
        let prefix = path.directory_prefix();
        let below = |name: &String| name.starts_with(&prefix);
        self.files_below(&prefix).next().is_none() && !self.directories.iter().any(below)
    }

    /// Fails if one of the directories above the path is a file.
    fn check_parents(&self, path: &Location) -> Result<()> {
        let slashes = path.key().match_indices('/').map(|(at, _)| at);
        match slashes
            .map(|at| &path.key()[..at])
            .find(|&above| self.files.contains_key(above))
        {
            Some(above) => Err(not_a_directory(&path.with_key(above))),
            None => Ok(()),
        }
    }

    /// Adds a directory and all above it.
    fn add_directories(&mut self, key: &str) {
        let mut rest = key;
        while !rest.is_empty() && self.directories.insert(rest.to_owned()) {
            rest = rest.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }

    fn move_directory(&mut self, from: &str, to: &str) {
        let prefix = format!("{from}/");
        let keys: Vec<String> = self.files_below(&prefix).map(|(key, _)| key.clone()).collect();
        for key in keys {
            if let Some(file) = self.files.remove(&key) {
                self.files.insert(format!("{to}/{}", &key[prefix.len()..]), file);
            }
        }
        let is_inside = |name: &String| name == from || name.starts_with(&prefix);
        let names: Vec<String> = self
            .directories
            .iter()
            .filter(|name| is_inside(name))
            .cloned()
            .collect();
        for name in names {
            self.directories.remove(&name);
            self.directories.insert(format!("{to}{}", &name[from.len()..]));
        }
    }
}

/// The time in the precision of a [`FileStatus`].
pub(crate) fn now() -> SystemTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_millis(since.as_millis() as u64)
}

pub(crate) fn not_found(path: &Location) -> Error {
    Error::new(ErrorKind::NotFound, "no such file or directory")
        .with_path(path)
        .with_remedy("check the path, or create the file first")
}

pub(crate) fn is_a_directory(path: &Location) -> Error {
    Error::new(ErrorKind::IsADirectory, "this is a directory, not a file")
        .with_path(path)
        .with_remedy("name a file")
}

fn not_a_directory(path: &Location) -> Error {
    Error::new(
        ErrorKind::NotADirectory,
        "there is a file where a directory is needed",
    )
    .with_path(path)
    .with_remedy("choose another name, or move the file away")
}
