//! An outage: no more requests than when all is well, and soon well again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use s3_native_plugin::retry::TransportFailure;
use s3_native_plugin::retry::backoff::Backoff;
use s3_native_plugin::retry::policy::{Attempt, Next, Operation, RetryPolicy};
use s3_native_plugin::retry::table::{Failure, RequestClass};

const CALLERS: usize = 32;
const HEALTHY: Duration = Duration::from_mins(1);
const OUTAGE: Duration = Duration::from_mins(1);
const AFTER: Duration = Duration::from_secs(30);

/// What the service is like.
#[derive(Clone, Debug)]
struct Service {
    /// How long an answer takes when all is well.
    latency: Duration,
    /// How long it takes to fail.
    failing: Duration,
    failure: Failure,
    retry_after: Option<Duration>,
    /// Between two calls of a caller that does nothing but call; a caller with a clock calls so often,
    /// whatever became of the calls before.
    period: Option<Duration>,
}

/// What a caller does next: begin an operation, ask whether it may send an attempt, send it, learn what
/// became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Call,
    Due,
    Send,
    Learn,
}

/// Requests per second of virtual time.
fn simulate(service: &Service, seed: u64) -> Vec<u32> {
    let policy = RetryPolicy::new(
        3,
        Backoff {
            base: Duration::from_millis(100),
            throttle_base: Duration::from_secs(1),
            max: Duration::from_secs(20),
        },
    );
    let mut dice = StdRng::seed_from_u64(seed);
    let start = Instant::now();
    let end = HEALTHY + OUTAGE + AFTER;
    let mut seconds = vec![0; end.as_secs() as usize];
    let operation = Operation {
        class: RequestClass::Idempotent,
        deadline: None,
        refreshed: false,
        redirected: false,
        clock_corrected: false,
    };
    let mut attempts = [0_u32; CALLERS];
    let mut called = vec![Duration::ZERO; CALLERS];
    let mut queue: BinaryHeap<_> = (0..CALLERS)
        .map(|caller| {
            Reverse((
                service.latency * caller as u32 / CALLERS as u32,
                Step::Call,
                caller,
            ))
        })
        .collect();
    while let Some(Reverse((now, step, caller))) = queue.pop() {
        if now >= end {
            return seconds;
        }
        let works = now < HEALTHY || now >= HEALTHY + OUTAGE;
        let instant = start + now;
        let again = |called: &mut Vec<Duration>| match service.period {
            Some(period) => {
                called[caller] = (called[caller] + period).max(now);
                called[caller]
            }
            None => now,
        };
        let next = match step {
            Step::Call => {
                attempts[caller] = 0;
                called[caller] = now;
                (now, Step::Due)
            }
            Step::Due => (now + policy.before_attempt(instant), Step::Send),
            Step::Send => {
                attempts[caller] += 1;
                seconds[now.as_secs() as usize] += 1;
                let takes = if works { service.latency } else { service.failing };
                (now + takes.max(Duration::from_micros(50)), Step::Learn)
            }
            Step::Learn if works => {
                policy.succeeded(instant);
                (again(&mut called), Step::Call)
            }
            Step::Learn => {
                let attempt = Attempt {
                    number: attempts[caller],
                    failure: service.failure.clone(),
                    retry_after: service.retry_after,
                    can_repair: false,
                };
                match policy.failed(instant, &operation, &attempt, dice.random()).next {
                    Next::Again(delay) => (now + delay, Step::Due),
                    Next::GiveUp(_) => (again(&mut called), Step::Call),
                }
            }
        };
        queue.push(Reverse((next.0, next.1, caller)));
    }
    seconds
}

fn sum(seconds: &[u32], from: Duration, len: Duration) -> f64 {
    let from = from.as_secs() as usize;
    f64::from(seconds[from..from + len.as_secs() as usize].iter().sum::<u32>())
}

fn check(service: &Service) {
    let seconds = simulate(service, 7);
    // The first seconds are those in which the service is new to the client.
    let (steady, rest) = (
        Duration::from_secs(10),
        HEALTHY.saturating_sub(Duration::from_secs(10)),
    );
    let rate = sum(&seconds, steady, rest) / rest.as_secs_f64();
    let during = sum(&seconds, HEALTHY, OUTAGE) / OUTAGE.as_secs_f64();
    assert!(
        during <= 1.2 * rate,
        "{during} instead of {rate} a second: {service:?}"
    );
    // Something is tried, or nobody would notice the end.
    assert!(during > 0.0, "{service:?}");
    let five = Duration::from_secs(5);
    let after = sum(&seconds, HEALTHY + OUTAGE + five, five) / five.as_secs_f64();
    assert!(
        after >= 0.9 * rate,
        "{after} instead of {rate} a second: {service:?}"
    );
}

fn services() -> Vec<Service> {
    let slow_down = Failure {
        status: 503,
        code: "SlowDown".to_owned(),
        transport: None,
    };
    let failed = Failure {
        status: 500,
        code: "InternalError".to_owned(),
        transport: None,
    };
    let refused = Failure {
        transport: Some(TransportFailure::ConnectionRefused),
        ..Failure::default()
    };
    let mut services = Vec::new();
    for latency in [5, 20, 100, 400, 1_000] {
        let latency = Duration::from_millis(latency);
        for failing in [Duration::ZERO, Duration::from_millis(1), latency, latency * 3] {
            for (failure, retry_after) in [
                (&slow_down, None),
                (&slow_down, Some(Duration::from_secs(1))),
                (&failed, None),
                (&refused, None),
            ] {
                for period in [None, Some(latency * 2)] {
                    services.push(Service {
                        latency,
                        failing,
                        failure: failure.clone(),
                        retry_after,
                        period,
                    });
                }
            }
        }
    }
    services
}

#[test]
fn in_a_minute_of_outage_32_callers_send_no_more_than_when_all_is_well_and_recover_in_seconds() {
    for service in services() {
        check(&service);
    }
}
