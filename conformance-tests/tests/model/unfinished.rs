//! [`Unfinished`]: a file that is published by a commit, and what each call on it may come to.
//!
//! One stream leads: the one that was opened, or the newest that was recovered. What it does is certain
//! as long as the file is neither committed nor given up, and so is every state that covers a beginning
//! of what it has persisted. Whatever else still exists (a stream that others have recovered from, a
//! state that the leader has left behind by going back) may work or fail clearly; what it publishes is
//! exactly what it covers in either case (S-27, S-30).

use bytes::Bytes;
use plugin_api::{ErrorKind, WriteMode};

use crate::allowed::Allowed;
use crate::reference::Reference;

/// How a call may fail on something that does not lead any more.
const SUPERSEDED: &[ErrorKind] = &[
    ErrorKind::Conflict,
    ErrorKind::UploadGone,
    ErrorKind::Corrupt,
    ErrorKind::Changed,
];

const DIRECTORY_IN_THE_WAY: &[ErrorKind] = &[ErrorKind::IsADirectory, ErrorKind::NotADirectory];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Open,
    /// This version of the file at its path was published.
    Committed(u64),
    GivenUp,
}

/// A file that is published by a commit.
#[derive(Debug)]
pub(crate) struct Unfinished {
    pub(crate) path: &'static str,
    pub(crate) mode: WriteMode,
    /// The number of the reference.
    pub(crate) number: u64,
    pub(crate) fate: Fate,
    /// Counts the streams; the newest leads.
    pub(crate) leader: u64,
    /// What the leader has persisted.
    pub(crate) kept: Bytes,
    /// What was published last.
    pub(crate) published: Bytes,
    /// Whether a state exists that others may go on from.
    pub(crate) is_known: bool,
}

/// What a commit may come to.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) allowed: Allowed,
    /// Whether a success may leave the path as it is.
    pub(crate) may_leave: bool,
    /// Whether a success may publish.
    pub(crate) may_publish: bool,
}

impl Unfinished {
    fn leads(&self, reference: &Reference, stream: u64) -> bool {
        self.fate == Fate::Open && self.leader == stream && !reference.is_lost(self.number, self.path)
    }

    fn is_kept(&self, reference: &Reference, content: &[u8]) -> bool {
        let is_open = self.fate == Fate::Open && !reference.is_lost(self.number, self.path);
        is_open && self.kept.starts_with(content)
    }

    /// Whether the committed file is still there as it was published.
    fn stands(&self, reference: &Reference) -> bool {
        let version = reference.file(self.path).map(|file| file.version);
        matches!(self.fate, Fate::Committed(published) if version == Some(published))
    }

    /// Whether the committed file is still there, and begins with this content.
    fn stands_with(&self, reference: &Reference, content: &[u8]) -> bool {
        let file = reference.file(self.path);
        self.stands(reference) && file.is_some_and(|file| file.content.starts_with(content))
    }

    pub(crate) fn write(&self, reference: &Reference, stream: u64) -> Allowed {
        if self.leads(reference, stream) {
            Allowed::success()
        } else {
            Allowed::success().or(SUPERSEDED)
        }
    }

    /// `persist` and `close_for_commit`.
    pub(crate) fn store(&self, reference: &Reference, stream: u64) -> Allowed {
        if reference.is_lost(self.number, self.path) {
            Allowed::error(SUPERSEDED)
        } else {
            self.write(reference, stream)
        }
    }

    /// Going on from a state that covers `content`.
    ///
    /// A state that holds all of its bytes itself refers to nothing that could be gone: where the
    /// committed file was replaced, or the file was given up, it may be continued. So may one of a
    /// stream that went on past the commit of an older state; what it wrote cannot be committed.
    pub(crate) fn recover(&self, reference: &Reference, content: &[u8]) -> Allowed {
        let in_the_way: &[_] = if reference.meets_a_directory(self.path) {
            DIRECTORY_IN_THE_WAY
        } else {
            &[]
        };
        let allowed = match self.fate {
            _ if self.is_kept(reference, content) => Allowed::success(),
            Fate::Committed(_) if self.stands_with(reference, content) => {
                Allowed::error(&[ErrorKind::UploadGone])
            }
            _ if reference.is_lost(self.number, self.path) => Allowed::error(&[ErrorKind::UploadGone]),
            Fate::Open => Allowed::success().or(SUPERSEDED),
            Fate::Committed(_) | Fate::GivenUp => Allowed::success().or(&[ErrorKind::UploadGone]),
        };
        allowed.or(in_the_way)
    }

    /// Publishing what covers `content`: of the stream with that number, or of a state.
    /// `has_published` says that this committer itself has published before.
    pub(crate) fn commit(
        &self,
        reference: &Reference,
        content: &Bytes,
        stream: Option<u64>,
        has_published: bool,
    ) -> Commit {
        let there = reference.file(self.path).map(|file| &file.content);
        let is_same = there == Some(content);
        let replaceable = there.is_none() || self.mode == WriteMode::Overwrite;
        let certain = match stream {
            Some(stream) => self.leads(reference, stream),
            None => self.is_kept(reference, content),
        };
        let outcome = |allowed, may_leave, may_publish| Commit {
            allowed,
            may_leave,
            may_publish,
        };
        if self.stands(reference) {
            // Ours: a success, and left as it is. Another recovery of the file: refused (S-30), but for
            // one that has gone on, where that cannot be told.
            if is_same {
                return outcome(Allowed::success(), true, false);
            }
            let has_gone_on = stream.is_some() || !self.stands_with(reference, content);
            let replaces =
                self.mode == WriteMode::Overwrite && reference.rules.replaces_older_commits && has_gone_on;
            // The committer that was replaced in this way remembers that it has published.
            let allowed = Allowed::error(SUPERSEDED).or_success_if(replaces || has_published);
            return outcome(allowed, has_published, replaces);
        }
        if let Fate::Committed(_) = self.fate {
            // It was replaced or deleted since. The committer that published it may remember that it
            // did, and so may the store, which answers the repeated completion of an upload as the first.
            // What has no upload, and may replace what is there, may be published again: nothing tells
            // any more that it was (see `S3Committer`).
            let is_repeated = *content == self.published;
            let may_leave = has_published || is_repeated || is_same;
            let allowed = Allowed::error(SUPERSEDED)
                .or(if reference.meets_a_directory(self.path) {
                    DIRECTORY_IN_THE_WAY
                } else {
                    &[]
                })
                .or_success_if(may_leave || replaceable);
            return outcome(allowed, may_leave, replaceable);
        }
        if reference.meets_a_directory(self.path) {
            let marked = reference.rules.directories == crate::rules::Directories::Marked;
            let allowed = Allowed::error(SUPERSEDED)
                .or(DIRECTORY_IN_THE_WAY)
                .or_success_if(marked);
            return outcome(allowed, false, true);
        }
        if reference.is_lost(self.number, self.path) {
            // The bytes that are there already may be taken for ours.
            let allowed = Allowed::error(SUPERSEDED).or(&[ErrorKind::NotADirectory]);
            return outcome(allowed.or_success_if(is_same), is_same, false);
        }
        if !replaceable {
            let kinds: &[_] = if certain {
                &[ErrorKind::Conflict]
            } else {
                SUPERSEDED
            };
            return outcome(Allowed::error(kinds).or_success_if(is_same), is_same, false);
        }
        let kinds: &[_] = if certain { &[] } else { SUPERSEDED };
        outcome(Allowed::success().or(kinds), false, true)
    }
}
