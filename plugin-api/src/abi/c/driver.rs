//! The threads that run operations in callback form: few, started when they are needed, named `fsplug-c-N`.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use super::handle::Object;
use super::operation::{Completion, Operation, returned};
use crate::abi::signals::runtime_thread_started;
use crate::{Error, ErrorKind, Result};

/// They only poll: the work itself is done by the plugin's runtime.
const MAX_THREADS: usize = 4;

/// One operation in callback form.
pub(super) struct Task(Mutex<TaskState>);

struct TaskState {
    /// `None` while it is polled, and once it has ended.
    waiting: Option<(Operation, Completion)>,
    turn: Turn,
    is_cancelled: bool,
}

/// Whose turn it is. A task is in the queue at most once, and never while it is polled: no thread waits for another.
#[derive(Clone, Copy, PartialEq)]
enum Turn {
    /// Until it is woken.
    Idle,
    Queued,
    /// Also once it has ended: nobody queues it any more.
    Polled,
    /// It was woken during the poll, which another one has to follow.
    PolledAndWoken,
}

impl Task {
    pub(super) fn cancel(self: &Arc<Self>) {
        lock(&self.0).is_cancelled = true;
        Arc::clone(self).wake();
    }

    /// Polls it once, and tells the caller if that was its end.
    fn run(self: Arc<Self>) {
        let (waiting, is_cancelled) = {
            let mut state = lock(&self.0);
            state.turn = Turn::Polled;
            (state.waiting.take(), state.is_cancelled)
        };
        let Some((mut operation, completion)) = waiting else {
            return;
        };
        let polled = if is_cancelled {
            Poll::Ready(Err(Error::new(
                ErrorKind::Cancelled,
                "the operation was cancelled",
            )))
        } else {
            operation.poll(&mut Context::from_waker(&Waker::from(Arc::clone(&self))))
        };
        match polled {
            Poll::Pending => self.keep((operation, completion)),
            Poll::Ready(result) => {
                let name = operation.name;
                // Of what the caller lent, and of the task, nothing is left here when it hears of the end.
                drop((operation, self));
                completion.tell(returned(name, result));
            }
        }
    }

    /// Keeps what was polled until it is polled again.
    fn keep(self: Arc<Self>, polled: (Operation, Completion)) {
        let mut state = lock(&self.0);
        state.waiting = Some(polled);
        let woken = state.turn == Turn::PolledAndWoken;
        state.turn = if woken { Turn::Queued } else { Turn::Idle };
        drop(state);
        if woken {
            DRIVER.push(self);
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut state = lock(&self.0);
        let before = state.turn;
        state.turn = match before {
            Turn::Idle | Turn::Queued => Turn::Queued,
            Turn::Polled | Turn::PolledAndWoken => Turn::PolledAndWoken,
        };
        drop(state);
        if before == Turn::Idle {
            DRIVER.push(self);
        }
    }
}

/// Gives the operation to the threads.
pub(super) fn start(operation: Operation, mut completion: Completion) -> Result<()> {
    DRIVER.ensure_one_thread().map_err(|error| {
        Error::new(ErrorKind::Exhausted, "no thread can be started for the operation")
            .with_source(&error)
            .with_remedy("raise the limit of threads, or make the call without a completion")
    })?;
    let place = completion.operation.take();
    let task = Arc::new(Task(Mutex::new(TaskState {
        waiting: Some((operation, completion)),
        turn: Turn::Idle,
        is_cancelled: false,
    })));
    if let Some(place) = place {
        place.give(Object::Operation(Arc::clone(&task)));
    }
    task.wake();
    Ok(())
}

struct Driver {
    state: Mutex<State>,
    has_work: Condvar,
}

struct State {
    queue: VecDeque<Arc<Task>>,
    threads: usize,
    idle: usize,
}

static DRIVER: Driver = Driver {
    state: Mutex::new(State {
        queue: VecDeque::new(),
        threads: 0,
        idle: 0,
    }),
    has_work: Condvar::new(),
};

impl Driver {
    fn push(&'static self, task: Arc<Task>) {
        let mut state = lock(&self.state);
        state.queue.push_back(task);
        if state.queue.len() > state.idle && state.threads < MAX_THREADS {
            // The threads that there are do it, if there can be no more.
            let _ = self.start_thread(&mut state);
        }
        drop(state);
        self.has_work.notify_one();
    }

    fn ensure_one_thread(&'static self) -> io::Result<()> {
        let mut state = lock(&self.state);
        if state.threads > 0 {
            return Ok(());
        }
        self.start_thread(&mut state)
    }

    fn start_thread(&'static self, state: &mut State) -> io::Result<()> {
        let name = format!("fsplug-c-{}", state.threads + 1);
        thread::Builder::new().name(name).spawn(|| self.work())?;
        state.threads += 1;
        Ok(())
    }

    fn work(&self) {
        runtime_thread_started();
        IS_DRIVER.set(true);
        let mut state = lock(&self.state);
        loop {
            if let Some(task) = state.queue.pop_front() {
                drop(state);
                task.run();
                state = lock(&self.state);
            } else {
                state.idle += 1;
                state = self.has_work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }
}

thread_local! {
    static IS_DRIVER: Cell<bool> = const { Cell::new(false) };
}

/// Whether this is one of the threads.
pub(super) fn is_driver() -> bool {
    IS_DRIVER.get()
}

/// No code of the plugin's runs under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
