//! The version of an object that is being read, and the bodies of its GETs.

use std::error::Error as StdError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use bytes::Bytes;
use plugin_api::{Error, ErrorKind, Location, Result, Retry};

use super::checksum::Checksum;
use crate::bucket::Bucket;
use crate::dialect::refuses_checksum;
use crate::error::{is_timeout, root_cause, s3_error};
use crate::status::status_of;

/// The header that asks for the checksum of an object. Not by the SDK's own field: the SDK would sum
/// up each reply a second time, and knows nothing of what earlier replies brought.
const CHECKSUM_MODE: &str = "x-amz-checksum-mode";

/// The version of an object that is being read.
pub(super) struct Object {
    pub(super) bucket: Arc<Bucket>,
    pub(super) path: Location,
    pub(super) len: u64,
    /// Its entity tag: from the beginning, or from the first reply; never, if the store has none.
    etag: OnceLock<String>,
    /// When it was last changed, if that is all there is to tell its version by.
    modified: OnceLock<DateTime>,
    /// Whether the store itself has shown the object to us.
    seen: AtomicBool,
    /// Whether the store has sent the whole object in place of a range.
    ignores_ranges: AtomicBool,
}

impl Object {
    pub(super) fn new(bucket: Arc<Bucket>, path: Location, len: u64, etag: &str, seen: bool) -> Self {
        let known = OnceLock::new();
        if !etag.is_empty() {
            known.get_or_init(|| etag.to_owned());
        }
        Self {
            bucket,
            path,
            len,
            etag: known,
            modified: OnceLock::new(),
            seen: AtomicBool::new(seen),
            ignores_ranges: AtomicBool::new(false),
        }
    }

    /// Whether the store has sent the whole object in place of a range.
    pub(super) fn ignores_ranges(&self) -> bool {
        self.ignores_ranges.load(Ordering::Relaxed)
    }

    /// Asks for the bytes from `start` to `end`, or to the end of the object.
    pub(super) async fn get(&self, start: u64, end: Option<u64>) -> Result<ObjectBody> {
        let range = match end {
            Some(end) => Some(format!("bytes={start}-{}", end - 1)),
            None if start > 0 => Some(format!("bytes={start}-")),
            None => None,
        };
        let verifies = range.is_none() && self.bucket.settings.read_verify_checksum;
        let mut reply;
        loop {
            let call = self
                .bucket
                .client
                .get_object()
                .bucket(&self.bucket.name)
                .key(self.path.key())
                .set_range(range.clone())
                .set_if_match(self.etag.get().and_then(|etag| self.bucket.dialect.pin(etag)));
            if !verifies || !self.bucket.dialect.takes_checksum_mode() {
                reply = call.send().await;
                break;
            }
            reply = call
                .customize()
                .mutate_request(|request| {
                    request.headers_mut().insert(CHECKSUM_MODE, "ENABLED");
                })
                .send()
                .await;
            match reply {
                Err(error) if matches!(status_of(&error), Some(400 | 501)) => {
                    let error = s3_error("read", &self.path, error);
                    if !refuses_checksum(&error) {
                        return Err(error);
                    }
                    self.bucket.dialect.forgo_checksum_mode();
                }
                _ => break,
            }
        }
        match reply {
            Ok(output) => self.check(start, end.unwrap_or(self.len), output),
            Err(error) => Err(match status_of(&error) {
                Some(412) => changed(&self.path, "it was replaced").with_http_status(412),
                Some(416) => changed(&self.path, "it is shorter now").with_http_status(416),
                Some(404) if self.seen.load(Ordering::Relaxed) => {
                    changed(&self.path, "it was deleted").with_http_status(404)
                }
                _ => s3_error("read", &self.path, error),
            }),
        }
    }

    /// Makes sure that a reply is what was asked for: the same version and the same bytes.
    fn check(&self, start: u64, end: u64, output: GetObjectOutput) -> Result<ObjectBody> {
        let etag = self.bucket.dialect.entity_tag(output.e_tag());
        let same = if etag.is_empty() {
            // To the second: all that such a store tells of a version.
            output
                .last_modified()
                .is_none_or(|time| self.modified.get_or_init(|| *time) == time)
        } else {
            same_etag(self.etag.get_or_init(|| etag.clone()), &etag)
        };
        if !same {
            // A store that does not know If-Match, or whose tags are none that it could demand.
            return Err(changed(&self.path, "it was replaced"));
        }
        let is_range = start > 0 || end < self.len;
        let (first, end) = match output.content_range() {
            Some(text) => {
                let Some(range) = ContentRange::parse(text) else {
                    return Err(self.wrong(&format!("the malformed range '{text}'")));
                };
                if range.total.is_some_and(|total| total != self.len) {
                    return Err(changed(&self.path, "its length is another"));
                }
                if (range.start, range.end) != (start, end) {
                    return Err(self.wrong(&format!("'{text}' instead of bytes {start}-{}", end - 1)));
                }
                (start, end)
            }
            None if is_range && output.content_length().is_none() => {
                return Err(self.wrong("a reply that does not tell which bytes it holds"));
            }
            // The whole object: what was asked for, or the store does not know ranges.
            None => {
                if is_range {
                    self.ignores_ranges.store(true, Ordering::Relaxed);
                }
                (0, self.len)
            }
        };
        if let Some(len) = output.content_length()
            && u64::try_from(len) != Ok(end - first)
        {
            if output.content_range().is_none() {
                return Err(changed(&self.path, "its length is another"));
            }
            return Err(self.wrong(&format!("{len} bytes instead of {}", end - first)));
        }
        self.seen.store(true, Ordering::Relaxed);
        let checksum = (!is_range && self.bucket.settings.read_verify_checksum)
            .then(|| Checksum::of_reply(&output))
            .flatten();
        Ok(ObjectBody {
            checksum,
            stream: output.body,
            next: first,
            end,
            whole: first < start,
            last: None,
        })
    }

    /// The bytes of the whole object are not those that were stored.
    pub(super) fn damaged(&self, how: &str) -> Error {
        // What came before was handed out already, and may be what is damaged.
        Error::new(ErrorKind::Corrupt, format!("the content is damaged: {how}"))
            .with_operation("read")
            .with_path(&self.path)
            .with_remedy(
                "discard what was read and open the file again; if no file can be read, the store's checksums \
                 are wrong: set 's3.read.verify-checksum' to false",
            )
    }

    fn wrong(&self, what: &str) -> Error {
        Error::new(ErrorKind::Corrupt, format!("the store sent {what}"))
            .with_operation("read")
            .with_path(&self.path)
            .with_remedy("check what stands between this machine and the store")
    }

    /// What a body that broke before `position` was reached means, if nothing helps.
    pub(super) fn body_error(&self, position: u64, error: &BodyError) -> Error {
        let at = format!("at byte {position} of {}", self.len);
        let (kind, message) = match error {
            BodyError::Ended => (ErrorKind::UnexpectedEof, format!("the content ends {at}")),
            BodyError::TooLong => return self.wrong("more bytes than it announced"),
            BodyError::Broken(cause) => {
                let text = root_cause(cause);
                if is_timeout(cause) {
                    (
                        ErrorKind::Timeout,
                        format!("no more of the content came {at}: {text}"),
                    )
                } else if is_cut(cause) {
                    (
                        ErrorKind::UnexpectedEof,
                        format!("the content was cut {at}: {text}"),
                    )
                } else {
                    (
                        ErrorKind::Unavailable,
                        format!("the connection broke {at}: {text}"),
                    )
                }
            }
        };
        Error::new(kind, message)
            .with_operation("read")
            .with_path(&self.path)
            .with_retry(Retry::Yes)
            .with_remedy("read again; if it persists, check the network and the store")
    }
}

/// Whether the peer ended the connection in order, only too early.
fn is_cut(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(link) = next {
        let text = link.to_string();
        if text.contains("end of file") || text.contains("before message completed") || text.contains("EOF") {
            return true;
        }
        next = link.source();
    }
    false
}

/// The file is not the version that was opened.
pub(super) fn changed(path: &Location, how: &str) -> Error {
    Error::new(
        ErrorKind::Changed,
        format!("the file changed since it was opened: {how}"),
    )
    .with_operation("read")
    .with_path(path)
    .with_remedy("open it again to read the new version")
}

/// Whether two entity tags are the same but for quotes.
pub(super) fn same_etag(a: &str, b: &str) -> bool {
    let bare = |etag: &str| etag.trim_start_matches("W/").trim_matches('"').to_owned();
    bare(a) == bare(b)
}

/// The body of one GET.
pub(super) struct ObjectBody {
    stream: ByteStream,
    /// That of the whole object, if it is what was asked for and the store has one.
    checksum: Option<Checksum>,
    /// Where in the object the next byte to arrive is.
    next: u64,
    /// Where in the object the body ends.
    end: u64,
    /// The store ignored the range: another GET would come no further.
    whole: bool,
    /// The last frame, held back until the stream has confirmed its end.
    last: Option<Bytes>,
}

/// Why a body yields no more.
#[derive(Debug)]
pub(super) enum BodyError {
    Ended,
    TooLong,
    Broken(aws_sdk_s3::primitives::ByteStreamError),
}

impl ObjectBody {
    /// The checksum of the whole object, if that is what this body brings and the store has one.
    pub(super) fn checksum(&self) -> Option<Checksum> {
        self.checksum
    }

    /// Where in the object the next byte to arrive is.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Whether all has been handed out.
    pub(super) fn is_finished(&self) -> bool {
        self.next == self.end && self.last.is_none()
    }

    /// Whether reading on gets to `position`, and is better than another request.
    pub(super) fn reaches(&self, position: u64, reach: u64) -> bool {
        let start = self.next - self.last.as_ref().map_or(0, |frame| frame.len() as u64);
        !self.is_finished() && position >= start && (self.whole || position - start <= reach)
    }

    /// The next bytes, at least one; must not be called once all has been handed out. A cancelled
    /// call loses nothing.
    pub(super) async fn next_frame(&mut self) -> Result<Bytes, BodyError> {
        loop {
            match self.stream.next().await {
                Some(Ok(frame)) if frame.is_empty() => {}
                Some(Ok(frame)) => {
                    let len = frame.len() as u64;
                    if len > self.end - self.next {
                        return Err(BodyError::TooLong);
                    }
                    self.next += len;
                    if self.next < self.end {
                        return Ok(frame);
                    }
                    self.last = Some(frame);
                }
                Some(Err(error)) => return Err(BodyError::Broken(error)),
                None => return self.last.take().ok_or(BodyError::Ended),
            }
        }
    }
}

/// `bytes first-last/total`, with an exclusive end.
#[derive(Debug, PartialEq, Eq)]
struct ContentRange {
    start: u64,
    end: u64,
    total: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (start, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        (start <= last).then_some(Self {
            start,
            end: last.checked_add(1)?,
            total,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read_or_refused() {
        let range = |start, end, total| Some(ContentRange { start, end, total });
        assert_eq!(ContentRange::parse("bytes 5-9/10"), range(5, 10, Some(10)));
        assert_eq!(ContentRange::parse("bytes 0-0/*"), range(0, 1, None));
        for text in [
            "",
            "bytes */10",
            "bytes 9-5/10",
            "items 0-1/2",
            "bytes 0-18446744073709551615/*",
        ] {
            assert_eq!(ContentRange::parse(text), None, "{text}");
        }
    }

    #[test]
    fn entity_tags_differ_in_more_than_quotes() {
        assert!(same_etag("\"a\"", "a") && same_etag("W/\"a\"", "\"a\""));
        assert!(!same_etag("\"a\"", "\"b\""));
    }
}
