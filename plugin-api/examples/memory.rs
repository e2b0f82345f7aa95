//! A complete plugin: files in memory, served as `mem://store/key`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use plugin_api::{
    Bytes, Capabilities, Config, CreateOptions, Error, ErrorKind, FileStatus, FileSystem, FileSystemFactory,
    HostRef, InputStream, ListOptions, Lister, Location, OpenOptions, OutputStream, Result, WriteMode,
    async_trait,
};

/// The files of one store, by key.
type Files = Mutex<BTreeMap<String, Bytes>>;

/// The stores by authority. A process has them once, whatever number of hosts loads the plugin.
static STORES: Mutex<BTreeMap<String, Arc<Files>>> = Mutex::new(BTreeMap::new());

struct MemoryFactory;

#[async_trait]
impl FileSystemFactory for MemoryFactory {
    async fn create(&self, root: &Location, _config: &Config) -> Result<Arc<dyn FileSystem>> {
        let mut stores = STORES.lock().expect("no call panics under the lock");
        let files = stores.entry(root.authority().to_owned()).or_default();
        Ok(Arc::new(MemoryFileSystem {
            root: root.clone(),
            files: Arc::clone(files),
            closed: Arc::default(),
        }))
    }
}

plugin_api::export_plugin! {
    name: "memory",
    schemes: ["mem"],
    options: &[],
    factory: |_host: HostRef| Ok::<_, Error>(MemoryFactory),
}

// The file system: what can be done with a path.

struct MemoryFileSystem {
    root: Location,
    files: Arc<Files>,
    closed: Arc<AtomicBool>,
}

/// Every error says what happened, on which path, and what to do about it.
fn error(kind: ErrorKind, message: &str, path: &Location, remedy: &str) -> Error {
    Error::new(kind, message).with_path(path).with_remedy(remedy)
}

fn not_found(path: &Location) -> Error {
    error(ErrorKind::NotFound, "no such file", path, "check the path")
}

fn exists(path: &Location) -> Error {
    error(
        ErrorKind::AlreadyExists,
        "the file exists",
        path,
        "overwrite it, or choose another name",
    )
}

fn ended() -> Error {
    Error::new(ErrorKind::Closed, "the stream has ended").with_remedy("open a new one")
}

fn refuse_if(closed: &AtomicBool) -> Result<()> {
    if !closed.load(Ordering::Acquire) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Closed, "the file system is closed").with_remedy("get a new one from the host"))
}

fn is_a_directory(path: &Location) -> Error {
    error(
        ErrorKind::IsADirectory,
        "this is a directory",
        path,
        "name a file in it",
    )
}

impl MemoryFileSystem {
    /// Refuses to go on after `close`, and paths of other stores, which would be mistaken for ours.
    fn check(&self, path: &Location) -> Result<()> {
        refuse_if(&self.closed)?;
        if path.with_key("") == self.root {
            return Ok(());
        }
        Err(error(
            ErrorKind::InvalidPath,
            "the path is in another store",
            path,
            "use its file system",
        ))
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.files.lock().expect("no call panics under the lock")
    }

    /// A directory is there as soon as something is below it.
    fn is_directory(&self, path: &Location) -> bool {
        let prefix = path.directory_prefix();
        path.is_root() || self.files().keys().any(|key| key.starts_with(&prefix))
    }
}

#[async_trait]
impl FileSystem for MemoryFileSystem {
    fn capabilities(&self) -> Capabilities {
        // The conformance suite tests each claim.
        Capabilities::ATOMIC_CREATE
            | Capabilities::ATOMIC_RENAME
            | Capabilities::ATOMIC_PUBLISH
            | Capabilities::PINNED_READS
            | Capabilities::RECURSIVE_LIST
    }

    async fn status(&self, path: &Location) -> Result<FileStatus> {
        self.check(path)?;
        let len = self.files().get(path.key()).map(|content| content.len() as u64);
        match len {
            Some(len) => Ok(FileStatus::file(path.clone(), len)),
            None if self.is_directory(path) => Ok(FileStatus::directory(path.clone())),
            None => Err(not_found(path)),
        }
    }

    async fn list(&self, path: &Location, options: &ListOptions) -> Result<Box<dyn Lister>> {
        self.check(path)?;
        options.extensions.refuse_unknown(&[])?;
        let prefix = path.directory_prefix();
        let (mut entries, mut directories) = (Vec::new(), BTreeSet::new());
        for (key, content) in self.files().iter() {
            let below = key.strip_prefix(&prefix).filter(|below| !below.is_empty());
            match below.and_then(|below| below.find('/')) {
                // Listing a file gives that file.
                None if below.is_some() || key == path.key() => {
                    entries.push(FileStatus::file(path.with_key(key), content.len() as u64));
                }
                Some(_) if options.recursive => {
                    entries.push(FileStatus::file(path.with_key(key), content.len() as u64));
                }
                Some(slash) => drop(directories.insert(key[..=prefix.len() + slash].to_owned())),
                None => {}
            }
        }
        entries.extend(
            directories
                .iter()
                .map(|key| FileStatus::directory(path.with_key(key))),
        );
        if entries.is_empty() && !path.is_root() {
            return Err(not_found(path));
        }
        let page_size = if options.page_size == 0 {
            1000
        } else {
            options.page_size as usize
        };
        Ok(Box::new(Pages { entries, page_size }))
    }

    async fn open(&self, path: &Location, options: &OpenOptions) -> Result<Box<dyn InputStream>> {
        self.check(path)?;
        options.extensions.refuse_unknown(&[])?;
        let content = self.files().get(path.key()).cloned();
        match content {
            Some(content) => Ok(Box::new(Reader {
                len: content.len() as u64,
                content: Some(content),
                position: 0,
            })),
            None if self.is_directory(path) => Err(is_a_directory(path)),
            None => Err(not_found(path)),
        }
    }

    async fn create(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        self.check(path)?;
        options.extensions.refuse_unknown(&[])?;
        if path.is_root() {
            return Err(is_a_directory(path));
        }
        if options.mode == WriteMode::NoOverwrite && self.files().contains_key(path.key()) {
            return Err(exists(path));
        }
        Ok(Box::new(Writer {
            files: Arc::clone(&self.files),
            closed: Arc::clone(&self.closed),
            path: path.clone(),
            mode: options.mode,
            stage: Stage::Open(Vec::new()),
            position: 0,
        }))
    }

    async fn delete(&self, path: &Location, recursive: bool) -> Result<bool> {
        self.check(path)?;
        let prefix = path.directory_prefix();
        let mut files = self.files();
        if files.remove(path.key()).is_some() {
            return Ok(true);
        }
        let before = files.len();
        if !recursive && files.keys().any(|key| key.starts_with(&prefix)) {
            return Err(error(
                ErrorKind::DirectoryNotEmpty,
                "the directory is not empty",
                path,
                "delete it recursively",
            ));
        }
        files.retain(|key, _| !key.starts_with(&prefix));
        Ok(files.len() < before)
    }

    async fn rename(&self, from: &Location, to: &Location) -> Result<()> {
        self.check(from)?;
        self.check(to)?;
        if from == to {
            return Ok(());
        }
        let is_directory = !self.files().contains_key(from.key()) && self.is_directory(from);
        if is_directory {
            return Err(Error::unsupported("this file system", "renaming directories").with_path(from));
        }
        // A target that is a directory receives the file under its own name.
        let into_directory =
            to.key().ends_with('/') || !self.files().contains_key(to.key()) && self.is_directory(to);
        let to = if into_directory {
            to.join(from.name())
        } else {
            to.clone()
        };
        let mut files = self.files();
        let content = files.remove(from.key()).ok_or_else(|| not_found(from))?;
        files.insert(to.key().to_owned(), content);
        Ok(())
    }

    async fn mkdirs(&self, path: &Location) -> Result<()> {
        self.check(path)
    }

    async fn close(&self, _deadline: Duration) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}

/// The pages of a listing.
struct Pages {
    entries: Vec<FileStatus>,
    page_size: usize,
}

#[async_trait]
impl Lister for Pages {
    async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>> {
        let rest = self.entries.split_off(self.page_size.min(self.entries.len()));
        let page = std::mem::replace(&mut self.entries, rest);
        Ok(Some(page).filter(|page| !page.is_empty()))
    }
}

/// Reads the version that was there when it was opened.
struct Reader {
    len: u64,
    /// `None` once closed.
    content: Option<Bytes>,
    position: u64,
}

#[async_trait]
impl InputStream for Reader {
    async fn read(&mut self, max: usize) -> Result<Bytes> {
        let content = self.content.as_ref().ok_or_else(ended)?;
        let end = self.len.min(self.position.saturating_add(max as u64));
        // A slice of `Bytes` is a reference: nothing is copied, here or at the boundary.
        let chunk = content.slice(self.position as usize..end as usize);
        self.position = end;
        Ok(chunk)
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        if self.content.is_none() {
            return Err(ended());
        }
        if position > self.len {
            let message = format!("{position} is beyond the {} bytes of the file", self.len);
            return Err(Error::new(ErrorKind::UnexpectedEof, message));
        }
        self.position = position;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn len(&self) -> u64 {
        self.len
    }

    async fn close(&mut self) -> Result<()> {
        self.content = None;
        Ok(())
    }
}

/// Writes a file, which appears when it is closed and never if it is not.
struct Writer {
    files: Arc<Files>,
    closed: Arc<AtomicBool>,
    path: Location,
    mode: WriteMode,
    stage: Stage,
    position: u64,
}

enum Stage {
    Open(Vec<u8>),
    Published(FileStatus),
    GivenUp,
}

#[async_trait]
impl OutputStream for Writer {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        let Stage::Open(content) = &mut self.stage else {
            return Err(ended());
        };
        content.extend_from_slice(data);
        self.position += data.len() as u64;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn location(&self) -> Location {
        self.path.clone()
    }

    async fn flush(&mut self) -> Result<()> {
        // An empty write is refused once the stream has ended, and so is a flush.
        self.write(&[]).await
    }

    async fn sync(&mut self) -> Result<()> {
        self.write(&[]).await
    }

    async fn close(&mut self) -> Result<FileStatus> {
        let content = match std::mem::replace(&mut self.stage, Stage::GivenUp) {
            Stage::Open(content) => content,
            Stage::Published(status) => {
                self.stage = Stage::Published(status.clone());
                return Ok(status);
            }
            Stage::GivenUp => return Err(ended()),
        };
        refuse_if(&self.closed)?;
        let mut files = self.files.lock().expect("no call panics under the lock");
        // Another writer may have been faster since `create`.
        if self.mode == WriteMode::NoOverwrite && files.contains_key(self.path.key()) {
            return Err(exists(&self.path));
        }
        let status = FileStatus::file(self.path.clone(), content.len() as u64);
        files.insert(self.path.key().to_owned(), content.into());
        self.stage = Stage::Published(status.clone());
        Ok(status)
    }

    async fn abort(&mut self) -> Result<()> {
        if matches!(self.stage, Stage::Open(_)) {
            self.stage = Stage::GivenUp;
        }
        Ok(())
    }
}
