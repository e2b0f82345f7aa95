//! [`Rules`]: faults as one line of text.

mod actions;
mod words;

use std::fmt;
use std::str::FromStr;

use super::chance::MILLION;
use super::{Action, Fault, OPERATIONS, reach};
use words::{Refusal, Word, digits};

pub(crate) use words::escaped;

/// Faults as one line of text, which can be printed, kept and given to another run.
///
/// ```text
/// op=UploadPart,key~=part-,nth=3 -> lose-reply; op=CompleteMultipartUpload,every=5 -> status:503:SlowDown
/// ```
///
/// Rules are separated by `;`. Each says which requests it hits, then `->`, then what happens to them. The
/// first rule that hits a request decides, and only requests count for a rule that none before it has
/// decided about. [`fmt::Display`] prints what [`FromStr`] reads.
///
/// # Which requests
///
/// | selector | hits |
/// |---|---|
/// | `op=UploadPart`, `op=*` | this operation, or each; must be there |
/// | `key=a/b` | requests for this key |
/// | `key~=part-` | requests for keys that contain this |
/// | `part=2` | requests for this part number |
/// | `nth=3` | only the third of them |
/// | `skip=2` | those behind the first two |
/// | `times=4` | no more than four |
/// | `every=5` | behind the skipped ones the fifth, the tenth, … |
/// | `chance=2%` | two of a hundred at random, up to four decimals |
///
/// # What happens
///
/// | action | |
/// |---|---|
/// | `status:503:SlowDown` | [`Action::Status`]; a message may follow as `:…` |
/// | `status-with:503:SlowDown:Retry-After=1` | [`Action::StatusWithHeaders`] |
/// | `reset` | [`Action::Reset`] |
/// | `lose-reply` | [`Action::ApplyThenReset`] |
/// | `apply-then-status:500:InternalError` | [`Action::ApplyThenStatus`] |
/// | `delay:50ms` | [`Action::Delay`], in `s`, `ms`, `us` or `ns` |
/// | `cut:1000` | [`Action::CutBodyAfter`] bytes |
/// | `reset-body:1000` | [`Action::ResetBodyAfter`] bytes |
/// | `half-close` | [`Action::HalfClose`] |
/// | `half-close-body:1000` | [`Action::HalfCloseBodyAfter`] bytes |
/// | `truncate:1000` | [`Action::Truncate`] to so many bytes |
/// | `trickle:1000` | [`Action::Trickle`] bytes a second |
/// | `flip:7` | [`Action::FlipBit`] at this offset |
/// | `close` | [`Action::CloseAfterAnswer`] |
/// | `error-in-200:InternalError` | [`Action::ErrorIn200`] |
/// | `black-hole` | [`Action::BlackHole`] |
/// | `ignore-range` | [`Action::IgnoreRange`] |
/// | `ignore-conditions` | [`Action::IgnoreConditions`] |
/// | `wrong-range:-5` | [`Action::WrongContentRange`] |
/// | `swap:content` | [`Action::SwapObject`] |
/// | `remove` | [`Action::RemoveObject`] |
/// | `expire` | [`Action::ExpireUpload`] |
/// | `kill` | [`Action::KillClient`] |
/// | `apply-then-kill` | [`Action::ApplyThenKillClient`] |
///
/// `delay`, `swap`, `remove` and `expire` leave the request to the rules behind, so that several can hit it.
///
/// White space, `%`, `,`, `;`, `:` and `>` in keys and other texts are written percent-encoded, as `%2C` for a
/// comma.
///
/// # Replay
///
/// With the same seed, the same rules hit the same requests again. A `chance` depends on the seed, the place of
/// the rule, and what the request is: operation, bucket, key, part number and `Range`, and how many of exactly
/// these came before. How concurrent requests interleave makes no difference to it. `nth`, `skip`, `times` and
/// `every` count requests in the order in which they arrive; they replay as far as that order does, so give
/// them an operation and a key if clients send requests concurrently.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<Fault>);

impl Rules {
    /// The faults in their order.
    pub fn faults(&self) -> &[Fault] {
        &self.0
    }
}

impl From<Vec<Fault>> for Rules {
    fn from(faults: Vec<Fault>) -> Self {
        Self(faults)
    }
}

/// Why a text is not [`Rules`]: where, the word there, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    position: usize,
    word: String,
    problem: String,
}

impl RuleError {
    /// Which character the word begins with, counted from 1.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The word that cannot be read.
    pub fn word(&self) -> &str {
        &self.word
    }

    fn new(text: &str, refusal: Refusal) -> Self {
        let before = text.get(..refusal.at).unwrap_or(text);
        Self {
            position: before.chars().count() + 1,
            word: refusal.word,
            problem: refusal.problem,
        }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            position,
            word,
            problem,
        } = self;
        write!(f, "character {position}, '{}': {problem}", word.escape_debug())
    }
}

impl std::error::Error for RuleError {}

impl FromStr for Rules {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let all = Word::new(text);
        if all.trim().text.is_empty() {
            return Ok(Self::default());
        }
        let faults = all.split(';').map(|rule| fault(rule.trim()));
        faults
            .collect::<Result<_, _>>()
            .map(Self)
            .map_err(|refusal| RuleError::new(text, refusal))
    }
}

impl FromStr for Fault {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        fault(Word::new(text).trim()).map_err(|refusal| RuleError::new(text, refusal))
    }
}

fn fault(rule: Word<'_>) -> Result<Fault, Refusal> {
    let (selectors, action) = rule
        .split_once("->")
        .ok_or_else(|| rule.refuse("a rule is written as SELECTORS -> ACTION, such as op=* -> reset"))?;
    let (selectors, action) = (selectors.trim(), action.trim());
    let mut fault = Fault::on_any();
    let (mut given, mut nth) = (Vec::new(), None);
    for selector in selectors.split(',').map(Word::trim) {
        let name = select(selector, &mut fault)?;
        if given.contains(&name) {
            return Err(selector.refuse(format!("{name} is given twice")));
        }
        given.push(name);
        if name == "nth" {
            nth = Some(selector);
        }
    }
    if !given.contains(&"op") {
        return Err(selectors.refuse("op is missing; op=* is any operation"));
    }
    if let (Some(nth), Some(other)) = (nth, given.iter().find(|name| COUNTERS.contains(name))) {
        return Err(nth.refuse(format!("nth is one request, and cannot be given with {other}")));
    }
    let fault = fault.action(actions::read(action)?);
    match fault.impossible() {
        Some(problem) => Err(rule.refuse(problem)),
        None => Ok(fault),
    }
}

/// What `nth` stands for, and so cannot be given beside it.
const COUNTERS: [&str; 4] = ["skip", "times", "every", "chance"];

/// Applies one selector, and returns its name.
fn select(selector: Word<'_>, fault: &mut Fault) -> Result<&'static str, Refusal> {
    if let Some((name, text)) = selector.split_once("~=")
        && name.text == "key"
    {
        fault.key_contains = Some(text.decoded("a part of a key")?);
        return Ok("key~");
    }
    let unknown = || {
        selector.refuse(
            "no such selector; allowed are op=, key=, key~=, part=, nth=, skip=, times=, every=, chance=",
        )
    };
    let (name, value) = selector.split_once("=").ok_or_else(unknown)?;
    match name.text {
        "op" => {
            if value.text != "*" {
                let Some((operation, _)) = OPERATIONS.iter().find(|(known, _)| *known == value.text) else {
                    let known: Vec<_> = OPERATIONS.iter().map(|(known, _)| *known).collect();
                    let known = known.join(", ");
                    return Err(value.refuse(format!("no such operation; allowed are * and {known}")));
                };
                fault.operation = Some((*operation).into());
            }
            Ok("op")
        }
        "key" => {
            fault.key = Some(value.decoded("a key")?);
            Ok("key")
        }
        "part" => {
            fault.part_number = Some(value.number("a part number", 1..=10_000)? as u16);
            Ok("part")
        }
        "nth" => {
            fault.skip = value.number("a number", 1..=u64::MAX)? - 1;
            fault.times = Some(1);
            Ok("nth")
        }
        "skip" => {
            fault.skip = value.number("a number", 0..=u64::MAX)?;
            Ok("skip")
        }
        "times" => {
            fault.times = Some(value.number("a number", 1..=u64::MAX)?);
            Ok("times")
        }
        "every" => {
            fault.every = Some(value.number("a number", 1..=u64::MAX)?);
            Ok("every")
        }
        "chance" => {
            fault.chance = Some(chance(value)?);
            Ok("chance")
        }
        _ => Err(unknown()),
    }
}

/// A percentage with up to four decimals, in millionths.
fn chance(value: Word<'_>) -> Result<u32, Refusal> {
    let millionths = || {
        let number = value.text.strip_suffix('%')?;
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let (whole, count) = (digits(whole)?, decimals.len());
        if whole > 100 || count > 4 {
            return None;
        }
        let decimals = digits(decimals)? * 10_u64.pow(4 - count as u32);
        u32::try_from(whole * 10_000 + decimals).ok()
    };
    millionths()
        .filter(|millionths| (1..=MILLION).contains(millionths))
        .ok_or_else(|| value.refuse("a percentage above 0% and up to 100% is needed, such as 2% or 0.25%"))
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_assert!(self.operation.as_deref().is_none_or(|name| reach(name).is_some()));
        write!(f, "op={}", self.operation.as_deref().unwrap_or("*"))?;
        if let Some(key) = &self.key {
            write!(f, ",key={}", escaped(key))?;
        }
        if let Some(text) = &self.key_contains {
            write!(f, ",key~={}", escaped(text))?;
        }
        if let Some(number) = self.part_number {
            write!(f, ",part={number}")?;
        }
        let is_plain = self.every.is_none() && self.chance.is_none();
        match (self.times, self.skip.checked_add(1)) {
            (Some(1), Some(nth)) if is_plain => write!(f, ",nth={nth}")?,
            (times, _) => {
                if self.skip > 0 {
                    write!(f, ",skip={}", self.skip)?;
                }
                if let Some(times) = times {
                    write!(f, ",times={times}")?;
                }
            }
        }
        if let Some(nth) = self.every {
            write!(f, ",every={nth}")?;
        }
        if let Some(millionths) = self.chance {
            let (whole, decimals) = (millionths / 10_000, format!("{:04}", millionths % 10_000));
            let decimals = decimals.trim_end_matches('0');
            let point = if decimals.is_empty() { "" } else { "." };
            write!(f, ",chance={whole}{point}{decimals}%")?;
        }
        write!(f, " -> {}", self.action)
    }
}

#[cfg(test)]
mod tests;
