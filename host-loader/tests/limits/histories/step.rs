//! [`Step`]: what may happen next in a history.

use proptest::prelude::*;

use crate::fake_store::{Answer, Way};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Input,
    Output,
    Recoverable,
    Recovered,
    Download(u32),
    Upload(u32),
}

impl Kind {
    pub(super) fn way(self) -> Way {
        match self {
            Self::Input | Self::Download(_) => Way::In,
            Self::Output | Self::Recoverable | Self::Recovered | Self::Upload(_) => Way::Out,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    Move,
    Seek,
    Flush,
    Persist,
    Close,
    Abort,
    Drop,
}

/// What happens next. A number chooses one of the users that are there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Start(Kind, Answer),
    Answer(usize, Answer),
    Tell(usize, Command),
    Cancel(usize),
    Pass(u64),
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![6 => Just(Answer::Works), 1 => Just(Answer::Fails), 2 => Just(Answer::Hangs)]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        4 => Just(Kind::Input),
        3 => Just(Kind::Output),
        2 => Just(Kind::Recoverable),
        1 => Just(Kind::Recovered),
        1 => (0_u32..4).prop_map(Kind::Download),
        1 => (0_u32..4).prop_map(Kind::Upload),
    ];
    let command = prop_oneof![
        6 => Just(Command::Move),
        1 => Just(Command::Seek),
        1 => Just(Command::Flush),
        1 => Just(Command::Persist),
        3 => Just(Command::Close),
        1 => Just(Command::Abort),
        2 => Just(Command::Drop),
    ];
    prop_oneof![
        5 => (kind, answer()).prop_map(|(kind, answer)| Step::Start(kind, answer)),
        4 => (any::<usize>(), answer()).prop_map(|(which, answer)| Step::Answer(which, answer)),
        8 => (any::<usize>(), command).prop_map(|(which, command)| Step::Tell(which, command)),
        1 => any::<usize>().prop_map(Step::Cancel),
        2 => (1_u64..3_000).prop_map(Step::Pass),
    ]
}
