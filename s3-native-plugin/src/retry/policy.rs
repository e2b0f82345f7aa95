//! [`RetryPolicy`]: the table, the delays and the limits of one client put together.
//!
//! Nothing here knows the SDK, the network or the clock: the time and the dice are arguments.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::pace::Pace;
use super::table::{self, Action, Failure, RequestClass, Row};
use super::token_bucket::TokenBucket;

/// What is decided after a failed attempt.
#[derive(Clone, Copy, Debug)]
pub struct Decision {
    /// The row of the failure.
    pub row: &'static Row,
    /// What the row says for the class of the request.
    pub action: Action,
    /// What is done about it.
    pub next: Next,
}

/// What is done after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another attempt after this delay.
    Again(Duration),
    /// The caller gets the error.
    GiveUp(Reason),
}

/// Why there is no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The table says so.
    Table,
    /// There were as many as are allowed.
    Attempts,
    /// The next one would begin after the deadline of the operation.
    Deadline,
    /// Too many requests of the client fail for more repetitions.
    Tokens,
}

impl Reason {
    /// As a part of an error's details; nothing where the error itself says enough.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table | Self::Attempts => "",
            Self::Deadline => "the next attempt would have begun after 's3.operation.timeout'",
            Self::Tokens => "too many requests to the store fail for more repetitions",
        }
    }
}

/// One operation while it is being tried.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// What a repetition may do.
    pub class: RequestClass,
    /// When all its attempts have to be over.
    pub deadline: Option<Instant>,
    /// Whether its credentials were already refreshed.
    pub refreshed: bool,
    /// Whether it already went to another region.
    pub redirected: bool,
    /// Whether it was already signed with the service's time.
    pub clock_corrected: bool,
}

/// An attempt that failed.
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    /// The first one of an operation is 1.
    pub number: u32,
    /// What it failed from.
    pub failure: Failure,
    /// How long the service wants to be left alone.
    pub retry_after: Option<Duration>,
    /// Whether what the table asks to change before a repetition, such as credentials or region, was changed.
    pub can_repair: bool,
}

/// The retry policy that all requests of a client share.
#[derive(Debug)]
pub struct RetryPolicy {
    max_retries: u32,
    backoff: Backoff,
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    tokens: TokenBucket,
    pace: Pace,
}

impl RetryPolicy {
    /// A policy that allows this many repetitions of each request.
    pub fn new(max_retries: u32, backoff: Backoff) -> Self {
        Self {
            max_retries,
            backoff,
            shared: Mutex::default(),
        }
    }

    /// How long an attempt has to wait before it is sent, whether it is the first or not.
    pub fn before_attempt(&self, now: Instant) -> Duration {
        self.shared().pace.delay(now).min(self.backoff.max)
    }

    /// An attempt succeeded.
    pub fn succeeded(&self, now: Instant) {
        let mut shared = self.shared();
        shared.tokens.reward();
        shared.pace.succeeded(now);
    }

    /// An attempt failed. `random` is in `0.0..1.0`.
    pub fn failed(&self, now: Instant, operation: &Operation, attempt: &Attempt, random: f64) -> Decision {
        let row = table::find(&attempt.failure);
        let action = row.action(operation.class);
        let mut shared = self.shared();
        if row.is_trouble() {
            shared.pace.failed(now);
        } else if attempt.failure.status != 0 {
            shared.pace.succeeded(now);
        }
        let again = match action {
            Action::Fail => false,
            Action::Retry | Action::Wait => true,
            Action::RefreshCredentials => attempt.can_repair && !operation.refreshed,
            Action::ChangeRegion => attempt.can_repair && !operation.redirected,
            Action::CorrectClock => attempt.can_repair && !operation.clock_corrected,
        };
        let next = if !again {
            Next::GiveUp(Reason::Table)
        } else if attempt.number > self.max_retries {
            Next::GiveUp(Reason::Attempts)
        } else {
            let delay = self
                .backoff
                .delay(action, attempt.number, attempt.retry_after, random);
            if operation
                .deadline
                .is_some_and(|deadline| now.checked_add(delay).is_none_or(|then| then >= deadline))
            {
                Next::GiveUp(Reason::Deadline)
            // What is repaired, is repaired once for an operation, and a crowd finds out at the same time.
            } else if action.is_transient() && !shared.tokens.take() {
                Next::GiveUp(Reason::Tokens)
            } else {
                Next::Again(delay)
            }
        };
        Decision { row, action, next }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
