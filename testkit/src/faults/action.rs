//! [`Action`]: what happens to a request that a fault hits.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What happens to a request that a fault hits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// Answer with an error, without doing what was asked: status, code and message.
    Status(u16, Cow<'static, str>, Cow<'static, str>),
    /// [`Self::Status`] with these headers besides, such as `Retry-After`.
    StatusWithHeaders(u16, Cow<'static, str>, Vec<(String, String)>),
    /// Reset the connection without doing what was asked.
    Reset,
    /// Do what was asked, then reset the connection in place of an answer.
    ApplyThenReset,
    /// Do what was asked, then answer with an error: status and code.
    ApplyThenStatus(u16, Cow<'static, str>),
    /// Wait before the request is handled, then go on with the next fault that hits it, if any.
    Delay(Duration),
    /// Send this many bytes of the body of the answer, then close the connection.
    CutBodyAfter(u64),
    /// Send the body of the answer at this many bytes a second, in small pieces.
    Trickle(u64),
    /// Do what was asked, answer, and then close the connection without having announced it.
    CloseAfterAnswer,
    /// Answer 200 with an error of this code as body, without doing what was asked: as `CopyObject`,
    /// `UploadPartCopy` and `CompleteMultipartUpload` report what fails after they sent the status.
    ErrorIn200(Cow<'static, str>),
    /// Read nothing and answer nothing.
    BlackHole,
    /// Flip the lowest bit of the byte at this offset of the body of the answer.
    FlipBit(u64),
    /// Send this many bytes of the body of the answer, then reset the connection. The peer may not get all of
    /// them.
    ResetBodyAfter(u64),
    /// Answer a `GetObject` for a range with the whole object, as a store without ranges does.
    IgnoreRange,
    /// Answer a `GetObject` whatever its conditions, as a store without them does.
    IgnoreConditions,
    /// Shift the numbers of the `Content-Range` of the answer by so much; the bytes stay those asked for.
    WrongContentRange(i64),
    /// Close the sending half of the connection without doing what was asked, and go on reading until the
    /// client closes its half.
    HalfClose,
    /// Send this many bytes of the body of the answer, then close the sending half of the connection and go on
    /// reading until the client closes its half.
    HalfCloseBodyAfter(u64),
    /// Send no more than this many bytes of the body of the answer, as a well-formed answer: its
    /// `Content-Length` says the shorter length.
    Truncate(u64),
    /// Put an object with this content and without metadata at the key of the request, as somebody else could
    /// just before; then go on with the next fault that hits the request, if any.
    SwapObject(Cow<'static, str>),
    /// Delete what is at the key of the request, as somebody else could just before; then go on with the next
    /// fault that hits the request, if any.
    RemoveObject,
    /// Make the upload of the request unknown, as a lifecycle rule could just before; then go on with the next
    /// fault that hits the request, if any. That it was completed is forgotten as well.
    ExpireUpload,
    /// Tell that the client is to be killed now, and never answer. Nothing is done. See
    /// [`FaultHandle::kill_due`](crate::FaultHandle::kill_due) and [`Faults::hits`](crate::Faults::hits).
    KillClient,
    /// Do what was asked; then tell that the client is to be killed now, and never answer.
    ApplyThenKillClient,
}

impl Action {
    /// [`Action::Status`] without conversions.
    pub fn status(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Status(status, code.into(), message.into())
    }

    /// [`Action::StatusWithHeaders`] without conversions.
    pub fn status_with_headers(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        headers: &[(&str, &str)],
    ) -> Self {
        let headers = headers
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Self::StatusWithHeaders(status, code.into(), headers.collect())
    }

    /// [`Action::ApplyThenStatus`] without conversions.
    pub fn apply_then_status(status: u16, code: impl Into<Cow<'static, str>>) -> Self {
        Self::ApplyThenStatus(status, code.into())
    }

    /// [`Action::ErrorIn200`] without conversions.
    pub fn error_in_200(code: impl Into<Cow<'static, str>>) -> Self {
        Self::ErrorIn200(code.into())
    }

    /// [`Action::SwapObject`] without conversions.
    pub fn swap_object(content: impl Into<Cow<'static, str>>) -> Self {
        Self::SwapObject(content.into())
    }

    /// Whether the next fault that hits the request still gets its turn.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(
            self,
            Self::Delay(_) | Self::SwapObject(_) | Self::RemoveObject | Self::ExpireUpload
        )
    }

    /// Whether this ends the client.
    pub(crate) fn kills(&self) -> bool {
        matches!(self, Self::KillClient | Self::ApplyThenKillClient)
    }
}
