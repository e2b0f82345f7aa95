//! [`Faults`]: which calls of a file system fail.

use std::collections::BTreeMap;
use std::sync::Mutex;

use plugin_api::{Error, ErrorKind, Location, Retry};

use crate::store::unpoisoned;

/// The operations that can be made to fail, as they are recorded.
const OPERATIONS: &[&str] = &[
    "status",
    "list",
    "next_page",
    "open",
    "read",
    "read_ranges",
    "create",
    "write",
    "flush",
    "sync",
    "close",
    "delete",
    "rename",
    "mkdirs",
    "copy_files",
    "writer.open",
    "recover",
    "recover_for_commit",
    "persist",
    "close_for_commit",
    "commit",
    "abort",
    "verify",
    "pending_uploads",
    "abort_upload",
];

#[derive(Debug)]
struct Rule {
    operation: String,
    /// `None` for every call.
    nth: Option<u64>,
    kind: ErrorKind,
}

/// Which calls of a file system fail. Calls are counted for each operation, from 1.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
}

impl Faults {
    /// Reads rules; the error is the first wrong one and what is wrong with it.
    pub(crate) fn parse(rules: &[String]) -> Result<Self, (String, String)> {
        let rules = rules
            .iter()
            .map(|rule| parse_rule(rule).map_err(|why| (rule.clone(), why)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            rules,
            counts: Mutex::default(),
        })
    }

    /// Counts a call, and fails if it is one that a rule names.
    pub(crate) fn check(&self, operation: &'static str, path: &Location) -> Result<(), Error> {
        if self.rules.is_empty() {
            return Ok(());
        }
        let count = {
            let mut counts = unpoisoned(&self.counts);
            let count = counts.entry(operation).or_default();
            *count += 1;
            *count
        };
        let fits = |rule: &&Rule| rule.operation == operation && rule.nth.is_none_or(|nth| nth == count);
        let Some(rule) = self.rules.iter().find(fits) else {
            return Ok(());
        };
        let retry = match rule.kind {
            ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Unavailable => Retry::Yes,
            _ => Retry::No,
        };
        Err(Error::new(
            rule.kind,
            format!("call {count} of {operation} fails by configuration"),
        )
        .with_operation(operation)
        .with_path(path)
        .with_retry(retry)
        .with_remedy("take the rule out of 'mock.fail'"))
    }
}

fn parse_rule(rule: &str) -> Result<Rule, String> {
    let mut parts = rule.split(':');
    let (Some(operation), Some(nth), Some(kind), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("it must have three parts".to_owned());
    };
    if !OPERATIONS.contains(&operation) {
        return Err(format!("the operation must be one of {}", OPERATIONS.join(", ")));
    }
    let nth = match nth {
        "*" => None,
        number => match number.parse() {
            Ok(nth) if nth > 0 => Some(nth),
            _ => return Err("the call must be a number from 1, or *".to_owned()),
        },
    };
    let known = ErrorKind::ALL.iter().find(|known| known.as_str() == kind);
    let kind = *known.ok_or_else(|| format!("there is no kind of error '{kind}'"))?;
    Ok(Rule {
        operation: operation.to_owned(),
        nth,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(rules: &[&str]) -> Result<Faults, (String, String)> {
        Faults::parse(&rules.iter().map(|&rule| rule.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn only_the_named_call_fails() {
        let faults = parse(&["open:2:timeout", "list:*:not-found"]).expect("rules");
        let path = Location::new("mock", "a", "k").expect("a location");
        let kind = |operation| faults.check(operation, &path).err().map(|error| error.kind());
        assert_eq!(kind("open"), None);
        assert_eq!(kind("list"), Some(ErrorKind::NotFound));
        assert_eq!(kind("open"), Some(ErrorKind::Timeout));
        assert_eq!(kind("open"), None);
        assert_eq!(kind("list"), Some(ErrorKind::NotFound));
    }

    #[test]
    fn a_wrong_rule_is_named_with_what_is_wrong() {
        for (rule, why) in [
            ("open:2", "three parts"),
            ("frob:1:timeout", "one of status"),
            ("open:0:timeout", "from 1"),
            ("open:x:timeout", "from 1"),
            ("open:1:frob", "'frob'"),
        ] {
            let (named, text) = parse(&["open:1:timeout", rule]).expect_err("a wrong rule");
            assert_eq!(named, rule);
            assert!(text.contains(why), "{text}");
        }
    }
}
