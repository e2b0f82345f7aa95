//! [`Schedule`]: one run as a line of text, which replays exactly that run.

use std::fmt;
use std::str::FromStr;

use crate::fault::Fault;
use crate::script::{SCRIPTS, Script};

/// A script, and what happens at which of its requests.
///
/// As text: `script=crash faults=3:lose-reply,7:crash`. Requests count from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    script: &'static str,
    faults: Vec<(u32, Fault)>,
}

impl Schedule {
    pub(crate) fn new(script: &Script, faults: &[(u32, Fault)]) -> Self {
        Self {
            script: script.name,
            faults: faults.to_vec(),
        }
    }

    pub(crate) fn script(&self) -> &'static Script {
        Script::named(self.script).expect("a schedule is only made of scripts that are there")
    }

    /// The name of the script.
    pub fn script_name(&self) -> &'static str {
        self.script
    }

    /// What happens at which request, in ascending order.
    pub fn faults(&self) -> &[(u32, Fault)] {
        &self.faults
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "script={} faults=", self.script)?;
        for (index, (request, fault)) in self.faults.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{request}:{fault}")?;
        }
        Ok(())
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed =
            || format!("'{text}' is no schedule: write it as script=crash faults=3:reset,7:crash");
        let (script, faults) = text.trim().split_once(' ').ok_or_else(malformed)?;
        let script = script.strip_prefix("script=").ok_or_else(malformed)?;
        let faults = faults.trim().strip_prefix("faults=").ok_or_else(malformed)?;
        let script = Script::named(script).ok_or_else(|| {
            let names: Vec<_> = SCRIPTS.iter().map(|script| script.name).collect();
            format!(
                "no script is named '{script}': choose one of {}",
                names.join(", ")
            )
        })?;
        let faults = faults
            .split(',')
            .filter(|fault| !fault.is_empty())
            .map(|fault| {
                let (request, fault) = fault.split_once(':').ok_or_else(malformed)?;
                let request = request.parse().map_err(|_| malformed())?;
                Ok((request, fault.parse()?))
            })
            .collect::<Result<Vec<_>, String>>()?;
        if !faults.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(format!("'{text}' is no schedule: its requests must ascend"));
        }
        Ok(Self::new(script, &faults))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_read_back_from_its_text() {
        for text in [
            "script=crash faults=",
            "script=small faults=0:lose-reply,12:late-parts",
        ] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_what_is_wrong() {
        for (text, why) in [
            ("crash", "is no schedule"),
            ("script=x faults=", "no script is named 'x'"),
            ("script=crash faults=1:x", "no fault is named 'x'"),
            ("script=crash faults=x:reset", "is no schedule"),
            ("script=crash faults=2:reset,1:reset", "must ascend"),
        ] {
            let error = text.parse::<Schedule>().unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
