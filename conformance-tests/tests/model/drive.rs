//! [`Case`]: a sequence of operations on one system, each compared with the reference.

use plugin_api::{ErrorKind, Location, Recoverable};

use crate::allowed::Allowed;
use crate::operation::{Operation, SLOTS};
use crate::recoverables::{Held, State, Stream};
use crate::reference::Reference;
use crate::streams::{Reader, Writer};
use crate::systems::{Found, System};
use crate::unfinished::Unfinished;

/// Whether a step did anything, or how the system diverged.
pub(crate) type Step = Result<bool, String>;

/// A sequence of operations on one system.
pub(crate) struct Case<'a> {
    pub(crate) system: &'a System,
    pub(crate) reference: Reference,
    pub(crate) directory: Location,
    /// What was found in the store after the last step.
    found: Found,
    /// Tells the contents of this step from all others.
    pub(crate) seed: u64,
    pub(crate) readers: [Option<Reader>; SLOTS],
    pub(crate) writers: [Option<Writer>; SLOTS],
    pub(crate) unfinished: Vec<Unfinished>,
    pub(crate) streams: [Option<Stream>; SLOTS],
    pub(crate) states: [Option<State>; SLOTS],
    pub(crate) committers: [Option<Held>; SLOTS],
    /// Every state that was handed out.
    pub(crate) handed_out: Vec<Recoverable>,
}

/// Runs the operations on a system: how many did something, or where and how the system diverged.
pub(crate) async fn run(system: &System, operations: &[Operation]) -> Result<usize, String> {
    let mut case = Case::begin(system)
        .await
        .map_err(|why| format!("{} at the beginning: {why}", system.name))?;
    let mut number = 0;
    for (index, operation) in operations.iter().enumerate() {
        case.seed = 10 * index as u64;
        let step = match case.step(operation).await {
            Ok(done) => case.compare().await.map(|()| done),
            Err(why) => Err(why),
        };
        let done = step.map_err(|why| format!("{}, step {index}, {operation:?}: {why}", system.name))?;
        number += usize::from(done);
    }
    case.end()
        .await
        .map_err(|why| format!("{} at the end: {why}", system.name))?;
    Ok(number)
}

/// What a call that has to succeed returned.
pub(crate) fn must<T>(what: &str, result: Result<T, plugin_api::Error>) -> Result<T, String> {
    result.map_err(|error| format!("{what} failed ({}): {error}", error.kind()))
}

/// What a call of another client returned, which says nothing of the system.
pub(crate) fn foreign<T>(result: Result<T, Box<dyn std::error::Error>>) -> Result<T, String> {
    result.map_err(|error| format!("another client failed: {error}"))
}

pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    actual: &T,
    expected: &T,
) -> Result<(), String> {
    if actual == expected {
        return Ok(());
    }
    Err(format!("{what}: {actual:?}, and {expected:?} is right"))
}

impl<'a> Case<'a> {
    async fn begin(system: &'a System) -> Result<Self, String> {
        let directory = system.new_directory();
        if system.rules.has_real_directories() {
            must("mkdirs", system.fs.mkdirs(&directory).await)?;
        }
        Ok(Self {
            system,
            reference: Reference::new(system.rules),
            found: foreign(system.foreign.find(&directory).await)?,
            directory,
            seed: 0,
            readers: Default::default(),
            writers: Default::default(),
            unfinished: Vec::new(),
            streams: Default::default(),
            states: Default::default(),
            committers: Default::default(),
            handed_out: Vec::new(),
        })
    }

    /// The location of a path of this case.
    pub(crate) fn at(&self, path: &str) -> Location {
        self.directory
            .with_key(&format!("{}/{path}", self.directory.key()))
    }

    async fn step(&mut self, operation: &Operation) -> Step {
        match *operation {
            Operation::Create {
                path,
                mode,
                pieces,
                end,
            } => self.create(path, mode, pieces, end).await,
            Operation::Read { path, chunk } => self.read(path, chunk).await,
            Operation::Status { path } => self.status(path).await,
            Operation::Exists { path } => self.exists(path).await,
            Operation::List {
                path,
                recursive,
                page_size,
            } => self.list(path, recursive, page_size).await,
            Operation::Delete { path, recursive } => self.delete(path, recursive).await,
            Operation::Rename { from, to } => self.rename(from, to).await,
            Operation::Mkdirs { path } => self.mkdirs(path).await,
            Operation::OpenReader { slot, path } => self.open_reader(slot, path).await,
            Operation::ReadOn { slot, max } => self.read_on(slot, max).await,
            Operation::Seek { slot, sixteenths } => self.seek(slot, sixteenths),
            Operation::ReadRanges { slot, sixteenths } => self.read_ranges(slot, sixteenths).await,
            Operation::CloseReader { slot } => self.close_reader(slot).await,
            Operation::OpenWriter { slot, path, mode } => self.open_writer(slot, path, mode).await,
            Operation::Write { slot, len } => self.write(slot, len).await,
            Operation::Sync { slot } => self.sync(slot).await,
            Operation::EndWriter { slot, end } => self.end_writer(slot, end).await,
            Operation::ForeignPut { path, len } => self.foreign_put(path, len).await,
            Operation::ForeignDelete { path } => self.foreign_delete(path).await,
            Operation::ForeignMkdirs { path } => self.foreign_mkdirs(path).await,
            _ if !self.system.rules.resumes => Ok(false),
            Operation::Begin { slot, path, mode } => self.begin_file(slot, path, mode).await,
            Operation::Append { slot, len } => self.append(slot, len).await,
            Operation::Persist { slot, state } => self.persist(slot, state).await,
            Operation::Leave { slot, close } => self.leave(slot, close).await,
            Operation::CloseForCommit { slot, committer } => self.close_for_commit(slot, committer).await,
            Operation::Recover { state, slot } => self.recover(state, slot).await,
            Operation::RecoverForCommit { state, committer } => {
                self.recover_for_commit(state, committer).await
            }
            Operation::TakeState { committer, state } => self.take_state(committer, state),
            Operation::Commit {
                committer,
                after_recovery,
            } => self.commit(committer, after_recovery).await,
            Operation::GiveUp { state } => self.give_up(state).await,
        }
    }

    /// Compares everything that is in the store, and if that has changed what a listing shows.
    async fn compare(&mut self) -> Result<(), String> {
        let found = foreign(self.system.foreign.find(&self.directory).await)?;
        self.compare_found(&found)?;
        if found == self.found {
            return Ok(());
        }
        self.found = found;
        let listed = self.entries(&self.directory, true, 0).await?;
        let expected = self.reference.entries("", true);
        let has_directory = self.system.rules.has_real_directories() || self.reference.has_anything();
        let expected = if has_directory {
            Ok(expected)
        } else {
            Err(ErrorKind::NotFound)
        };
        same("afterwards, the listing", &listed, &expected)
    }

    fn compare_found(&self, found: &Found) -> Result<(), String> {
        let names = found.files.keys().collect::<Vec<_>>();
        same(
            "afterwards, the files in the store",
            &names,
            &self.reference.files.keys().collect(),
        )?;
        for (name, file) in &self.reference.files {
            let there = &found.files[name];
            if *there != file.content {
                let (actual, expected) = (there.len(), file.content.len());
                return Err(format!(
                    "afterwards, '{name}' has other bytes ({actual}) than it should have ({expected})"
                ));
            }
        }
        match &found.directories {
            Some(there) => same(
                "afterwards, the directories in the store",
                there,
                &self.reference.directories,
            ),
            None => Ok(()),
        }
    }

    /// Looks at everything through the plugin, and then removes it.
    async fn end(mut self) -> Result<(), String> {
        for path in self.reference.files.keys() {
            self.read(path, usize::MAX).await?;
        }
        for directory in self.reference.all_directories() {
            for path in [&directory, directory.trim_end_matches('/')] {
                if self.reference.is_directory(path) {
                    self.list(path, false, 0).await?;
                }
            }
        }
        self.give_everything_up().await?;
        self.compare().await?;
        self.system.foreign.no_upload_is_left(&self.directory)?;
        let expected = self.system.rules.has_real_directories() || self.reference.has_anything();
        let deleted = must("delete", self.system.fs.delete(&self.directory, true).await)?;
        same("the deletion of everything", &deleted, &expected)?;
        let status = self.system.fs.status(&self.directory).await;
        Allowed::error(&[ErrorKind::NotFound]).judge("status of what was deleted", status)?;
        Ok(())
    }
}
