//! Time without a runtime, for what happens once in the life of a process.

use std::future::{Future, poll_fn};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::signals::runtime_thread_started;

#[derive(Default)]
struct Timer {
    is_over: bool,
    waker: Option<Waker>,
}

/// Ends after so much time. A thread of its own waits, from the first poll until the end or the drop of the future;
/// without a thread the time is over at once.
pub fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
    let timer = Arc::new(Mutex::new(Timer::default()));
    let mut thread: Option<Sender<()>> = None;
    poll_fn(move |cx| {
        if thread.is_none() {
            thread = start(duration, Arc::clone(&timer));
        }
        let mut timer = timer.lock().unwrap_or_else(PoisonError::into_inner);
        if timer.is_over || duration.is_zero() || thread.is_none() {
            return Poll::Ready(());
        }
        timer.waker = Some(cx.waker().clone());
        Poll::Pending
    })
}

fn start(duration: Duration, timer: Arc<Mutex<Timer>>) -> Option<Sender<()>> {
    if duration.is_zero() {
        return None;
    }
    let (sender, receiver) = channel();
    let wait = move || {
        runtime_thread_started();
        // Nothing is ever sent: it ends when the future is dropped, or by time.
        let _ = receiver.recv_timeout(duration);
        let mut timer = timer.lock().unwrap_or_else(PoisonError::into_inner);
        timer.is_over = true;
        let waker = timer.waker.take();
        drop(timer);
        if let Some(waker) = waker {
            waker.wake();
        }
    };
    let thread = std::thread::Builder::new().name("fs-deadline".to_owned());
    thread.spawn(wait).is_ok().then_some(sender)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Wake};
    use std::thread::{self, Thread};

    struct Unpark(Thread, AtomicBool);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.1.store(true, Ordering::SeqCst);
            self.0.unpark();
        }
    }

    #[test]
    fn a_sleep_ends_and_none_takes_no_time() {
        let woken = Arc::new(Unpark(thread::current(), AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        assert!(pin!(sleep(Duration::ZERO)).poll(&mut cx).is_ready());
        let mut future = pin!(sleep(Duration::from_millis(1)));
        while future.as_mut().poll(&mut cx).is_pending() {
            while !woken.1.swap(false, Ordering::SeqCst) {
                thread::park();
            }
        }
        // One that is not waited for to its end leaves no thread behind that wakes anybody.
        assert!(pin!(sleep(Duration::MAX)).poll(&mut cx).is_pending());
    }
}
