//! The requests of a download, and what their replies must be to be believed.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};
use aws_sdk_s3::types::ChecksumMode;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;
use plugin_api::{Error, ErrorKind, FileStatus, Location, Result, Retry};

use super::checksum::Expected;
use super::window::Shared;
use super::{OPERATION, failure};
use crate::dialect::refuses_checksum;
use crate::error::{is_timeout, root_cause, s3_error};
use crate::settings::Settings;
use crate::status::{length, status_of};

/// The version of an object that is copied.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) len: u64,
    /// "" if the store has none: then nothing tells one version from another.
    pub(super) etag: String,
    pub(super) expected: Option<Expected>,
}

impl Version {
    pub(super) fn status(&self, location: &Location) -> FileStatus {
        FileStatus::file(location.clone(), self.len).with_etag(&self.etag)
    }

    /// Whether a later reply can be told to be of this version.
    pub(super) fn can_be_pinned(&self) -> bool {
        !self.etag.is_empty()
    }
}

/// The current version of an object, also one of another bucket.
pub(super) async fn head(shared: &Shared, location: &Location, with_checksum: bool) -> Result<Version> {
    loop {
        let with_checksum = with_checksum && shared.asks_for_checksums();
        let reply = shared
            .bucket
            .client
            .head_object()
            .bucket(location.authority())
            .key(location.key())
            .set_checksum_mode(with_checksum.then_some(ChecksumMode::Enabled))
            .send()
            .await;
        match reply {
            Ok(head) => {
                return Ok(Version {
                    len: length(OPERATION, location, head.content_length())?,
                    etag: shared.bucket.dialect.entity_tag(head.e_tag()),
                    expected: Expected::of_head(&head),
                });
            }
            Err(error) => {
                let error = s3_error(OPERATION, location, error);
                if !(with_checksum && shared.forgoes_checksums(&error)) {
                    return Err(error);
                }
            }
        }
    }
}

impl Shared {
    fn asks_for_checksums(&self) -> bool {
        !self.limits.without_checksums.load(Ordering::Relaxed)
    }

    /// Whether the request is to be made again without asking for a checksum, now and later.
    fn forgoes_checksums(&self, error: &Error) -> bool {
        // A HEAD has no body that could say which header it is about.
        let is_bare = error.http_status() == Some(400) && error.kind() == ErrorKind::Other;
        let refused = refuses_checksum(error) || is_bare;
        if refused && !self.limits.without_checksums.swap(true, Ordering::Relaxed) {
            tracing::debug!(%error, "the store may not know checksums; the request is made again without");
        }
        refused
    }

    /// Asks for a whole object, whatever version it is.
    pub(super) async fn get_whole(&self, location: &Location) -> Result<(Version, Reply)> {
        loop {
            let with_checksum = self.asks_for_checksums();
            let reply = self
                .bucket
                .client
                .get_object()
                .bucket(location.authority())
                .key(location.key())
                .customize()
                // Not by the field of the request: the SDK would sum up every byte as well.
                .mutate_request(move |request| {
                    if with_checksum {
                        request.headers_mut().insert("x-amz-checksum-mode", "ENABLED");
                    }
                })
                .send()
                .await;
            let reply = match reply {
                Ok(reply) => reply,
                Err(error) => {
                    let error = get_error(location, error, false);
                    if with_checksum && self.forgoes_checksums(&error) {
                        continue;
                    }
                    return Err(error);
                }
            };
            if reply.content_length().is_none() {
                return Err(wrong(location, "the content without telling its length"));
            }
            let version = Version {
                len: length(OPERATION, location, reply.content_length())?,
                etag: self.bucket.dialect.entity_tag(reply.e_tag()),
                expected: Expected::of_get(&reply),
            };
            let reply = Reply {
                stream: reply.body,
                next: 0,
                end: version.len,
            };
            return Ok((version, reply));
        }
    }

    /// Asks for a range of one version.
    pub(super) async fn get_range(
        &self,
        location: &Location,
        version: &Version,
        range: &Range<u64>,
    ) -> Result<Reply> {
        let etag = self.bucket.dialect.pin(&version.etag);
        let reply = self
            .bucket
            .client
            .get_object()
            .bucket(location.authority())
            .key(location.key())
            .range(format!("bytes={}-{}", range.start, range.end - 1))
            .set_if_match(etag)
            .send()
            .await
            .map_err(|error| get_error(location, error, true))?;
        let etag = self.bucket.dialect.entity_tag(reply.e_tag());
        Reply::check(location, version, range, reply, &etag)
    }
}

fn get_error(location: &Location, error: SdkError<GetObjectError, HttpResponse>, was_seen: bool) -> Error {
    match status_of(&error) {
        Some(412) => failure::changed(location, "it was replaced").with_http_status(412),
        Some(416) => failure::changed(location, "it is shorter now").with_http_status(416),
        Some(404) if was_seen => failure::changed(location, "it was deleted").with_http_status(404),
        _ => s3_error(OPERATION, location, error),
    }
}

fn wrong(location: &Location, what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the store sent {what}"))
        .with_operation(OPERATION)
        .with_path(location)
        .with_remedy("check what stands between this machine and the store")
}

/// The body of one GET.
pub(super) struct Reply {
    stream: ByteStream,
    /// Where in the object the next byte to arrive is.
    next: u64,
    /// Where in the object the body ends.
    end: u64,
}

/// Chunks of a body, and how it goes on behind them.
pub(super) struct Batch {
    /// Where in the object they begin.
    pub(super) start: u64,
    pub(super) chunks: Vec<Bytes>,
    pub(super) then: Then,
}

pub(super) enum Then {
    /// There is more.
    More,
    /// All that was wanted is here.
    Complete,
    /// The body broke, and another request may go on.
    Broken(Error),
}

impl Reply {
    /// Makes sure that a reply is what was asked for: the same version and the same bytes.
    fn check(
        location: &Location,
        version: &Version,
        range: &Range<u64>,
        reply: GetObjectOutput,
        etag: &str,
    ) -> Result<Self> {
        if !etag.is_empty() && version.can_be_pinned() && bare(etag) != bare(&version.etag) {
            // A store that does not know If-Match.
            return Err(failure::changed(location, "it was replaced"));
        }
        let (start, end) = match reply.content_range() {
            Some(text) => {
                let expected = format!("bytes {}-{}/", range.start, range.end - 1);
                let Some(total) = text.strip_prefix(&expected) else {
                    return Err(wrong(location, &format!("'{text}' instead of '{expected}…'")));
                };
                if total != "*" && total.parse() != Ok(version.len) {
                    return Err(failure::changed(location, "its length is another"));
                }
                (range.start, range.end)
            }
            // A store that does not know ranges sends everything.
            None => (0, version.len),
        };
        if let Some(len) = reply.content_length()
            && u64::try_from(len) != Ok(end - start)
        {
            if reply.content_range().is_none() {
                return Err(failure::changed(location, "its length is another"));
            }
            return Err(wrong(
                location,
                &format!("{len} bytes instead of {}", end - start),
            ));
        }
        Ok(Self {
            stream: reply.body,
            next: start,
            end,
        })
    }

    /// The next bytes from `from` on, up to about `limit` of them and to `to` at most.
    pub(super) async fn batch(&mut self, location: &Location, from: u64, to: u64, limit: usize) -> Batch {
        let mut batch = Batch {
            start: from,
            chunks: Vec::new(),
            then: Then::More,
        };
        let (mut wanted, mut held) = (from, 0);
        while held < limit {
            if wanted == to && to < self.end {
                // What is behind was not asked for.
                batch.then = Then::Complete;
                return batch;
            }
            let mut chunk = match self.stream.next().await {
                Some(Ok(chunk)) if chunk.len() as u64 <= self.end - self.next => chunk,
                Some(Ok(_)) => {
                    batch.then = Then::Broken(wrong(location, "more bytes than it announced"));
                    return batch;
                }
                // Only here has the body confirmed that all of it came, and that it is sound.
                None if wanted == to => {
                    batch.then = Then::Complete;
                    return batch;
                }
                None => {
                    batch.then = Then::Broken(cut(location, self.next));
                    return batch;
                }
                Some(Err(error)) => {
                    batch.then = Then::Broken(broken(location, self.next, &error));
                    return batch;
                }
            };
            let start = self.next;
            self.next += chunk.len() as u64;
            if self.next <= wanted {
                continue;
            }
            let _before = chunk.split_to(wanted.saturating_sub(start) as usize);
            chunk.truncate((to - wanted).min(chunk.len() as u64) as usize);
            wanted += chunk.len() as u64;
            held += chunk.len();
            if !chunk.is_empty() {
                batch.chunks.push(chunk);
            }
        }
        batch
    }
}

fn bare(etag: &str) -> &str {
    etag.trim_start_matches("W/").trim_matches('"')
}

fn cut(location: &Location, at: u64) -> Error {
    resumable(
        location,
        ErrorKind::UnexpectedEof,
        &format!("the content ends at byte {at}"),
    )
}

fn broken(location: &Location, at: u64, error: &ByteStreamError) -> Error {
    let text = root_cause(error);
    if text.contains("checksum") {
        return damaged(location, &text);
    }
    let kind = if is_timeout(error) {
        ErrorKind::Timeout
    } else {
        ErrorKind::Unavailable
    };
    resumable(
        location,
        kind,
        &format!("the content broke off at byte {at}: {text}"),
    )
}

fn resumable(location: &Location, kind: ErrorKind, message: &str) -> Error {
    Error::new(kind, message)
        .with_operation(OPERATION)
        .with_path(location)
        .with_retry(Retry::Yes)
        .with_remedy("copy again; if it persists, check the network and the store")
}

/// What arrived is not what the store has.
pub(super) fn damaged(location: &Location, how: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the content is damaged: {how}"))
        .with_operation(OPERATION)
        .with_path(location)
        .with_remedy(
            "copy the file again; if it persists, check what stands between this machine and the store",
        )
}

/// How often a broken body may be resumed, and how long to wait before.
#[derive(Debug)]
pub(super) struct Resumption {
    limit: u32,
    base_delay: Duration,
    max_delay: Duration,
    /// Bytes that count as progress: a server that breaks after each byte must not keep us for ever.
    progress: u64,
    failures: u32,
    since_failure: u64,
}

impl Resumption {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            limit: settings.max_retries,
            base_delay: settings.retry_base_delay,
            max_delay: settings.retry_max_backoff,
            progress: settings.read_buffer_size as u64,
            failures: 0,
            since_failure: 0,
        }
    }

    pub(super) fn progress(&mut self, bytes: u64) {
        self.since_failure += bytes;
        if self.since_failure >= self.progress {
            self.failures = 0;
        }
    }

    /// Counts a failure, and waits before the next try; the error itself once there were too many.
    pub(super) async fn after(&mut self, error: Error) -> Result<()> {
        self.since_failure = 0;
        self.failures += 1;
        if self.failures > self.limit || error.retry() == Retry::No {
            return Err(error.with_attempts(self.failures));
        }
        tracing::debug!(%error, "the copy is resumed");
        if self.failures > 1 {
            let longest = self
                .base_delay
                .saturating_mul(1 << (self.failures - 2).min(16))
                .min(self.max_delay);
            tokio::time::sleep(longest.mul_f64(rand::random())).await;
        }
        Ok(())
    }
}
