//! Sequences on which a system once diverged, as short as the search could make them.

use plugin_api::WriteMode::Overwrite;

use crate::operation::End::Close;
use crate::operation::Operation::{self, Create, Mkdirs, Rename};

/// Each with what it is about.
pub(crate) fn sequences() -> Vec<(&'static str, Vec<Operation>)> {
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
    ]
}
