//! [`Output`]: standard output as lines of text, JSON records or the content of files.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;

use serde::Serialize;

use crate::failure::{Failure, printable};

/// Standard output, buffered, without the line-wise writing of [`io::Stdout`].
pub(crate) struct Output {
    writer: BufWriter<File>,
    json: bool,
    terminal: bool,
    failed: bool,
}

impl Output {
    /// Standard output of the process.
    pub(crate) fn stdout(json: bool) -> io::Result<Self> {
        let stdout = io::stdout();
        let file = File::from(stdout.as_fd().try_clone_to_owned()?);
        Ok(Self {
            writer: BufWriter::with_capacity(64 << 10, file),
            json,
            terminal: stdout.is_terminal(),
            failed: false,
        })
    }

    /// Whether results are JSON records.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether writing failed before, so that nothing can be told here any more.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Writes a line of text. A terminal gets control characters escaped, everything else the names
    /// as they are.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        let result = if self.terminal {
            writeln!(self.writer, "{}", printable(text))
        } else {
            writeln!(self.writer, "{text}")
        };
        self.noted(result)
    }

    /// Writes a line of JSON.
    pub(crate) fn record(&mut self, record: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_vec(record).map_err(io::Error::from);
        let result = line.and_then(|mut line| {
            line.push(b'\n');
            self.writer.write_all(&line)
        });
        self.noted(result)
    }

    /// Writes content of a file.
    pub(crate) fn content(&mut self, content: &[u8]) -> Result<(), Failure> {
        let result = self.writer.write_all(content);
        self.noted(result)
    }

    /// Hands on what is buffered.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let result = self.writer.flush();
        self.noted(result)
    }

    fn noted(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        result.map_err(|error| {
            self.failed = true;
            Failure::of_stdout(error)
        })
    }
}
