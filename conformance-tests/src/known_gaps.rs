//! [`KnownGaps`]: what a server is known not to do, stated in a file.

use std::collections::BTreeMap;

use plugin_api::{Error, ErrorKind, Result};

use crate::case::Case;

/// Cases that are known to fail, each with the reason.
///
/// A line is `case::name = "reason"`; the name may be in quotes, which makes the file valid TOML.
/// Empty lines and lines that begin with `#` do not count. A case that passes in spite of such a line is a
/// failure, so that the file stays true, unless the reason begins with `sometimes `: then it depends on which
/// of two requests comes first.
///
/// ```
/// use conformance_tests::KnownGaps;
///
/// let gaps = KnownGaps::parse("# MinIO 2024\n\"status::missing_is_not_found\" = \"answers 500\"\n")?;
/// assert_eq!(gaps.reason("status::missing_is_not_found"), Some("answers 500"));
/// # Ok::<(), plugin_api::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownGaps(BTreeMap<String, String>);

impl KnownGaps {
    /// Reads the text of such a file.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] names the line.
    pub fn parse(text: &str) -> Result<Self> {
        let mut gaps = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let invalid = |why: &str| {
                Error::new(
                    ErrorKind::InvalidInput,
                    format!("line {} of the known gaps, '{line}', {why}", index + 1),
                )
                .with_remedy("write each line as case::name = \"reason\"")
            };
            let (name, reason) = line.split_once('=').ok_or_else(|| invalid("has no reason"))?;
            let name = unquoted(name.trim()).unwrap_or(name.trim());
            let reason = unquoted(reason.trim()).ok_or_else(|| invalid("has a reason without quotes"))?;
            if reason.trim().is_empty() {
                return Err(invalid("has an empty reason"));
            }
            if gaps.insert(name.to_owned(), reason.to_owned()).is_some() {
                return Err(invalid("names its case a second time"));
            }
        }
        Ok(Self(gaps))
    }

    /// Why the case of this name is known to fail.
    pub fn reason(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether a case with this reason may also pass.
    pub(crate) fn is_sometimes(reason: &str) -> bool {
        reason.starts_with("sometimes ")
    }

    /// Fails with [`ErrorKind::InvalidInput`] if a name is that of no case, as after a change of names.
    pub fn check(&self, cases: &[Case]) -> Result<()> {
        match self
            .0
            .keys()
            .find(|name| cases.iter().all(|case| case.name() != *name))
        {
            None => Ok(()),
            Some(name) => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the known gaps name '{name}', and there is no such case"),
            )
            .with_remedy("correct the name or remove the line; --list shows all cases")),
        }
    }
}

fn unquoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_quotes_are_read() {
        let gaps = KnownGaps::parse("a::b = \"x = y\"\n\n # no\n\"c::d\"=\"z\"").expect("gaps");
        assert_eq!(
            (gaps.reason("a::b"), gaps.reason("c::d"), gaps.reason("no")),
            (Some("x = y"), Some("z"), None)
        );
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, line) in [("a", 1), ("\na = b", 2), ("a = \"\"", 1), ("a=\"x\"\na=\"y\"", 2)] {
            let error = KnownGaps::parse(text).expect_err(text);
            assert!(error.to_string().contains(&format!("line {line}")), "{error}");
        }
    }

    #[test]
    fn a_gap_of_no_case_is_an_error() {
        let gaps = KnownGaps::parse("no::such = \"x\"").expect("gaps");
        let error = gaps.check(&crate::cases()).expect_err("no such case");
        assert!(error.to_string().contains("no::such"), "{error}");
    }
}
