//! [`System`]: a file system under test, and the way around its plugin into the store.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use plugin_api::{Config, CreateOptions, ErrorKind, FileSystem, FileSystemExt as _, ListOptions, Location};
use testkit::Server;

use crate::operation::PART;
use crate::plugins::{Outcome, connect, mock_plugin, of_an_author, s3_plugin};
use crate::rules::Rules;

const BUCKET: &str = "model";

/// Counts the places that this process has used.
static PLACES: AtomicUsize = AtomicUsize::new(0);

/// A file system under test.
pub(crate) struct System {
    pub(crate) name: String,
    pub(crate) fs: Arc<dyn FileSystem>,
    pub(crate) rules: Rules,
    pub(crate) foreign: Foreign,
    root: Location,
    cases: AtomicU64,
}

impl System {
    pub(crate) async fn new(
        name: &str,
        fs: Arc<dyn FileSystem>,
        foreign: Foreign,
        root: Location,
        marked: bool,
    ) -> Outcome<Self> {
        let rules = Rules::of(&*fs, &root.join("rules"), marked).await?;
        Ok(Self {
            name: name.to_owned(),
            fs,
            rules,
            foreign,
            root,
            cases: AtomicU64::new(0),
        })
    }

    /// A directory that nobody has used.
    pub(crate) fn new_directory(&self) -> Location {
        let number = self.cases.fetch_add(1, Ordering::Relaxed);
        self.root.join(&format!("case-{number}"))
    }
}

/// The systems that are tested together, and what they live on.
pub(crate) struct Systems {
    pub(crate) all: Vec<System>,
    _directory: tempfile::TempDir,
}

impl Systems {
    /// Those that `FSPLUG_CONFORMANCE` names, as it does for the suite, else all of this project.
    pub(crate) async fn chosen() -> Outcome<Self> {
        match std::env::var("FSPLUG_CONFORMANCE") {
            Ok(name) => Self::of(&[&name]).await,
            Err(_) => Self::of(&["file", "mock", "mock-directories", "s3", "s3-directories"]).await,
        }
    }

    pub(crate) async fn of(names: &[&str]) -> Outcome<Self> {
        // In memory if there is such a place: a disk is slow to make each file durable.
        let in_memory = Path::new("/dev/shm");
        let directory = if in_memory.is_dir() {
            tempfile::tempdir_in(in_memory)?
        } else {
            tempfile::tempdir()?
        };
        let server = Server::builder()
            .bucket(BUCKET)
            .min_part_size(PART as u64)
            .start_blocking()?;
        let server = Arc::new(server);
        let mut all = Vec::new();
        for name in names {
            all.push(system(name, directory.path(), &server).await?);
        }
        Ok(Self {
            all,
            _directory: directory,
        })
    }
}

async fn system(name: &str, directory: &Path, server: &Arc<Server>) -> Outcome<System> {
    let with_directories = name.ends_with("-directories");
    let (library, uri, config) = match name {
        "file" => {
            let uri = format!("file://{}", directory.display());
            (None, uri, Config::default())
        }
        "mock" | "mock-directories" => {
            let config = [("mock.real-directories", with_directories.to_string())];
            let uri = format!("mock://model-{name}/");
            (Some(mock_plugin()), uri, Config::from_pairs(config))
        }
        "s3" | "s3-directories" => {
            let mut config = Config::from_pairs(server.config("s3."));
            for option in ["s3.directory-markers", "s3.rename.directories"] {
                config.set(option, with_directories.to_string());
            }
            config.set("s3.upload.allow-small-parts", "true");
            config.set("s3.upload.min.part.size", PART.to_string());
            (Some(s3_plugin()), format!("s3://{BUCKET}/{name}"), config)
        }
        path => {
            let (uri, config) = of_an_author(path)?;
            (Some(PathBuf::from(path)), uri, config)
        }
    };
    let root = Location::parse(&uri)?;
    let connect = connect(library, &root, config);
    let fs = connect().await?;
    let foreign = match name {
        "file" => Foreign::Disk,
        "s3" | "s3-directories" => Foreign::Bucket(Arc::clone(server)),
        _ => Foreign::Instance(connect().await?),
    };
    // Other tests use the same store, and earlier runs may have left something in an author's.
    let place = PLACES.fetch_add(1, Ordering::Relaxed);
    let root = root.join(&format!("fsplug-model-{:x}-{place}", std::process::id()));
    System::new(name, fs, foreign, root, name == "s3-directories").await
}

/// What another client finds in a directory, by the path below it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) files: BTreeMap<String, Bytes>,
    /// Directories that exist by themselves, with a slash at the end, where that can be told.
    pub(crate) directories: Option<BTreeSet<String>>,
}

/// Another client of the store.
pub(crate) enum Foreign {
    Disk,
    Bucket(Arc<Server>),
    /// Another instance of the plugin: of a store that only the plugin reaches.
    Instance(Arc<dyn FileSystem>),
}

impl Foreign {
    /// Puts a file there in one step, whatever was there.
    pub(crate) async fn put(&self, path: &Location, content: Bytes) -> Outcome<()> {
        match self {
            Self::Disk => {
                let path = disk_path(path);
                let directory = path.parent().unwrap_or(Path::new("/"));
                fs::create_dir_all(directory)?;
                let file = tempfile::NamedTempFile::new_in(directory)?;
                fs::write(file.path(), content)?;
                file.persist(path)?;
            }
            Self::Bucket(server) => server.store().put(BUCKET, path.key(), content),
            Self::Instance(fs) => {
                fs.write_all(path, content, &CreateOptions::overwrite()).await?;
            }
        }
        Ok(())
    }

    /// The file of exactly this path.
    pub(crate) async fn get(&self, path: &Location) -> Outcome<Option<Bytes>> {
        match self {
            Self::Disk => match fs::read(disk_path(path)) {
                Ok(content) => Ok(Some(content.into())),
                Err(_) if !disk_path(path).is_file() => Ok(None),
                Err(error) => Err(error.into()),
            },
            Self::Bucket(server) => Ok(server.store().get(BUCKET, path.key())),
            Self::Instance(fs) => match fs.read_all(path).await {
                Ok(content) => Ok(Some(content)),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => {
                    Ok(None)
                }
                Err(error) => Err(error.into()),
            },
        }
    }

    pub(crate) async fn delete(&self, path: &Location) -> Outcome<()> {
        match self {
            Self::Disk => fs::remove_file(disk_path(path))?,
            Self::Bucket(server) => {
                server.store().delete(BUCKET, path.key());
            }
            Self::Instance(fs) => {
                fs.delete(path, false).await?;
            }
        }
        Ok(())
    }

    /// Makes a directory, with those above it or just its own mark; `path` has a slash at its end.
    pub(crate) async fn mkdirs(&self, path: &Location) -> Outcome<()> {
        match self {
            Self::Disk => fs::create_dir_all(disk_path(path))?,
            Self::Bucket(server) => server.store().put(BUCKET, path.key(), Bytes::new()),
            Self::Instance(fs) => fs.mkdirs(path).await?,
        }
        Ok(())
    }

    /// Whether this client can make a directory that has nothing in it.
    pub(crate) fn makes_directories(&self, rules: Rules) -> bool {
        matches!(self, Self::Bucket(_)) || rules.has_real_directories()
    }

    /// Everything below a directory but unfinished files.
    pub(crate) async fn find(&self, directory: &Location) -> Outcome<Found> {
        let prefix = directory.directory_prefix();
        let mut found = Found::default();
        match self {
            Self::Disk => {
                let mut directories = BTreeSet::new();
                walk(&disk_path(directory), "", &mut found.files, &mut directories)?;
                found.directories = Some(directories);
            }
            Self::Bucket(server) => {
                let mut directories = BTreeSet::new();
                for object in server.store().objects(BUCKET) {
                    let Some(name) = object.key.strip_prefix(&prefix).filter(|name| !name.is_empty()) else {
                        continue;
                    };
                    let content = server.store().get(BUCKET, &object.key).unwrap_or_default();
                    if name.ends_with('/') && content.is_empty() {
                        directories.insert(name.to_owned());
                    } else {
                        found.files.insert(name.to_owned(), content);
                    }
                }
                found.directories = Some(directories);
            }
            Self::Instance(fs) => {
                let entries = match fs.list_all(directory, &ListOptions::recursive()).await {
                    Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
                    entries => entries?,
                };
                for entry in entries {
                    let name = entry.location.key().strip_prefix(&prefix).unwrap_or_default();
                    if !is_unfinished(name) {
                        let content = fs.read_all(&entry.location).await?;
                        found.files.insert(name.to_owned(), content);
                    }
                }
            }
        }
        Ok(found)
    }

    /// Waits until no upload below a directory is open, where that can be told: what is dropped is
    /// aborted in the background.
    pub(crate) fn no_upload_is_left(&self, directory: &Location) -> Result<(), String> {
        let Self::Bucket(server) = self else {
            return Ok(());
        };
        let prefix = directory.directory_prefix();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let uploads = server.store().open_uploads(BUCKET);
            let Some(left) = uploads.iter().find(|upload| upload.key.starts_with(&prefix)) else {
                return Ok(());
            };
            if Instant::now() > deadline {
                return Err(format!("an upload of '{}' was left open", left.key));
            }
            std::thread::yield_now();
        }
    }
}

/// Whether a name is one under which local files are kept beside their target until they are finished.
pub(crate) fn is_unfinished(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_new = name.rsplit_once('.').is_some_and(|(_, last)| last == "tmp");
    name.starts_with('.') && (is_new || name.contains(".inprogress."))
}

fn disk_path(location: &Location) -> PathBuf {
    PathBuf::from(format!("/{}", location.key()))
}

fn walk(
    directory: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, Bytes>,
    directories: &mut BTreeSet<String>,
) -> Outcome<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            let name = format!("{name}/");
            walk(&entry.path(), &name, files, directories)?;
            directories.insert(name);
        } else if !is_unfinished(&name) {
            files.insert(name, fs::read(entry.path())?.into());
        }
    }
    Ok(())
}
