//! [`LocalLister`]: a page at a time, in constant memory.

use std::ffi::OsString;
use std::fs::{self, ReadDir};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use blocking::unblock;
use plugin_api::{FileStatus, ListOptions, Lister, Location, Result};

use super::errors::{io_error, not_found, says_nothing_there};
use super::path::child_location;
use super::status::file_status;

const DEFAULT_PAGE_SIZE: usize = 1000;

/// The pages of a listing. The walk is shared with the job that continues it, so that what a
/// cancelled call has read is there for the next one.
pub(super) struct LocalLister {
    walk: Arc<Mutex<Walk>>,
}

impl LocalLister {
    /// Starts a listing; blocks.
    pub(super) fn open(location: Location, path: &Path, options: &ListOptions) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(|error| {
            if says_nothing_there(&error) {
                not_found("list", &location)
            } else {
                io_error("list", &location, &error)
            }
        })?;
        let mut walk = Walk {
            directories: Vec::new(),
            entry: None,
            page: Vec::new(),
            page_size: match options.page_size {
                0 => DEFAULT_PAGE_SIZE,
                size => size as usize,
            },
            recursive: options.recursive,
        };
        if metadata.is_dir() {
            let entries = fs::read_dir(path).map_err(|error| io_error("list", &location, &error))?;
            walk.directories.push(Directory {
                location,
                path: path.to_owned(),
                entries,
            });
        } else {
            walk.page.push(file_status(location, &metadata));
        }
        Ok(Self {
            walk: Arc::new(Mutex::new(walk)),
        })
    }
}

#[async_trait]
impl Lister for LocalLister {
    async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>> {
        let walk = Arc::clone(&self.walk);
        unblock(move || walk.lock().unwrap_or_else(PoisonError::into_inner).fill()).await?;
        // No job is left that could hold the lock: jobs of cancelled calls run before this one.
        let mut walk = self.walk.lock().unwrap_or_else(PoisonError::into_inner);
        let page = std::mem::take(&mut walk.page);
        Ok((!page.is_empty()).then_some(page))
    }
}

struct Directory {
    location: Location,
    path: PathBuf,
    entries: ReadDir,
}

/// An entry that has been taken from its directory and is not yet dealt with.
struct Entry {
    name: OsString,
    location: Location,
    path: PathBuf,
}

struct Walk {
    /// The directories from the first to the one that is being read.
    directories: Vec<Directory>,
    /// Kept over an error, so that the next call meets it again instead of passing over it.
    entry: Option<Entry>,
    page: Vec<FileStatus>,
    page_size: usize,
    recursive: bool,
}

impl Walk {
    /// Reads on until the page is full or everything has been read.
    fn fill(&mut self) -> Result<()> {
        while self.page.len() < self.page_size {
            if self.entry.is_none() && !self.take_entry()? {
                break;
            }
            self.place_entry()?;
            self.entry = None;
        }
        Ok(())
    }

    /// Takes the next entry, going up where a directory ends; false at the very end.
    fn take_entry(&mut self) -> Result<bool> {
        while let Some(directory) = self.directories.last_mut() {
            match directory.entries.next() {
                None => {
                    self.directories.pop();
                }
                Some(Err(error)) => return Err(io_error("list", &directory.location, &error)),
                Some(Ok(entry)) => {
                    self.entry = Some(Entry {
                        name: entry.file_name(),
                        location: directory.location.clone(),
                        path: directory.path.join(entry.file_name()),
                    });
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Puts the entry into the page, or descends into it.
    fn place_entry(&mut self) -> Result<()> {
        let Some(entry) = &self.entry else {
            return Ok(());
        };
        let location = child_location(&entry.location, &entry.name)?;
        let metadata = match fs::metadata(&entry.path) {
            Ok(metadata) => metadata,
            // Deleted since, or a link that leads nowhere or in a circle: there is no file.
            Err(error) if says_nothing_there(&error) || error.raw_os_error() == Some(libc::ELOOP) => {
                return Ok(());
            }
            Err(error) => return Err(io_error("list", &location, &error)),
        };
        if !(self.recursive && metadata.is_dir()) {
            self.page.push(file_status(location, &metadata));
            return Ok(());
        }
        let own = match fs::symlink_metadata(&entry.path) {
            Ok(own) => own,
            Err(error) if says_nothing_there(&error) => return Ok(()),
            Err(error) => return Err(io_error("list", &location, &error)),
        };
        if own.is_dir() {
            match fs::read_dir(&entry.path) {
                Ok(entries) => {
                    let path = entry.path.clone();
                    self.directories.push(Directory {
                        location,
                        path,
                        entries,
                    });
                }
                Err(error) if says_nothing_there(&error) => {}
                Err(error) => return Err(io_error("list", &location, &error)),
            }
        }
        Ok(())
    }
}
