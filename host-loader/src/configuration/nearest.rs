//! Which known key somebody probably meant.

use strsim::{damerau_levenshtein, jaro_winkler};

/// How alike two keys must be, from 0 to 1, where nothing else speaks for it.
const ALIKE: f64 = 0.93;

/// The candidate that `text` was probably meant to be. None if it is like none of them.
pub(crate) fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .filter_map(|candidate| Some((slip(text, candidate)?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many slips are between two names, if they are so few that one may have been meant as the other:
/// one in four letters, or more behind a long common beginning.
pub(super) fn slip(text: &str, candidate: &str) -> Option<usize> {
    let (text, candidate) = (text.to_ascii_lowercase(), candidate.to_ascii_lowercase());
    let distance = damerau_levenshtein(&text, &candidate);
    let is_near = distance * 4 <= text.chars().count() || jaro_winkler(&text, &candidate) >= ALIKE;
    is_near.then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["s3.access-key", "s3.region", "s3.connection.max", "region"];
        for (text, expected) in [
            ("s3.acess-key", Some("s3.access-key")),
            ("s3.access_key", Some("s3.access-key")),
            ("S3.Region", Some("s3.region")),
            ("s3.regoin", Some("s3.region")),
            ("s3.connection.maximum", Some("s3.connection.max")),
            ("regoin", Some("region")),
            ("s3.frobnicate", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, known), expected, "{text}");
        }
    }
}
