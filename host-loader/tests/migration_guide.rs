//! The guide from Flink's Hadoop and Presto connectors says the truth about each key, by the manifest of the
//! built plugin.

#[path = "support/artefacts.rs"]
mod artefacts;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use host_loader::FileSystems;
use host_loader::plugin_api::{OptionInfo, Schema};

const HADOOP: &str = "## Keys of the Hadoop connector";
const PRESTO: &str = "## Keys of the Presto connector";
const CHANGED: &str = "## Keys that mean something else";

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let file_systems = FileSystems::builder()
        .search_environment(false)
        .plugin_file(artefacts::plugin())
        .build()
        .unwrap();
    let report = file_systems.plugins().remove(0);
    report.manifest.unwrap().schema()
});

static GUIDE: LazyLock<String> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/migration.md");
    fs::read_to_string(path).unwrap()
});

/// A row of a table: the old key, what is said to be in its place, and what to do.
#[derive(Debug)]
struct Row {
    key: &'static str,
    here: &'static str,
    advice: &'static str,
}

/// The rows of the table below a heading.
fn rows(heading: &str) -> Vec<Row> {
    let section = GUIDE.split_once(&format!("{heading}\n")).unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<Row> = lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [key, here, advice] = cells[..] else {
                panic!("{line}");
            };
            Row {
                key: key.trim_matches('`'),
                here,
                advice,
            }
        })
        .collect();
    assert!(!rows.is_empty(), "{heading}");
    rows
}

/// Which option a key sets, and whether that does something.
fn option(key: &str) -> Option<(&'static str, bool)> {
    let option = SCHEMA.option(key)?;
    Some((option.key.as_str(), option.no_effect.is_empty()))
}

/// What is wrong with a row.
fn mistake(row: &Row) -> Option<String> {
    let found = option(row.key);
    let is_true = match (row.here.strip_prefix('`'), row.here) {
        (Some(native), _) => {
            let native = native.trim_end_matches('`');
            match row.advice {
                advice if advice.starts_with("as it stands") => found == Some((native, true)),
                advice if advice.starts_with("write the new key") => {
                    found.is_none() && option(native) == Some((native, true))
                }
                _ => false,
            }
        }
        (None, "no effect") => found.is_some_and(|(_, has_effect)| !has_effect),
        (None, "not supported") => found.is_none(),
        _ => false,
    };
    (!is_true).then(|| format!("{row:?}: the plugin says {found:?}"))
}

#[test]
fn each_key_is_read_or_not_as_the_guide_says() {
    let mistakes: Vec<String> = rows(HADOOP)
        .iter()
        .chain(&rows(PRESTO))
        .filter_map(mistake)
        .collect();
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

#[test]
fn keys_are_read_with_the_prefixes_that_the_connectors_mirror() {
    let changed: BTreeSet<&str> = rows(CHANGED).iter().map(|row| row.key).collect();
    let mut mistakes = Vec::new();
    for (heading, prefix, mirrors) in [
        (HADOOP, "fs.s3a.", &["s3a.", "s3."][..]),
        (PRESTO, "presto.s3.", &["s3."][..]),
    ] {
        for row in rows(heading) {
            let is_read = row.here == "no effect" || row.advice.starts_with("as it stands");
            let Some(rest) = row.key.strip_prefix(prefix).filter(|_| is_read) else {
                continue;
            };
            for mirrored in mirrors.iter().map(|mirror| format!("{mirror}{rest}")) {
                let is_same = option(&mirrored) == option(row.key);
                if is_same == changed.contains(mirrored.as_str()) {
                    mistakes.push(format!(
                        "{mirrored}: {:?}, {:?}",
                        option(&mirrored),
                        option(row.key)
                    ));
                }
            }
        }
    }
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

#[test]
fn no_key_stands_twice_in_the_guide() {
    let mut keys = BTreeSet::new();
    for row in rows(HADOOP).iter().chain(&rows(PRESTO)) {
        assert!(keys.insert(row.key), "{}", row.key);
    }
}

#[test]
fn other_spellings_that_the_plugin_reads_are_in_the_guide() {
    // The native keys have hyphens where these have dots; either will do.
    let dotted = |key: &str| key.replace('-', ".");
    let known: BTreeSet<String> = rows(HADOOP)
        .iter()
        .chain(&rows(PRESTO))
        .map(|row| dotted(row.key))
        .collect();
    let names = SCHEMA.options().iter().flat_map(OptionInfo::names);
    let missing: Vec<&str> = names
        .filter(|name| name.starts_with("fs.s3a.") || name.starts_with("presto.s3."))
        .filter(|name| !known.contains(&dotted(name)))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
