//! Copies and what they leave: requests, progress that remembers, directory trees.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use plugin_api::{CopyOptions, CopyProgress, CopyRequest, FileSystem, Location, Result};

use crate::fixture::location;

/// Where a local file is.
pub(crate) fn local(directory: &Path, name: &str) -> Location {
    let directory = directory.to_str().unwrap().trim_start_matches('/');
    Location::new("file", "", &format!("{directory}/{name}")).unwrap()
}

pub(crate) fn request(source: Location, target: Location, size_hint: u64) -> CopyRequest {
    CopyRequest {
        source,
        target,
        size_hint,
    }
}

/// A key of the bucket to a name below a directory.
pub(crate) fn down(key: &str, directory: &Path, name: &str) -> CopyRequest {
    request(location(key), local(directory, name), 0)
}

/// No target may lead out of this directory.
pub(crate) fn rooted(directory: &Path) -> CopyOptions {
    let mut options = CopyOptions::default();
    let root = Location::new("file", "", directory.to_str().unwrap().trim_start_matches('/')).unwrap();
    options.extensions.set("copy.root", root.as_str(), true);
    options
}

/// What was reported: by request the bytes, and how often it was finished.
#[derive(Clone, Default)]
pub(crate) struct Reports(Arc<Mutex<BTreeMap<usize, (u64, u32)>>>);

impl CopyProgress for Reports {
    fn advanced(&self, request: usize, bytes: u64) {
        self.0.lock().unwrap().entry(request).or_default().0 += bytes;
    }

    fn finished(&self, request: usize) {
        self.0.lock().unwrap().entry(request).or_default().1 += 1;
    }
}

impl Reports {
    pub(crate) fn all(&self) -> Vec<(u64, u32)> {
        self.0.lock().unwrap().values().copied().collect()
    }
}

/// Does something at the first bytes.
pub(crate) struct AtFirst<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send + 'static> AtFirst<F> {
    pub(crate) fn new(act: F) -> Self {
        Self(Mutex::new(Some(act)))
    }
}

impl<F: FnOnce() + Send + 'static> CopyProgress for AtFirst<F> {
    fn advanced(&self, _request: usize, _bytes: u64) {
        if let Some(act) = self.0.lock().unwrap().take() {
            act();
        }
    }

    fn finished(&self, _request: usize) {}
}

pub(crate) async fn copy(fs: &Arc<dyn FileSystem>, requests: &[CopyRequest]) -> Result<Reports> {
    copy_with(fs, requests, &CopyOptions::default()).await
}

pub(crate) async fn copy_with(
    fs: &Arc<dyn FileSystem>,
    requests: &[CopyRequest],
    options: &CopyOptions,
) -> Result<Reports> {
    let reports = Reports::default();
    let progress = Box::new(reports.clone());
    fs.bulk_copy()?.copy_files(requests, options, progress).await?;
    Ok(reports)
}

/// Everything below a directory, hidden names too: the content of files, `None` for directories.
/// Links are named with what they point to.
pub(crate) fn tree(directory: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_symlink() {
                let to = fs::read_link(&path).unwrap();
                found.insert(format!("{name} -> {}", to.display()), None);
            } else if kind.is_dir() {
                found.insert(name, None);
                open.push(path);
            } else {
                found.insert(name, Some(fs::read(&path).unwrap()));
            }
        }
    }
    found
}

/// The names of the files of a tree.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    tree(directory)
        .into_iter()
        .filter_map(|(name, content)| content.map(|_| name))
        .collect()
}

/// Waits for what happens in the background.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::task::yield_now().await;
    }
}
