//! [`Tail`]: the end of what the process of a trial prints.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;

use rustix::fs::OFlags;

use super::process::BEGUN;

/// Bytes of an output that are kept.
const KEPT: usize = 2048;

/// The end of what a pipe brings.
pub(super) struct Tail {
    pipe: Option<File>,
    /// As much of the beginning as [`BEGUN`] is long.
    start: Vec<u8>,
    kept: VecDeque<u8>,
}

impl Tail {
    pub(super) fn of(pipe: Option<impl Into<OwnedFd>>) -> io::Result<Self> {
        let pipe = pipe.map(|pipe| File::from(pipe.into()));
        if let Some(pipe) = &pipe {
            // A process that the plugin has started may hold the other end for ever.
            rustix::fs::fcntl_setfl(pipe, OFlags::NONBLOCK)?;
        }
        Ok(Self {
            pipe,
            start: Vec::new(),
            kept: VecDeque::new(),
        })
    }

    /// Reads what is there now; not without end, if more comes all the time.
    pub(super) fn read_on(&mut self) {
        let mut buffer = [0; 4096];
        for _ in 0..64 {
            match self.pipe.as_mut().map(|pipe| pipe.read(&mut buffer)) {
                Some(Ok(read @ 1..)) => {
                    let missing = BEGUN.len().saturating_sub(self.start.len());
                    self.start.extend(&buffer[..read.min(missing)]);
                    self.kept.extend(&buffer[..read]);
                    let excess = self.kept.len().saturating_sub(KEPT);
                    self.kept.drain(..excess);
                }
                _ => return,
            }
        }
    }

    pub(super) fn begins_with(&self, text: &str) -> bool {
        self.start.starts_with(text.as_bytes())
    }

    pub(super) fn text(self) -> String {
        String::from_utf8_lossy(&Vec::from(self.kept)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn no_more_than_the_end_of_an_output_is_kept() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut tail = Tail::of(Some(OwnedFd::from(reader))).unwrap();
        for number in 0..100 {
            writer.write_all(&[number; 100]).unwrap();
            tail.read_on();
        }
        assert!(tail.begins_with("\0\0\0"));
        // The writer is still open: nothing waits for it.
        assert_eq!(tail.kept.len(), KEPT);
        assert_eq!(tail.kept.back(), Some(&99));
    }
}
