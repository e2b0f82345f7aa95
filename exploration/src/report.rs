//! [`Report`]: what was explored, and what is wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::oracle::Outcome;
use crate::run::Run;
use crate::schedule::Schedule;

/// What was explored, and what is wrong.
#[derive(Clone, Debug)]
pub struct Report {
    seed: u64,
    schedules: u64,
    requests: u64,
    duration: Duration,
    scripts: BTreeMap<&'static str, u64>,
    faults: BTreeMap<&'static str, u64>,
    outcomes: BTreeMap<Outcome, u64>,
    violations: Vec<Violation>,
}

/// A run that ended in a way in which none may end.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Replays the run.
    pub schedule: Schedule,
    /// What is wrong.
    pub what: String,
}

impl Report {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            schedules: 0,
            requests: 0,
            duration: Duration::ZERO,
            scripts: BTreeMap::new(),
            faults: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, schedule: &Schedule, run: &Run) {
        self.schedules += 1;
        self.requests += run.requests;
        *self.scripts.entry(schedule.script_name()).or_default() += 1;
        for fault in &run.faults {
            *self.faults.entry(fault.name()).or_default() += 1;
        }
        match &run.verdict {
            Ok(outcome) => *self.outcomes.entry(*outcome).or_default() += 1,
            Err(what) => self.violations.push(Violation {
                schedule: schedule.clone(),
                what: what.clone(),
            }),
        }
    }

    pub(crate) fn took(&mut self, duration: Duration) {
        self.duration = duration;
    }

    /// How many schedules were run.
    pub fn schedules(&self) -> u64 {
        self.schedules
    }

    /// How many runs ended in this way.
    pub fn ended(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or(0)
    }

    /// How often a fault of this name happened.
    pub fn happened(&self, fault: &str) -> u64 {
        self.faults.get(fault).copied().unwrap_or(0)
    }

    /// What is wrong.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} schedules, {} requests, seed {}, {:.1} s",
            self.schedules,
            self.requests,
            self.seed,
            self.duration.as_secs_f64()
        )?;
        writeln!(f, "\nby script:")?;
        for (name, count) in &self.scripts {
            writeln!(f, "{count:>9}  {name}")?;
        }
        writeln!(f, "\nfaults that happened:")?;
        for (name, count) in &self.faults {
            writeln!(f, "{count:>9}  {name}")?;
        }
        writeln!(f, "\noutcomes:")?;
        for (outcome, count) in &self.outcomes {
            writeln!(f, "{count:>9}  {}", outcome.as_str())?;
        }
        writeln!(f, "{:>9}  violations", self.violations.len())?;
        for violation in &self.violations {
            writeln!(f, "\nviolation: {}", violation.what)?;
            writeln!(
                f,
                "  cargo xtask explore --seed {} --schedule '{}'",
                self.seed, violation.schedule
            )?;
        }
        Ok(())
    }
}
