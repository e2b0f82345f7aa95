//! The calls of the table, and operations: plugin code that runs to its end on the caller's thread, or on one of the
//! door's.

use std::ffi::c_void;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::null_mut;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::arguments::{Out, known_part, refused};
use super::handle::{self, Handle};
use super::types::{CCompletion, CError, COperation};
use super::{driver, results};
use crate::abi::fork::check_fork;
use crate::abi::future::{Enter, Entered, panic_error};
use crate::abi::signals::SigpipeGuard;
use crate::{Error, ErrorKind, Result};

/// Plugin code that puts its results where the caller wants them. It may refer to memory that the caller lends, and
/// is dropped before the caller hears of its end.
pub(super) type Work = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Runs an entry of the table: whatever is wrong becomes an error, also a panic.
pub(super) fn entry(name: &'static str, code: impl FnOnce() -> Result<()>) -> *mut CError {
    let code = || {
        check_fork()?;
        code()
    };
    returned(name, guarded(name, code))
}

/// Runs it; a panic is an error.
fn guarded<T>(name: &'static str, code: impl FnOnce() -> Result<T>) -> Result<T> {
    let result = catch_unwind(AssertUnwindSafe(code));
    result.unwrap_or_else(|panic| Err(panic_error(name, panic)))
}

/// A success is NULL.
pub(super) fn returned(name: &'static str, result: Result<()>) -> *mut CError {
    match result {
        Ok(()) => null_mut(),
        Err(error) => results::error(&error.with_operation(name)),
    }
}

/// How the end of an operation is told.
pub(super) struct Completion {
    done: unsafe extern "C" fn(context: *mut c_void, error: *mut CError),
    context: *mut c_void,
    /// Where the handle of the operation goes, if the caller wants it. Used before the call returns.
    pub(super) operation: Option<Out<*mut COperation>>,
}

// SAFETY: the caller says that `done` may be called from any thread, with this context.
unsafe impl Send for Completion {}

impl Completion {
    /// # Safety
    /// `completion` is null or points to a struct as `fsplug.h` describes it.
    pub(super) unsafe fn new(completion: *const CCompletion) -> Result<Option<Self>> {
        // SAFETY: the caller's promise is passed on.
        let Some((completion, is_all)) = (unsafe { known_part(completion)? }) else {
            return Ok(None);
        };
        // SAFETY: as above.
        let operation = unsafe { Out::optional(completion.operation, null_mut())? };
        is_all?;
        let done = completion
            .done
            .ok_or_else(|| refused("the completion has no callback"))?;
        Ok(Some(Self {
            done,
            context: completion.context,
            operation,
        }))
    }

    /// Tells the caller.
    pub(super) fn tell(self, error: *mut CError) {
        // SAFETY: the callback takes these two, from any thread, as the caller says; it is called once, since this
        // consumes the completion.
        unsafe { (self.done)(self.context, error) };
    }
}

/// An entry of the table that does something with the object of a handle: first its arguments are read, then one of
/// the methods runs the plugin's code on them.
pub(super) struct Call<H, A> {
    name: &'static str,
    /// What the call holds of the object, and the other arguments.
    read: Result<(H, A)>,
}

impl<H, A> Call<H, A> {
    /// Reads the other arguments, then the handle: whatever is refused, nothing is in the places for results.
    ///
    /// # Safety
    /// As for [`handle::hold`].
    pub(super) unsafe fn new<C: Handle<Held = H>>(
        name: &'static str,
        handle: *const C,
        arguments: impl FnOnce() -> Result<A>,
    ) -> Self {
        let read = guarded(name, || {
            let arguments = arguments();
            // The locks of a handle are of no use in the child of a fork.
            check_fork()?;
            // SAFETY: the caller's promise is passed on.
            let held = unsafe { handle::hold(handle)? };
            Ok((held, arguments?))
        });
        Self { name, read }
    }

    fn answer(self, code: impl FnOnce(H, A) -> Result<()>) -> *mut CError {
        entry(self.name, || {
            let (held, arguments) = self.read?;
            code(held, arguments)
        })
    }
}

impl<H: Deref<Target = Entered<T>>, T, A> Call<H, A> {
    /// Runs what answers at once. It is [`ErrorKind::Closed`] if file system or factory are.
    pub(super) fn at_once(mut self, code: impl FnOnce(H, A) -> Result<()>) -> *mut CError {
        self.read = self.read.and_then(|(held, arguments)| {
            held.enter.check_open()?;
            Ok((held, arguments))
        });
        self.recall(code)
    }

    /// Runs what only tells what the object knows, also after its end.
    pub(super) fn recall(self, code: impl FnOnce(H, A) -> Result<()>) -> *mut CError {
        let name = self.name;
        self.answer(|held, arguments| {
            let _quiet = SigpipeGuard::new();
            let enter = held.enter.clone();
            enter.run(name, || code(held, arguments))?
        })
    }
}

impl<H> Call<H, Out<u64>> {
    /// Tells a number that the object merely knows; 0 if that panics.
    pub(super) fn ask(self, code: impl FnOnce(&H) -> u64) -> *mut CError {
        self.answer(|held, out| {
            out.set(Enter::ask(0, || code(&held)));
            Ok(())
        })
    }
}

/// The call of an operation, with or without a completion.
impl<H: Deref<Target = Entered<T>>, T, A> Call<H, (A, Option<Completion>)> {
    /// Reads the completion, then the other arguments, then the handle.
    ///
    /// # Safety
    /// As for [`new`](Self::new) and [`Completion::new`].
    pub(super) unsafe fn operation<C: Handle<Held = H>>(
        name: &'static str,
        handle: *const C,
        completion: *const CCompletion,
        arguments: impl FnOnce() -> Result<A>,
    ) -> Self {
        // SAFETY: the caller's promise is passed on.
        unsafe {
            Self::new(name, handle, || {
                // Both, also if one of them is refused: each has places for results.
                let (completion, arguments) = (Completion::new(completion), arguments());
                Ok((arguments?, completion?))
            })
        }
    }

    /// Runs the operation to its end, or gives it to the threads of the door if the caller wants to be told. It is
    /// [`ErrorKind::Closed`] if file system or factory are.
    pub(super) fn start<F>(self, code: impl FnOnce(H, A) -> F) -> *mut CError
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let name = self.name;
        self.answer(|held, (arguments, completion)| {
            let enter = held.enter.clone();
            let work = gated(enter.clone(), Box::pin(code(held, arguments)));
            start(name, enter, completion, work)
        })
    }

    /// The same for what ends an object, which is possible at any time.
    pub(super) fn start_last<F>(self, code: impl FnOnce(H, A) -> F) -> *mut CError
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let name = self.name;
        self.answer(|held, (arguments, completion)| {
            let enter = held.enter.clone();
            start(name, enter, completion, Box::pin(code(held, arguments)))
        })
    }
}

/// The same work, refused once the gate is closed.
fn gated(gate: Enter, work: Work) -> Work {
    Box::pin(async move { gate.inside(work).await })
}

fn start(name: &'static str, enter: Enter, completion: Option<Completion>, work: Work) -> Result<()> {
    let operation = Operation {
        name,
        enter,
        work: Some(work),
    };
    match completion {
        Some(completion) => driver::start(operation, completion),
        None => block_on(operation),
    }
}

/// Plugin code and the way into the plugin, where it is polled and dropped.
pub(super) struct Operation {
    pub(super) name: &'static str,
    enter: Enter,
    /// `None` once it has ended.
    work: Option<Work>,
}

impl Operation {
    /// Ready once; what the code had is dropped by then.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(work) = &mut self.work else {
            return Poll::Ready(Err(Error::new(ErrorKind::Closed, "polled again after its end")));
        };
        match self.enter.run(self.name, || work.as_mut().poll(context)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => {
                self.end();
                Poll::Ready(result)
            }
            Err(panic) => {
                self.end();
                Poll::Ready(Err(panic))
            }
        }
    }

    fn end(&mut self) {
        if let Some(work) = self.work.take() {
            let _ = self.enter.run(self.name, || drop(work));
        }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.end();
    }
}

/// Wakes the caller's thread.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on(mut operation: Operation) -> Result<()> {
    if driver::is_driver() {
        return Err(refused("a call that blocks is made from the callback of another")
            .with_remedy("pass a completion, or make the call on a thread of your own"));
    }
    let _quiet = SigpipeGuard::new();
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(result) = operation.poll(&mut context) {
            return result;
        }
        // Whoever else unparks this thread only makes it poll once more.
        thread::park();
    }
}

pub(super) unsafe extern "C" fn cancel(operation: *const COperation) -> *mut CError {
    entry("cancel", || {
        // SAFETY: a handle as the table says.
        let task = unsafe { handle::hold(operation)? };
        task.cancel();
        Ok(())
    })
}
