//! The independent count, and the comparison with what the worker wrote.
//!
//! Nothing here is shared with the worker: it reads the original text from one end to the other, a
//! byte at a time.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use anyhow::{Context as _, Result, bail};

/// How often each word occurs.
pub(crate) type Counts = BTreeMap<Vec<u8>, u64>;

/// Adds the words of a text.
pub(crate) fn count_words(text: impl Read, counts: &mut Counts) -> Result<()> {
    let mut word = Vec::new();
    let mut finish = |word: &mut Vec<u8>| {
        if word.is_empty() {
            return;
        }
        match counts.get_mut(word) {
            Some(count) => *count += 1,
            None => {
                counts.insert(word.clone(), 1);
            }
        }
        word.clear();
    };
    for byte in BufReader::with_capacity(1 << 20, text).bytes() {
        match byte.context("cannot read the text")? {
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' => finish(&mut word),
            letter => word.push(letter),
        }
    }
    finish(&mut word);
    Ok(())
}

/// Adds the lines `word<TAB>count` of a part file.
pub(crate) fn add_part(content: &[u8], counts: &mut Counts) -> Result<()> {
    if !content.is_empty() && !content.ends_with(b"\n") {
        bail!("the last line is cut");
    }
    for line in content
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let mut fields = line.splitn(2, |&byte| byte == b'\t');
        let (Some(word), Some(count)) = (fields.next(), fields.next()) else {
            bail!("'{}' has no tab", line.escape_ascii());
        };
        let count: u64 = std::str::from_utf8(count)
            .ok()
            .and_then(|count| count.parse().ok())
            .with_context(|| format!("'{}' has no count", line.escape_ascii()))?;
        *counts.entry(word.to_vec()).or_default() += count;
    }
    Ok(())
}

/// Fails with the first differences, if there are any.
pub(crate) fn compare(expected: &Counts, found: &Counts) -> Result<()> {
    let words = expected
        .keys()
        .chain(found.keys().filter(|word| !expected.contains_key(*word)));
    let mut differences = words.filter_map(|word| {
        let pair = (
            expected.get(word).copied().unwrap_or(0),
            found.get(word).copied().unwrap_or(0),
        );
        (pair.0 != pair.1).then(|| format!("'{}' {} times, not {}", word.escape_ascii(), pair.1, pair.0))
    });
    let first: Vec<_> = differences.by_ref().take(10).collect();
    if first.is_empty() {
        return Ok(());
    }
    bail!(
        "the counts are wrong: {} words differ; the output has {}",
        first.len() + differences.count(),
        first.join(", ")
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &[u8]) -> Counts {
        let mut counts = Counts::new();
        count_words(text, &mut counts).unwrap();
        counts
    }

    #[test]
    fn words_are_separated_by_ascii_white_space_only() {
        let counts = counted(b"  a b\ta\r\n\x0bc\xc2\xa0d \x0ca");
        let expected: Vec<(&[u8], u64)> = vec![(b"\x0bc\xc2\xa0d", 1), (b"a", 3), (b"b", 1)];
        assert_eq!(
            counts
                .iter()
                .map(|(word, &count)| (word.as_slice(), count))
                .collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn part_files_add_up_to_the_same_counts() {
        let mut found = Counts::new();
        add_part(b"a\t1\nb\t1\n", &mut found).unwrap();
        add_part(b"a\t2\n", &mut found).unwrap();
        compare(&counted(b"a b a a"), &found).unwrap();
    }

    #[test]
    fn lost_and_duplicated_words_are_named() {
        let error = compare(&counted(b"a b b c"), &counted(b"a a b b d")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the counts are wrong: 3 words differ; \
             the output has 'a' 2 times, not 1, 'c' 0 times, not 1, 'd' 1 times, not 0"
        );
    }

    #[test]
    fn cut_and_foreign_lines_are_errors() {
        for bad in [b"a\t1\nb\t1".as_slice(), b"a\n", b"a\tx\n"] {
            assert!(add_part(bad, &mut Counts::new()).is_err());
        }
    }
}
