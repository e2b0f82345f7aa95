//! Words of a rule, each with its place in the text, and the encoding of what they stand for.

use std::ops::RangeInclusive;

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// Bytes before it.
    at: usize,
}

/// Why a word cannot be read.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Bytes before the word.
    pub(super) at: usize,
    pub(super) word: String,
    pub(super) problem: String,
}

impl<'a> Word<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn from(self, start: usize, text: &'a str) -> Self {
        Self {
            text,
            at: self.at + start,
        }
    }

    pub(super) fn trim(self) -> Self {
        let text = self.text.trim_start();
        self.from(self.text.len() - text.len(), text.trim_end())
    }

    pub(super) fn split(self, separator: char) -> impl Iterator<Item = Self> {
        let mut start = 0;
        self.text.split(separator).map(move |text| {
            let word = self.from(start, text);
            start += text.len() + separator.len_utf8();
            word
        })
    }

    pub(super) fn split_once(self, separator: &str) -> Option<(Self, Self)> {
        let (before, behind) = self.text.split_once(separator)?;
        let start = before.len() + separator.len();
        Some((self.from(0, before), self.from(start, behind)))
    }

    pub(super) fn refuse(self, problem: impl Into<String>) -> Refusal {
        Refusal {
            at: self.at,
            word: self.text.to_owned(),
            problem: problem.into(),
        }
    }

    pub(super) fn number(self, what: &str, range: RangeInclusive<u64>) -> Result<u64, Refusal> {
        digits(self.text)
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (least, most) = (range.start(), range.end());
                self.refuse(format!("{what} from {least} to {most} is needed"))
            })
    }

    /// The text that this stands for, which must not be empty.
    pub(super) fn decoded(self, what: &str) -> Result<String, Refusal> {
        match self.decoded_or_empty()? {
            text if text.is_empty() => Err(self.refuse(format!("{what} is needed"))),
            text => Ok(text),
        }
    }

    /// The text that this stands for.
    pub(super) fn decoded_or_empty(self) -> Result<String, Refusal> {
        let wrong = || self.refuse("% begins a character such as %2C; the percent sign itself is %25");
        let mut decoded = Vec::with_capacity(self.text.len());
        let mut pieces = self.text.split('%');
        decoded.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
        for piece in pieces {
            let (code, rest) = piece.split_at_checked(2).ok_or_else(wrong)?;
            decoded.extend(hex::decode(code).map_err(|_| wrong())?);
            decoded.extend_from_slice(rest.as_bytes());
        }
        String::from_utf8(decoded).map_err(|_| wrong())
    }
}

/// A number without a sign.
pub(super) fn digits(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// A text such that it is one word, whatever it is.
pub(crate) fn escaped(text: &str) -> String {
    let mut word = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || c.is_whitespace() || "%,;:>".contains(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                word.push('%');
                word.push_str(&hex::encode_upper([byte]));
            }
        } else {
            word.push(c);
        }
    }
    word
}
