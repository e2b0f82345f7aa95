//! [`plan`]: when a run with faults kills the worker, all of it from one seed.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Requests to wait for at most, from when a kill is armed.
const REQUESTS: u64 = 40;

/// One kill of the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kill {
    /// It is armed when so many bytes of the input are counted,
    pub(super) from: u64,
    /// and happens at this request behind that, counted from 1:
    pub(super) request: u64,
    /// once the server has done what it asks for, or before.
    pub(super) applied: bool,
}

impl Kill {
    /// The rule for the server that makes it happen.
    pub(super) fn rule(&self) -> String {
        let action = if self.applied { "apply-then-kill" } else { "kill" };
        format!("op=*,nth={} -> {action}", self.request)
    }
}

/// So many kills of a job of `total` bytes, in the order in which they are due. The first is due at the
/// start, before anything can be restored; the last soon enough that the job cannot end before it.
pub(super) fn plan(seed: u64, kills: usize, total: u64) -> Vec<Kill> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut from: Vec<_> = (1..kills)
        .map(|_| random.random_range(0..=total / 10 * 9))
        .collect();
    from.extend((kills > 0).then_some(0));
    from.sort_unstable();
    from.into_iter()
        .map(|from| Kill {
            from,
            request: random.random_range(1..=REQUESTS),
            applied: random.random_bool(0.5),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_kills_and_another_seed_others() {
        let kills = plan(7, 20, 1_000_000);
        assert_eq!(kills, plan(7, 20, 1_000_000));
        assert_ne!(kills, plan(8, 20, 1_000_000));
        assert_eq!((kills.len(), kills[0].from), (20, 0));
        assert!(kills.is_sorted_by_key(|kill| kill.from) && kills[19].from <= 900_000);
        assert!(kills.iter().any(|kill| kill.applied) && kills.iter().any(|kill| !kill.applied));
        assert!(plan(7, 0, 1000).is_empty());
    }

    #[test]
    fn a_kill_is_one_rule() {
        let mut kill = Kill {
            from: 0,
            request: 9,
            applied: false,
        };
        assert_eq!(kill.rule(), "op=*,nth=9 -> kill");
        kill.applied = true;
        assert_eq!(kill.rule(), "op=*,nth=9 -> apply-then-kill");
    }
}
