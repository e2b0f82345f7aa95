//! Reads the committed part files back and adds them up.

use std::collections::HashMap;

use plugin_api::{Error, ErrorKind, FileStatus, FileSystemExt, ListOptions, Result};

use crate::sink::Output;

/// What the part files say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Results {
    /// How often each word occurs.
    pub(crate) counts: HashMap<Vec<u8>, u64>,
    /// The sum of the counts.
    pub(crate) words: u64,
    /// How many part files there are.
    pub(crate) parts: u64,
    /// The bytes in them.
    pub(crate) bytes: u64,
}

/// The part files in the output directory, in the order of their names.
pub(crate) async fn list_parts(output: &Output) -> Result<Vec<FileStatus>> {
    let mut parts = match output.files.list_all(&output.root, &ListOptions::default()).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    parts.retain(|entry| entry.is_file() && output.is_part(&entry.location));
    parts.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(parts)
}

/// Adds up all part files. Holds one part file and the vocabulary in memory.
pub(crate) async fn read_results(output: &Output) -> Result<Results> {
    let mut results = Results::default();
    for part in list_parts(output).await? {
        let content = output.files.read_all(&part.location).await?;
        results.parts += 1;
        results.bytes += content.len() as u64;
        add(&mut results, &content).map_err(|error| error.with_path(&part.location))?;
    }
    Ok(results)
}

fn add(results: &mut Results, content: &[u8]) -> Result<()> {
    for line in content.split_inclusive(|&byte| byte == b'\n') {
        let (word, count) = parse(line).ok_or_else(|| {
            Error::new(
                ErrorKind::Corrupt,
                format!(
                    "'{}' is not a line of the form word<TAB>count",
                    line.escape_ascii()
                ),
            )
            .with_operation("read part file")
        })?;
        results.words += count;
        match results.counts.get_mut(word) {
            Some(sum) => *sum += count,
            None => {
                results.counts.insert(word.to_vec(), count);
            }
        }
    }
    Ok(())
}

/// A whole line with its line feed: a line that was cut has none.
fn parse(line: &[u8]) -> Option<(&[u8], u64)> {
    let line = line.strip_suffix(b"\n")?;
    let tab = line.iter().position(|&byte| byte == b'\t')?;
    let count = std::str::from_utf8(&line[tab + 1..]).ok()?.parse().ok()?;
    (tab > 0).then_some((&line[..tab], count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_up_by_word() {
        let mut results = Results::default();
        add(&mut results, b"a\t2\n\xff\t1\na\t3\n").unwrap();
        assert_eq!(results.words, 6);
        assert_eq!(
            (
                results.counts[b"a".as_slice()],
                results.counts[b"\xff".as_slice()]
            ),
            (5, 1)
        );
    }

    #[test]
    fn a_cut_or_foreign_line_is_an_error() {
        for bad in [b"a\t2".as_slice(), b"a\n", b"\t1\n", b"a\tx\n", b"a\t2\n\n"] {
            let error = add(&mut Results::default(), bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }
}
