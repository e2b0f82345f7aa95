//! The same file systems for callers without an asynchronous runtime.
//!
//! Every call waits on the calling thread until it is done. Nothing has to be started before, and
//! any number of threads may call at the same time. Called on a worker thread of an asynchronous
//! runtime it works too, but blocks that thread and everything else that it would run: use the
//! asynchronous [`FileSystems`](crate::FileSystems) there.
//!
//! ```
//! use std::io::{Read, Seek, SeekFrom, Write};
//! use host_loader::blocking::FileSystems;
//! use host_loader::plugin_api::{CreateOptions, ListOptions, OpenOptions};
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = format!("{}/greeting", dir.path().display());
//! let file_systems = FileSystems::new(host_loader::FileSystems::builder().build()?);
//! let (fs, file) = file_systems.open_path(&path)?;
//!
//! let mut output = fs.create(&file, &CreateOptions::default())?;
//! output.write_all(b"hello, world")?;
//! let status = output.close()?; // without it nothing is published
//! assert_eq!(status.len, 12);
//!
//! let mut input = fs.open(&file, &OpenOptions::default())?;
//! input.seek(SeekFrom::Start(7))?;
//! let mut text = String::new();
//! input.read_to_string(&mut text)?;
//! assert_eq!(text, "world");
//!
//! let parent = file.parent().expect("a file has one");
//! let names: Vec<String> = fs
//!     .list(&parent, &ListOptions::default())?
//!     .map(|entry| entry.map(|status| status.location.name().to_owned()))
//!     .collect::<Result<_, _>>()?;
//! assert_eq!(names, ["greeting"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod file_system;
mod recoverable;
mod stream;
mod wait;

use std::time::Duration;

use plugin_api::{Location, Result};

use crate::PluginReport;

pub use file_system::{FileSystem, List};
pub use recoverable::{Committer, RecoverableStream, RecoverableWriter};
pub use stream::{InputStream, OutputStream};
pub use wait::block_on;

/// The registry of file systems, with calls that wait. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FileSystems(crate::FileSystems);

impl FileSystems {
    /// Calls to `file_systems` that wait.
    pub fn new(file_systems: crate::FileSystems) -> Self {
        Self(file_systems)
    }

    /// The asynchronous registry behind it.
    pub fn as_async(&self) -> &crate::FileSystems {
        &self.0
    }

    /// The location that `path` means; see [`FileSystems::resolve`](crate::FileSystems::resolve).
    pub fn resolve(&self, path: &str) -> Result<Location> {
        self.0.resolve(path)
    }

    /// The file system of a location; see [`FileSystems::get`](crate::FileSystems::get).
    pub fn get(&self, path: &Location) -> Result<FileSystem> {
        block_on(self.0.get(path)).map(FileSystem::new)
    }

    /// [`resolve`](Self::resolve), then [`get`](Self::get).
    pub fn open_path(&self, path: &str) -> Result<(FileSystem, Location)> {
        let (file_system, location) = block_on(self.0.open_path(path))?;
        Ok((FileSystem::new(file_system), location))
    }

    /// Every file that was looked at; see [`FileSystems::plugins`](crate::FileSystems::plugins).
    pub fn plugins(&self) -> Vec<PluginReport> {
        self.0.plugins()
    }

    /// The schemes that can be used, sorted.
    pub fn schemes(&self) -> Vec<String> {
        self.0.schemes()
    }

    /// Ends every plugin's work; see [`FileSystems::shutdown`](crate::FileSystems::shutdown).
    pub fn shutdown(&self, deadline: Duration) -> Result<()> {
        block_on(self.0.shutdown(deadline))
    }
}

impl From<crate::FileSystems> for FileSystems {
    fn from(file_systems: crate::FileSystems) -> Self {
        Self::new(file_systems)
    }
}
