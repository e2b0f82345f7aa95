//! [`Action`] as a word.

use std::fmt;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::Action;
use super::words::{Refusal, Word, digits, escaped};

/// How each action is written.
pub(super) const FORMS: [&str; 24] = [
    "status:STATUS:CODE[:MESSAGE]",
    "status-with:STATUS:CODE:HEADER=VALUE[:HEADER=VALUE]",
    "reset",
    "lose-reply",
    "apply-then-status:STATUS:CODE",
    "delay:TIME",
    "cut:BYTES",
    "reset-body:BYTES",
    "half-close",
    "half-close-body:BYTES",
    "truncate:BYTES",
    "trickle:BYTES-A-SECOND",
    "flip:OFFSET",
    "close",
    "error-in-200:CODE",
    "black-hole",
    "ignore-range",
    "ignore-conditions",
    "wrong-range:SHIFT",
    "swap:CONTENT",
    "remove",
    "expire",
    "kill",
    "apply-then-kill",
];

/// The message of a `status` that has none.
const MESSAGE: &str = "Refused by a fault.";

/// Units of a delay in nanoseconds, the largest first.
const UNITS: [(&str, u128); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

pub(super) fn read(word: Word<'_>) -> Result<Action, Refusal> {
    let arguments: Vec<_> = word.split(':').map(Word::trim).collect();
    let (name, arguments) = arguments.split_first().ok_or_else(|| misspelt(word))?;
    let bytes = |count: &Word<'_>| count.number("a number of bytes", 0..=u64::MAX);
    Ok(match (name.text, arguments) {
        ("status", [status, code]) => {
            Action::status(error_status(*status)?, code.decoded("a code")?, MESSAGE)
        }
        ("status", [status, code, message]) => Action::status(
            error_status(*status)?,
            code.decoded("a code")?,
            message.decoded_or_empty()?,
        ),
        ("status-with", [status, code, headers @ ..]) if !headers.is_empty() => {
            let headers = headers.iter().map(|header| read_header(*header));
            let headers = headers.collect::<Result<_, _>>()?;
            Action::StatusWithHeaders(error_status(*status)?, code.decoded("a code")?.into(), headers)
        }
        ("reset", []) => Action::Reset,
        ("lose-reply", []) => Action::ApplyThenReset,
        ("apply-then-status", [status, code]) => {
            Action::apply_then_status(error_status(*status)?, code.decoded("a code")?)
        }
        ("delay", [time]) => Action::Delay(read_time(*time)?),
        ("cut", [count]) => Action::CutBodyAfter(bytes(count)?),
        ("reset-body", [count]) => Action::ResetBodyAfter(bytes(count)?),
        ("half-close", []) => Action::HalfClose,
        ("half-close-body", [count]) => Action::HalfCloseBodyAfter(bytes(count)?),
        ("truncate", [count]) => Action::Truncate(bytes(count)?),
        ("trickle", [rate]) => Action::Trickle(rate.number("a number of bytes a second", 1..=u64::MAX)?),
        ("flip", [offset]) => Action::FlipBit(offset.number("an offset", 0..=u64::MAX)?),
        ("close", []) => Action::CloseAfterAnswer,
        ("error-in-200", [code]) => Action::error_in_200(code.decoded("a code")?),
        ("black-hole", []) => Action::BlackHole,
        ("ignore-range", []) => Action::IgnoreRange,
        ("ignore-conditions", []) => Action::IgnoreConditions,
        ("wrong-range", [shift]) => {
            let by = shift.text.parse();
            Action::WrongContentRange(by.map_err(|_| shift.refuse("a number such as 5 or -5 is needed"))?)
        }
        ("swap", [content]) => Action::swap_object(content.decoded_or_empty()?),
        ("remove", []) => Action::RemoveObject,
        ("expire", []) => Action::ExpireUpload,
        ("kill", []) => Action::KillClient,
        ("apply-then-kill", []) => Action::ApplyThenKillClient,
        _ => return Err(misspelt(word)),
    })
}

/// No action, or a known one with the wrong arguments.
fn misspelt(word: Word<'_>) -> Refusal {
    let name = |form: &'static str| form.split_once(':').map_or(form, |(name, _)| name);
    let written = word
        .text
        .split_once(':')
        .map_or(word.text, |(written, _)| written);
    match FORMS.iter().find(|form| name(form) == written.trim_end()) {
        Some(form) => word.refuse(format!("write it as {form}")),
        None => word.refuse(format!(
            "no such action; allowed are {}",
            FORMS.map(name).join(", ")
        )),
    }
}

fn error_status(word: Word<'_>) -> Result<u16, Refusal> {
    word.number("a status", 300..=599).map(|status| status as u16)
}

fn read_header(word: Word<'_>) -> Result<(String, String), Refusal> {
    let wrong = || word.refuse("a header is written as HEADER=VALUE, such as Retry-After=1");
    let (name, value) = word.split_once("=").ok_or_else(wrong)?;
    let (name, value) = (name.decoded("the name of a header")?, value.decoded_or_empty()?);
    let is_header = HeaderName::try_from(&name).is_ok() && HeaderValue::try_from(&value).is_ok();
    is_header.then_some((name, value)).ok_or_else(wrong)
}

fn read_time(word: Word<'_>) -> Result<Duration, Refusal> {
    let number = word.text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = UNITS.iter().find(|(unit, _)| *unit == &word.text[number.len()..]);
    let nanos = digits(number).zip(unit);
    let nanos = nanos.and_then(|(number, (_, nanos))| u64::try_from(u128::from(number) * nanos).ok());
    nanos
        .map(Duration::from_nanos)
        .ok_or_else(|| word.refuse("a time is needed, such as 50ms; units are s, ms, us, ns"))
}

fn time(time: Duration) -> String {
    let nanos = time.as_nanos();
    let fitting = UNITS.iter().find(|(_, unit)| nanos.is_multiple_of(*unit));
    let (name, unit) = fitting.unwrap_or(&("ns", 1));
    format!("{}{name}", nanos / unit)
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status, code, message) if message == MESSAGE => {
                write!(f, "status:{status}:{}", escaped(code))
            }
            Self::Status(status, code, message) => {
                write!(f, "status:{status}:{}:{}", escaped(code), escaped(message))
            }
            Self::StatusWithHeaders(status, code, headers) => {
                write!(f, "status-with:{status}:{}", escaped(code))?;
                headers
                    .iter()
                    .try_for_each(|(name, value)| write!(f, ":{}={}", escaped(name), escaped(value)))
            }
            Self::Reset => f.write_str("reset"),
            Self::ApplyThenReset => f.write_str("lose-reply"),
            Self::ApplyThenStatus(status, code) => write!(f, "apply-then-status:{status}:{}", escaped(code)),
            Self::Delay(delay) => write!(f, "delay:{}", time(*delay)),
            Self::CutBodyAfter(bytes) => write!(f, "cut:{bytes}"),
            Self::ResetBodyAfter(bytes) => write!(f, "reset-body:{bytes}"),
            Self::HalfClose => f.write_str("half-close"),
            Self::HalfCloseBodyAfter(bytes) => write!(f, "half-close-body:{bytes}"),
            Self::Truncate(bytes) => write!(f, "truncate:{bytes}"),
            Self::Trickle(rate) => write!(f, "trickle:{rate}"),
            Self::FlipBit(offset) => write!(f, "flip:{offset}"),
            Self::CloseAfterAnswer => f.write_str("close"),
            Self::ErrorIn200(code) => write!(f, "error-in-200:{}", escaped(code)),
            Self::BlackHole => f.write_str("black-hole"),
            Self::IgnoreRange => f.write_str("ignore-range"),
            Self::IgnoreConditions => f.write_str("ignore-conditions"),
            Self::WrongContentRange(by) => write!(f, "wrong-range:{by}"),
            Self::SwapObject(content) => write!(f, "swap:{}", escaped(content)),
            Self::RemoveObject => f.write_str("remove"),
            Self::ExpireUpload => f.write_str("expire"),
            Self::KillClient => f.write_str("kill"),
            Self::ApplyThenKillClient => f.write_str("apply-then-kill"),
        }
    }
}
