//! Lines of the form `key: value`, as Flink's older `flink-conf.yaml` has them.

use super::flink_yaml::{self, Malformed, Pair};

/// Why most lines are refused that are.
pub(super) const NO_PAIR: &str = "this is not of the form key: value";

/// What was read of a text that is no YAML.
pub(super) struct Lines {
    pub(super) pairs: Vec<Pair>,
    /// The lines on which a comma follows a quoted value, as in a JSON object whose braces were lost.
    pub(super) stray_commas: Vec<usize>,
}

/// Every pair of the text. Blank lines, comments and `---` are none; ` #` begins a comment behind a value
/// that is not quoted. Lines that are indented differently are nested YAML with a mistake in it, and refused.
pub(super) fn read(text: &str) -> Result<Lines, Malformed> {
    let mut lines = Lines {
        pairs: Vec::new(),
        stray_commas: Vec::new(),
    };
    let mut indentation = None;
    for (number, whole) in (1..).zip(text.lines()) {
        let line = whole.trim();
        if line.is_empty() || line.starts_with('#') || line == "---" {
            continue;
        }
        let (key, value) = split(line).ok_or_else(|| Malformed::new(number, NO_PAIR))?;
        let indented_by = whole.len() - whole.trim_start().len();
        if *indentation.get_or_insert(indented_by) != indented_by {
            return Err(Malformed::new(
                number,
                "this is indented differently from the lines above",
            ));
        }
        let (text, has_comma) = match unquoted(value) {
            Some(read) => read,
            None if value.starts_with(['"', '\'']) => {
                return Err(Malformed::new(number, "something follows the quoted value"));
            }
            None => (without_comment(value).to_owned(), false),
        };
        if has_comma {
            lines.stray_commas.push(number);
        }
        let key = flink_yaml::quoted(key).unwrap_or_else(|| key.to_owned());
        lines.pairs.push(Pair {
            key,
            text,
            line: number,
        });
    }
    Ok(lines)
}

/// Key and value, without surrounding space. A key has no space in it.
fn split(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line
        .split_once(": ")
        .or_else(|| Some((line.strip_suffix(':')?, "")))?;
    let key = key.trim_end();
    (!key.is_empty() && !key.contains(char::is_whitespace)).then_some((key, value.trim()))
}

/// The quoted value, and whether a comma follows it.
fn unquoted(value: &str) -> Option<(String, bool)> {
    if let Some(text) = flink_yaml::quoted(value) {
        return Some((text, false));
    }
    let text = flink_yaml::quoted(value.strip_suffix(',')?)?;
    Some((text, true))
}

fn without_comment(value: &str) -> &str {
    if value.starts_with('#') {
        return "";
    }
    value.split(" #").next().unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_pairs_and_the_rest_is_comment() {
        let text = "# c\n\na.b: x: y # c\nc : *\nd:\ne: # nothing\nf: v#w\n\"g\": 'h',\ni: \"j\" # c\n";
        let lines = read(text).map_err(|malformed| malformed.why).unwrap();
        let pairs: Vec<_> = lines
            .pairs
            .iter()
            .map(|pair| (pair.key.as_str(), pair.text.as_str(), pair.line))
            .collect();
        let expected = [
            ("a.b", "x: y", 3),
            ("c", "*", 4),
            ("d", "", 5),
            ("e", "", 6),
            ("f", "v#w", 7),
            ("g", "h", 8),
            ("i", "j", 9),
        ];
        assert_eq!(pairs, expected);
        assert_eq!(lines.stray_commas, [8]);
    }

    #[test]
    fn a_line_of_another_form_is_named() {
        for line in ["a", "a b: c", ": c", "- a", "a: \"b\" c", "a:b", " a: b"] {
            let malformed = read(&format!("x: y\n{line}")).map(|_| ()).unwrap_err();
            assert_eq!(malformed.line, 2, "{line}");
        }
    }
}
