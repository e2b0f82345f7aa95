//! [`StateFiles`]: the files that hold an engine's state, as globs name them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use host_loader::plugin_api::{
    Error, ErrorKind, FileStatus, FileSystem, ListOptions, Lister, Location, OpenOptions, Result,
};

use super::key_pattern::KeyPattern;
use super::references::References;
use crate::failure::At as _;
use crate::session::Session;

const OPERATION: &str = "read state";

/// Files that are read at a time.
const CONCURRENT: usize = 8;

/// At most this much of each is in memory.
const CHUNK: usize = 256 << 10;

/// Looks at the whole state, before state that changes all the time is given up.
const LOOKS: usize = 8;

/// The files that hold an engine's state.
pub(super) struct StateFiles {
    globs: Vec<Glob>,
    /// Whether what seems to be compressed is searched all the same.
    pub(super) allow_compressed: bool,
}

/// One version of a file.
type Version = (String, u64, String, Option<SystemTime>);

/// What one look at the state came to.
#[derive(Default)]
struct Look {
    found: Vec<usize>,
    /// A file that was listed could not be read, because it was deleted or replaced meanwhile.
    changed: bool,
}

impl StateFiles {
    /// The files that these globs match. No request is made.
    pub(super) async fn new(session: &Session, globs: &[String], allow_compressed: bool) -> Result<Self> {
        let mut opened = Vec::with_capacity(globs.len());
        for text in globs {
            let (file_system, location) = session.open(text).await?;
            opened.push(Glob::new(text, file_system, &location));
        }
        Ok(Self {
            globs: opened,
            allow_compressed,
        })
    }

    /// Fails unless each glob matches a file.
    pub(super) async fn expect_some(&self) -> Result<()> {
        for glob in &self.globs {
            let mut files = glob.files().await?;
            while files.next_page().await?.is_some_and(|page| page.is_empty()) {}
            files.expect_some()?;
        }
        Ok(())
    }

    /// Searches every file for these ids: the indices of those that were found.
    ///
    /// A job goes on meanwhile: it writes new state and deletes older one, and a listing of several
    /// pages may show neither. So the state is listed at least twice, and again after a file was
    /// gone before it could be read; what was read before is not read again.
    pub(super) async fn search(&self, ids: &[&str]) -> Result<HashSet<usize>> {
        let references = References::to(ids)?;
        let mut known = HashSet::new();
        let mut found = HashSet::new();
        for number in 1..=LOOKS {
            let look = self.look(&references, &mut known).await?;
            found.extend(look.found);
            if number > 1 && !look.changed {
                return Ok(found);
            }
        }
        Err(Error::new(
            ErrorKind::Changed,
            "state files were deleted or replaced faster than they could be read",
        )
        .with_operation(OPERATION)
        .with_path(self.globs.first().map_or("", |glob| &glob.text))
        .with_remedy("run the command again, or name state that stays, such as retained checkpoints"))
    }

    async fn look(&self, references: &References, known: &mut HashSet<Version>) -> Result<Look> {
        let mut all = Look::default();
        for glob in &self.globs {
            let mut files = glob.files().await?;
            while let Some(page) = files.next_page().await? {
                let unread: Vec<_> = page
                    .into_iter()
                    .filter(|file| !known.contains(&version(file)))
                    .collect();
                let mut reads = stream::iter(unread)
                    .map(|file| async move {
                        let found = self.read(glob, references, &file).await?;
                        Ok::<_, Error>((file, found))
                    })
                    .buffer_unordered(CONCURRENT);
                while let Some((file, found)) = reads.try_next().await? {
                    match found {
                        Some(found) => {
                            all.found.extend(found);
                            known.insert(version(&file));
                        }
                        None => all.changed = true,
                    }
                }
            }
            files.expect_some()?;
        }
        Ok(all)
    }

    /// Searches one file; `None` if it is no longer the one that was listed.
    async fn read(
        &self,
        glob: &Glob,
        references: &References,
        file: &FileStatus,
    ) -> Result<Option<Vec<usize>>> {
        match self.search_file(glob, references, file).await {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Changed) => Ok(None),
            result => result.at(OPERATION, &file.location).map(Some),
        }
    }

    async fn search_file(
        &self,
        glob: &Glob,
        references: &References,
        file: &FileStatus,
    ) -> Result<Vec<usize>> {
        let options = OpenOptions {
            if_match: file.etag.clone(),
            status: Some(file.clone()),
            ..OpenOptions::default()
        };
        let mut input = glob.file_system.open(&file.location, &options).await?;
        let mut search = references.search();
        while input.position() < input.len() {
            let piece = input.read(CHUNK).await?;
            if piece.is_empty() {
                return Err(Error::new(
                    ErrorKind::UnexpectedEof,
                    format!("the content ends at byte {} of {}", input.position(), input.len()),
                ));
            }
            search.feed(&piece);
        }
        input.close().await?;
        match search.compression() {
            Some(kind) if !self.allow_compressed => Err(Error::new(
                ErrorKind::Unsupported,
                format!("it holds data that is compressed with {kind}, in which no id can be seen"),
            )
            .with_remedy(
                "name state that is not compressed, or add --allow-compressed if this one refers to no upload",
            )),
            _ => Ok(search.into_found()),
        }
    }
}

fn version(file: &FileStatus) -> Version {
    (
        file.location.to_string(),
        file.len,
        file.etag.clone(),
        file.modified,
    )
}

/// A glob and the file system that it is about.
struct Glob {
    text: String,
    file_system: Arc<dyn FileSystem>,
    /// What has to be listed.
    base: Location,
    pattern: KeyPattern,
}

impl Glob {
    fn new(text: &str, file_system: Arc<dyn FileSystem>, location: &Location) -> Self {
        let pattern = KeyPattern::new(location.key());
        let base = pattern
            .directory()
            .map_or_else(|| location.clone(), |directory| location.with_key(&directory));
        Self {
            text: text.to_owned(),
            file_system,
            base,
            pattern,
        }
    }

    async fn files(&self) -> Result<Matching<'_>> {
        let options = match self.pattern.directory() {
            Some(_) => ListOptions::recursive(),
            None => ListOptions::default(),
        };
        let lister = self.file_system.list(&self.base, &options).await;
        let lister = self.unless_missing(lister.map(Some))?;
        Ok(Matching {
            glob: self,
            lister,
            any: false,
        })
    }

    /// Nothing where there is nothing to list; a missing bucket stays an error.
    fn unless_missing<T>(&self, result: Result<Option<T>>) -> Result<Option<T>> {
        match result {
            Err(error) if error.kind() == ErrorKind::NotFound && error.service_code() != "NoSuchBucket" => {
                Ok(None)
            }
            result => result.at(OPERATION, &self.base),
        }
    }
}

/// The files that match a glob, page by page.
struct Matching<'a> {
    glob: &'a Glob,
    lister: Option<Box<dyn Lister>>,
    any: bool,
}

impl Matching<'_> {
    async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>> {
        let Some(lister) = &mut self.lister else {
            return Ok(None);
        };
        let page = lister.next_page().await;
        let Some(mut page) = self.glob.unless_missing(page)? else {
            return Ok(None);
        };
        page.retain(|status| status.is_file() && self.glob.pattern.matches(status.location.key()));
        self.any |= !page.is_empty();
        Ok(Some(page))
    }

    fn expect_some(&self) -> Result<()> {
        if self.any {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotFound, "no state file matches")
            .with_operation(OPERATION)
            .with_path(&self.glob.text)
            .with_remedy("correct it: `*` stays within a segment, and dir/** is everything below dir"))
    }
}
