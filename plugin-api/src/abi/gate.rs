//! [`Gate`]: lets calls in until it is closed, and ends those that are inside.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::deadline::sleep;
use super::fork::{check_fork, is_forked_child};
use crate::{Error, ErrorKind, Result};

/// Nobody is let in any more.
const SHUT: usize = 1 << (usize::BITS - 1);
/// Nobody may go on any more.
const CUT: usize = SHUT >> 1;
/// The calls that are inside.
const INSIDE: usize = CUT - 1;

/// Lets calls in until it is closed, and ends those that are inside.
///
/// The calls of one file system, or of a factory together with those of all its file systems. A call is inside from
/// its first poll until it is complete or dropped.
#[derive(Debug, Default)]
pub struct Gate {
    /// [`SHUT`], [`CUT`] and the number of calls inside.
    state: AtomicUsize,
    waiting: Mutex<Waiting>,
    /// Closed together with this one.
    children: Mutex<Vec<Weak<Gate>>>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Who waits inside, each in a slot of its own; `None` in a slot that is free.
    calls: Vec<Option<Waker>>,
    free: Vec<usize>,
    /// Who waits until nobody is inside.
    closers: Vec<Waker>,
}

impl Gate {
    /// An open gate.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A gate that is closed when this one is, at the latest.
    pub fn child(&self) -> Arc<Self> {
        let mut children = lock(&self.children);
        let child = Self::new();
        // Under the lock of the children: whoever closes this gate closes the child too, or has done so before.
        child
            .state
            .store(self.state.load(Ordering::SeqCst) & (SHUT | CUT), Ordering::SeqCst);
        children.retain(|child| child.strong_count() > 0);
        children.push(Arc::downgrade(&child));
        child
    }

    /// Runs a call, unless the gate is closed before it begins or closed for good before it ends: it is
    /// [`ErrorKind::Closed`] then. In the child of a fork too.
    pub fn run<T, F: Future<Output = Result<T>>>(&self, call: F) -> Run<'_, F> {
        Run {
            visit: self.visit(),
            call,
        }
    }

    /// A call that is still outside.
    pub(super) fn visit(&self) -> Visit<'_> {
        Visit {
            gate: self,
            is_inside: false,
            slot: None,
        }
    }

    /// Fails as a new call would.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`].
    pub fn check_open(&self) -> Result<()> {
        check_fork()?;
        if self.state.load(Ordering::SeqCst) & SHUT == 0 {
            Ok(())
        } else {
            Err(closed())
        }
    }

    /// Lets nobody in any more and waits until everybody has left, at most until the deadline; then ends who is
    /// still inside. Whether they left by themselves. May be called any number of times, also at the same time.
    pub async fn close(&self, deadline: Duration) -> bool {
        let gates = self.set(SHUT);
        let mut time = pin!(sleep(deadline));
        let mut everybody = pin!(async {
            for gate in &gates {
                poll_fn(|cx| gate.poll_empty(cx)).await;
            }
        });
        // In this order, so that nobody waits in vain when there is no time at all.
        let all_left = poll_fn(|cx| match everybody.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => time.as_mut().poll(cx).map(|()| false),
        })
        .await;
        for gate in self.set(CUT) {
            let calls: Vec<Waker> = {
                let mut waiting = lock(&gate.waiting);
                waiting.calls.iter_mut().filter_map(Option::take).collect()
            };
            calls.into_iter().for_each(Waker::wake);
        }
        all_left
    }

    /// Sets a bit here and in the children, which are returned with this gate.
    fn set(&self, bit: usize) -> Vec<GateRef<'_>> {
        let children = lock(&self.children);
        let children = children.iter().filter_map(Weak::upgrade).map(GateRef::Child);
        let gates: Vec<_> = std::iter::once(GateRef::This(self)).chain(children).collect();
        for gate in &gates {
            gate.state.fetch_or(bit, Ordering::SeqCst);
        }
        gates
    }

    fn poll_empty(&self, cx: &Context<'_>) -> Poll<()> {
        let is_empty = || self.state.load(Ordering::SeqCst) & INSIDE == 0;
        if !is_empty() {
            lock(&self.waiting).closers.push(cx.waker().clone());
            // Again: who left before the waker was there did not see it.
            if !is_empty() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    fn enter(&self) -> Result<()> {
        check_fork()?;
        if self.state.fetch_add(1, Ordering::SeqCst) & SHUT == 0 {
            return Ok(());
        }
        self.leave();
        Err(closed())
    }

    fn leave(&self) {
        let before = self.state.fetch_sub(1, Ordering::SeqCst);
        if before & SHUT != 0 && before & INSIDE == 1 {
            let closers = std::mem::take(&mut lock(&self.waiting).closers);
            closers.into_iter().for_each(Waker::wake);
        }
    }
}

/// One of the gates that are closed together.
enum GateRef<'a> {
    This(&'a Gate),
    Child(Arc<Gate>),
}

impl std::ops::Deref for GateRef<'_> {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        match self {
            Self::This(gate) => gate,
            Self::Child(gate) => gate,
        }
    }
}

/// A call that goes through a gate.
#[derive(Debug)]
pub struct Run<'a, F> {
    visit: Visit<'a>,
    /// Structurally pinned.
    call: F,
}

impl<T, F: Future<Output = Result<T>>> Future for Run<'_, F> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `call` is only polled through a pin and never moved; `visit` is not pinned, and there is no `Drop`
        // that could move either.
        let (visit, call) = unsafe {
            let this = self.get_unchecked_mut();
            (&mut this.visit, Pin::new_unchecked(&mut this.call))
        };
        visit.poll(cx, |cx| call.poll(cx), Err)
    }
}

/// The way of one call through a gate.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    gate: &'a Gate,
    is_inside: bool,
    slot: Option<usize>,
}

impl Visit<'_> {
    /// Polls the call as long as it may be inside; the answer is what `refuse` makes of the error otherwise.
    #[inline]
    pub(super) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        call: impl FnOnce(&mut Context<'_>) -> Poll<T>,
        refuse: impl FnOnce(Error) -> T,
    ) -> Poll<T> {
        if let Err(error) = self.go_on() {
            self.end();
            return Poll::Ready(refuse(error));
        }
        let polled = call(cx);
        if polled.is_pending() {
            self.wait(cx.waker());
        } else {
            self.end();
        }
        polled
    }

    /// Enters, or finds out whether it may stay.
    #[inline]
    fn go_on(&mut self) -> Result<()> {
        if !self.is_inside {
            self.gate.enter()?;
            self.is_inside = true;
        } else if is_forked_child() {
            check_fork()?;
        } else if self.gate.state.load(Ordering::SeqCst) & CUT != 0 {
            return Err(cut_off());
        }
        Ok(())
    }

    /// Will be woken when it may no longer stay.
    fn wait(&mut self, waker: &Waker) {
        let mut waiting = lock(&self.gate.waiting);
        let slot = match self.slot {
            Some(slot) => slot,
            None => waiting.free.pop().unwrap_or_else(|| {
                waiting.calls.push(None);
                waiting.calls.len() - 1
            }),
        };
        self.slot = Some(slot);
        // Not while the lock is held: the waker that is replaced may do anything when it is dropped.
        let replaced = match &mut waiting.calls[slot] {
            Some(known) if known.will_wake(waker) => None,
            place => place.replace(waker.clone()),
        };
        drop(waiting);
        drop(replaced);
        // Whoever cut the gate before the waker was there did not see it.
        if self.gate.state.load(Ordering::SeqCst) & CUT != 0 {
            waker.wake_by_ref();
        }
    }

    #[inline]
    fn end(&mut self) {
        if let Some(slot) = self.slot.take() {
            let mut waiting = lock(&self.gate.waiting);
            let waker = waiting.calls[slot].take();
            waiting.free.push(slot);
            drop(waiting);
            drop(waker);
        }
        if self.is_inside {
            self.is_inside = false;
            self.gate.leave();
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No foreign code runs under a lock except the clone of a waker.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cold]
fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the file system has been closed")
        .with_remedy("get a new file system from the host")
}

#[cold]
fn cut_off() -> Error {
    Error::new(
        ErrorKind::Closed,
        "the file system was closed and the operation did not end within the deadline",
    )
    .with_remedy("allow more time to end, or cancel operations before")
}

#[cfg(test)]
mod tests;
