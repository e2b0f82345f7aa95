//! [`KeyPattern`]: which keys a user means by one with wildcards.

/// A key in which `*` stands for any characters but a slash, `?` for one of these, and `**` as a
/// whole segment for any number of segments, or at the end for at least one.
#[derive(Debug)]
pub(super) struct KeyPattern {
    segments: Vec<String>,
}

impl KeyPattern {
    pub(super) fn new(key: &str) -> Self {
        Self {
            segments: key.split('/').map(str::to_owned).collect(),
        }
    }

    /// The directory, with a slash at its end, below which everything lies that can match; `None` if
    /// there is no wildcard, so that the key itself is all.
    pub(super) fn directory(&self) -> Option<String> {
        let literal = self
            .segments
            .iter()
            .position(|segment| segment.contains(['*', '?']))?;
        let mut directory = self.segments[..literal].join("/");
        if literal > 0 {
            directory.push('/');
        }
        Some(directory)
    }

    /// Whether a key is meant.
    pub(super) fn matches(&self, key: &str) -> bool {
        // `reached[i]`: the segments so far match the first i of the pattern.
        let mut reached = vec![false; self.segments.len() + 1];
        reached[0] = true;
        self.skip_directories(&mut reached);
        for segment in key.split('/') {
            let mut next = vec![false; reached.len()];
            for (at, pattern) in self.segments.iter().enumerate().filter(|&(at, _)| reached[at]) {
                if pattern == "**" {
                    next[at] = true;
                    next[at + 1] = true;
                } else if matches_segment(pattern, segment) {
                    next[at + 1] = true;
                }
            }
            self.skip_directories(&mut next);
            reached = next;
        }
        reached.last() == Some(&true)
    }

    /// `**` may stand for nothing, unless it is the last segment.
    fn skip_directories(&self, reached: &mut [bool]) {
        for at in 0..self.segments.len().saturating_sub(1) {
            if reached[at] && self.segments[at] == "**" {
                reached[at + 1] = true;
            }
        }
    }
}

/// Compares one segment, going back to the last `*` where it does not fit.
fn matches_segment(pattern: &str, segment: &str) -> bool {
    let (pattern, segment): (Vec<char>, Vec<char>) = (pattern.chars().collect(), segment.chars().collect());
    let (mut p, mut s) = (0, 0);
    // Behind the last `*`, and where in the segment it ends for now.
    let mut star: Option<(usize, usize)> = None;
    while s < segment.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, s));
                p += 1;
            }
            Some(&c) if c == '?' || c == segment[s] => (p, s) = (p + 1, s + 1),
            _ => {
                let Some((behind, end)) = star else { return false };
                star = Some((behind, end + 1));
                (p, s) = (behind, end + 1);
            }
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stay_within_a_segment_unless_doubled() {
        for (pattern, matching, other) in [
            (
                "a/*/state-*",
                &["a/chk-7/state-0", "a//state-"][..],
                &["a/state-0", "a/b/c/state-0", "a/b/state"][..],
            ),
            ("a/**", &["a/b", "a/b/c", "a/"], &["a", "ab", "b/a/c"]),
            ("a/**/x", &["a/x", "a/b/x", "a/b/c/x"], &["a/b/y", "x", "ax"]),
            ("**", &["", "a", "a/b"], &[]),
            ("**/_metadata", &["_metadata", "a/b/_metadata"], &["a/_metadata2"]),
            ("s?ate", &["state", "säate"], &["sate", "s/ate", "sttate"]),
            ("a*b*c", &["abc", "a1b2c", "abbcbc"], &["ab", "acb", "abcd"]),
            ("a**b", &["ab", "axxb"], &["a/b"]),
            ("plain/key", &["plain/key"], &["plain/key/", "plain"]),
        ] {
            for key in matching {
                assert!(KeyPattern::new(pattern).matches(key), "{pattern} {key}");
            }
            for key in other {
                assert!(!KeyPattern::new(pattern).matches(key), "{pattern} {key}");
            }
        }
    }

    #[test]
    fn the_longest_literal_directory_is_listed() {
        for (pattern, directory) in [
            ("a/b/*/c", Some("a/b/")),
            ("a/b/c-*", Some("a/b/")),
            ("*", Some("")),
            ("a//**", Some("a//")),
            ("a/b", None),
        ] {
            assert_eq!(
                KeyPattern::new(pattern).directory().as_deref(),
                directory,
                "{pattern}"
            );
        }
    }
}
