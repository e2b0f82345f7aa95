//! [`Record`]: what is known of an open stream from outside, and [`OpenStream`], what is told of it.

use std::backtrace::Backtrace;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use plugin_api::{Error, Location};

use super::pool::{Direction, Pool};
use super::waiting;

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamKind {
    /// Reads a file.
    Input,
    /// Writes a file that is published when it is closed.
    Output,
    /// Writes a file that is published by a commit.
    Recoverable,
}

impl StreamKind {
    /// A short name for machines, such as `input`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Recoverable => "recoverable",
        }
    }

    pub(super) fn direction(self) -> Direction {
        match self {
            Self::Input => Direction::In,
            Self::Output | Self::Recoverable => Direction::Out,
        }
    }
}

impl fmt::Display for StreamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stream that is open.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenStream {
    /// The file.
    pub location: Location,
    /// What it is for.
    pub kind: StreamKind,
    /// How long it has been open.
    pub age: Duration,
    /// Bytes that it has read or written.
    pub bytes: u64,
    /// The `tracing` span that it was opened in with the place of that in the code, or "".
    pub span: String,
    /// Where it was opened. Only with the environment variable `FSPLUG_BACKTRACE` set, other than to `0`, when
    /// the registry was built.
    pub backtrace: Option<Arc<Backtrace>>,
}

impl fmt::Display for OpenStream {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} stream, open for {:.1?}, {} bytes",
            self.location, self.kind, self.age, self.bytes
        )?;
        match (self.span.as_str(), &self.backtrace) {
            ("", None) => f.write_str("; set FSPLUG_BACKTRACE=1 to see where it was opened"),
            ("", Some(_)) => Ok(()),
            (span, _) => write!(f, ", opened in {span}"),
        }
    }
}

/// An open stream of any kind.
pub(super) trait Registered: Send + Sync {
    fn record(&self) -> &Record;

    /// Ends it without closing it, and with it what its file system holds for it. False if it is in the middle of a
    /// call, which then ends it.
    fn reclaim(&self) -> bool;
}

/// What is known of an open stream from outside.
pub(super) struct Record {
    pub(super) pool: Arc<Pool>,
    pub(super) kind: StreamKind,
    pub(super) location: Location,
    opened: Instant,
    span: Option<&'static tracing::Metadata<'static>>,
    backtrace: Option<Arc<Backtrace>>,
    /// Both are written by one call at a time.
    bytes: AtomicU64,
    moves: AtomicU64,
    is_reclaimed: AtomicBool,
    is_closing: AtomicBool,
    /// Where it stood when it was reclaimed.
    pub(super) last_position: AtomicU64,
    /// Wakes the call that it is in the middle of.
    waker: AtomicWaker,
}

impl Record {
    /// Notes what is to be known of a stream that was opened just now.
    pub(super) fn new(pool: Arc<Pool>, kind: StreamKind, location: Location) -> Self {
        Self {
            kind,
            location,
            opened: pool.clock.now(),
            span: tracing::Span::current().metadata(),
            backtrace: pool.has_backtraces.then(|| Arc::new(Backtrace::force_capture())),
            pool,
            bytes: AtomicU64::new(0),
            moves: AtomicU64::new(0),
            is_reclaimed: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            last_position: AtomicU64::new(0),
            waker: AtomicWaker::new(),
        }
    }

    /// A call has moved so many bytes.
    pub(super) fn moved(&self, bytes: usize) {
        if bytes > 0 {
            self.bytes.store(self.bytes() + bytes as u64, Ordering::Relaxed);
            self.has_moved();
        }
    }

    /// A call has moved the position.
    pub(super) fn has_moved(&self) {
        self.moves.store(self.moves() + 1, Ordering::Relaxed);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Another number whenever it has moved.
    pub(super) fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    pub(super) fn set_closing(&self, is_closing: bool) {
        self.is_closing.store(is_closing, Ordering::Relaxed);
    }

    pub(super) fn is_reclaimed(&self) -> bool {
        self.is_reclaimed.load(Ordering::Acquire)
    }

    /// Makes the running call end, and fails every later one.
    pub(super) fn set_reclaimed(&self) {
        self.is_reclaimed.store(true, Ordering::Release);
    }

    pub(super) fn waker(&self) -> &AtomicWaker {
        &self.waker
    }

    pub(super) fn reclaimed(&self) -> Error {
        waiting::reclaimed(&self.pool, &self.location)
    }

    pub(super) fn tell(&self) -> OpenStream {
        OpenStream {
            location: self.location.clone(),
            kind: self.kind,
            age: self.pool.clock.now().saturating_duration_since(self.opened),
            bytes: self.bytes(),
            span: self.span.map(place_of).unwrap_or_default(),
            backtrace: self.backtrace.clone(),
        }
    }
}

fn place_of(span: &tracing::Metadata<'_>) -> String {
    match (span.file(), span.line()) {
        (Some(file), Some(line)) => format!("{} ({file}:{line})", span.name()),
        _ => span.name().to_owned(),
    }
}
