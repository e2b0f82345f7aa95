//! [`S3InputStream`]: reads one version of one object.
//!
//! One GET runs from the position to the end of the object and is read frame by frame as the
//! caller asks for more, so that memory is bounded by one frame. It carries the entity tag of the
//! version that was opened. When it breaks, another one goes on at the same byte. A read in order
//! that waits for the network fetches the ranges ahead in parallel ([`prefetch`]), and a read of the
//! whole object ends only if its checksum is right ([`checksum`]).

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use plugin_api::{
    Error, ErrorKind, FileKind, FileStatus, InputStream, Location, OpenOptions, OptionValue, Result,
    async_trait,
};

use crate::bucket::Bucket;
use crate::{listing, status};

mod attempts;
mod checksum;
mod object;
mod prefetch;
mod range_reader;
mod ranges;

use attempts::Attempts;
use checksum::Verifier;
use object::{Object, ObjectBody};
use prefetch::{Limits, Mode, Pace, Prefetch};

/// The option of `open` that tells whether the file is read from front to back: 1 or `true` to fetch
/// ahead at once, 0 or `false` never to do so. Without it the stream finds out.
pub(crate) const SEQUENTIAL: &str = "read.sequential";

/// Reads one version of one object.
pub(crate) struct S3InputStream {
    object: Arc<Object>,
    position: u64,
    /// The open GET; what it yields next begins at or before the position, or it is replaced.
    body: Option<ObjectBody>,
    /// What is fetched in parallel; the body goes on until its beginning.
    ahead: Option<Prefetch>,
    limits: Limits,
    pace: Pace,
    /// The bytes received last, from `frame_start` on.
    frame: Bytes,
    frame_start: u64,
    /// The sum since the beginning of the object, if there is a checksum to compare it with.
    verifier: Option<Verifier>,
    /// The object has turned out to be damaged.
    damaged: Option<Error>,
    attempts: Attempts,
    closed: bool,
}

/// Opens the file at `path`; nothing is read yet.
pub(crate) async fn open(
    bucket: Arc<Bucket>,
    path: &Location,
    options: &OpenOptions,
) -> Result<Box<dyn InputStream>> {
    let mode = mode(options).map_err(|error| error.with_operation("open").with_path(path))?;
    let (file, seen) = match &options.status {
        Some(known) => (known.clone(), false),
        None => (find(&bucket, path).await?, true),
    };
    if file.kind == FileKind::Directory {
        return Err(Error::new(ErrorKind::IsADirectory, "a directory cannot be read")
            .with_operation("open")
            .with_path(path)
            .with_remedy("list it, and open a file in it"));
    }
    let etag = match (options.if_match.as_str(), file.etag.as_str()) {
        ("", etag) => etag,
        (wanted, "") => wanted,
        (wanted, etag) if object::same_etag(wanted, etag) => etag,
        (wanted, etag) => {
            return Err(
                object::changed(path, &format!("its entity tag is {etag} and not {wanted}"))
                    .with_operation("open"),
            );
        }
    };
    let attempts = Attempts::new(&bucket);
    let object = Object::new(bucket, path.clone(), file.len, etag, seen);
    Ok(Box::new(S3InputStream {
        attempts,
        position: 0,
        body: None,
        ahead: None,
        limits: Limits::new(&object, mode, options.buffer_size),
        pace: Pace::new(),
        frame: Bytes::new(),
        frame_start: 0,
        verifier: None,
        damaged: None,
        closed: false,
        object: Arc::new(object),
    }))
}

/// Whether to fetch ahead, as the caller sees it.
fn mode(options: &OpenOptions) -> Result<Mode> {
    match options.extensions.get(SEQUENTIAL).map(|option| &option.value) {
        None => Ok(Mode::Measured),
        Some(OptionValue::Number(1)) => Ok(Mode::Always),
        Some(OptionValue::Number(0)) => Ok(Mode::Never),
        Some(OptionValue::Text(text)) if text == "true" => Ok(Mode::Always),
        Some(OptionValue::Text(text)) if text == "false" => Ok(Mode::Never),
        Some(_) => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("the option '{SEQUENTIAL}' must be true or false"),
        )
        .with_remedy("leave it out to let the stream find out")),
    }
}

async fn find(bucket: &Bucket, path: &Location) -> Result<FileStatus> {
    if path.is_root() || path.key().ends_with('/') {
        return status::status(bucket, "open", path).await;
    }
    if let Some(file) = status::head(bucket, "open", path).await? {
        return Ok(file);
    }
    if listing::probe(bucket, "open", path, 1).await?.is_empty() {
        return Err(status::not_found("open", path));
    }
    Ok(FileStatus::directory(path.clone()))
}

impl S3InputStream {
    /// The bytes at the position that have been received already.
    fn received(&self) -> Bytes {
        match self.position.checked_sub(self.frame_start) {
            Some(skip) if skip < self.frame.len() as u64 => self.frame.slice(skip as usize..),
            _ => Bytes::new(),
        }
    }

    /// The bytes at the position, at least one; the position must be before the end.
    ///
    /// All that is received is kept in `self` before anything is awaited again, so a cancelled call
    /// loses nothing.
    async fn fill(&mut self) -> Result<Bytes> {
        loop {
            let received = self.received();
            if !received.is_empty() {
                return Ok(received);
            }
            if let Some(error) = &self.damaged {
                return Err(error.clone());
            }
            self.frame = Bytes::new();
            if self.is_ahead() {
                self.body = None;
                self.take_from_ahead().await?;
            } else {
                self.take_from_body().await?;
            }
        }
    }

    /// Whether the ranges ahead have what is at the position. If they are of no use for it, they are
    /// given up.
    fn is_ahead(&mut self) -> bool {
        let Some(ahead) = &self.ahead else {
            return false;
        };
        let range = ahead.range();
        if range.contains(&self.position) {
            return true;
        }
        let near = self.position < range.start && range.start - self.position <= self.reach();
        if !near {
            self.ahead = None;
        }
        false
    }

    async fn take_from_ahead(&mut self) -> Result<()> {
        let Some(ahead) = &mut self.ahead else {
            return Ok(());
        };
        match ahead.next_frame(self.position).await {
            Ok(Some((start, frame))) => self.take_in(start, frame),
            // One request goes on.
            Ok(None) => {
                self.ahead = None;
                Ok(())
            }
            Err(error) => {
                self.ahead = None;
                Err(error)
            }
        }
    }

    async fn take_from_body(&mut self) -> Result<()> {
        let reach = self.reach();
        let body = match &mut self.body {
            Some(body) if body.reaches(self.position, reach) => body,
            stale => {
                if stale.take().is_some() {
                    self.pace = Pace::new();
                }
                self.attempts.wait().await;
                // As far as the ranges ahead, which have the rest.
                let end = self.ahead.as_ref().map(|ahead| ahead.range().start);
                let body = self.object.get(self.position, end).await?;
                if let Some(checksum) = body.checksum() {
                    self.verifier = Some(Verifier::new(checksum));
                }
                let is_open = end.is_none();
                let next = body.next();
                let body = self.body.insert(body);
                if is_open && self.limits.mode == Mode::Always {
                    self.ahead = Prefetch::start(&self.object, self.limits, next + reach);
                }
                body
            }
        };
        let before = Instant::now();
        match body.next_frame().await {
            Ok(frame) => {
                let next = body.next();
                if body.is_finished() {
                    self.body = None;
                }
                self.attempts.progress(frame.len());
                let is_slow = self.pace.received(frame.len(), before.elapsed(), reach);
                if is_slow && self.limits.mode == Mode::Measured && self.ahead.is_none() {
                    // The body still brings some while the first range is on its way.
                    self.ahead = Prefetch::start(&self.object, self.limits, next + reach);
                }
                self.take_in(next - frame.len() as u64, frame)
            }
            Err(error) => {
                self.body = None;
                let error = self.object.body_error(self.position, &error);
                self.attempts.failed(error)
            }
        }
    }

    /// Makes a frame that begins at `start` the current one, unless it shows that the object is
    /// damaged.
    fn take_in(&mut self, start: u64, frame: Bytes) -> Result<()> {
        if let Some(verifier) = &mut self.verifier {
            verifier.take_in(start, &frame);
            if let Some(how) = verifier.mismatch(self.object.len) {
                let error = self.object.damaged(&how);
                self.body = None;
                self.ahead = None;
                self.damaged = Some(error.clone());
                return Err(error);
            }
        }
        self.frame_start = start;
        self.frame = frame;
        Ok(())
    }

    /// Bytes that are rather read and thrown away than another request made.
    fn reach(&self) -> u64 {
        self.object.bucket.settings.read_buffer_size as u64
    }

    fn check_open(&self) -> Result<()> {
        if self.closed {
            return Err(Error::new(ErrorKind::Closed, "the stream has been closed")
                .with_operation("read")
                .with_path(&self.object.path)
                .with_remedy("open the file again"));
        }
        self.object.bucket.gate.check_open()
    }
}

#[async_trait]
impl InputStream for S3InputStream {
    async fn read(&mut self, max: usize) -> Result<Bytes> {
        self.check_open()?;
        if max == 0 || self.position >= self.object.len {
            return Ok(Bytes::new());
        }
        let mut chunk = self.fill().await?;
        chunk.truncate(max);
        self.position += chunk.len() as u64;
        Ok(chunk)
    }

    async fn read_ranges(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.check_open()?;
        ranges::read(&self.object, ranges).await
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        if position > self.object.len {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                format!(
                    "position {position} is beyond the end of the file at {}",
                    self.object.len
                ),
            )
            .with_operation("seek")
            .with_path(&self.object.path)
            .with_remedy("seek to the length of the file at most"));
        }
        self.position = position;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn len(&self) -> u64 {
        self.object.len
    }

    async fn close(&mut self) -> Result<()> {
        self.closed = true;
        self.frame = Bytes::new();
        // Dropping a body that has not been read to its end cuts the connection.
        self.body = None;
        self.ahead = None;
        Ok(())
    }
}
