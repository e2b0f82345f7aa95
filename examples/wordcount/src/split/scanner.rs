//! [`SplitScanner`]: finds the words of one split, chunk by chunk, and can be resumed at any chunk.

use std::ops::Range;

use plugin_api::{Error, ErrorKind, Result};

use super::Split;

/// The longest word that is accepted, in bytes: it bounds the memory of a reader.
pub(crate) const MAX_WORD: usize = 1 << 20;

/// Bytes fetched at a time behind the end of a split, for the word that began inside it.
const OVERHANG: u64 = 4 << 10;

/// Finds the words of one split.
///
/// It does no I/O: the caller fetches the range that [`next_range`](Self::next_range) asks for and
/// hands it to [`feed`](Self::feed). Words are separated by ASCII white space, looked at as bytes, so
/// that no byte sequence can fail.
///
/// [`position`](Self::position) is all that a checkpoint needs. Whether it lies inside a word of the
/// split before is told by the byte in front of it, which is read again on the way in.
#[derive(Debug)]
pub(crate) struct SplitScanner {
    /// Words that begin before this are done.
    position: u64,
    /// Where the next fetch begins; `None` before the first.
    fetched: Option<u64>,
    /// First byte that belongs to the next split.
    end: u64,
    /// Length of the file.
    file_len: u64,
    read_size: u64,
    /// Inside a word that belongs to the split before.
    skipping: bool,
    /// The beginning of a word that goes on behind what was fetched.
    carry: Vec<u8>,
}

impl SplitScanner {
    /// Starts at `position` inside `split`: at its start, or where a checkpoint says.
    pub(crate) fn new(split: Split, position: u64, file_len: u64, read_size: u64) -> Self {
        Self {
            position: position.min(split.end),
            fetched: None,
            end: split.end,
            file_len,
            read_size,
            skipping: false,
            carry: Vec::new(),
        }
    }

    /// Where to resume: every word that begins before was handed out, none that begins behind.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The bytes to fetch next, or `None` when the split is done.
    pub(crate) fn next_range(&self) -> Option<Range<u64>> {
        if self.position >= self.end {
            return None;
        }
        Some(match self.fetched {
            None => self.position.saturating_sub(1)..(self.position + self.read_size).min(self.end),
            Some(from) if from < self.end => from..(from + self.read_size).min(self.end),
            Some(from) => from..(from + OVERHANG).min(self.file_len),
        })
    }

    /// Takes the bytes of [`next_range`](Self::next_range) and hands each word that is complete to
    /// `word`.
    pub(crate) fn feed(&mut self, data: &[u8], mut word: impl FnMut(&[u8])) -> Result<()> {
        let Some(range) = self.next_range() else {
            return Ok(());
        };
        if data.len() as u64 != range.end - range.start {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                format!("asked for bytes {range:?}, got {}", data.len()),
            ));
        }
        let mut at = 0;
        if self.fetched.is_none() && self.position > 0 {
            self.skipping = !data[0].is_ascii_whitespace();
            at = 1;
        }
        self.fetched = Some(range.end);
        let last = range.end == self.file_len;

        if self.skipping {
            at += until_space(&data[at..]).unwrap_or(data.len() - at);
            self.skipping = at == data.len();
        } else if !self.carry.is_empty() {
            let rest = until_space(&data[at..]);
            at += rest.unwrap_or(data.len());
            self.carry.extend_from_slice(&data[..at]);
            check_length(self.carry.len(), self.position)?;
            if rest.is_none() && !last {
                return Ok(());
            }
            word(&self.carry);
            self.carry.clear();
        }
        while let Some(skip) = data[at..].iter().position(|byte| !byte.is_ascii_whitespace()) {
            at += skip;
            let begins = range.start + at as u64;
            if begins >= self.end {
                break;
            }
            let space = until_space(&data[at..]);
            let len = space.unwrap_or(data.len() - at);
            check_length(len, begins)?;
            if space.is_none() && !last {
                self.position = begins;
                self.carry.extend_from_slice(&data[at..]);
                return Ok(());
            }
            word(&data[at..at + len]);
            at += len;
        }
        // What follows the last word is white space, or belongs to the next split.
        self.position = range.end.min(self.end);
        Ok(())
    }
}

fn check_length(len: usize, begins: u64) -> Result<()> {
    if len <= MAX_WORD {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!("a word longer than {MAX_WORD} bytes begins at byte {begins}"),
    )
    .with_remedy("give text as input, with words separated by white space"))
}

fn until_space(data: &[u8]) -> Option<usize> {
    data.iter().position(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All words of `text`, read split by split; `restarts` says after which feeds the scanner is
    /// thrown away and made again from its position.
    fn scan(
        text: &[u8],
        split_size: u64,
        read_size: u64,
        mut restarts: impl FnMut() -> bool,
    ) -> Vec<Vec<u8>> {
        let len = text.len() as u64;
        let mut words = Vec::new();
        for start in (0..len).step_by(split_size as usize) {
            let split = Split {
                file: 0,
                start,
                end: (start + split_size).min(len),
            };
            let mut scanner = SplitScanner::new(split, start, len, read_size);
            while let Some(range) = scanner.next_range() {
                let chunk = &text[range.start as usize..range.end as usize];
                scanner.feed(chunk, |word| words.push(word.to_vec())).unwrap();
                if restarts() {
                    // A restart re-reads a word that was cut, so give it room to make progress.
                    scanner = SplitScanner::new(split, scanner.position(), len, read_size.max(64));
                }
            }
        }
        words
    }

    fn expected(text: &[u8]) -> Vec<Vec<u8>> {
        text.split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_vec)
            .collect()
    }

    proptest! {
        #[test]
        fn any_split_size_read_size_and_restart_gives_the_same_words(
            text in prop::collection::vec(prop::sample::select(b"ab \n\t\xc3\xa9".as_slice()), 0..300),
            split_size in 1_u64..80,
            read_size in 1_u64..40,
            restarts in prop::collection::vec(any::<bool>(), 1..20),
        ) {
            let mut turn = 0;
            let words = scan(&text, split_size, read_size, || {
                turn += 1;
                // Only so many times: a scanner that always restarts would never end a long word.
                turn <= restarts.len() && restarts[turn - 1]
            });
            prop_assert_eq!(words, expected(&text));
        }
    }

    #[test]
    fn a_word_across_many_splits_belongs_to_the_first_one() {
        let text = [b"one ".as_slice(), &[b'x'; 10_000], b" two"].concat();
        assert_eq!(scan(&text, 100, 30, || false), expected(&text));
    }

    #[test]
    fn a_word_without_end_is_refused_where_it_begins() {
        let text = [b"ok ".as_slice(), &vec![b'x'; MAX_WORD + 10]].concat();
        let len = text.len() as u64 + 1;
        let split = Split {
            file: 0,
            start: 0,
            end: len,
        };
        let mut scanner = SplitScanner::new(split, 0, len, len - 1);
        let error = scanner.feed(&text, |_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("byte 3"), "{error}");
    }

    #[test]
    fn a_short_read_is_an_error() {
        let split = Split {
            file: 0,
            start: 0,
            end: 10,
        };
        let mut scanner = SplitScanner::new(split, 0, 10, 10);
        let error = scanner.feed(b"short", |_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}
