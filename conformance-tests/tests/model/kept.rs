//! Sequences on which a system once diverged, as short as the search could make them.

use plugin_api::WriteMode::Overwrite;

use crate::operation::End::Close;
use crate::operation::Operation::{
    self, Append, Begin, CloseForCommit, Commit, Create, ForeignPut, Mkdirs, Persist, RecoverForCommit,
    Rename,
};

/// Each with what it is about.
pub(crate) fn sequences() -> Vec<(&'static str, Vec<Operation>)> {
    let commit = |committer| Commit {
        committer,
        after_recovery: false,
    };
    let file = |path| Create {
        path,
        mode: Overwrite,
        pieces: [1, 0, 0],
        end: Close,
    };
    vec![
        (
            "a directory renamed to nothing with a slash gets that name",
            vec![
                file("b/a/c"),
                Rename {
                    from: "b/a",
                    to: "a/b/",
                },
            ],
        ),
        (
            "a directory renamed to itself with a slash stays",
            vec![file("b/a"), Rename { from: "b/", to: "b" }],
        ),
        (
            "with directory markers, a directory does not go beside a file of its name",
            vec![file("b"), file("a/B"), Rename { from: "a", to: "b/" }],
        ),
        (
            "a directory does not replace one that has an empty directory in it",
            vec![
                Mkdirs { path: "a/b/c" },
                file("b/a"),
                Rename { from: "b", to: "a" },
            ],
        ),
        (
            "a file that was published and then replaced by somebody else was published",
            vec![
                Begin {
                    slot: 0,
                    path: "b/a/c",
                    mode: Overwrite,
                },
                Append { slot: 0, len: 65536 },
                Persist { slot: 0, state: 0 },
                RecoverForCommit {
                    state: 0,
                    committer: 0,
                },
                commit(0),
                ForeignPut {
                    path: "b/a/c",
                    len: 0,
                },
                CloseForCommit {
                    slot: 0,
                    committer: 1,
                },
                commit(1),
            ],
        ),
    ]
}
