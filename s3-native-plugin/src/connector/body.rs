//! Bodies with a companion: a permit that lives as long, a clock that sees it move.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use super::NoProgress;
use super::speed::{Alarm, Speed};
use crate::metrics::Traffic;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What has been seen of a request's body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// When more of it was last taken.
    pub(super) last: Instant,
    /// How many bytes were taken in all.
    pub(super) taken: u64,
}

/// How a request's body moves.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<Mutex<Option<Seen>>>);

impl Progress {
    pub(super) fn seen(&self) -> Option<Seen> {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn take(&self, bytes: usize) {
        let mut seen = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let taken = seen.map_or(0, |seen| seen.taken) + bytes as u64;
        *seen = Some(Seen {
            last: Instant::now(),
            taken,
        });
    }
}

/// A request's body in slices, so that one large chunk in memory shows progress too.
pub(super) struct ProgressBody {
    body: SdkBody,
    rest: Bytes,
    progress: Progress,
}

/// Large enough to fill hyper's write buffer at a time.
const SLICE: usize = 256 << 10;

impl ProgressBody {
    pub(super) fn new(body: SdkBody, progress: Progress) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            progress,
        }
    }
}

impl Body for ProgressBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                end => return Poll::Ready(end),
            }
        }
        let slice = this.rest.split_to(this.rest.len().min(SLICE));
        this.progress.take(slice.len());
        Poll::Ready(Some(Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = Body::size_hint(&self.body);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

/// A reply's body: it holds its connection's permit until it ends or is dropped, and ends with an
/// error when nothing comes for too long while somebody waits, or next to nothing. A slow reader is no
/// stalled server.
pub(super) struct ReplyBody {
    body: SdkBody,
    permit: Option<OwnedSemaphorePermit>,
    socket_timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    wait: Option<Wait>,
    /// Of a reply whose length was announced. The others may be those of a copy or a completion, which
    /// drip to keep the connection alive until the service is done.
    speed: Option<Speed>,
    traffic: Traffic,
}

/// Somebody waits for more of the body.
struct Wait {
    since: Instant,
    alarm: Arc<Alarm>,
}

impl ReplyBody {
    pub(super) fn new(
        body: SdkBody,
        permit: OwnedSemaphorePermit,
        socket_timeout: Duration,
        traffic: Traffic,
    ) -> Self {
        let permit = (!Body::is_end_stream(&body)).then_some(permit);
        let speed = Body::size_hint(&body).exact().map(|_| Speed::new(socket_timeout));
        Self {
            body,
            permit,
            socket_timeout,
            timer: None,
            wait: None,
            speed,
            traffic,
        }
    }

    /// Asks for more, and sees to it that the moment is known in which more is there.
    fn poll_body(&mut self, context: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let alarm = Alarm::new(context.waker());
        let waker = Waker::from(alarm.clone());
        let frame = Pin::new(&mut self.body).poll_frame(&mut Context::from_waker(&waker));
        if frame.is_pending() {
            let since = self.wait.as_ref().map_or_else(Instant::now, |wait| wait.since);
            self.wait = Some(Wait { since, alarm });
        }
        frame
    }

    fn poll_timer(&mut self, since: Instant, context: &mut Context<'_>) -> Poll<()> {
        let deadline = since + self.socket_timeout;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(context)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let earlier = this.wait.as_ref().map(|wait| (wait.since, wait.alarm.clone()));
        let mut frame = match this.poll_body(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let since = this.wait.as_ref().map_or_else(Instant::now, |wait| wait.since);
                std::task::ready!(this.poll_timer(since, context));
                Some(Err(NoProgress(this.socket_timeout).into()))
            }
        };
        this.wait = None;
        if let Some(Ok(data)) = &frame {
            let len = data.data_ref().map_or(0, Bytes::len);
            this.traffic.add(len as u64);
            if let Some(speed) = &mut this.speed {
                let waited = earlier.map_or(Duration::ZERO, |(since, alarm)| alarm.rang_after(since));
                if speed.is_stalled(waited, len) {
                    frame = Some(Err(NoProgress(this.socket_timeout).into()));
                }
            }
        }
        if !matches!(frame, Some(Ok(_))) {
            this.permit = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;
    use crate::metrics::Metrics;

    fn unheard() -> Traffic {
        Traffic::received(&Metrics::unheard(), "GetObject")
    }

    /// Yields the frames and then nothing at all, not even an end.
    struct Stalling(Vec<Bytes>);

    impl Body for Stalling {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            match self.0.pop() {
                Some(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
                None => Poll::Pending,
            }
        }
    }

    async fn next<B: Body<Data = Bytes, Error = BoxError> + Unpin>(
        body: &mut B,
    ) -> Option<Result<Bytes, BoxError>> {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        Some(frame.map(|frame| frame.into_data().expect("no trailers")))
    }

    #[tokio::test]
    async fn a_reply_that_stalls_ends_with_an_error_and_frees_its_connection() {
        let permits = Arc::new(Semaphore::new(1));
        let permit = permits.clone().acquire_owned().await.unwrap();
        let stalling = SdkBody::from_body_1_x(Stalling(vec![Bytes::from("data")]));
        let mut body = ReplyBody::new(stalling, permit, Duration::from_millis(1), unheard());
        assert_eq!(next(&mut body).await.unwrap().unwrap(), "data");
        assert_eq!(permits.available_permits(), 0);
        let error = next(&mut body).await.unwrap().unwrap_err();
        assert!(error.is::<NoProgress>(), "{error}");
        assert_eq!(permits.available_permits(), 1);
    }

    /// A byte every few milliseconds, a hundred in all.
    struct Dripping {
        interval: tokio::time::Interval,
        left: u64,
        announced: bool,
    }

    impl Body for Dripping {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            std::task::ready!(self.interval.poll_tick(context));
            self.left -= 1;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
        }

        fn size_hint(&self) -> SizeHint {
            if self.announced {
                SizeHint::with_exact(self.left)
            } else {
                SizeHint::new()
            }
        }
    }

    #[tokio::test]
    async fn a_reply_that_drips_is_stalled_unless_it_keeps_a_connection_alive() {
        for announced in [true, false] {
            let permits = Arc::new(Semaphore::new(1));
            let dripping = SdkBody::from_body_1_x(Dripping {
                interval: tokio::time::interval(Duration::from_millis(5)),
                left: 100,
                announced,
            });
            let timeout = Duration::from_millis(150);
            let mut body = ReplyBody::new(
                dripping,
                permits.acquire_owned().await.unwrap(),
                timeout,
                unheard(),
            );
            let mut frames = 0;
            let error = loop {
                match next(&mut body).await {
                    Some(Ok(_)) => frames += 1,
                    Some(Err(error)) => break Some(error),
                    None => break None,
                }
            };
            assert_eq!(error.is_some_and(|error| error.is::<NoProgress>()), announced);
            assert_eq!(frames == 100, !announced, "{frames}");
        }
    }

    #[tokio::test]
    async fn a_request_in_memory_goes_out_in_slices_and_keeps_its_length() {
        let content = Bytes::from(vec![7; 3 * SLICE + 1]);
        let progress = Progress::default();
        let mut body = ProgressBody::new(SdkBody::from(content.clone()), progress.clone());
        assert!(progress.seen().is_none());
        let mut left = content.len() as u64;
        while let Some(slice) = next(&mut body).await {
            assert_eq!(
                Body::size_hint(&body).exact(),
                Some(left - slice.as_ref().unwrap().len() as u64)
            );
            left -= slice.unwrap().len() as u64;
        }
        assert_eq!(left, 0);
        assert!(body.is_end_stream());
        assert_eq!(progress.seen().unwrap().taken, content.len() as u64);
    }
}
