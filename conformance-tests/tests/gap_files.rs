//! The files of known gaps say which promise is not kept, and what governs it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use conformance_tests::{KnownGaps, cases};

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn book(page: &str) -> String {
    fs::read_to_string(package().join("../docs/src").join(page)).unwrap()
}

fn gap_files() -> Vec<PathBuf> {
    let files = fs::read_dir(package().join("known-gaps")).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

/// The words of a reason that begin so, without what follows them.
fn words<'a>(reason: &'a str, begin: &'a str) -> impl Iterator<Item = &'a str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    reason
        .split(move |c| !is_part(c))
        .map(|word| word.trim_end_matches('.'))
        .filter(move |word| word.starts_with(begin))
}

/// What is wrong with a reason.
fn fault(reason: &str, promises: &BTreeSet<String>, keys: &BTreeSet<String>) -> Option<String> {
    let named: Vec<_> = words(reason, "S-").collect();
    if named.is_empty() {
        return Some("names no promise".to_owned());
    }
    if let Some(unknown) = named.iter().find(|promise| !promises.contains(**promise)) {
        return Some(format!("names {unknown}, which is no promise"));
    }
    let governing: Vec<_> = words(reason, "s3.").collect();
    if let Some(unknown) = governing.iter().find(|key| !keys.contains(**key)) {
        return Some(format!("names {unknown}, which is no key"));
    }
    let says = governing.is_empty() == reason.contains("no key governs it");
    (!says).then(|| "names a key, or says that there is none".to_owned())
}

#[test]
fn every_known_gap_is_of_a_case_and_names_a_promise_and_the_key_that_governs_it() {
    let promises = book("semantics.md");
    let promises: BTreeSet<String> = promises
        .split("**")
        .filter(|text| text.starts_with("S-"))
        .map(str::to_owned)
        .collect();
    let keys = book("reference/s3-keys.md");
    let keys: BTreeSet<String> = keys
        .lines()
        .filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`'))
        .map(str::to_owned)
        .collect();
    assert!(promises.len() > 40 && keys.len() > 20, "the book is read");
    let files = gap_files();
    assert!(files.len() > 5, "{files:?}");
    let cases = cases();
    let mut faults = Vec::new();
    for path in files {
        let gaps = KnownGaps::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        gaps.check(&cases).unwrap();
        for case in &cases {
            if let Some(reason) = gaps.reason(case.name())
                && let Some(fault) = fault(reason, &promises, &keys)
            {
                faults.push(format!("{}: {} {fault}", path.display(), case.name()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_reason_that_says_too_little_is_noticed() {
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let (promises, keys) = (set(&["S-1"]), set(&["s3.a.key"]));
    let fault = |reason| fault(reason, &promises, &keys).unwrap_or_default();
    assert_eq!(fault("S-1 is not kept; 's3.a.key' governs it"), "");
    assert_eq!(fault("S-1 is not kept; no key governs it"), "");
    assert!(fault("the store cannot; 's3.a.key' governs it").contains("no promise"));
    assert!(fault("S-2 is not kept; no key governs it").contains("S-2"));
    assert!(fault("S-1 is not kept; 's3.b' governs it").contains("s3.b"));
    assert!(fault("S-1 is not kept").contains("says that there is none"));
}
