//! Bodies around those of the protocol layer: what is left of a request, and what faults do to an answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use parking_lot::Mutex;
use s3s::StdError;

use crate::connection::Control;
use crate::request_log::Entry;

/// Where the unread rest of a request body ends up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rest(Arc<Mutex<Option<Incoming>>>);

impl Rest {
    /// Reads the body to its end. A client that is still sending when the connection closes would see a reset
    /// in place of the answer.
    pub(crate) async fn drain(&self) {
        let body = self.0.lock().take();
        if let Some(mut body) = body {
            while let Some(Ok(_)) = body.frame().await {}
        }
    }
}

/// The body of a request, which survives being dropped.
#[derive(Debug)]
pub(crate) struct RequestBody {
    body: Option<Incoming>,
    rest: Rest,
}

impl RequestBody {
    pub(crate) fn new(body: Incoming) -> (Self, Rest) {
        let rest = Rest::default();
        (
            Self {
                body: Some(body),
                rest: rest.clone(),
            },
            rest,
        )
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        *self.rest.0.lock() = self.body.take();
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

/// What happens to the body of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    None,
    CutAfter(u64),
    ResetAfter(u64),
    HalfCloseAfter(u64),
    /// The body ends here, as its head says.
    Truncated(u64),
    FlipBit(u64),
    /// Bytes a second, in small pieces.
    Trickle(u64),
    /// The connection ends with the body.
    CloseAfterwards,
}

/// Pieces of a trickling body in a second.
const DRIPS: u64 = 50;

/// The body of an answer, counted and damaged.
pub(crate) struct ResponseBody {
    body: s3s::Body,
    position: u64,
    damage: Damage,
    /// Until when a trickling body waits.
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
    /// What a trickling body has still to send of its last frame.
    rest: Bytes,
    control: Arc<Control>,
    entry: Arc<Entry>,
}

impl ResponseBody {
    pub(crate) fn new(body: s3s::Body, damage: Damage, control: Arc<Control>, entry: Arc<Entry>) -> Self {
        if damage == Damage::CloseAfterwards && body.is_end_stream() {
            control.close_when_flushed();
        }
        Self {
            body,
            position: 0,
            damage,
            pause: None,
            rest: Bytes::new(),
            control,
            entry,
        }
    }

    /// The next small piece, and then a pause as long as it takes at `rate`.
    fn poll_drip(&mut self, cx: &mut Context<'_>, rate: u64) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        if self.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                end => return Poll::Ready(end),
            }
        }
        let piece = (rate / DRIPS).max(1);
        let len = self.rest.len().min(piece as usize);
        let data = self.rest.split_to(len);
        self.position += len as u64;
        self.entry.sent.fetch_add(len as u64, Ordering::Relaxed);
        let time = Duration::from_nanos(len as u64 * 1_000_000_000 / rate.max(1));
        self.pause = Some(Box::pin(tokio::time::sleep(time)));
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn damaged(&self, mut data: Bytes) -> Bytes {
        match self.damage {
            Damage::None | Damage::Trickle(_) | Damage::CloseAfterwards => data,
            Damage::CutAfter(limit)
            | Damage::ResetAfter(limit)
            | Damage::HalfCloseAfter(limit)
            | Damage::Truncated(limit) => {
                data.truncate(limit.saturating_sub(self.position) as usize);
                data
            }
            Damage::FlipBit(offset) => match offset.checked_sub(self.position) {
                Some(at) if at < data.len() as u64 => {
                    let mut copy = BytesMut::from(&data[..]);
                    copy[at as usize] ^= 1;
                    copy.freeze()
                }
                _ => data,
            },
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        if matches!(self.damage, Damage::CutAfter(limit) if self.position >= limit) {
            // An error would make the HTTP layer drop what it has not yet sent.
            self.control.close_when_flushed();
            return Poll::Pending;
        }
        if matches!(self.damage, Damage::ResetAfter(limit) if self.position >= limit) {
            self.control.reset_when_flushed();
            return Poll::Pending;
        }
        if matches!(self.damage, Damage::HalfCloseAfter(limit) if self.position >= limit) {
            self.control.half_close_when_flushed();
            return Poll::Pending;
        }
        if matches!(self.damage, Damage::Truncated(limit) if self.position >= limit) {
            return Poll::Ready(None);
        }
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        if let Damage::Trickle(rate) = self.damage {
            return self.poll_drip(cx, rate);
        }
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|data| {
                    let data = self.damaged(data);
                    self.position += data.len() as u64;
                    self.entry.sent.fetch_add(data.len() as u64, Ordering::Relaxed);
                    if self.damage == Damage::CloseAfterwards && self.body.is_end_stream() {
                        self.control.close_when_flushed();
                    }
                    data
                })
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        if !self.rest.is_empty() {
            return false;
        }
        match self.damage {
            // Such a body has to be polled to be cut, even if it is empty.
            Damage::CutAfter(_) | Damage::ResetAfter(_) | Damage::HalfCloseAfter(_) => false,
            Damage::Truncated(limit) if self.position >= limit => true,
            _ => self.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        if let Damage::Truncated(limit) = self.damage {
            let (inner, left) = (self.body.size_hint(), limit.saturating_sub(self.position));
            let mut hint = SizeHint::new();
            hint.set_lower(inner.lower().min(left));
            hint.set_upper(inner.upper().map_or(left, |upper| upper.min(left)));
            return hint;
        }
        if self.rest.is_empty() {
            return self.body.size_hint();
        }
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}
