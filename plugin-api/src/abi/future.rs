//! Futures and calls at the boundary: polled in place, panics caught, cancelled by drop, refused after the end.

use std::any::Any;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_ffi::BorrowingFfiFuture;

use super::error::{WireResult, to_wire};
use super::fork::{check_fork, is_forked_child};
use super::gate::{Gate, Visit};
use crate::{Error, ErrorKind, FileSystemFactory, Result};

/// A future on the wire. It may borrow from the call's arguments, since it is polled in place.
pub type WireFuture<'a, T> = BorrowingFfiFuture<'a, WireResult<T>>;

/// What a method that was appended to the interface answers for a plugin that does not have it.
pub(super) fn unsupported<'a, T: Send + 'a>(what: &str) -> WireFuture<'a, T> {
    let error = Error::unsupported("this plugin", what).with_remedy("use a newer build of the plugin");
    BorrowingFfiFuture::new(std::future::ready(to_wire(Err::<T, _>(error))))
}

/// What a plugin has at least, once its operations have ended or were cut off, to end what it does in the background.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// The way into a plugin, as long as it is open: its runtime entered and its panics caught.
#[derive(Clone)]
pub(super) struct Enter {
    factory: Arc<dyn FileSystemFactory>,
    gate: Arc<Gate>,
}

impl Enter {
    pub(super) fn new(factory: Arc<dyn FileSystemFactory>) -> Self {
        Self {
            factory,
            gate: Gate::new(),
        }
    }

    /// The way to a file system, which can be closed by itself.
    pub(super) fn inner(&self) -> Self {
        Self {
            factory: Arc::clone(&self.factory),
            gate: self.gate.child(),
        }
    }

    /// Fails as a new operation would.
    pub(super) fn check_open(&self) -> Result<()> {
        self.gate.check_open()
    }

    /// Runs an operation, unless the gate is closed.
    pub(super) async fn inside<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        self.gate.run(operation).await
    }

    /// Refuses new operations, ends those that run by the deadline at the latest, then `finish`es in the time that is
    /// left.
    pub(super) async fn end<F>(&self, deadline: Duration, finish: impl FnOnce(Duration) -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let begun = Instant::now();
        let all_ended = self.gate.close(deadline).await;
        finish(deadline.saturating_sub(begun.elapsed()).max(LEAST_TIME)).await?;
        if all_ended {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Timeout,
            format!("some operations were still running after {deadline:?} and were cut off"),
        )
        .with_remedy("allow more time, or cancel them before"))
    }

    /// Runs plugin code on this thread; a panic becomes [`ErrorKind::PluginPanic`].
    pub(super) fn run<R>(&self, operation: &'static str, code: impl FnOnce() -> R) -> Result<R> {
        let mut code = Some(code);
        let mut result = None;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            self.factory.enter(&mut || {
                if let Some(code) = code.take() {
                    result = Some(code());
                }
            });
        }));
        match outcome {
            Ok(()) => result.ok_or_else(|| did_not_run(operation)),
            Err(panic) => Err(panic_error(operation, panic)),
        }
    }

    /// Asks for what an object merely knows, for which no runtime has to be entered; after a panic
    /// the answer is `otherwise`.
    pub(super) fn ask<R>(otherwise: R, code: impl FnOnce() -> R) -> R {
        catch_unwind(AssertUnwindSafe(code)).unwrap_or(otherwise)
    }

    /// Runs a call that answers at once.
    pub(super) fn call<T, W: From<T>>(
        &self,
        operation: &'static str,
        code: impl FnOnce() -> Result<T>,
    ) -> WireResult<W> {
        let open = self.gate.check_open();
        let result = open
            .and_then(|()| self.run(operation, code))
            .and_then(|result| result);
        to_wire(result.map_err(|error| named(error, operation)))
    }

    /// Runs a call that only tells what the object knows, also after its end.
    pub(super) fn recall<T, W: From<T>>(
        &self,
        operation: &'static str,
        code: impl FnOnce() -> Result<T>,
    ) -> WireResult<W> {
        let result = check_fork()
            .and_then(|()| self.run(operation, code))
            .and_then(|result| result);
        to_wire(result.map_err(|error| named(error, operation)))
    }

    /// Makes a wire future of an operation of the plugin.
    pub(super) fn future<'a, T>(
        &'a self,
        operation: &'static str,
        code: impl Future<Output = Result<T>> + Send + 'a,
    ) -> WireFuture<'a, T>
    where
        T: Send + 'a,
    {
        BorrowingFfiFuture::new(InPlace {
            enter: self,
            operation,
            visit: Some(self.gate.visit()),
            code: Some(code),
        })
    }

    /// Makes a wire future of what ends an object, which is possible at any time.
    pub(super) fn last_future<'a, T>(
        &'a self,
        operation: &'static str,
        code: impl Future<Output = Result<T>> + Send + 'a,
    ) -> WireFuture<'a, T>
    where
        T: Send + 'a,
    {
        BorrowingFfiFuture::new(InPlace {
            enter: self,
            operation,
            visit: None,
            code: Some(code),
        })
    }
}

/// An error whose plugin did not say in which operation it happened names the call.
fn named(error: Error, operation: &'static str) -> Error {
    if error.operation().is_empty() {
        error.with_operation(operation)
    } else {
        error
    }
}

#[cold]
fn did_not_run(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::PluginPanic,
        "FileSystemFactory::enter returned without running what it was given",
    )
    .with_operation(operation)
    .with_remedy("report this to the author of the plugin")
}

/// The text of a panic as an error. The payload's own drop may panic too, hence `forget`.
pub(super) fn panic_error(operation: &'static str, panic: Box<dyn Any + Send>) -> Error {
    let text = if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        std::mem::forget(panic);
        "panic without a text".to_owned()
    };
    Error::new(ErrorKind::PluginPanic, format!("the plugin panicked: {text}"))
        .with_operation(operation)
        .with_remedy("report this to the author of the plugin")
}

/// Polls plugin code on the caller's thread.
struct InPlace<'a, F> {
    enter: &'a Enter,
    operation: &'static str,
    /// `None` for what is possible at any time.
    visit: Option<Visit<'a>>,
    /// `None` once it has panicked. Structurally pinned.
    code: Option<F>,
}

impl<T, F: Future<Output = Result<T>>> Future for InPlace<'_, F> {
    type Output = WireResult<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `code` is structurally pinned: it is only polled through a pin and dropped in
        // place by `Pin::set`, here and in `Drop`; nothing moves out of `self`.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above; the other fields are not pinned.
        let mut code = unsafe { Pin::new_unchecked(&mut this.code) };
        let (operation, visit) = (this.operation, &mut this.visit);
        let wire = |result: Result<T>| to_wire(result.map_err(|error| named(error, operation)));
        // Results may be large: they become what crosses as soon as they are there, and are moved as little as possible.
        let mut polled = Poll::Pending;
        let outcome = check_fork().and_then(|()| {
            this.enter.run(operation, || {
                let mut poll = |cx: &mut Context<'_>| match code.as_mut().as_pin_mut() {
                    Some(code) => code.poll(cx).map(wire),
                    None => Poll::Ready(wire(Err(Error::new(
                        ErrorKind::Closed,
                        "polled again after its end",
                    )))),
                };
                polled = match visit {
                    Some(visit) => visit.poll(cx, poll, |error| wire(Err(error))),
                    None => poll(cx),
                };
            })
        });
        match outcome {
            Ok(()) => polled,
            Err(error) => {
                let error = named(error, operation);
                // What is left of it may panic again while it is dropped.
                let _ = this.enter.run(operation, || code.set(None));
                this.visit = None;
                Poll::Ready(to_wire(Err::<T, _>(error)))
            }
        }
    }
}

impl<F> Drop for InPlace<'_, F> {
    fn drop(&mut self) {
        if self.code.is_some() {
            // SAFETY: a pinned value stays in place until it is dropped, which happens here, in
            // place, through `Pin::set`.
            let mut code = unsafe { Pin::new_unchecked(&mut self.code) };
            let _ = self.enter.run(self.operation, || code.set(None));
        }
    }
}

/// An object of the plugin: whatever happens to it happens inside [`Enter::run`], its drop included.
pub(super) struct Entered<T> {
    object: ManuallyDrop<T>,
    pub(super) enter: Enter,
}

impl<T> Entered<T> {
    pub(super) fn new(object: T, enter: Enter) -> Self {
        Self {
            object: ManuallyDrop::new(object),
            enter,
        }
    }

    /// The object and the way to it, for a future that needs both.
    pub(super) fn split(&mut self) -> (&mut T, &Enter) {
        (&mut self.object, &self.enter)
    }
}

impl<T> Deref for Entered<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T> DerefMut for Entered<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.object
    }
}

impl<T> Drop for Entered<T> {
    fn drop(&mut self) {
        if is_forked_child() {
            // It may wait for threads that are not there, or undo what is the parent's.
            return;
        }
        let object = &mut self.object;
        let _ = self.enter.run("drop", || {
            // SAFETY: this is the only place that drops the object, it runs at most once, and
            // nothing uses the object afterwards.
            unsafe { ManuallyDrop::drop(object) }
        });
    }
}
