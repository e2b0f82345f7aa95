//! Configuration files, and variables with the content of one.

use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

use plugin_api::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use super::flink_yaml::{self, Malformed, Pair};
use super::{Configuration, Finding, FindingKind, Origin, property_lines};

/// What a file is called that never was YAML, whatever its name says.
const LEGACY_NAME: &str = "flink-conf.yaml";

impl Configuration {
    /// Adds the values of a configuration file, which win over those that are there.
    ///
    /// The file is YAML with nested keys, flat ones or both. If it is not, and every line is `key: value`,
    /// it is read as Flink read its older `flink-conf.yaml`.
    ///
    /// # Errors
    /// [`InvalidConfig`](ErrorKind::InvalidConfig) if the file cannot be read or is of no such form; it names
    /// the line and never a value.
    pub fn read_file(&mut self, path: &Path) -> Result<()> {
        let unreadable = |why: String| {
            Error::new(
                ErrorKind::InvalidConfig,
                format!("the configuration file cannot be read: {why}"),
            )
            .with_path(path.display())
        };
        let bytes = fs::read(path).map_err(|error| {
            unreadable(error.to_string()).with_remedy(match error.kind() {
                io::ErrorKind::NotFound => "correct the name of the file, or leave it out",
                io::ErrorKind::IsADirectory => "name the file in the directory",
                _ => "make the file readable for this process",
            })
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = valid.split(|&byte| byte == b'\n').count();
            unreadable(format!("line {line} is not UTF-8")).with_remedy("save the file as UTF-8")
        })?;
        let is_legacy = path.file_name().is_some_and(|name| name == LEGACY_NAME);
        let origin = |line| Origin::File {
            path: path.to_owned(),
            line,
        };
        self.read_text(&Zeroizing::new(text), &origin, is_legacy)
    }

    /// Adds the values of a text in the form of a configuration file.
    pub(super) fn read_text(
        &mut self,
        text: &str,
        origin: &dyn Fn(usize) -> Origin,
        is_legacy: bool,
    ) -> Result<()> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let pairs = match flink_yaml::read(text) {
            Ok(pairs) => pairs,
            Err(malformed) => match property_lines::read(text) {
                Ok(lines) => {
                    let finding = match lines.stray_commas.as_slice() {
                        [] if is_legacy => None,
                        [] => Some(no_yaml(&malformed, origin)),
                        commas => Some(stray_commas(commas, origin)),
                    };
                    self.findings.extend(finding);
                    lines.pairs
                }
                Err(of_line) => return Err(refusal(&malformed, &of_line, origin)),
            },
        };
        self.add(pairs, origin);
        Ok(())
    }

    fn add(&mut self, pairs: Vec<Pair>, origin: &dyn Fn(usize) -> Origin) {
        // The line of each key whose value counts so far, and whether that is a value at all.
        let mut lines: HashMap<String, (usize, bool)> = HashMap::new();
        for Pair { key, text, line } in pairs {
            let is_value = !text.trim().is_empty();
            if let Some((earlier, earlier_is_value)) = lines.get(&key).copied() {
                let counts = if is_value || !earlier_is_value {
                    line
                } else {
                    earlier
                };
                self.findings.push(Finding::new(
                    FindingKind::DuplicateKey,
                    &key,
                    origin(line),
                    format!("'{key}' stands on line {earlier} already; the value of line {counts} counts"),
                ));
                if counts == earlier {
                    continue;
                }
            }
            lines.insert(key.clone(), (line, is_value));
            self.set(key, text, origin(line));
        }
    }
}

fn no_yaml(malformed: &Malformed, origin: &dyn Fn(usize) -> Origin) -> Finding {
    let message = format!(
        "this is not YAML ({}); the text is taken line by line, as key: value",
        malformed.why
    );
    syntax(malformed.line, message, origin)
}

fn stray_commas(lines: &[usize], origin: &dyn Fn(usize) -> Origin) -> Finding {
    let others = match lines {
        [] | [_] => String::new(),
        [_, others @ ..] => {
            let others: Vec<String> = others.iter().map(usize::to_string).collect();
            format!("; likewise on line {}", others.join(", "))
        }
    };
    let line = lines.first().copied().unwrap_or_default();
    let message = format!("the comma behind the quoted value is left out; remove it{others}");
    syntax(line, message, origin)
}

fn syntax(line: usize, message: String, origin: &dyn Fn(usize) -> Origin) -> Finding {
    let at = origin(line);
    let source = match &at {
        Origin::File { path, .. } => path.display().to_string(),
        Origin::Properties { variable, .. } => (*variable).to_owned(),
        other => other.to_string(),
    };
    Finding::new(FindingKind::Syntax, source, at, message)
}

/// The text is neither YAML nor lines of pairs. A YAML parser notices a line without a colon one line later,
/// and calls it something else.
fn refusal(of_yaml: &Malformed, of_line: &Malformed, origin: &dyn Fn(usize) -> Origin) -> Error {
    let is_plain = of_line.why == property_lines::NO_PAIR && of_line.line + 1 >= of_yaml.line;
    let malformed = if is_plain { of_line } else { of_yaml };
    Error::new(
        ErrorKind::InvalidConfig,
        format!("the configuration cannot be read here: {}", malformed.why),
    )
    .with_path(origin(malformed.line))
    .with_remedy(
        "write each key: value on a line of its own, indent what belongs together alike, and quote values with \
         special characters",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Configuration> {
        let mut configuration = Configuration::default();
        let origin = |line| Origin::File {
            path: "conf/config.yaml".into(),
            line,
        };
        configuration
            .read_text(text, &origin, false)
            .map(|()| configuration)
    }

    fn findings(text: &str) -> Vec<String> {
        let configuration = read(text).unwrap();
        configuration.findings().iter().map(Finding::to_string).collect()
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_value_counts_with_a_warning() {
        let text = "s3:\n  region: one\ns3.region: two\n";
        assert_eq!(read(text).unwrap().config().get("s3.region"), Some("two"));
        assert_eq!(
            findings(text),
            ["conf/config.yaml:3: 's3.region' stands on line 1 already; the value of line 3 counts"]
                .map(|text| text.replace("line 1", "line 2"))
        );
        let blank = "a: one\na: ''\n";
        assert_eq!(read(blank).unwrap().config().get("a"), Some("one"));
        assert!(findings(blank)[0].ends_with("the value of line 1 counts"));
    }

    #[test]
    fn a_lost_json_object_is_read_with_one_warning() {
        let text = "a: \"x\",\nb: \"y\",\nc: \"z\"\n";
        let configuration = read(text).unwrap();
        let config = configuration.config();
        assert_eq!(
            config.iter().collect::<Vec<_>>(),
            [("a", "x"), ("b", "y"), ("c", "z")]
        );
        assert_eq!(
            findings(text),
            [
                "conf/config.yaml:1: the comma behind the quoted value is left out; remove it; likewise on line 2"
            ]
        );
    }

    #[test]
    fn lines_that_are_no_yaml_are_read_as_flink_did() {
        let text = "a: x\nb: *\nc: y: z\n";
        let configuration = read(text).unwrap();
        assert_eq!(configuration.config().get("c"), Some("y: z"));
        assert_eq!(configuration.findings().len(), 1);
        let mut legacy = Configuration::default();
        legacy.read_text(text, &|_| Origin::CommandLine, true).unwrap();
        assert_eq!(legacy.findings(), []);
    }

    #[test]
    fn an_unreadable_text_names_the_line_and_no_value() {
        for (text, line) in [
            ("a: b\ncanary", 2),
            ("a: 'b' canary\n", 1),
            ("a:\n   b: canary\n  c: canary", 3),
        ] {
            let error = read(text).map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.path().starts_with("conf/config.yaml:"), "{text}: {error}");
            assert!(!error.to_string().contains("canary"), "{error}");
            assert!(!error.remedy().is_empty());
            let named: usize = error.path().rsplit(':').next().unwrap().parse().unwrap();
            assert!(named >= line && named <= line + 1, "{text}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_missing_or_no_text_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.yaml");
        let read = |path: &Path| Configuration::default().read_file(path).unwrap_err();
        let missing = read(&path);
        assert_eq!(missing.kind(), ErrorKind::InvalidConfig);
        assert!(missing.to_string().contains("c.yaml"), "{missing}");
        fs::write(&path, b"a: b\nc: \xff\n").unwrap();
        assert!(read(&path).to_string().contains("line 2"), "{}", read(&path));
        assert!(read(directory.path()).remedy().contains("in the directory"));
    }
}
