//! [`Script`]: what a writer does, step by step, when nothing goes wrong.

use plugin_api::CreateOptions;

/// The size of the first parts, in bytes.
pub(crate) const PART: usize = 1 << 10;

/// More than any part that a recovered writer fills: those behind the gap of numbers are larger.
pub(crate) const LATE_PART: usize = 300 << 10;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many bytes are written. Each life of the writer writes other ones.
    Write(usize),
    /// A checkpoint: from here the next life goes on.
    Persist,
    /// A checkpoint that is also kept for later, like a savepoint.
    Retain,
    /// The process dies. Once.
    Crash,
    /// The process dies, and the next life goes on from what was retained. Once.
    Rewind,
    /// The stream is closed in a process that lives on, and recovered from the last checkpoint. Once.
    Close,
    /// The stream is closed, and nothing was ever persisted.
    Abandon,
    /// The stream is closed for commit; the committer's state is a checkpoint.
    Finish,
    /// The stream is closed for commit, and its committer is in no checkpoint.
    FinishUnsaved,
    /// The stream is dropped; a committer is recovered from the last checkpoint.
    CommitterOfCheckpoint,
    /// What was finished is published.
    Commit,
    /// Another process recovers the committer and commits again, twice.
    CommitAgain,
    /// Another process recovers from the same checkpoint, writes so many bytes and finishes. Once.
    Rival(usize),
    /// It commits. Once.
    RivalCommits,
}

/// What a writer does, and on which kind of store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    pub(crate) name: &'static str,
    pub(crate) steps: &'static [Step],
    /// Whether the key is free at first and must not be taken by anybody else; otherwise an older object
    /// stands there, which is to be replaced.
    pub(crate) is_new: bool,
    /// Whether the store forgets completed uploads, so that a repeated completion is refused.
    pub(crate) forgets: bool,
    /// How often the client repeats a request.
    pub(crate) retries: u32,
}

impl Script {
    pub(crate) fn options(&self) -> CreateOptions {
        if self.is_new {
            CreateOptions::default()
        } else {
            CreateOptions::overwrite()
        }
    }

    /// The script with this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        SCRIPTS.iter().find(|script| script.name == name)
    }
}

use Step::{
    Abandon, Close, Commit, CommitAgain, CommitterOfCheckpoint, Crash, Finish, FinishUnsaved, Persist,
    Retain, Rewind, Rival, RivalCommits, Write,
};

/// Replaces an older object on a store that forgets completed uploads: the hardest case.
const USUAL: Script = Script {
    name: "",
    steps: &[],
    is_new: false,
    forgets: true,
    retries: 2,
};

/// All scripts.
pub(crate) const SCRIPTS: &[Script] = &[
    Script {
        name: "small",
        steps: &[Write(700), Finish, Commit],
        ..USUAL
    },
    Script {
        name: "small-new",
        steps: &[Write(50), Persist, Finish, Commit, CommitAgain],
        is_new: true,
        ..USUAL
    },
    Script {
        name: "empty",
        steps: &[Persist, Finish, Commit],
        is_new: true,
        retries: 0,
        ..USUAL
    },
    Script {
        name: "tail-only",
        steps: &[Write(300), Persist, Write(300), Crash, Write(200), Finish, Commit],
        ..USUAL
    },
    Script {
        name: "part-boundary",
        steps: &[Write(2 * PART), Persist, Finish, Commit],
        ..USUAL
    },
    Script {
        name: "parts-and-tail",
        steps: &[
            Write(PART + 100),
            Persist,
            Write(PART),
            Persist,
            Write(PART + 50),
            Finish,
            Commit,
        ],
        forgets: false,
        ..USUAL
    },
    Script {
        name: "crash",
        steps: &[
            Write(PART + 100),
            Persist,
            Write(PART),
            Crash,
            Write(500),
            Persist,
            Write(10),
            Finish,
            Commit,
        ],
        ..USUAL
    },
    Script {
        name: "crash-and-parts",
        steps: &[
            Write(PART + 100),
            Persist,
            Crash,
            Write(LATE_PART),
            Finish,
            Commit,
        ],
        retries: 0,
        ..USUAL
    },
    Script {
        name: "checkpoint-committed",
        steps: &[
            Write(PART + 100),
            Persist,
            Write(PART),
            CommitterOfCheckpoint,
            Commit,
        ],
        ..USUAL
    },
    Script {
        name: "close",
        steps: &[
            Write(PART + 100),
            Persist,
            Write(PART),
            Close,
            Write(50),
            Finish,
            Commit,
        ],
        ..USUAL
    },
    Script {
        name: "rival-first",
        steps: &[
            Write(PART + 100),
            Persist,
            Rival(600),
            Write(400),
            Finish,
            RivalCommits,
            Commit,
        ],
        ..USUAL
    },
    Script {
        name: "rival-last",
        steps: &[
            Write(PART + 100),
            Persist,
            Rival(400),
            Write(400),
            Finish,
            Commit,
            RivalCommits,
        ],
        forgets: false,
        ..USUAL
    },
    Script {
        name: "commit-again",
        steps: &[Write(PART + 5), Finish, Commit, CommitAgain],
        forgets: false,
        retries: 0,
        ..USUAL
    },
    Script {
        name: "new",
        steps: &[Write(PART + 5), Persist, Finish, Commit, CommitAgain],
        is_new: true,
        ..USUAL
    },
    Script {
        name: "abandoned",
        steps: &[Write(2 * PART + 9), Abandon],
        ..USUAL
    },
    Script {
        name: "retained",
        steps: &[
            Write(PART + 3),
            Retain,
            Write(PART + 30),
            Persist,
            Write(PART),
            Close,
            Write(20),
        ],
        ..USUAL
    },
    Script {
        name: "rewind",
        steps: &[
            Write(PART + 3),
            Retain,
            Write(PART + 30),
            Persist,
            Rewind,
            Write(70),
            Finish,
            Commit,
        ],
        ..USUAL
    },
    Script {
        name: "committer-not-saved",
        steps: &[Write(PART + 3), Persist, Write(30), FinishUnsaved, Commit, Crash],
        ..USUAL
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_have_names_of_their_own() {
        for (index, script) in SCRIPTS.iter().enumerate() {
            assert!(!script.name.is_empty());
            assert!(
                SCRIPTS[..index].iter().all(|other| other.name != script.name),
                "{}",
                script.name
            );
        }
    }
}
