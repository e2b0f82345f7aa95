//! [`Copies`]: one direction of bulk copies on one file system.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use plugin_api::{Bytes, CopyOptions, CopyProgress, CopyRequest, Error, ErrorKind, Location, NoProgress};
use tempfile::TempDir;

use crate::context::Context;
use crate::failure::{CaseResult, Failure, ensure_eq, expect_same};

/// Where files are copied from and to. A direction that a file system denies has to be Unsupported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Within,
    Down,
    Up,
}

/// One direction on one file system.
pub(super) struct Copies<'a> {
    pub(super) c: &'a Context,
    pub(super) direction: Direction,
    pub(super) local: TempDir,
}

pub(super) fn io(error: &std::io::Error) -> Failure {
    Failure::without_line(format!("the local disk: {error}"))
}

pub(super) fn local_location(path: &Path) -> CaseResult<Location> {
    let text = path
        .to_str()
        .ok_or_else(|| Failure::new("the temporary directory is not UTF-8"))?;
    Ok(Location::new("file", "", text.trim_start_matches('/'))?)
}

impl Copies<'_> {
    pub(super) fn local_path(&self, folder: &str, name: &str) -> PathBuf {
        self.local.path().join(folder).join(name)
    }

    pub(super) fn source(&self, name: &str) -> CaseResult<Location> {
        match self.direction {
            Direction::Up => local_location(&self.local_path("source", name)),
            _ => Ok(self.c.at(&format!("source/{name}"))),
        }
    }

    pub(super) fn target(&self, name: &str) -> CaseResult<Location> {
        match self.direction {
            Direction::Down => local_location(&self.local_path("target", name)),
            _ => Ok(self.c.at(&format!("target/{name}"))),
        }
    }

    pub(super) async fn put(&self, name: &str, content: &[u8]) -> CaseResult {
        if self.direction == Direction::Up {
            return write_local(&self.local_path("source", name), content);
        }
        self.c
            .write(&format!("source/{name}"), content.to_vec())
            .await
            .map(drop)
    }

    pub(super) async fn put_target(&self, name: &str, content: &[u8]) -> CaseResult {
        if self.direction == Direction::Down {
            return write_local(&self.local_path("target", name), content);
        }
        self.c
            .write(&format!("target/{name}"), content.to_vec())
            .await
            .map(drop)
    }

    pub(super) fn request(&self, source: &str, target: &str, size_hint: u64) -> CaseResult<CopyRequest> {
        Ok(CopyRequest {
            source: self.source(source)?,
            target: self.target(target)?,
            size_hint,
        })
    }

    pub(super) async fn copy(&self, names: &[(&str, &str)]) -> Result<(), Error> {
        let requests: CaseResult<Vec<_>> = names
            .iter()
            .map(|(source, target)| self.request(source, target, 0))
            .collect();
        let requests = requests.map_err(|failure| Error::new(ErrorKind::Other, failure.to_string()))?;
        self.copy_requests(&requests, &CopyOptions::default(), Box::new(NoProgress))
            .await
    }

    pub(super) async fn copy_requests(
        &self,
        requests: &[CopyRequest],
        options: &CopyOptions,
        progress: Box<dyn CopyProgress>,
    ) -> Result<(), Error> {
        self.c
            .fs()
            .bulk_copy()?
            .copy_files(requests, options, progress)
            .await
    }

    /// Every file that is in the target directory, by its name.
    pub(super) async fn targets(&self) -> CaseResult<BTreeMap<String, Bytes>> {
        let mut found = BTreeMap::new();
        if self.direction == Direction::Down {
            let root = self.local.path().join("target");
            collect(&root, &root, &mut found).map_err(|error| io(&error))?;
            return Ok(found);
        }
        for name in self.c.files().await? {
            if let Some(target) = name.strip_prefix("target/") {
                found.insert(target.to_owned(), self.c.read(&name).await?);
            }
        }
        Ok(found)
    }

    /// Fails unless these are all the files in the target directory.
    pub(super) async fn expect_targets(&self, expected: &BTreeMap<String, Bytes>) -> CaseResult {
        let found = self.targets().await?;
        let names: Vec<&String> = found.keys().collect();
        ensure_eq!(names, expected.keys().collect::<Vec<_>>(), "the targets");
        for (name, content) in expected {
            expect_same(&found[name], content, format_args!("the target {name:?}"))?;
        }
        Ok(())
    }

    /// Makes sources, copies them to the same names and checks all.
    pub(super) async fn round(&self, files: &BTreeMap<String, Bytes>) -> CaseResult {
        for (name, content) in files {
            self.put(name, content).await?;
        }
        let names: Vec<(&str, &str)> = files.keys().map(|name| (name.as_str(), name.as_str())).collect();
        self.copy(&names).await?;
        self.expect_targets(files).await
    }
}

pub(super) fn write_local(path: &Path, content: &[u8]) -> CaseResult {
    let directory = path
        .parent()
        .ok_or_else(|| Failure::new("a path without a directory"))?;
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(path, content))
        .map_err(|error| io(&error))
}

pub(super) fn collect(
    root: &Path,
    directory: &Path,
    found: &mut BTreeMap<String, Bytes>,
) -> std::io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, found)?;
        } else {
            let name = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            found.insert(name, fs::read(&path)?.into());
        }
    }
    Ok(())
}

pub(super) fn files<const N: usize>(files: [(&str, Bytes); N]) -> BTreeMap<String, Bytes> {
    files
        .into_iter()
        .map(|(name, content)| (name.to_owned(), content))
        .collect()
}
