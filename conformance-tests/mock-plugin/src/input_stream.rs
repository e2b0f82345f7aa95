//! [`MockInputStream`]: reads the version that was there when it was opened.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use plugin_api::{Error, ErrorKind, InputStream, Location, OpenOptions, Result, async_trait};

use crate::file_system::Session;
use crate::store::{is_a_directory, not_found};

/// The most that one read returns, so that callers meet short chunks.
const LONGEST_CHUNK: usize = 64 << 10;

/// Reads one version of a file.
pub(crate) struct MockInputStream {
    session: Arc<Session>,
    path: Location,
    /// `None` once closed.
    content: Option<Bytes>,
    len: u64,
    position: u64,
    chunk: usize,
}

impl MockInputStream {
    pub(crate) fn open(session: Arc<Session>, path: &Location, options: &OpenOptions) -> Result<Self> {
        let Some(file) = session.store.file(path) else {
            return Err(match session.store.status(path) {
                Ok(_) => is_a_directory(path),
                Err(_) => not_found(path),
            });
        };
        let etag = file.status(path.clone()).etag;
        let expected = match &options.status {
            Some(status) if options.if_match.is_empty() => &status.etag,
            _ => &options.if_match,
        };
        if !expected.is_empty() && *expected != etag {
            let message = format!("the file is now version {etag}, not {expected}");
            return Err(Error::new(ErrorKind::Changed, message)
                .with_path(path)
                .with_remedy("take its status again and decide anew"));
        }
        let chunk = match options.buffer_size {
            0 => LONGEST_CHUNK,
            size => LONGEST_CHUNK.min(size as usize),
        };
        Ok(Self::of(session, path, file.content, chunk))
    }

    /// Reads the record of calls.
    pub(crate) fn of_calls(session: Arc<Session>, path: &Location) -> Self {
        let content = session.store.calls.to_ndjson();
        Self::of(session, path, content, usize::MAX)
    }

    fn of(session: Arc<Session>, path: &Location, content: Bytes, chunk: usize) -> Self {
        Self {
            session,
            path: path.clone(),
            len: content.len() as u64,
            content: Some(content),
            position: 0,
            chunk,
        }
    }

    fn content(&self) -> Result<&Bytes> {
        self.content.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Closed, "the stream is closed").with_remedy("open a new stream")
        })
    }
}

fn beyond(what: &str, len: u64) -> Error {
    Error::new(
        ErrorKind::UnexpectedEof,
        format!("{what} is beyond the {len} bytes of the file"),
    )
    .with_remedy("stay within the length")
}

#[async_trait]
impl InputStream for MockInputStream {
    async fn read(&mut self, max: usize) -> Result<Bytes> {
        let chunk = self.session.call("read", &self.path, || {
            let content = self.content()?;
            let start = self.position as usize;
            Ok(content.slice(start..content.len().min(start.saturating_add(max.min(self.chunk)))))
        })?;
        self.position += chunk.len() as u64;
        Ok(chunk)
    }

    async fn read_ranges(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.session.call("read_ranges", &self.path, || {
            let content = self.content()?;
            let slice = |range: &Range<u64>| {
                if range.start > range.end || range.end > self.len {
                    let what = format!("the range {}..{}", range.start, range.end);
                    return Err(beyond(&what, self.len));
                }
                Ok(content.slice(range.start as usize..range.end as usize))
            };
            ranges.iter().map(slice).collect()
        })
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        let checked = if position > self.len {
            Err(beyond(&format!("the position {position}"), self.len))
        } else {
            self.content().map(drop)
        };
        checked.map_err(|error| error.with_operation("seek").with_path(&self.path))?;
        self.position = position;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn len(&self) -> u64 {
        self.len
    }

    async fn close(&mut self) -> Result<()> {
        self.content = None;
        Ok(())
    }
}
