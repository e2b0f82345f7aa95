//! The search: every script without a fault, then with every fault at every request, then with every
//! pair of them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use crate::Options;
use crate::fault::Fault;
use crate::overseer::Boundary;
use crate::report::Report;
use crate::run::{Clock, Run, run};
use crate::schedule::Schedule;
use crate::script::SCRIPTS;

/// After so many violations the search ends: more of them say nothing new.
const ENOUGH: usize = 20;

/// Faults that come in pairs. The others differ from one of these only in how the client is told.
const IN_PAIRS: [Fault; 11] = [
    Fault::Denied,
    Fault::Outage,
    Fault::Reset,
    Fault::LoseReply,
    Fault::ErrorIn200,
    Fault::Crash,
    Fault::CrashAfter,
    Fault::Cancel,
    Fault::Expire,
    Fault::Foreign,
    Fault::LateParts,
];

/// Runs the schedules that the options ask for.
pub fn explore(options: &Options) -> Report {
    let start = Instant::now();
    let mut report = Report::new(options.seed);
    if let Some(schedule) = &options.schedule {
        run_all(std::slice::from_ref(schedule), options, &mut report, |_, _| ());
    } else {
        search(options, &mut report);
    }
    report.took(start.elapsed());
    report
}

fn search(options: &Options, report: &mut Report) {
    let mut left = options.limit.unwrap_or(usize::MAX);
    let mut level: Vec<Schedule> = SCRIPTS.iter().map(|script| Schedule::new(script, &[])).collect();
    let mut dice = StdRng::seed_from_u64(options.seed);
    for faults_of_next in [&Fault::ALL[..], &IN_PAIRS, &[]] {
        if options.limit.is_some() {
            // So that what is left out is not always the same.
            level.shuffle(&mut dice);
        }
        level.truncate(left);
        left -= level.len();
        let next = Mutex::new(Vec::new());
        run_all(&level, options, report, |schedule, run| {
            if run.verdict.is_ok() {
                let longer = with_one_more(schedule, &run.boundaries, faults_of_next);
                next.lock().extend(longer);
            }
        });
        level = next.into_inner();
        // Threads bring them in any order.
        level.sort_by_cached_key(Schedule::to_string);
    }
}

/// The schedule with each further fault behind those that it has.
fn with_one_more(schedule: &Schedule, boundaries: &[Boundary], faults: &[Fault]) -> Vec<Schedule> {
    let is_pairable = schedule.faults().iter().all(|(_, fault)| faults.contains(fault));
    if !is_pairable {
        return Vec::new();
    }
    let first = schedule.faults().last().map_or(0, |&(request, _)| request + 1);
    (0..)
        .zip(boundaries)
        .skip(first as usize)
        .flat_map(|(request, boundary)| {
            let possible = boundary.faults.iter().filter(|fault| faults.contains(fault));
            possible.map(move |&fault| {
                let mut all = schedule.faults().to_vec();
                all.push((request, fault));
                Schedule::new(schedule.script(), &all)
            })
        })
        .collect()
}

/// Runs schedules on so many threads as the options say.
fn run_all(
    schedules: &[Schedule],
    options: &Options,
    report: &mut Report,
    seen: impl Fn(&Schedule, &Run) + Sync,
) {
    let next = AtomicUsize::new(0);
    let has_enough = AtomicBool::new(false);
    let shared = Mutex::new(report);
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                #[cfg(debug_assertions)]
                s3_native_plugin::internals::sabotage(options.sabotage.map(Into::into));
                while !has_enough.load(Ordering::Relaxed)
                    && let Some(schedule) = schedules.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let run = run(schedule, options.seed, Clock::Virtual);
                    seen(schedule, &run);
                    let mut report = shared.lock();
                    report.add(schedule, &run);
                    if report.violations().len() >= ENOUGH {
                        has_enough.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}
