//! Deliberate mistakes, with which the exploration of fault schedules shows that it would notice them, and
//! the end of chance, without which its runs could not be repeated.
//! Only in builds with debug assertions: the plugin as it is shipped has none of this.

use std::cell::Cell;

/// A mistake that real committers have made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// A commit takes whatever exists at the path for its own.
    ExistenceOnly,
    /// `recover_for_commit` forgets the bytes behind the last part.
    TailDropped,
    /// Closing a stream aborts its upload although a state refers to it.
    AbortOnClose,
}

thread_local! {
    static MADE: Cell<Option<Sabotage>> = const { Cell::new(None) };
    static HAS_FIXED_NUMBERS: Cell<bool> = const { Cell::new(false) };
}

/// Makes everything that runs on this thread commit this mistake, or none.
pub fn sabotage(mistake: Option<Sabotage>) {
    MADE.set(mistake);
}

/// Whether this mistake is to be made.
pub(crate) fn is(mistake: Sabotage) -> bool {
    MADE.get() == Some(mistake)
}

/// Lets every recovery on this thread leave the same gap of part numbers.
pub(crate) fn fix_part_numbers() {
    HAS_FIXED_NUMBERS.set(true);
}

/// Whether recoveries leave the same gap of part numbers.
pub(crate) fn has_fixed_part_numbers() -> bool {
    HAS_FIXED_NUMBERS.get()
}
