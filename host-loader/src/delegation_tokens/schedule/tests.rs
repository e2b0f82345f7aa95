//! The schedule against a model of what was asked of it, over random histories.

use proptest::prelude::*;

use super::*;

const START: SystemTime = SystemTime::UNIX_EPOCH;

fn policy() -> impl Strategy<Value = Policy> {
    (1_u32..=100, 1_u64..20_000, 0_u64..600_000, 0_u64..60_000).prop_map(
        |(ratio, initial, more, cooldown)| Policy {
            ratio: f64::from(ratio) / 100.0,
            initial_backoff: Duration::from_millis(initial),
            max_backoff: Duration::from_millis(initial + more),
            cooldown: Duration::from_millis(cooldown),
        },
    )
}

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// So many milliseconds pass.
    Pass(u64),
    /// Time passes until something is due.
    PassUntilDue,
    Begin,
    Request,
    /// The running cycle obtains tokens for so many milliseconds, or for ever.
    Succeed(Option<u64>),
    /// The running cycle fails, with this luck.
    Fail(f64),
    Stop,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0_u64..100_000).prop_map(Event::Pass),
        8 => Just(Event::PassUntilDue),
        10 => Just(Event::Begin),
        4 => Just(Event::Request),
        4 => prop::option::weighted(0.9, 0_u64..10_000_000).prop_map(Event::Succeed),
        6 => (0.0..1.0).prop_map(Event::Fail),
        1 => Just(Event::Stop),
    ]
}

/// Durations that went through a floating point number.
fn about(left: Duration, right: Duration) -> bool {
    left.abs_diff(right) <= Duration::from_micros(1)
}

proptest! {
    #[test]
    fn every_history_keeps_the_rules(policy in policy(), events in prop::collection::vec(event(), 1..200)) {
        let mut schedule = Schedule::new(policy);
        prop_assert_eq!(schedule.due(), None);
        let mut now = START;
        schedule.start(now);
        prop_assert_eq!(schedule.due(), Some(now));
        let mut running: Option<Cycle> = None;
        let mut begun: Option<SystemTime> = None;
        let mut ended: Option<Cycle> = None;
        let mut valid_until: Option<SystemTime> = None;
        let mut failures = 0_u32;
        let mut stopped = false;
        for event in events {
            let due = schedule.due();
            match event {
                Event::Pass(millis) => now += Duration::from_millis(millis),
                Event::PassUntilDue => now = now.max(due.unwrap_or(now)),
                Event::Begin => {
                    let cycle = schedule.begin(now);
                    // Only what is due begins, and nothing beside a running one.
                    prop_assert_eq!(cycle.is_some(), due.is_some_and(|due| due <= now));
                    if cycle.is_some() {
                        prop_assert!(running.is_none() && !stopped);
                        prop_assert_ne!(cycle, ended);
                        (running, begun) = (cycle, Some(now));
                    }
                }
                Event::Request => {
                    schedule.request(now);
                    if running.is_some() || stopped {
                        prop_assert_eq!(schedule.due(), None);
                    } else {
                        let cooled = begun.map_or(now, |begun| (begun + policy.cooldown).max(now));
                        // Earlier for it if that is possible, and never later.
                        let expected = due.map_or(cooled, |due| due.min(cooled));
                        prop_assert_eq!(schedule.due(), Some(expected));
                        schedule.request(now);
                        prop_assert_eq!(schedule.due(), Some(expected));
                    }
                }
                Event::Succeed(millis) => {
                    let Some(cycle) = running.take() else { continue };
                    valid_until = millis.map(|millis| now + Duration::from_millis(millis));
                    schedule.succeeded(cycle, now, valid_until);
                    (failures, ended) = (0, Some(cycle));
                    if stopped { continue }
                    let wait = schedule.due().map(|due| due.duration_since(now).unwrap());
                    let expected = millis.map(|millis| Duration::from_millis(millis).mul_f64(policy.ratio));
                    prop_assert_eq!(wait.is_some(), expected.is_some());
                    if let (Some(wait), Some(expected)) = (wait, expected) {
                        prop_assert!(about(wait, expected), "{:?} is not {:?}", wait, expected);
                    }
                }
                Event::Fail(random) => {
                    let Some(cycle) = running.take() else { continue };
                    let before = schedule.renew_at;
                    schedule.failed(cycle, now, valid_until, random);
                    let base = policy.initial_backoff.saturating_mul(1 << failures.min(30)).min(policy.max_backoff);
                    (failures, ended) = (failures + 1, Some(cycle));
                    if stopped { continue }
                    let due = schedule.due().expect("a failure is retried");
                    let wait = due.duration_since(now).expect("not in the past");
                    let remaining = valid_until.and_then(|end| end.duration_since(now).ok()).unwrap_or_default();
                    prop_assert!(wait <= policy.max_backoff);
                    let cap = if remaining.is_zero() {
                        policy.max_backoff
                    } else {
                        prop_assert!(wait <= (remaining / 3).max(LEAST_CAP));
                        policy.max_backoff.min((remaining / 3).max(LEAST_CAP))
                    };
                    // A provider that works again finds tokens that still live.
                    if remaining >= LEAST_CAP * 3 {
                        prop_assert!(due < valid_until.unwrap());
                    }
                    // Half to one and a half of the backoff, within the cap, unless the renewal comes first.
                    let base = base.min(cap);
                    if before.is_some_and(|renew| renew > now && renew == due) {
                        prop_assert!(wait <= base.mul_f64(1.5));
                    } else {
                        let expected = base.mul_f64(0.5 + random).min(cap);
                        prop_assert!(about(wait, expected), "{:?} is not {:?}", wait, expected);
                        prop_assert!(wait + Duration::from_micros(1) >= base / 2);
                    }
                }
                Event::Stop => {
                    schedule.stop();
                    stopped = true;
                }
            }
            // What an earlier cycle or one before the stop comes to has no effect.
            let due = schedule.due();
            for stale in ended.into_iter().chain(running.filter(|_| stopped)) {
                prop_assert!(!schedule.is_current(stale));
                schedule.succeeded(stale, now, Some(now));
                schedule.failed(stale, now, None, 0.5);
            }
            prop_assert_eq!(schedule.due(), due);
            if stopped || running.is_some() {
                prop_assert_eq!(due, None);
                prop_assert_eq!(schedule.begin(now), None);
            }
        }
    }

    #[test]
    fn tokens_never_end_if_the_provider_recovers_in_time(
        policy in policy(),
        life in 60_u64..100_000,
        outage in 0.0..0.97,
        luck in prop::collection::vec(0.0..1.0, 64),
    ) {
        let life = Duration::from_secs(life);
        let mut schedule = Schedule::new(policy);
        schedule.start(START);
        let end = START + life;
        let cycle = schedule.begin(START).unwrap();
        schedule.succeeded(cycle, START, Some(end));
        // The provider fails from the first renewal until so much of what was left has gone by.
        let first = schedule.due().unwrap();
        let works_from = first + end.duration_since(first).unwrap().mul_f64(outage);
        // With less than this left the next attempt may come too late, whatever is done.
        prop_assume!(end.duration_since(works_from).unwrap() >= LEAST_CAP * 3);
        for luck in luck.iter().cycle() {
            let now = schedule.due().unwrap();
            prop_assert!(now < end, "an attempt only after the tokens had ended");
            let cycle = schedule.begin(now).unwrap();
            if now >= works_from {
                schedule.succeeded(cycle, now, Some(now + life));
                break;
            }
            schedule.failed(cycle, now, Some(end), *luck);
        }
    }
}

#[test]
fn a_cycle_that_was_due_anyway_serves_whoever_asked_before_it_began() {
    let mut schedule = Schedule::new(Policy {
        ratio: 0.5,
        initial_backoff: Duration::from_secs(1),
        max_backoff: Duration::from_secs(1),
        cooldown: Duration::from_secs(20),
    });
    let at = |seconds| START + Duration::from_secs(seconds);
    schedule.start(at(0));
    let first = schedule.begin(at(0)).unwrap();
    schedule.succeeded(first, at(0), Some(at(20)));
    schedule.request(at(1));
    assert_eq!(schedule.due(), Some(at(10)));
    let second = schedule.begin(at(10)).unwrap();
    schedule.succeeded(second, at(10), Some(at(1_010)));
    assert_eq!(schedule.due(), Some(at(510)));
    // Tokens on demand that cannot be had do not put off the renewal of those in use.
    schedule.request(at(509));
    let third = schedule.begin(at(509)).unwrap();
    schedule.failed(third, at(509), Some(at(1_010)), 0.999);
    assert_eq!(schedule.due(), Some(at(510)));
}

#[test]
fn tokens_that_end_beyond_all_time_are_not_renewed() {
    let mut schedule = Schedule::new(Policy {
        ratio: 1.0,
        initial_backoff: Duration::from_secs(1),
        max_backoff: Duration::from_secs(1),
        cooldown: Duration::ZERO,
    });
    schedule.start(START);
    let cycle = schedule.begin(START).unwrap();
    let last = START + Duration::from_secs(i64::MAX as u64);
    schedule.succeeded(cycle, START, Some(last));
    assert!(schedule.due().is_none_or(|due| due <= last));
}
