//! Waiting for a future on the calling thread.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Wakes the one thread that waits.
struct Parked {
    thread: Thread,
    /// The thread's own token is not enough: other code on the thread may park and use it up.
    woken: AtomicBool,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Runs a future to its end on this thread.
///
/// May be nested, unlike the executor of the `futures` crate: a stream that is dropped inside
/// somebody's `block_on` must still be able to wait for its own end.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let parked = Arc::new(Parked {
        thread: thread::current(),
        woken: AtomicBool::new(false),
    });
    let waker = Waker::from(Arc::clone(&parked));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        while !parked.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::channel::oneshot;

    #[test]
    fn a_future_that_is_woken_by_another_thread_completes_also_when_nested() {
        let (send, receive) = oneshot::channel();
        let (send_inner, receive_inner) = oneshot::channel();
        let sender = thread::spawn(move || {
            // The outer future is woken while the inner one is waited for.
            send.send(1).unwrap();
            send_inner.send(2).unwrap();
        });
        let sum = block_on(async {
            let inner: i32 = block_on(async { receive_inner.await.unwrap() });
            inner + receive.await.unwrap()
        });
        assert_eq!(sum, 3);
        sender.join().unwrap();
    }

    #[test]
    fn it_may_run_inside_another_executor() {
        let answer = futures_executor::block_on(async { block_on(async { 42 }) });
        assert_eq!(answer, 42);
    }
}
