//! The odd keys, and who may refuse which.

/// Who may refuse a key with `InvalidPath`. Nobody may ever use another name instead.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nobody: any store has such names.
    Nobody,
    /// A file system with real directories, where such a name means something else or is too long.
    RealDirectories,
    /// Anybody.
    Anybody,
    /// Nobody; but with real directories the name means another directory, and does not apply.
    Parent,
}

use Refusal::{Anybody, Nobody, Parent, RealDirectories};

/// Keys below the directory of a case.
pub(super) const KEYS: &[(&str, &str, Refusal)] = &[
    ("space", "a b", Nobody),
    ("leading_space", " a", Nobody),
    ("trailing_space", "a ", Nobody),
    ("plus_sign", "a+b", Nobody),
    ("percent", "100%", Nobody),
    ("percent_encoded_slash", "a%2Fb", Nobody),
    ("percent_encoded_space", "a%20b", Nobody),
    ("percent_encoded_percent", "a%252Fb", Nobody),
    ("hash", "a#b", Nobody),
    ("question_mark", "a?versionId=1&x", Nobody),
    ("ampersand", "a&b=c", Nobody),
    ("semicolon", "a;b", Nobody),
    ("colon", "a:b", Nobody),
    ("scheme_inside", "s3:x", Nobody),
    ("comma_and_equals", "a,b=c", Nobody),
    ("brackets", "report[2026].{literal}", Nobody),
    ("wildcards", "a*b?c", Nobody),
    ("quotes", "a\"b'c`", Nobody),
    ("markup", "<a>&amp;</a>", Nobody),
    ("backslash", "a\\b", Nobody),
    ("pipe_and_caret", "a|b^c~", Nobody),
    ("dollar_and_at", "$a@b!", Nobody),
    ("nfc", "\u{e9}", Nobody),
    ("nfd", "e\u{301}", Nobody),
    ("beyond_the_basic_plane", "\u{1F600}", Nobody),
    ("right_to_left", "\u{5d0}\u{202e}b", Nobody),
    ("line_separator", "a\u{2028}b", Nobody),
    ("byte_order_mark", "\u{feff}a", Nobody),
    ("noncharacter", "a\u{ffff}", Nobody),
    ("tab", "a\tb", Nobody),
    ("line_feed", "a\nb", Nobody),
    ("carriage_return", "a\rb\r", Nobody),
    ("control_characters", "\u{1}\u{1f}\u{7f}", Nobody),
    ("three_dots", "...", Nobody),
    ("dot_at_the_end", "a.", Nobody),
    ("leading_dash", "-rf", Nobody),
    ("name_of_250_bytes", LONG_NAME, Nobody),
    ("doubled_slash", "a//b", RealDirectories),
    ("leading_slash", "/a", RealDirectories),
    ("many_slashes", "a///b", RealDirectories),
    ("dot_segment", "a/./b", RealDirectories),
    ("only_a_dot", ".", RealDirectories),
    ("dot_dot_segment", "a/../b", Parent),
    ("only_dots", "../..", Parent),
    ("name_of_300_bytes", TOO_LONG_NAME, RealDirectories),
    ("nul", "a\0b", RealDirectories),
    ("trailing_slash", "a/", Anybody),
];

const LONG_NAME: &str = concat!(
    "12345678901234567890123456789012345678901234567890",
    "12345678901234567890123456789012345678901234567890",
    "12345678901234567890123456789012345678901234567890",
    "12345678901234567890123456789012345678901234567890",
    "1234567890123456789012345678901234567890123456.txt",
);

const TOO_LONG_NAME: &str = concat!(
    "12345678901234567890123456789012345678901234567890",
    "12345678901234567890123456789012345678901234567890",
    "12345678901234567890123456789012345678901234567890",
    "12345678901234567890123456789012345678901234567890",
    "12345678901234567890123456789012345678901234567890",
    "1234567890123456789012345678901234567890123456.txt",
);
