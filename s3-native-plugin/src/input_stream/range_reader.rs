//! [`RangeReader`]: one range of an object in order, resumed where a reply breaks.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use plugin_api::Result;

use super::attempts::Attempts;
use super::object::{Object, ObjectBody};

/// One range of an object in order, resumed where a reply breaks.
pub(super) struct RangeReader {
    object: Arc<Object>,
    next: u64,
    end: u64,
    body: Option<ObjectBody>,
    attempts: Attempts,
}

impl RangeReader {
    pub(super) fn new(object: Arc<Object>, range: &Range<u64>) -> Self {
        Self {
            attempts: Attempts::new(&object.bucket),
            object,
            next: range.start,
            end: range.end,
            body: None,
        }
    }

    /// The next bytes, at least one; [`None`] at the end of the range.
    pub(super) async fn next_frame(&mut self) -> Result<Option<Bytes>> {
        while self.next < self.end {
            let body = if let Some(body) = &mut self.body {
                body
            } else {
                self.attempts.wait().await;
                let body = self.object.get(self.next, Some(self.end)).await?;
                self.body.insert(body)
            };
            match body.next_frame().await {
                Ok(mut frame) => {
                    let (frame_start, frame_end) = (body.next() - frame.len() as u64, body.next());
                    self.attempts.progress(frame.len());
                    // A store that ignores ranges sends what comes before and behind, too.
                    if frame_end <= self.next {
                        continue;
                    }
                    let frame = frame.split_off((self.next - frame_start) as usize);
                    let wanted = (self.end - self.next).min(frame.len() as u64);
                    self.next += wanted;
                    if self.next == self.end {
                        self.body = None;
                    }
                    return Ok(Some(frame.slice(..wanted as usize)));
                }
                Err(error) => {
                    self.body = None;
                    self.attempts.failed(self.object.body_error(self.next, &error))?;
                }
            }
        }
        Ok(None)
    }
}
