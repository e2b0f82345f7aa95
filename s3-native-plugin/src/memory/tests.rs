use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;

/// Polls once; none of these futures needs a runtime.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn now(budget: &Arc<MemoryBudget>, bytes: u64) -> Reservation {
    match pin!(budget.reserve(bytes)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(reservation) => reservation,
        Poll::Pending => panic!("{bytes} bytes were not granted at once by {budget:?}"),
    }
}

#[test]
fn waiters_are_served_in_order_and_a_small_one_does_not_overtake() {
    let budget = MemoryBudget::new(10, Metrics::unheard());
    let first = now(&budget, 8).in_flight();
    let mut large = Box::pin(budget.reserve(9));
    let mut small = Box::pin(budget.reserve(1));
    assert!(poll(&mut large).is_pending());
    assert!(poll(&mut small).is_pending());
    drop(first);
    let Poll::Ready(large) = poll(&mut large) else {
        panic!("the first in the queue was not served")
    };
    assert_eq!(large.bytes(), 9);
    assert!(poll(&mut small).is_ready());
}

#[test]
fn held_buffers_alone_never_make_anybody_wait() {
    let budget = MemoryBudget::new(4, Metrics::unheard());
    let held: Vec<_> = (0..100).map(|_| now(&budget, 3)).collect();
    let huge = now(&budget, 1_000);
    drop((held, huge));
    assert_eq!(budget.lock().used, 0);
}

#[test]
fn a_cancelled_waiter_reserves_nothing_and_blocks_nobody() {
    let budget = MemoryBudget::new(10, Metrics::unheard());
    let first = now(&budget, 10).in_flight();
    let mut gone = Box::pin(budget.reserve(10));
    let mut granted_then_gone = Box::pin(budget.reserve(5));
    let mut last = Box::pin(budget.reserve(10));
    for waiter in [&mut gone, &mut granted_then_gone, &mut last] {
        assert!(poll(waiter).is_pending());
    }
    drop(gone);
    drop(first);
    drop(granted_then_gone);
    assert!(poll(&mut last).is_ready());
    drop(last);
    assert_eq!(budget.lock().used, 0);
}

proptest! {
    /// Streams that hold a buffer each and hand full ones to tasks never all wait for each other:
    /// whenever no task is left to end, everybody who waits has been served.
    #[test]
    fn whatever_the_order_a_waiter_only_waits_for_tasks(
        total in 1_u64..64,
        steps in prop::collection::vec((0_usize..8, 1_u64..32), 1..200),
    ) {
        let budget = MemoryBudget::new(total, Metrics::unheard());
        let mut held: Vec<Option<Reservation>> = (0..8).map(|_| None).collect();
        let mut waiting: Vec<Option<_>> = (0..8).map(|_| None).collect();
        let mut tasks = VecDeque::new();
        for (stream, bytes) in steps {
            if let Some(wait) = &mut waiting[stream] {
                if let Poll::Ready(reservation) = poll(wait) {
                    held[stream] = Some(reservation);
                    waiting[stream] = None;
                }
            } else if let Some(full) = held[stream].take() {
                tasks.push_back(full.in_flight());
            } else {
                let mut wait = Box::pin({
                    let budget = Arc::clone(&budget);
                    async move { budget.reserve(bytes).await }
                });
                match poll(&mut wait) {
                    Poll::Ready(reservation) => held[stream] = Some(reservation),
                    Poll::Pending => waiting[stream] = Some(wait),
                }
            }
            if bytes % 3 == 0 {
                tasks.pop_front();
            }
        }
        tasks.clear();
        for wait in waiting.iter_mut().flatten() {
            prop_assert!(poll(wait).is_ready());
        }
        drop((held, waiting));
        prop_assert_eq!(budget.lock().used, 0);
        prop_assert_eq!(budget.lock().in_flight, 0);
    }
}

#[tokio::test]
async fn what_can_be_done_without_gets_half_at_most_and_never_overtakes() {
    let budget = MemoryBudget::new(100, Metrics::unheard());
    assert!(budget.reserve_spare(51).is_none());
    let spare = budget.reserve_spare(50).unwrap();
    assert!(budget.reserve_spare(1).is_none());
    drop(spare);
    let sent = budget.reserve(40).await.in_flight();
    assert!(budget.reserve_spare(11).is_none());
    let mut waiting = Box::pin(budget.reserve(70));
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    assert!(budget.reserve_spare(1).is_none(), "somebody waits");
    drop(sent);
    drop(waiting.await);
    assert!(budget.reserve_spare(50).is_some());
}
