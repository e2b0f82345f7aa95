use std::cell::Cell;
use std::rc::Rc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::task::Wake;
use std::thread;

use proptest::prelude::*;

use super::*;

const FOREVER: Duration = Duration::MAX;

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Woken {
    fn poll<F: Future + ?Sized>(self: &Arc<Self>, future: Pin<&mut F>) -> Poll<F::Output> {
        self.0.store(false, Ordering::SeqCst);
        future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(self))))
    }

    fn is_woken(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match Arc::new(Woken::default()).poll(pin!(future).as_mut()) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("not ready at once"),
    }
}

/// One of three gates: a factory's and those of two file systems.
type Which = usize;

#[derive(Clone, Debug)]
enum Step {
    Begin(Which),
    /// The call's own work is done; the number picks one of the calls, as below.
    Finish(usize),
    Poll(usize),
    Drop(usize),
    /// Closes, with all the time in the world.
    Close(Which),
    /// Closes, without any time.
    CloseAtOnce(Which),
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..3_usize;
    let call = 0..8_usize;
    prop_oneof![
        5 => which.clone().prop_map(Step::Begin),
        4 => call.clone().prop_map(Step::Finish),
        4 => call.clone().prop_map(Step::Poll),
        2 => call.prop_map(Step::Drop),
        1 => which.clone().prop_map(Step::Close),
        1 => which.prop_map(Step::CloseAtOnce),
    ]
}

/// A call as the model sees it.
struct Call<'a> {
    which: Which,
    future: Pin<Box<dyn Future<Output = Result<u32>> + 'a>>,
    woken: Arc<Woken>,
    is_done: Rc<Cell<bool>>,
    is_inside: bool,
}

struct Closing<'a> {
    which: Which,
    future: Pin<Box<dyn Future<Output = bool> + 'a>>,
    woken: Arc<Woken>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calls_enter_an_open_gate_and_end_with_it(steps in prop::collection::vec(step(), 1..60)) {
        let factory = Gate::new();
        let gates = [Arc::clone(&factory), factory.child(), factory.child()];
        let (mut shut, mut cut) = ([false; 3], [false; 3]);
        let closed_by = |which: Which| if which == 0 { 0..3 } else { which..which + 1 };
        let mut calls: Vec<Call<'_>> = Vec::new();
        let mut closings: Vec<Closing<'_>> = Vec::new();
        for step in steps {
            match step {
                Step::Begin(which) => {
                    let is_done = Rc::new(Cell::new(false));
                    let done = Rc::clone(&is_done);
                    let work = poll_fn(move |_| if done.get() { Poll::Ready(Ok(7)) } else { Poll::Pending });
                    let mut call = Call {
                        which,
                        future: Box::pin(gates[which].run(work)),
                        woken: Arc::default(),
                        is_done,
                        is_inside: !shut[which],
                    };
                    prop_assert_eq!(gates[which].check_open().is_ok(), !shut[which]);
                    match call.woken.poll(call.future.as_mut()) {
                        Poll::Pending => prop_assert!(!shut[which]),
                        Poll::Ready(result) => {
                            prop_assert_eq!(result.unwrap_err().kind(), ErrorKind::Closed);
                            prop_assert!(shut[which]);
                        }
                    }
                    if call.is_inside {
                        calls.push(call);
                    }
                }
                Step::Finish(index) if index < calls.len() => calls[index].is_done.set(true),
                Step::Poll(index) if index < calls.len() => {
                    let call = &mut calls[index];
                    match call.woken.poll(call.future.as_mut()) {
                        Poll::Pending => prop_assert!(!call.is_done.get() && !cut[call.which]),
                        Poll::Ready(Ok(_)) => prop_assert!(call.is_done.get() && !cut[call.which]),
                        Poll::Ready(Err(error)) => {
                            prop_assert_eq!(error.kind(), ErrorKind::Closed);
                            prop_assert!(cut[call.which]);
                        }
                    }
                    if call.is_done.get() || cut[call.which] {
                        // It has left, although the future is still there.
                        call.is_inside = false;
                        let left = calls.remove(index);
                        check_woken(&closings, &calls)?;
                        drop(left);
                    }
                }
                Step::Drop(index) if index < calls.len() => drop(calls.remove(index)),
                Step::Finish(_) | Step::Poll(_) | Step::Drop(_) => {}
                Step::Close(which) => {
                    closed_by(which).for_each(|which| shut[which] = true);
                    let mut closing = Closing {
                        which,
                        future: Box::pin(gates[which].close(FOREVER)),
                        woken: Arc::default(),
                    };
                    let is_empty = !calls.iter().any(|call| closed_by(which).contains(&call.which));
                    match closing.woken.poll(closing.future.as_mut()) {
                        Poll::Ready(all_left) => {
                            prop_assert!(all_left && is_empty);
                            closed_by(which).for_each(|which| cut[which] = true);
                        }
                        Poll::Pending => {
                            prop_assert!(!is_empty);
                            closings.push(closing);
                        }
                    }
                }
                Step::CloseAtOnce(which) => {
                    closed_by(which).for_each(|which| (shut[which], cut[which]) = (true, true));
                    let is_empty = !calls.iter().any(|call| closed_by(which).contains(&call.which));
                    prop_assert_eq!(ready(gates[which].close(Duration::ZERO)), is_empty);
                    for call in calls.iter().filter(|call| closed_by(which).contains(&call.which)) {
                        prop_assert!(call.woken.is_woken(), "a call waits for ever");
                    }
                }
            }
            check_woken(&closings, &calls)?;
            let mut still_closing = Vec::new();
            for mut closing in closings {
                if closing.woken.is_woken() {
                    let is_empty = !calls.iter().any(|call| closed_by(closing.which).contains(&call.which));
                    match closing.woken.poll(closing.future.as_mut()) {
                        Poll::Ready(all_left) => {
                            prop_assert!(all_left && is_empty);
                            closed_by(closing.which).for_each(|which| cut[which] = true);
                            continue;
                        }
                        Poll::Pending => prop_assert!(!is_empty),
                    }
                }
                still_closing.push(closing);
            }
            closings = still_closing;
        }
        drop(calls);
        for (which, gate) in gates.iter().enumerate() {
            prop_assert_eq!(gate.state.load(Ordering::SeqCst) & INSIDE, 0, "gate {}", which);
            let waiting = lock(&gate.waiting);
            prop_assert!(waiting.calls.iter().all(Option::is_none));
            prop_assert_eq!(waiting.free.len(), waiting.calls.len());
        }
    }
}

/// Whoever waits for the end of calls that are all gone is woken.
fn check_woken(
    closings: &[Closing<'_>],
    calls: &[Call<'_>],
) -> std::result::Result<(), proptest::test_runner::TestCaseError> {
    for closing in closings {
        let is_waited_for = |which: Which| closing.which == 0 || closing.which == which;
        let is_empty = !calls
            .iter()
            .any(|call| call.is_inside && is_waited_for(call.which));
        prop_assert!(!is_empty || closing.woken.is_woken(), "a close waits for ever");
    }
    Ok(())
}

#[test]
fn after_the_deadline_those_inside_end_with_an_error_and_close_says_so() {
    let gate = Gate::new();
    let call_woken = Arc::new(Woken::default());
    let mut call = pin!(gate.run(std::future::pending::<Result<()>>()));
    assert!(call_woken.poll(call.as_mut()).is_pending());
    let (sender, receiver) = std::sync::mpsc::channel();
    let closer = Arc::clone(&gate);
    thread::spawn(move || {
        let closed = block_on(closer.close(Duration::from_millis(1)));
        sender.send(closed).unwrap();
    });
    assert!(!receiver.recv().unwrap());
    assert!(call_woken.is_woken());
    let Poll::Ready(Err(error)) = call_woken.poll(call.as_mut()) else {
        panic!("it goes on");
    };
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(error.message().contains("within the deadline"), "{error}");
    assert!(ready(gate.close(FOREVER)));
}

/// Waits on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

#[test]
fn a_child_of_a_closed_gate_is_closed_and_forgotten_children_are_gone() {
    let gate = Gate::new();
    for _ in 0..100 {
        gate.child();
    }
    assert!(lock(&gate.children).len() <= 1);
    let before = gate.child();
    assert!(ready(gate.close(FOREVER)));
    let after = gate.child();
    for gate in [&gate, &before, &after] {
        assert_eq!(gate.check_open().unwrap_err().kind(), ErrorKind::Closed);
    }
}

#[test]
fn calls_of_many_threads_all_end_before_a_close_does() {
    for _ in 0..200 {
        let gate = Gate::new();
        let (inside, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..50 {
                        let call = gate.run(async {
                            inside.fetch_add(1, Ordering::SeqCst);
                            let mut polled = false;
                            poll_fn(|cx| {
                                cx.waker().wake_by_ref();
                                if std::mem::replace(&mut polled, true) {
                                    Poll::Ready(())
                                } else {
                                    Poll::Pending
                                }
                            })
                            .await;
                            inside.fetch_sub(1, Ordering::SeqCst);
                            Ok(())
                        });
                        if block_on(call).is_err() {
                            refused.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                });
            }
            start.wait();
            assert!(block_on(gate.close(FOREVER)));
            assert_eq!(inside.load(Ordering::SeqCst), 0);
        });
        assert_eq!(
            ready(gate.run(async { Ok(()) })).unwrap_err().kind(),
            ErrorKind::Closed
        );
    }
}
