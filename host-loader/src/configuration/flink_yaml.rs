//! YAML as Flink's `config.yaml` uses it: nested keys, flat keys, or both.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// How deep keys may be nested; what is deeper was not written by hand.
const MAX_DEPTH: usize = 64;

/// A key, its value exactly as it is written, and the line of the key, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) text: String,
    pub(super) line: usize,
}

/// Why a text cannot be read. It contains nothing of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) line: usize,
    pub(super) why: Cow<'static, str>,
}

impl Malformed {
    pub(super) fn new(line: usize, why: impl Into<Cow<'static, str>>) -> Self {
        Self {
            line,
            why: why.into(),
        }
    }
}

/// Every pair of the text, in its order. Keys of nested mappings are joined with dots, elements of lists
/// with commas. A list of anything but texts is no value of an option and left out.
pub(super) fn read(text: &str) -> Result<Vec<Pair>, Malformed> {
    let mut reader = Reader::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| {
            // The only detail of a scan error that repeats the text.
            let why = match error.info().split_once(": `") {
                Some((why, _)) => why.to_owned(),
                None => error.info().to_owned(),
            };
            // What is missing at the end of the text is missed behind it.
            let line = error.marker().line().min(text.lines().count().max(1));
            Malformed::new(line, why)
        })?;
        reader.event(event, span.start.line())?;
    }
    Ok(reader.pairs)
}

/// The text if it is one quoted text in YAML's spelling.
pub(super) fn quoted(text: &str) -> Option<String> {
    let mut parser = Parser::new_from_str(text);
    let mut found = None;
    while let Some(next) = parser.next_event() {
        match next.ok()?.0 {
            Event::Scalar(value, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, ..)
                if found.is_none() =>
            {
                found = Some(value.into_owned());
            }
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::StreamEnd => {}
            _ => return None,
        }
    }
    found
}

/// A mapping or list that is being read.
enum Frame {
    Map {
        /// What its keys begin with.
        prefix: String,
        /// The key whose value comes next.
        key: Option<(String, usize)>,
    },
    List {
        key: String,
        line: usize,
        /// `None` once it holds anything but texts.
        items: Option<Vec<String>>,
    },
    /// Below a list that holds anything but texts.
    Ignored,
}

#[derive(Default)]
struct Reader {
    pairs: Vec<Pair>,
    frames: Vec<Frame>,
    documents: usize,
    /// Texts that have an anchor, by its number.
    anchors: HashMap<usize, String>,
}

impl Reader {
    fn event(&mut self, event: Event<'_>, line: usize) -> Result<(), Malformed> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Malformed::new(line, "a second document begins"));
                }
            }
            Event::Scalar(value, style, anchor, _) => {
                let is_null = style == ScalarStyle::Plain
                    && matches!(value.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                let text = if is_null {
                    String::new()
                } else {
                    value.into_owned()
                };
                if anchor > 0 {
                    self.anchors.insert(anchor, text.clone());
                }
                self.scalar(text, line)?;
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(text) => self.scalar(text, line)?,
                None => {
                    return Err(Malformed::new(
                        line,
                        "an alias stands for something that is no text",
                    ));
                }
            },
            Event::MappingStart(..) => self.begin(line, true)?,
            Event::SequenceStart(..) => self.begin(line, false)?,
            Event::MappingEnd | Event::SequenceEnd => self.end(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn scalar(&mut self, text: String, line: usize) -> Result<(), Malformed> {
        match self.frames.last_mut() {
            Some(Frame::Map { prefix, key }) => match key.take() {
                None => *key = Some((format!("{prefix}{}", text.trim()), line)),
                Some((key, line)) => self.pairs.push(Pair { key, text, line }),
            },
            Some(Frame::List {
                items: Some(items), ..
            }) => items.push(text),
            Some(Frame::List { items: None, .. } | Frame::Ignored) => {}
            None if text.is_empty() => {}
            None => return Err(Malformed::new(line, "this is not of the form key: value")),
        }
        Ok(())
    }

    fn begin(&mut self, line: usize, is_map: bool) -> Result<(), Malformed> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(Malformed::new(line, "keys are nested too deeply"));
        }
        let frame = match self.frames.last_mut() {
            None if is_map => Frame::Map {
                prefix: String::new(),
                key: None,
            },
            None => return Err(Malformed::new(line, "this is a list, not of the form key: value")),
            Some(Frame::Map { key, .. }) => match key.take() {
                None => return Err(Malformed::new(line, "a key must be a text")),
                Some((key, _)) if is_map => Frame::Map {
                    prefix: format!("{key}."),
                    key: None,
                },
                Some((key, line)) => Frame::List {
                    key,
                    line,
                    items: Some(Vec::new()),
                },
            },
            Some(Frame::List { items, .. }) => {
                *items = None;
                Frame::Ignored
            }
            Some(Frame::Ignored) => Frame::Ignored,
        };
        self.frames.push(frame);
        Ok(())
    }

    fn end(&mut self) {
        if let Some(Frame::List {
            key,
            line,
            items: Some(items),
        }) = self.frames.pop()
        {
            let text = items.join(",");
            self.pairs.push(Pair { key, text, line });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(String, String, usize)> {
        let pairs = read(text).unwrap();
        pairs
            .into_iter()
            .map(|pair| (pair.key, pair.text, pair.line))
            .collect()
    }

    fn expect(text: &str, expected: &[(&str, &str, usize)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|&(key, text, line)| (key.to_owned(), text.to_owned(), line))
            .collect();
        assert_eq!(pairs(text), expected, "{text}");
    }

    #[test]
    fn nested_and_flat_keys_are_the_same_and_may_be_mixed() {
        expect(
            "s3:\n  access-key: x\n  bucket:\n    my.logs:\n      region: r\ns3.endpoint: e\nfs.s3a: {access.key: y}\n",
            &[
                ("s3.access-key", "x", 2),
                ("s3.bucket.my.logs.region", "r", 5),
                ("s3.endpoint", "e", 6),
                ("fs.s3a.access.key", "y", 7),
            ],
        );
    }

    #[test]
    fn numbers_and_truth_values_are_the_text_that_is_written() {
        for text in ["5242880", "0755", "1e3", "yes", "1.0", "0x1F", "TRUE", "5 mb"] {
            expect(&format!("k: {text}"), &[("k", text, 1)]);
        }
        for text in ["", "null", "~", "\"\"", "# nothing"] {
            expect(&format!("k: {text}"), &[("k", "", 1)]);
        }
        expect("k: 'null'", &[("k", "null", 1)]);
        expect("k: \"a\\tb\" # c", &[("k", "a\tb", 1)]);
        expect("k: v#w # c", &[("k", "v#w", 1)]);
    }

    #[test]
    fn lists_are_texts_with_commas() {
        expect("k: [a, 1, true]", &[("k", "a,1,true", 1)]);
        expect("k:\n- a\n- b\nl: []", &[("k", "a,b", 1), ("l", "", 4)]);
        // Others' keys may hold anything.
        expect("k:\n- name: x\n  in: [[a]]\nl: 1", &[("l", "1", 4)]);
    }

    #[test]
    fn an_alias_repeats_a_text() {
        expect("a: &x one\nb: *x", &[("a", "one", 1), ("b", "one", 2)]);
        assert_eq!(read("a: &x {c: d}\nb: *x").unwrap_err().line, 2);
    }

    #[test]
    fn nothing_is_no_pair() {
        for text in ["", "\n", "# only a comment\n", "---\n", "---\n...\n"] {
            expect(text, &[]);
        }
    }

    #[test]
    fn what_is_no_configuration_names_its_line() {
        for (text, line) in [
            ("just a text", 1),
            ("- a\n- b", 1),
            ("a: b\n---\nc: d", 2),
            ("a: b\n[x]: y", 2),
            ("a: b\n  c: d", 2),
            ("a: \"x\",\nb: \"y\"", 1),
            ("a: [x", 1),
        ] {
            let malformed = read(text).unwrap_err();
            assert!(malformed.line >= line, "{text}: {malformed:?}");
            assert!(
                malformed.line <= text.lines().count() + 1,
                "{text}: {malformed:?}"
            );
        }
        let deep = "a: ".to_owned() + &"{b: ".repeat(100_000);
        assert_eq!(
            read(&deep).unwrap_err(),
            Malformed::new(1, "keys are nested too deeply")
        );
    }

    #[test]
    fn a_quoted_text_loses_its_quotes() {
        assert_eq!(quoted(r#""a\"b""#).as_deref(), Some("a\"b"));
        assert_eq!(quoted("'it''s'").as_deref(), Some("it's"));
        for text in ["plain", "\"a\" b", "\"a\",", "\"a", "'a': b", ""] {
            assert_eq!(quoted(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_word_of_it(text in "[ -~\n]{0,60}") {
            let secret = "canary";
            if let Err(malformed) = read(&format!("{text}{secret}")) {
                prop_assert!(!malformed.why.contains(secret));
                prop_assert!((1..=text.split('\n').count()).contains(&malformed.line));
            }
        }

        #[test]
        fn what_is_quoted_is_read_as_it_was(value in "\\PC{0,40}") {
            let text = format!("k: '{}'", value.replace('\'', "''"));
            prop_assert_eq!(pairs(&text), [("k".to_owned(), value, 1)]);
        }
    }
}
