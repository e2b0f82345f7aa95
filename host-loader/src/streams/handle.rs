//! [`Handle`]: a stream of a file system that may be taken away from its user.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use futures::lock::{Mutex, MutexGuard};
use plugin_api::{InputStream, Location, OutputStream, RecoverableStream, Result};

use super::pool::{Credit, Pool, Registration};
use super::record::{Record, Registered, StreamKind};

/// A stream of any kind.
pub(super) trait Positioned: Send + 'static {
    fn position(&self) -> u64;
}

impl Positioned for Box<dyn InputStream> {
    fn position(&self) -> u64 {
        (**self).position()
    }
}

impl Positioned for Box<dyn OutputStream> {
    fn position(&self) -> u64 {
        (**self).position()
    }
}

impl Positioned for Box<dyn RecoverableStream> {
    fn position(&self) -> u64 {
        (**self).position()
    }
}

/// A stream and its place among the open ones. The stream goes first, and then the place.
struct Held<S> {
    stream: S,
    /// None once the stream has ended.
    registration: Option<Registration>,
}

struct Shared<S> {
    record: Record,
    /// Locked by a call as long as it lasts, and else only by whoever reclaims the stream. Empty then.
    slot: Mutex<Option<Held<S>>>,
}

impl<S: Positioned> Shared<S> {
    /// Takes the stream away, unless it has ended.
    fn let_go(&self, slot: &mut Option<Held<S>>) {
        let Some(held) = slot.take_if(|held| held.registration.is_some()) else {
            return;
        };
        self.record
            .last_position
            .store(held.stream.position(), Ordering::Relaxed);
        tracing::warn!("a stream was closed since others waited: {}", self.record.tell());
        self.record.pool.counters.reclaimed();
        drop(held);
    }
}

impl<S: Positioned> Registered for Shared<S> {
    fn record(&self) -> &Record {
        &self.record
    }

    fn reclaim(&self) -> bool {
        self.record.set_reclaimed();
        if let Some(mut slot) = self.slot.try_lock() {
            self.let_go(&mut slot);
            return true;
        }
        self.record.waker().wake();
        false
    }
}

/// What a user has of a stream. Dropped, it drops the stream.
pub(super) struct Handle<S: Positioned>(Arc<Shared<S>>);

impl<S: Positioned> Handle<S> {
    /// Enters a stream that was opened with this credit.
    pub(super) fn new(
        pool: &Arc<Pool>,
        kind: StreamKind,
        location: Location,
        credit: Credit,
        stream: S,
    ) -> Self {
        let number = pool.next_number();
        let registration = Some(Registration::new(number, credit));
        let shared = Arc::new(Shared {
            record: Record::new(Arc::clone(pool), kind, location),
            slot: Mutex::new(Some(Held { stream, registration })),
        });
        pool.register(number, Arc::clone(&shared) as _);
        Self(shared)
    }

    pub(super) fn record(&self) -> &Record {
        &self.0.record
    }

    /// Begins a call.
    ///
    /// # Errors
    /// The stream was reclaimed.
    pub(super) fn call(&self) -> Result<Call<'_, S>> {
        // Only whoever reclaims it locks it outside a call.
        let slot = self.0.slot.try_lock().filter(|slot| slot.is_some());
        let slot = slot.ok_or_else(|| self.0.record.reclaimed())?;
        let call = Call {
            shared: &self.0,
            slot,
        };
        if call.is_to_end() {
            return Err(self.0.record.reclaimed());
        }
        Ok(call)
    }

    /// The position, also of a stream that was reclaimed.
    pub(super) fn position(&self) -> u64 {
        match self.call() {
            Ok(mut call) => call.stream().position(),
            Err(_) => self.0.record.last_position.load(Ordering::Relaxed),
        }
    }
}

impl<S: Positioned> Drop for Handle<S> {
    fn drop(&mut self) {
        let held = self.0.slot.try_lock().and_then(|mut slot| slot.take());
        drop(held);
    }
}

/// A call of a stream, from its beginning to its end or cancellation.
pub(super) struct Call<'a, S: Positioned> {
    shared: &'a Shared<S>,
    slot: MutexGuard<'a, Option<Held<S>>>,
}

impl<S: Positioned> Call<'_, S> {
    fn held(&mut self) -> &mut Held<S> {
        self.slot
            .as_mut()
            .expect("a call begins with a stream, and keeps it")
    }

    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.held().stream
    }

    fn is_to_end(&self) -> bool {
        self.shared.record.is_reclaimed()
            && self.slot.as_ref().is_some_and(|held| held.registration.is_some())
    }

    /// The stream is no longer open. What it still answers is its own.
    pub(super) fn end(&mut self) {
        self.held().registration = None;
    }
}

impl<S: Positioned> Drop for Call<'_, S> {
    fn drop(&mut self) {
        if self.is_to_end() {
            self.shared.let_go(&mut self.slot);
        }
    }
}

/// A stream that is being closed, until this is dropped.
pub(super) struct Closing<'a>(&'a Record);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.set_closing(false);
    }
}

/// The future of a call, ended when the stream is reclaimed.
pub(super) struct UnlessReclaimed<'a, F> {
    future: F,
    record: &'a Record,
}

impl Record {
    /// Keeps the stream until this is dropped: a call that was ended might have published something.
    pub(super) fn closing(&self) -> Closing<'_> {
        self.set_closing(true);
        Closing(self)
    }

    /// Does this unless the stream is reclaimed.
    pub(super) fn unless_reclaimed<F>(&self, future: F) -> UnlessReclaimed<'_, F> {
        UnlessReclaimed { future, record: self }
    }
}

impl<F, T> Future for UnlessReclaimed<'_, F>
where
    F: Future<Output = Result<T>> + Unpin,
{
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let answer = Pin::new(&mut self.future).poll(context);
        if answer.is_ready() || !self.record.pool.limits.ends_idle_streams() {
            return answer;
        }
        self.record.waker().register(context.waker());
        if self.record.is_reclaimed() {
            return Poll::Ready(Err(self.record.reclaimed()));
        }
        Poll::Pending
    }
}
