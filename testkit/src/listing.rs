//! Walks over sorted keys: prefix, delimiter and pages, in the byte order of S3.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::object::Object;

/// Most entries of one page.
pub(crate) const MAX_PAGE: u16 = 1000;

/// What to list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Query<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: Option<&'a str>,
    /// Only keys behind this one.
    pub(crate) after: &'a str,
    /// Whether `after` names a group that was reported already.
    pub(crate) after_group: bool,
    pub(crate) limit: usize,
}

/// An object, or all keys that share a prefix up to the delimiter.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Object(String, Arc<Object>),
    Group(String),
}

impl Entry {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Object(name, _) | Self::Group(name) => name,
        }
    }
}

/// The entries, and whether there are more.
pub(crate) fn page(objects: &BTreeMap<String, Arc<Object>>, query: Query<'_>) -> (Vec<Entry>, bool) {
    let mut entries = Vec::new();
    if query.limit == 0 {
        return (entries, false);
    }
    let mut lower = if query.prefix > query.after {
        Bound::Included(query.prefix.to_owned())
    } else {
        Bound::Excluded(query.after.to_owned())
    };
    let mut reported = query.after_group.then(|| query.after.to_owned());
    loop {
        let mut jump = None;
        for (key, object) in objects.range((lower, Bound::Unbounded)) {
            let Some(rest) = key.strip_prefix(query.prefix) else {
                return (entries, false);
            };
            let group = query.delimiter.and_then(|delimiter| {
                let at = rest.find(delimiter)?;
                Some(&key[..query.prefix.len() + at + delimiter.len()])
            });
            if group.is_some() && group == reported.as_deref() {
                continue;
            }
            if entries.len() == query.limit {
                return (entries, true);
            }
            if let Some(group) = group {
                entries.push(Entry::Group(group.to_owned()));
                reported = Some(group.to_owned());
                jump = Some(Bound::Included(format!("{group}{}", char::MAX)));
                break;
            }
            entries.push(Entry::Object(key.clone(), Arc::clone(object)));
        }
        match jump {
            Some(bound) => lower = bound,
            None => return (entries, false),
        }
    }
}

/// The token behind which the next page starts.
pub(crate) fn token(last: &Entry) -> String {
    let kind = if matches!(last, Entry::Group(_)) { 'g' } else { 'k' };
    BASE64.encode(format!("{kind}{}", last.name()))
}

/// The name and whether it is a group, of a token that [`token`] made.
pub(crate) fn parse_token(token: &str) -> Option<(String, bool)> {
    let text = String::from_utf8(BASE64.decode(token).ok()?).ok()?;
    let name = text.get(1..)?.to_owned();
    match text.as_bytes()[0] {
        b'k' => Some((name, false)),
        b'g' => Some((name, true)),
        _ => None,
    }
}

/// As `encoding-type=url` writes names: like a form, with the slash left as it is.
pub(crate) fn url_encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                encoded.push(byte.into());
            }
            b' ' => encoded.push('+'),
            _ => {
                encoded.push('%');
                encoded.push_str(&hex::encode_upper([byte]));
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksums::{Algorithm, Hasher};
    use crate::object::Millis;

    fn keys(names: &[&str]) -> BTreeMap<String, Arc<Object>> {
        let object = Arc::new(Object {
            id: String::new(),
            etag: String::new(),
            modified: Millis::now(),
            blob: crate::blob::Blob::default(),
            attributes: crate::object::Attributes::default(),
            checksum: Hasher::new(Algorithm::Crc64Nvme).finish(),
            parts: Vec::new(),
        });
        names
            .iter()
            .map(|n| ((*n).to_owned(), Arc::clone(&object)))
            .collect()
    }

    fn walk(objects: &BTreeMap<String, Arc<Object>>, prefix: &str, limit: usize) -> Vec<String> {
        let mut names = Vec::new();
        let mut next = (String::new(), false);
        loop {
            let (after, after_group) = (next.0.as_str(), next.1);
            let query = Query {
                prefix,
                delimiter: Some("/"),
                after,
                after_group,
                limit,
            };
            let (entries, more) = page(objects, query);
            names.extend(entries.iter().map(|e| e.name().to_owned()));
            if !more {
                return names;
            }
            next = parse_token(&token(entries.last().unwrap())).unwrap();
        }
    }

    #[test]
    fn pages_of_any_size_give_the_same_names() {
        let objects = keys(&[
            "a",
            "a/1",
            "a/2",
            "a/\u{10ffff}x",
            "b",
            "b//c",
            "b/d",
            "c0",
            "é/1",
        ]);
        for limit in 1..=10 {
            assert_eq!(
                walk(&objects, "", limit),
                ["a", "a/", "b", "b/", "c0", "é/"],
                "limit {limit}"
            );
            assert_eq!(walk(&objects, "b/", limit), ["b//", "b/d"], "limit {limit}");
        }
    }

    #[test]
    fn url_encoding_is_that_of_forms_except_for_slashes() {
        assert_eq!(url_encode("a b+c%/é~\u{1}"), "a+b%2Bc%25/%C3%A9%7E%01");
    }
}
