//! [`Record`] and [`Summary`]: what a run came to, for people and for machines.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use plugin_api::Capabilities;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The promise is kept.
    Passed,
    /// It is not; why.
    Failed(String),
    /// It fails, as the file of known gaps says; the reason there, and how it failed.
    KnownGap {
        /// The reason in the file.
        reason: String,
        /// How it failed this time.
        failure: String,
    },
    /// The file system does not claim what the case is about; what it does not claim.
    NotApplicable(String),
}

impl Outcome {
    /// The word for it in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::KnownGap { .. } => "known-gap",
            Self::NotApplicable(_) => "not-applicable",
        }
    }

    /// Whether the file system does not conform.
    pub fn is_red(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

/// What became of one case.
#[derive(Clone, Debug)]
pub struct Record {
    /// The name of the case.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

#[derive(Serialize)]
struct RecordLine<'a> {
    case: &'a str,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    millis: u64,
}

impl Serialize for Record {
    /// `{"case":…,"outcome":…,"failure":…,"reason":…,"millis":…}`; what there is not is left out.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (failure, reason) = match &self.outcome {
            Outcome::Passed => (None, None),
            Outcome::Failed(failure) => (Some(failure.as_str()), None),
            Outcome::KnownGap { reason, failure } => (Some(failure.as_str()), Some(reason.as_str())),
            Outcome::NotApplicable(reason) => (None, Some(reason.as_str())),
        };
        RecordLine {
            case: &self.name,
            outcome: self.outcome.as_str(),
            failure,
            reason,
            millis: self.took.as_millis() as u64,
        }
        .serialize(serializer)
    }
}

/// What was tested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PluginInfo {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its file, unless it is part of the program.
    pub path: Option<String>,
    /// The SHA-256 of that file in hexadecimal digits.
    pub sha256: Option<String>,
}

impl PluginInfo {
    /// A plugin that is part of the program.
    pub fn linked(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            path: None,
            sha256: None,
        }
    }

    /// A plugin in a shared library, which is read for its checksum; blocks.
    pub fn of_library(name: impl Into<String>, version: impl Into<String>, path: &Path) -> io::Result<Self> {
        use std::fmt::Write as _;
        let mut hasher = Sha256::new();
        io::copy(&mut File::open(path)?, &mut hasher)?;
        let mut sha256 = String::with_capacity(64);
        for byte in hasher.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        Ok(Self {
            path: Some(path.display().to_string()),
            sha256: Some(sha256),
            ..Self::linked(name, version)
        })
    }
}

/// What a run came to.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// What was tested.
    pub plugin: PluginInfo,
    /// Where the cases worked.
    pub uri: String,
    /// What the file system claims.
    pub capabilities: Vec<&'static str>,
    /// The number of cases that kept their promise.
    pub passed: usize,
    /// The number of cases that did not.
    pub failed: usize,
    /// The number of cases that are known to fail, and did.
    pub known_gaps: usize,
    /// The number of cases that do not apply.
    pub not_applicable: usize,
    /// Cases that the filter left out.
    pub filtered_out: usize,
    /// The cases that do not apply, by the reason.
    pub gated_off: BTreeMap<String, Vec<String>>,
    /// The reasons of the known gaps, by case.
    pub gaps: BTreeMap<String, String>,
    /// The failures, by case.
    pub failures: BTreeMap<String, String>,
    /// The length of the run in milliseconds.
    pub millis: u64,
}

impl Summary {
    /// A run of nothing so far.
    pub fn new(plugin: PluginInfo, uri: impl Into<String>, capabilities: Capabilities) -> Self {
        Self {
            plugin,
            uri: uri.into(),
            capabilities: capabilities.iter_names().map(|(name, _)| name).collect(),
            passed: 0,
            failed: 0,
            known_gaps: 0,
            not_applicable: 0,
            filtered_out: 0,
            gated_off: BTreeMap::new(),
            gaps: BTreeMap::new(),
            failures: BTreeMap::new(),
            millis: 0,
        }
    }

    /// Adds what became of a case.
    pub fn add(&mut self, record: &Record) {
        let name = record.name.clone();
        match &record.outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(failure) => {
                self.failed += 1;
                self.failures.insert(name, failure.clone());
            }
            Outcome::KnownGap { reason, .. } => {
                self.known_gaps += 1;
                self.gaps.insert(name, reason.clone());
            }
            Outcome::NotApplicable(reason) => {
                self.not_applicable += 1;
                self.gated_off.entry(reason.clone()).or_default().push(name);
            }
        }
    }

    /// Whether the file system conforms, known gaps aside.
    pub fn is_green(&self) -> bool {
        self.failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_with_what_there_is() {
        let record = |outcome| Record {
            name: "a::b".to_owned(),
            outcome,
            took: Duration::from_millis(7),
        };
        let json = |outcome| serde_json::to_string(&record(outcome)).expect("a record has a JSON form");
        assert_eq!(
            json(Outcome::Passed),
            r#"{"case":"a::b","outcome":"passed","millis":7}"#
        );
        assert_eq!(
            json(Outcome::NotApplicable("needs X".to_owned())),
            r#"{"case":"a::b","outcome":"not-applicable","reason":"needs X","millis":7}"#
        );
    }

    #[test]
    fn a_library_is_known_by_its_checksum() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "abc").expect("written");
        let info = PluginInfo::of_library("p", "1", file.path()).expect("readable");
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(info.sha256.as_deref(), Some(sha256));
    }
}
