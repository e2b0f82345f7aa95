//! The open streams of a registry.

use super::FileSystems;
use crate::streams::{OpenStream, StreamCounts};

impl FileSystems {
    /// Every stream that is open now: by file system in the order of their making, the longest open first. A stream
    /// is open until it is closed or dropped, and a recoverable one until its `close_for_commit` too.
    ///
    /// [`shutdown`](Self::shutdown) logs what is still open then.
    pub fn open_streams(&self) -> Vec<OpenStream> {
        self.0.streams.open()
    }

    /// What the streams of each file system have come to so far, also after a shutdown.
    pub fn stream_counts(&self) -> Vec<StreamCounts> {
        self.0.streams.counts()
    }

    /// Looks at the clock that the registry was [given](crate::FileSystemsBuilder::clock), which was set.
    pub fn clock_changed(&self) {
        self.0.streams.clock_changed();
    }
}
