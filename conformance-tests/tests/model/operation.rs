//! [`Operation`]: one step of a sequence, and how sequences are made up.
//!
//! There are few names, so that they meet: each is now a file, now a directory, now below a file. The
//! text of an operation in a failure is Rust, to be kept in `kept.rs`.

use bytes::Bytes;
use plugin_api::WriteMode;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::LazyLock;

/// The part size of uploads where a plugin can be told, in bytes: files around it change their shape.
pub(crate) const PART: usize = 64 << 10;

/// Things of one kind that may be open at a time.
pub(crate) const SLOTS: usize = 2;

/// How a stream that writes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Close,
    Abort,
    Drop,
}

/// One step. A number that is called a slot names one of the things that stay open between steps; a
/// step on an empty slot does nothing and is not counted.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// A file is written in pieces of these lengths.
    Create {
        path: &'static str,
        mode: WriteMode,
        pieces: [usize; 3],
        end: End,
    },
    /// A file is read from its first byte to its last, in chunks of at most this length.
    Read {
        path: &'static str,
        chunk: usize,
    },
    Status {
        path: &'static str,
    },
    Exists {
        path: &'static str,
    },
    List {
        path: &'static str,
        recursive: bool,
        page_size: u32,
    },
    Delete {
        path: &'static str,
        recursive: bool,
    },
    Rename {
        from: &'static str,
        to: &'static str,
    },
    Mkdirs {
        path: &'static str,
    },

    /// A stream that reads. Others may replace its file.
    OpenReader {
        slot: usize,
        path: &'static str,
    },
    ReadOn {
        slot: usize,
        max: usize,
    },
    /// To so many 16ths of the length; 17 is beyond the end.
    Seek {
        slot: usize,
        sixteenths: u64,
    },
    /// Ranges between 16ths of the length; 17 is beyond the end.
    ReadRanges {
        slot: usize,
        sixteenths: [(u64, u64); 2],
    },
    CloseReader {
        slot: usize,
    },

    /// A stream that writes.
    OpenWriter {
        slot: usize,
        path: &'static str,
        mode: WriteMode,
    },
    Write {
        slot: usize,
        len: usize,
    },
    Sync {
        slot: usize,
    },
    EndWriter {
        slot: usize,
        end: End,
    },

    /// A stream whose file is published by a commit.
    Begin {
        slot: usize,
        path: &'static str,
        mode: WriteMode,
    },
    Append {
        slot: usize,
        len: usize,
    },
    Persist {
        slot: usize,
        state: usize,
    },
    /// The stream is dropped, as by the death of a process, or closed.
    Leave {
        slot: usize,
        close: bool,
    },
    CloseForCommit {
        slot: usize,
        committer: usize,
    },
    Recover {
        state: usize,
        slot: usize,
    },
    RecoverForCommit {
        state: usize,
        committer: usize,
    },
    TakeState {
        committer: usize,
        state: usize,
    },
    Commit {
        committer: usize,
        after_recovery: bool,
    },
    GiveUp {
        state: usize,
    },

    /// What another client does in the store, behind the plugin's back.
    ForeignPut {
        path: &'static str,
        len: usize,
    },
    ForeignDelete {
        path: &'static str,
    },
    ForeignMkdirs {
        path: &'static str,
    },
}

/// `len` bytes, others for each seed.
pub(crate) fn content(len: usize, seed: u64) -> Bytes {
    static SOURCE: LazyLock<Bytes> = LazyLock::new(|| {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let numbers = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.rotate_left(17).to_le_bytes()
        });
        numbers.take(2 << 17).flatten().collect()
    });
    let from = (seed.wrapping_mul(7919) % (1 << 20)) as usize;
    SOURCE.slice(from..from + len)
}

/// The names that most steps are about.
const COMMON: &[&str] = &["a", "b", "a/b", "a/c", "a/b/c", "b/a", "b/a/c"];

/// Names that encodings, normalisation or sorting could confuse with others.
const ODD: &[&str] = &[
    "a ",
    "a b",
    "a+b",
    "a%2Fb",
    "%2F",
    "%",
    "#",
    "?x=y",
    "a.b",
    "a-",
    "A",
    "ab",
    "a/B",
    "a/\u{e9}",
    "a/e\u{301}",
    "a/b c/d",
    "b/%2F/+",
    "a//b",
    "a/./b",
    "b/&<>\"'",
    "\u{1f600}",
];

const DIRECTORIES: &[&str] = &["a/", "b/", "a/b/", "b/a/"];

/// The path of a file.
fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![5 => select(COMMON), 1 => select(ODD)]
}

/// The path of a file or directory.
fn path() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => select(COMMON), 2 => select(ODD), 2 => select(DIRECTORIES)]
}

fn len() -> impl Strategy<Value = usize> {
    prop_oneof![
        2 => Just(0),
        5 => 1..100_usize,
        1 => prop_oneof![Just(PART - 1), Just(PART), Just(PART + 1)],
        1 => 1..3 * PART,
    ]
}

fn mode() -> impl Strategy<Value = WriteMode> {
    prop_oneof![Just(WriteMode::NoOverwrite), Just(WriteMode::Overwrite)]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![6 => Just(End::Close), 1 => Just(End::Abort), 1 => Just(End::Drop)]
}

fn slot() -> std::ops::Range<usize> {
    0..SLOTS
}

/// A step on files and directories that leaves nothing open.
fn verb() -> impl Strategy<Value = Operation> {
    let pieces = prop_oneof![
        3 => len().prop_map(|only| [only, 0, 0]),
        1 => [len(), len(), len()],
    ];
    prop_oneof![
        6 => (name(), mode(), pieces, end())
            .prop_map(|(path, mode, pieces, end)| Operation::Create { path, mode, pieces, end }),
        2 => (path(), prop_oneof![Just(usize::MAX), 1..2 * PART])
            .prop_map(|(path, chunk)| Operation::Read { path, chunk }),
        1 => path().prop_map(|path| Operation::Status { path }),
        1 => path().prop_map(|path| Operation::Exists { path }),
        2 => (path(), any::<bool>(), 0..4_u32)
            .prop_map(|(path, recursive, page_size)| Operation::List { path, recursive, page_size }),
        2 => (path(), any::<bool>()).prop_map(|(path, recursive)| Operation::Delete { path, recursive }),
        3 => (path(), path()).prop_map(|(from, to)| Operation::Rename { from, to }),
        2 => path().prop_map(|path| Operation::Mkdirs { path }),
    ]
}

fn on_a_reader() -> impl Strategy<Value = Operation> {
    let range = (0..18_u64, 0..18_u64).prop_map(|(one, other)| (one.min(other), one.max(other)));
    prop_oneof![
        3 => (slot(), path()).prop_map(|(slot, path)| Operation::OpenReader { slot, path }),
        4 => (slot(), prop_oneof![Just(0), 1..100_usize, Just(usize::MAX)])
            .prop_map(|(slot, max)| Operation::ReadOn { slot, max }),
        1 => (slot(), 0..18_u64).prop_map(|(slot, sixteenths)| Operation::Seek { slot, sixteenths }),
        1 => (slot(), [range.clone(), range])
            .prop_map(|(slot, sixteenths)| Operation::ReadRanges { slot, sixteenths }),
        1 => slot().prop_map(|slot| Operation::CloseReader { slot }),
    ]
}

fn on_a_writer() -> impl Strategy<Value = Operation> {
    prop_oneof![
        2 => (slot(), name(), mode())
            .prop_map(|(slot, path, mode)| Operation::OpenWriter { slot, path, mode }),
        2 => (slot(), len()).prop_map(|(slot, len)| Operation::Write { slot, len }),
        1 => slot().prop_map(|slot| Operation::Sync { slot }),
        2 => (slot(), end()).prop_map(|(slot, end)| Operation::EndWriter { slot, end }),
    ]
}

fn on_a_recoverable() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (slot(), name(), mode()).prop_map(|(slot, path, mode)| Operation::Begin { slot, path, mode }),
        4 => (slot(), len()).prop_map(|(slot, len)| Operation::Append { slot, len }),
        4 => (slot(), slot()).prop_map(|(slot, state)| Operation::Persist { slot, state }),
        1 => (slot(), any::<bool>()).prop_map(|(slot, close)| Operation::Leave { slot, close }),
        3 => (slot(), slot()).prop_map(|(slot, committer)| Operation::CloseForCommit { slot, committer }),
        2 => (slot(), slot()).prop_map(|(state, slot)| Operation::Recover { state, slot }),
        2 => (slot(), slot())
            .prop_map(|(state, committer)| Operation::RecoverForCommit { state, committer }),
        1 => (slot(), slot()).prop_map(|(committer, state)| Operation::TakeState { committer, state }),
        6 => (slot(), any::<bool>())
            .prop_map(|(committer, after_recovery)| Operation::Commit { committer, after_recovery }),
        1 => slot().prop_map(|state| Operation::GiveUp { state }),
    ]
}

fn by_another_client() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => (name(), len()).prop_map(|(path, len)| Operation::ForeignPut { path, len }),
        2 => name().prop_map(|path| Operation::ForeignDelete { path }),
        1 => name().prop_map(|path| Operation::ForeignMkdirs { path }),
    ]
}

/// A sequence of steps: of all kinds, or mostly about files that are published by a commit, which take
/// many steps to come to an end.
pub(crate) fn sequence() -> impl Strategy<Value = Vec<Operation>> {
    let mixed = prop_oneof![
        10 => verb(),
        4 => on_a_reader(),
        3 => on_a_writer(),
        4 => on_a_recoverable(),
        3 => by_another_client(),
    ];
    let recoverable = prop_oneof![
        16 => on_a_recoverable(),
        2 => verb(),
        1 => by_another_client(),
    ];
    prop_oneof![
        2 => prop::collection::vec(mixed, 1..60),
        1 => prop::collection::vec(recoverable, 1..60),
    ]
}
