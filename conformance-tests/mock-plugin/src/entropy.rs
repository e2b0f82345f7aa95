//! [`Entropy`]: random characters in a path, so that the keys of many files spread.

use plugin_api::Location;
use rand::Rng as _;
use rand::distr::Alphanumeric;

/// The configured entropy.
#[derive(Debug)]
pub(crate) struct Entropy {
    pub(crate) key: String,
    length: usize,
}

impl Entropy {
    pub(crate) fn new(key: &str, length: usize) -> Self {
        Self {
            key: key.to_owned(),
            length,
        }
    }

    /// The path with its first entropy key replaced by random characters, or removed. A segment that
    /// was nothing else goes with its slash.
    pub(crate) fn apply(&self, path: &Location, inject: bool) -> Location {
        let Some((before, after)) = path.key().split_once(&self.key) else {
            return path.clone();
        };
        if inject {
            let random: String = rand::rng()
                .sample_iter(Alphanumeric)
                .take(self.length)
                .map(char::from)
                .collect();
            return path.with_key(&format!("{before}{random}{after}"));
        }
        let whole_segment = before.is_empty() || before.ends_with('/');
        match after.strip_prefix('/') {
            Some(rest) if whole_segment => path.with_key(&format!("{before}{rest}")),
            _ => path.with_key(&format!("{before}{after}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_segment_collapses_and_a_part_of_one_does_not() {
        let entropy = Entropy::new("_k_", 4);
        for (key, removed) in [
            ("a/_k_/b", "a/b"),
            ("_k_/b", "b"),
            ("x-_k_-y/b", "x--y/b"),
            ("a/_k_", "a/"),
            ("_k_/_k_/b", "_k_/b"),
            ("a/b", "a/b"),
        ] {
            let path = Location::new("mock", "_k_", key).expect("a location");
            assert_eq!(entropy.apply(&path, false).key(), removed);
            assert_eq!(entropy.apply(&path, false).authority(), "_k_");
        }
    }
}
