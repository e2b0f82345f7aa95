//! [`Location`]: the address of a file, with a key that survives byte for byte.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// The address of a file or directory: scheme, authority and raw key.
///
/// The key is everything behind exactly one slash that follows the authority. It is never decoded,
/// encoded, normalised or split: `a//b`, `a/./b`, `a%2Fb`, a trailing space, `#` and `?` are
/// ordinary parts of a key and name different files. For this reason a location is not a URL, and
/// must never be passed through a URL library.
///
/// The scheme is compared without regard to case and kept in lower case (RFC 3986 §3.1); authority
/// and key are kept as they are.
///
/// ```
/// use plugin_api::Location;
///
/// let file: Location = "S3://bucket//logs/a%2Fb c".parse()?;
/// assert_eq!(file.scheme(), "s3");
/// assert_eq!(file.authority(), "bucket");
/// assert_eq!(file.key(), "/logs/a%2Fb c");
/// assert_eq!(file.to_string(), "s3://bucket//logs/a%2Fb c");
/// # Ok::<(), plugin_api::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// `scheme://authority/key`, always with the slash.
    text: String,
    scheme_len: u32,
    authority_len: u32,
}

impl Location {
    /// Puts a location together from its three parts.
    ///
    /// The scheme must be a scheme of RFC 3986 (a letter, then letters, digits, `+`, `-`, `.`) and
    /// the authority must not hold a slash; otherwise [`ErrorKind::InvalidPath`]. Any key is legal
    /// here; what a store refuses is decided by its plugin.
    pub fn new(scheme: &str, authority: &str, key: &str) -> Result<Self, Error> {
        let invalid = |why: &str| {
            Error::new(
                ErrorKind::InvalidPath,
                format!("{why} in '{scheme}://{authority}/{key}'"),
            )
            .with_remedy("write the path as scheme://authority/key, for example s3://bucket/dir/file")
        };
        let mut letters = scheme.bytes();
        let starts_well = letters.next().is_some_and(|b| b.is_ascii_alphabetic());
        if !starts_well || !letters.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
            return Err(invalid("invalid scheme"));
        }
        if authority.contains('/') {
            return Err(invalid("slash in the authority"));
        }
        let (Ok(scheme_len), Ok(authority_len)) =
            (u32::try_from(scheme.len()), u32::try_from(authority.len()))
        else {
            return Err(invalid("scheme or authority too long"));
        };
        let mut text = String::with_capacity(scheme.len() + 4 + authority.len() + key.len());
        text.push_str(scheme);
        text.make_ascii_lowercase();
        text.push_str("://");
        text.push_str(authority);
        text.push('/');
        text.push_str(key);
        Ok(Self {
            text,
            scheme_len,
            authority_len,
        })
    }

    /// Parses `scheme://authority/key`; the slash and the key may be missing (the root).
    ///
    /// Plain paths and the default scheme are the host's business: see
    /// `host_loader::FileSystems::resolve`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(
                Error::new(ErrorKind::InvalidPath, format!("'{text}' has no scheme")).with_remedy(
                    "write the path as scheme://authority/key, for example s3://bucket/dir/file",
                ),
            );
        };
        let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
        Self::new(scheme, authority, key)
    }

    /// The scheme in lower case, without `://`.
    pub fn scheme(&self) -> &str {
        &self.text[..self.scheme_len as usize]
    }

    /// The authority as it was written: a bucket, a host, or empty.
    pub fn authority(&self) -> &str {
        let start = self.scheme_len as usize + 3;
        &self.text[start..start + self.authority_len as usize]
    }

    /// The raw key, without the slash that separates it from the authority; empty for the root.
    pub fn key(&self) -> &str {
        &self.text[(self.scheme_len + self.authority_len) as usize + 4..]
    }

    /// The whole location as text; the root ends with a slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the key is empty.
    pub fn is_root(&self) -> bool {
        self.key().is_empty()
    }

    /// The same scheme and authority with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        let head = (self.scheme_len + self.authority_len) as usize + 4;
        let mut text = String::with_capacity(head + key.len());
        text.push_str(&self.text[..head]);
        text.push_str(key);
        Self { text, ..*self }
    }

    /// A location below this one: the key, a slash unless there is one or the key is empty, `name`.
    ///
    /// ```
    /// # use plugin_api::Location;
    /// let root = Location::parse("s3://bucket")?;
    /// assert_eq!(root.join("a").join("b").as_str(), "s3://bucket/a/b");
    /// # Ok::<(), plugin_api::Error>(())
    /// ```
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let key = self.key();
        if key.is_empty() || key.ends_with('/') {
            self.with_key(&format!("{key}{name}"))
        } else {
            self.with_key(&format!("{key}/{name}"))
        }
    }

    /// The key as the prefix of everything below it: with a trailing slash, or empty for the root.
    pub fn directory_prefix(&self) -> String {
        let key = self.key();
        if key.is_empty() || key.ends_with('/') {
            key.to_owned()
        } else {
            format!("{key}/")
        }
    }

    /// The last segment of the key, without a trailing slash; empty for the root.
    pub fn name(&self) -> &str {
        let key = self.key();
        let key = key.strip_suffix('/').unwrap_or(key);
        key.rsplit('/').next().unwrap_or(key)
    }

    /// The location one segment up, or `None` for the root.
    ///
    /// ```
    /// # use plugin_api::Location;
    /// let file = Location::parse("s3://bucket/a/b")?;
    /// assert_eq!(file.parent().unwrap().as_str(), "s3://bucket/a");
    /// assert_eq!(file.parent().unwrap().parent().unwrap().as_str(), "s3://bucket/");
    /// # Ok::<(), plugin_api::Error>(())
    /// ```
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let key = self.key();
        let key = key.strip_suffix('/').unwrap_or(key);
        Some(self.with_key(key.rsplit_once('/').map_or("", |(parent, _)| parent)))
    }
}

/// A location as it crosses the boundary.
pub(crate) struct LocationParts<'a> {
    pub(crate) text: &'a str,
    pub(crate) scheme_len: u32,
    pub(crate) authority_len: u32,
}

impl Location {
    pub(crate) fn parts(&self) -> LocationParts<'_> {
        LocationParts {
            text: &self.text,
            scheme_len: self.scheme_len,
            authority_len: self.authority_len,
        }
    }

    pub(crate) fn into_string(self) -> String {
        self.text
    }

    /// Takes what came from the other side; the parts must [fit](LocationParts::check) the text.
    #[inline]
    pub(crate) fn from_parts(text: String, scheme_len: u32, authority_len: u32) -> Self {
        Self {
            text,
            scheme_len,
            authority_len,
        }
    }
}

impl LocationParts<'_> {
    /// Checks that the parts fit the text, which came from the other side.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), Error> {
        // Between ASCII characters there is always a boundary of characters.
        let text = self.text.as_bytes();
        let authority = self.scheme_len as usize + 3;
        let slash = authority + self.authority_len as usize;
        let fits = text.get(self.scheme_len as usize..authority) == Some(b"://")
            && text
                .get(authority..slash)
                .is_some_and(|authority| !authority.contains(&b'/'))
            && text.get(slash) == Some(&b'/');
        if fits { Ok(()) } else { Err(malformed(self.text)) }
    }
}

#[cold]
fn malformed(text: &str) -> Error {
    Error::new(
        ErrorKind::InvalidPath,
        format!("malformed location '{text}' at the plugin boundary"),
    )
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_keys_survive_byte_for_byte() {
        for key in [
            "a+b", "a%2Fb", "%", "#", "?x=y", " a ", "a//b", "a/./b", "../b", "/x//y", "é", "e\u{301}",
            "\u{1}",
        ] {
            let location = Location::new("s3", "bucket", key).unwrap();
            assert_eq!(location.key(), key);
            assert_eq!(Location::parse(location.as_str()).unwrap(), location);
        }
    }

    #[test]
    fn bucket_names_that_url_libraries_refuse_are_authorities() {
        for bucket in [
            "my_bucket",
            "a.b.1",
            "UPPER",
            "b:9000",
            "arn:aws:s3:us-east-1:1:accesspoint",
        ] {
            let location = Location::parse(&format!("s3://{bucket}/k")).unwrap();
            assert_eq!((location.authority(), location.key()), (bucket, "k"));
        }
    }

    #[test]
    fn malformed_text_names_the_input() {
        for text in ["", "bucket/key", "://b/k", "1s3://b/k", "s 3://b/k"] {
            let error = Location::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidPath);
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn directory_prefix_has_exactly_one_added_slash() {
        let at = |key| Location::new("s3", "b", key).unwrap().directory_prefix();
        assert_eq!(
            (at("").as_str(), at("a").as_str(), at("a/").as_str()),
            ("", "a/", "a/")
        );
    }
}
