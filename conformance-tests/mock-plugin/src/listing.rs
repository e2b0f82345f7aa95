//! [`MockLister`]: the pages of a listing, which shows what was there when it began.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use plugin_api::{FileStatus, ListOptions, Lister, Location, Result, async_trait};

use crate::file_system::Session;
use crate::store::not_found;

const DEFAULT_PAGE_SIZE: usize = 1000;

/// The pages of a listing.
pub(crate) struct MockLister {
    session: Arc<Session>,
    path: Location,
    entries: VecDeque<FileStatus>,
    page_size: usize,
}

impl MockLister {
    pub(crate) fn new(session: Arc<Session>, path: &Location, options: &ListOptions) -> Result<Self> {
        let tree = session.store.tree(path).ok_or_else(|| not_found(path))?;
        let entries = if options.recursive {
            tree.into_iter().filter(FileStatus::is_file).collect()
        } else {
            one_level(path, tree)
        };
        Ok(Self {
            session,
            path: path.clone(),
            entries,
            page_size: match options.page_size {
                0 => DEFAULT_PAGE_SIZE,
                size => size as usize,
            },
        })
    }
}

/// The files directly in a directory, and a directory for each first segment of the others.
fn one_level(path: &Location, tree: Vec<FileStatus>) -> VecDeque<FileStatus> {
    let prefix = path.directory_prefix();
    let (mut entries, mut directories) = (VecDeque::new(), BTreeSet::new());
    for status in tree {
        match status
            .location
            .key()
            .strip_prefix(&prefix)
            .and_then(|rest| rest.find('/'))
        {
            None => entries.push_back(status),
            Some(slash) => {
                let key = &status.location.key()[..=prefix.len() + slash];
                if directories.insert(key.to_owned()) {
                    entries.push_back(FileStatus::directory(path.with_key(key)));
                }
            }
        }
    }
    entries
}

#[async_trait]
impl Lister for MockLister {
    async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>> {
        let entries = &mut self.entries;
        self.session.call("next_page", &self.path, || {
            let page: Vec<_> = entries.drain(..self.page_size.min(entries.len())).collect();
            Ok((!page.is_empty()).then_some(page))
        })
    }
}
