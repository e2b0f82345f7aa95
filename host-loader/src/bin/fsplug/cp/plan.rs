//! [`Plan`]: what is copied where, worked out while copying.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures::stream::{self, Stream};
use host_loader::plugin_api::{
    Error, ErrorKind, FileStatus, FileSystem, ListOptions, Lister, Location, Result,
};

use crate::cli::CpArguments;
use crate::failure::At as _;
use crate::session::Session;

use super::local_name;
use super::overlap;
use super::progress::Progress;

/// One entry on its way: a file or the mark of a directory.
pub(super) struct Task {
    pub(super) source_system: Arc<dyn FileSystem>,
    pub(super) source: FileStatus,
    pub(super) target_system: Arc<dyn FileSystem>,
    pub(super) target: Location,
    /// The directory that the target lies in and must not be led out of.
    pub(super) root: Location,
}

/// A source of the command line.
struct Source {
    system: Arc<dyn FileSystem>,
    location: Location,
    /// Where it goes.
    target: Location,
    /// Whether source and target lie in one store.
    is_in_targets_store: bool,
}

/// The listing of a source directory.
struct Walk {
    system: Arc<dyn FileSystem>,
    directory: Location,
    lister: Box<dyn Lister>,
    page: std::vec::IntoIter<FileStatus>,
    target: Location,
}

/// What is still to be copied.
pub(super) struct Plan {
    sources: VecDeque<Source>,
    walk: Option<Walk>,
    target_system: Arc<dyn FileSystem>,
    recursive: bool,
}

impl Plan {
    /// Decides where each source goes. Nothing is copied, and of the sources nothing is asked yet:
    /// a wrong path or an unknown scheme shows before the first byte.
    pub(super) async fn new(session: &Session, arguments: &CpArguments) -> Result<Self> {
        let (target_system, target) = session.open(&arguments.target).await?;
        let into = arguments.sources.len() > 1
            || arguments.target.ends_with('/')
            || target.is_root()
            || is_directory(&*target_system, &target).await?;
        let mut sources = VecDeque::with_capacity(arguments.sources.len());
        let mut taken = HashSet::new();
        for argument in &arguments.sources {
            let (system, location) = session.open(argument).await?;
            let target = if into && !means_its_content(argument, &location) {
                below(&target, location.name(), &location)?
            } else {
                target.clone()
            };
            if !means_its_content(argument, &location) && !taken.insert(target.clone()) {
                let message = format!("another source has the same name and goes to '{target}' as well");
                return Err(
                    refusal(message, &location).with_remedy("copy one of them in a command of its own")
                );
            }
            sources.push_back(Source {
                is_in_targets_store: session.are_in_one_store(&location, &target),
                system,
                location,
                target,
            });
        }
        Ok(Self {
            sources,
            walk: None,
            target_system,
            recursive: arguments.recursive,
        })
    }

    /// The tasks, each made when it is asked for.
    pub(super) fn into_tasks(self, progress: &Progress) -> impl Stream<Item = Result<Task>> {
        stream::try_unfold(self, move |mut plan| async move {
            let task = plan.next().await?;
            match &task {
                Some(task) => progress.expect(task.source.len),
                None => progress.expect_no_more(),
            }
            Ok(task.map(|task| (task, plan)))
        })
    }

    async fn next(&mut self) -> Result<Option<Task>> {
        loop {
            if let Some(walk) = &mut self.walk {
                if let Some(status) = walk.next().await? {
                    return self.task_below(status).map(Some);
                }
                self.walk = None;
            }
            let Some(source) = self.sources.pop_front() else {
                return Ok(None);
            };
            let status = source.system.status(&source.location).await;
            let status = status.at("copy", &source.location)?;
            if !is_directory_mark(&status) {
                return self.task_of_file(source, status).map(Some);
            }
            self.walk = Some(self.start_walk(source).await?);
        }
    }

    fn task_of_file(&self, source: Source, status: FileStatus) -> Result<Task> {
        if source.is_in_targets_store && overlap::is_same_file(&source.location, &source.target) {
            return Err(refusal("source and target are the same file", &source.location)
                .with_remedy("name another target"));
        }
        Ok(Task {
            source_system: source.system,
            source: status,
            target_system: Arc::clone(&self.target_system),
            root: source.target.parent().unwrap_or_else(|| source.target.clone()),
            target: source.target,
        })
    }

    async fn start_walk(&self, source: Source) -> Result<Walk> {
        if !self.recursive {
            return Err(Error::new(ErrorKind::IsADirectory, "it is a directory")
                .with_operation("copy")
                .with_path(&source.location)
                .with_remedy("add -r to copy everything below it"));
        }
        if source.is_in_targets_store && overlap::is_inside(&source.location, &source.target) {
            let message = format!("'{}' lies in the directory that is copied", source.target);
            return Err(refusal(message, &source.location).with_remedy("name a target outside of it"));
        }
        let lister = source
            .system
            .list(&source.location, &ListOptions::recursive())
            .await
            .at("list", &source.location)?;
        Ok(Walk {
            system: source.system,
            directory: source.location,
            lister,
            page: Vec::new().into_iter(),
            target: source.target,
        })
    }

    /// The task of an entry of the current walk.
    fn task_below(&self, status: FileStatus) -> Result<Task> {
        let walk = self.walk.as_ref().expect("an entry comes from a walk");
        let prefix = walk.directory.directory_prefix();
        let Some(relative) = status.location.key().strip_prefix(&prefix) else {
            let message = format!("the listing has '{}', which is not below", status.location);
            return Err(Error::new(ErrorKind::Corrupt, message)
                .with_operation("list")
                .with_path(&walk.directory)
                .with_remedy("report this to the author of the plugin"));
        };
        let target = if is_directory_mark(&status) {
            match relative.strip_suffix('/').unwrap_or(relative) {
                "" => walk.target.clone(),
                directory => below(&walk.target, directory, &status.location)?,
            }
        } else {
            below(&walk.target, relative, &status.location)?
        };
        Ok(Task {
            source_system: Arc::clone(&walk.system),
            source: status,
            target_system: Arc::clone(&self.target_system),
            root: walk.target.clone(),
            target,
        })
    }
}

impl Walk {
    async fn next(&mut self) -> Result<Option<FileStatus>> {
        loop {
            if let Some(status) = self.page.next() {
                return Ok(Some(status));
            }
            match self.lister.next_page().await.at("list", &self.directory)? {
                Some(page) => self.page = page.into_iter(),
                None => return Ok(None),
            }
        }
    }
}

/// The location of `relative` below a target directory, byte for byte; refused where a local file
/// system would understand it otherwise.
fn below(target: &Location, relative: &str, source: &Location) -> Result<Location> {
    if target.scheme() == "file" {
        local_name::refuse_unless_safe(relative, source)?;
    }
    if relative.is_empty() {
        return Err(refusal("it has no name of its own", source)
            .with_remedy("give the whole name of the target, not only its directory"));
    }
    Ok(target.join(relative))
}

/// Whether this is a directory, or an empty object whose key ends with a slash: how object stores
/// keep an empty directory, which is a directory anywhere else.
pub(super) fn is_directory_mark(status: &FileStatus) -> bool {
    status.is_directory() || (status.len == 0 && status.location.key().ends_with('/'))
}

/// Whether a source stands for what is in it rather than for itself, as `dir/` and `.` do.
fn means_its_content(argument: &str, location: &Location) -> bool {
    let last = argument.rsplit('/').next().unwrap_or(argument);
    let is_dots = location.scheme() == "file" && matches!(last, "." | "..");
    location.is_root() || last.is_empty() || is_dots
}

/// Whether a target is a directory that exists. Who may write but not look is told by the writing.
async fn is_directory(file_system: &dyn FileSystem, target: &Location) -> Result<bool> {
    match file_system.status(target).await {
        Ok(status) => Ok(status.is_directory()),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied => Ok(false),
            _ => Err(error.with_operation("copy").with_path(target)),
        },
    }
}

fn refusal(message: impl Into<String>, path: &Location) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
        .with_operation("copy")
        .with_path(path)
}
