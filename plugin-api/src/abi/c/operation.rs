//! An operation: plugin code that runs to its end on the caller's thread, or on one of the door's.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::arguments::{options, refused};
use super::types::{CCompletion, CError, COperation};
use super::{driver, handle, results};
use crate::abi::fork::check_fork;
use crate::abi::future::{Enter, panic_error};
use crate::abi::signals::SigpipeGuard;
use crate::{Error, ErrorKind, Result};

/// Plugin code that puts its results where the caller wants them. It may refer to memory that the caller lends, and
/// is dropped before the caller hears of its end.
pub(super) type Work = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Runs an entry of the table: whatever is wrong becomes an error, also a panic.
pub(super) fn entry(name: &'static str, code: impl FnOnce() -> Result<()>) -> *mut CError {
    let result = catch_unwind(AssertUnwindSafe(|| {
        check_fork()?;
        code()
    }));
    returned(name, result.unwrap_or_else(|panic| Err(panic_error(name, panic))))
}

/// A success is NULL.
pub(super) fn returned(name: &'static str, result: Result<()>) -> *mut CError {
    match result {
        Ok(()) => std::ptr::null_mut(),
        Err(error) => results::error(&error.with_operation(name)),
    }
}

/// How the end of an operation is told.
pub(super) struct Completion {
    done: unsafe extern "C" fn(context: *mut c_void, error: *mut CError),
    context: *mut c_void,
    /// Where the handle of the operation goes; may be null.
    operation: *mut *mut COperation,
}

// SAFETY: the caller says that `done` may be called from any thread; `operation` is used before the call returns.
unsafe impl Send for Completion {}

impl Completion {
    /// # Safety
    /// `completion` is null or points to a struct as `fsplug.h` describes it.
    pub(super) unsafe fn new(completion: *const CCompletion) -> Result<Option<Self>> {
        // SAFETY: the caller's promise is passed on.
        let Some(completion) = (unsafe { options(completion)? }) else {
            return Ok(None);
        };
        let done = completion
            .done
            .ok_or_else(|| refused("the completion has no callback"))?;
        Ok(Some(Self {
            done,
            context: completion.context,
            operation: completion.operation,
        }))
    }

    /// Gives the caller the handle with which it may cancel.
    pub(super) fn give_handle(&self, task: &Arc<driver::Task>) {
        if !self.operation.is_null() {
            // SAFETY: not null, and the caller says that a handle may be written there during this call.
            unsafe {
                self.operation
                    .write(handle::give(handle::Object::Operation(Arc::clone(task))))
            };
        }
    }

    /// Tells the caller.
    pub(super) fn tell(self, error: *mut CError) {
        // SAFETY: the callback takes these two, from any thread, as the caller says; it is called once, since this
        // consumes the completion.
        unsafe { (self.done)(self.context, error) };
    }
}

/// Runs `work` to its end, or gives it to the threads of the door if the caller wants to be told. It is
/// [`ErrorKind::Closed`] if file system or factory are.
pub(super) fn start(
    name: &'static str,
    enter: &Enter,
    completion: Option<Completion>,
    work: Work,
) -> Result<()> {
    let gate = enter.clone();
    start_last(
        name,
        enter,
        completion,
        Box::pin(async move { gate.inside(work).await }),
    )
}

/// The same for what ends an object, which is possible at any time.
pub(super) fn start_last(
    name: &'static str,
    enter: &Enter,
    completion: Option<Completion>,
    work: Work,
) -> Result<()> {
    let operation = Operation {
        name,
        enter: enter.clone(),
        work: Some(work),
    };
    match completion {
        Some(completion) => driver::start(operation, completion),
        None => block_on(operation),
    }
}

/// Runs what answers at once.
pub(super) fn at_once<T>(name: &'static str, enter: &Enter, code: impl FnOnce() -> Result<T>) -> Result<T> {
    enter.check_open()?;
    recall(name, enter, code)
}

/// Runs what only tells what the object knows, also after its end.
pub(super) fn recall<T>(name: &'static str, enter: &Enter, code: impl FnOnce() -> Result<T>) -> Result<T> {
    let _quiet = SigpipeGuard::new();
    enter.run(name, code)?
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
        let task = unsafe { handle::operation(operation)? };
        task.cancel();
        Ok(())
    })
}
