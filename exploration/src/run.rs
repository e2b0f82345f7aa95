//! One run: a schedule from its first request to its verdict.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;

use crate::engine::Engine;
use crate::fault::Fault;
use crate::oracle::{self, Outcome};
use crate::overseer::{Boundary, Overseer};
use crate::schedule::Schedule;
use crate::world::{World, tick};

/// No run takes longer, in virtual time.
const LONGEST: Duration = Duration::from_mins(2);

/// Whether time passes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// It passes when there is nothing else to do.
    Virtual,
    /// As on the wall. For comparison.
    #[cfg_attr(not(test), expect(dead_code, reason = "what virtual time is compared with"))]
    Real,
}

/// What was seen of a run.
#[derive(Debug)]
pub(crate) struct Run {
    /// The requests of the script, in the order of their arrival.
    pub(crate) boundaries: Vec<Boundary>,
    /// The faults that happened.
    pub(crate) faults: Vec<Fault>,
    /// All requests, also those of the garbage collector.
    pub(crate) requests: u64,
    /// How it ended, or what is wrong.
    pub(crate) verdict: Result<Outcome, String>,
}

/// Runs a schedule on a runtime of its own, with a server of its own.
pub(crate) fn run(schedule: &Schedule, seed: u64, clock: Clock) -> Run {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(clock == Clock::Virtual)
        .build()
        .expect("the process may have another epoll instance");
    runtime.block_on(async {
        let ticking = tokio::spawn(tick());
        let run = follow(schedule, seed).await;
        ticking.abort();
        run
    })
}

async fn follow(schedule: &Schedule, seed: u64) -> Run {
    let overseer = Arc::new(Overseer::new(schedule.faults()));
    let world = World::new(schedule.script(), seed, Arc::clone(&overseer)).await;
    let ended = tokio::time::timeout(LONGEST, Engine::new(&world).run()).await;
    // What runs in the background, such as aborts, comes to its end.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let boundaries = overseer.end();
    let verdict = match ended {
        Ok(story) => oracle::judge(&world, &story).await,
        Err(_) => Err(format!("it does not end within {LONGEST:?}")),
    };
    Run {
        boundaries,
        faults: overseer.record().faults,
        requests: world.server.requests().total(),
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::SCRIPTS;

    #[test]
    fn time_that_stands_still_changes_no_request() {
        for script in SCRIPTS {
            let schedule = Schedule::new(script, &[]);
            let [still, real] = [Clock::Virtual, Clock::Real].map(|clock| run(&schedule, 0, clock));
            assert_eq!(still.boundaries, real.boundaries, "{}", script.name);
            assert_eq!(still.verdict, real.verdict, "{}", script.name);
        }
    }

    #[test]
    fn a_schedule_is_the_same_run_every_time() {
        for text in [
            "script=crash faults=1:lose-reply,7:black-hole",
            "script=parts-and-tail faults=3:cancel,5:outage",
            "script=rival-first faults=2:crash-after,9:late-parts",
        ] {
            let schedule: Schedule = text.parse().unwrap();
            let [first, second] = [(); 2].map(|()| run(&schedule, 0, Clock::Virtual));
            assert_eq!(first.boundaries, second.boundaries, "{text}");
            assert_eq!(first.faults, second.faults, "{text}");
            assert_eq!(first.verdict, second.verdict, "{text}");
        }
    }
}
