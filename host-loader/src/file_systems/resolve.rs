//! From what a user writes to a [`Location`].

use std::borrow::Cow;

use plugin_api::{Error, ErrorKind, Location, Result};

use crate::configuration::DEFAULT_SCHEME;

/// The location that `path` means; see [`FileSystems::resolve`](super::FileSystems::resolve).
///
/// `default_root` is where paths without a scheme are, unless they are local.
pub(super) fn resolve(
    path: &str,
    default_root: Option<&Location>,
    is_known_scheme: &dyn Fn(&str) -> bool,
) -> Result<Location> {
    if path.is_empty() {
        return Err(Error::new(ErrorKind::InvalidPath, "the path is empty")
            .with_remedy("write a path such as /dir/file or s3://bucket/key"));
    }
    if let Some(rest) = strip_file_scheme(path) {
        return file_uri(path, rest);
    }
    // A colon behind a slash is part of a name: `dir/a://b`.
    if let Some((scheme, rest)) = path.split_once(':').filter(|(scheme, _)| !scheme.contains('/')) {
        if rest.starts_with("//") {
            return Location::parse(path);
        }
        if rest.starts_with('/') && is_known_scheme(&scheme.to_ascii_lowercase()) {
            let corrected = rest.trim_start_matches('/');
            return Err(Error::new(
                ErrorKind::InvalidPath,
                format!("'{path}' has one slash where a URI has two"),
            )
            .with_remedy(format!(
                "write {scheme}://{corrected}, or ./{path} for the file of that name"
            )));
        }
    }
    match default_root {
        Some(root) => Ok(root.with_key(path.strip_prefix('/').unwrap_or(path))),
        None => local(path),
    }
}

/// What `fs.default-scheme` says: the root of paths without a scheme, or `None` if they are local.
pub(super) fn default_root(text: &str) -> Result<Option<Location>> {
    let invalid = |why: &str| DEFAULT_SCHEME.invalid(text, why);
    if let Some(rest) = strip_file_scheme(text) {
        return match rest {
            "" | "/" | "//" | "///" => Ok(None),
            _ => Err(invalid("the local file system has neither host nor path here")),
        };
    }
    let root = Location::parse(text).map_err(|error| invalid(error.message()))?;
    if !root.is_root() {
        return Err(invalid("it must not have a path"));
    }
    Ok(Some(root))
}

fn strip_file_scheme(text: &str) -> Option<&str> {
    const PREFIX: &str = "file:";
    text.get(..PREFIX.len())
        .filter(|start| start.eq_ignore_ascii_case(PREFIX))
        .map(|_| &text[PREFIX.len()..])
}

/// `file:` and `rest`: an absolute path with or without an (empty) host, or a relative path.
fn file_uri(text: &str, rest: &str) -> Result<Location> {
    let Some(with_host) = rest.strip_prefix("//") else {
        if rest.is_empty() {
            return Err(
                Error::new(ErrorKind::InvalidPath, format!("'{text}' has no path"))
                    .with_remedy("write file:///dir/file"),
            );
        }
        return local(rest);
    };
    match with_host.split_once('/') {
        Some(("", key)) => Location::new("file", "", &tidy(key)),
        parts => {
            let (host, key) = parts.unwrap_or((with_host, ""));
            let meant = match (host, key) {
                ("localhost", key) => format!("file:///{key}"),
                (host, "") => format!("file:///{host}"),
                (host, key) => format!("file:///{host}/{key}"),
            };
            Err(Error::new(
                ErrorKind::InvalidPath,
                format!("'{text}' names the host '{host}', and a local file has none"),
            )
            .with_remedy(format!("write {meant}")))
        }
    }
}

/// The key of a local path without the segments that mean nothing on a disk, which its file system
/// would refuse: `.` and those between doubled slashes. One slash at the end stays.
fn tidy(key: &str) -> Cow<'_, str> {
    let meaningless = |segment: &str| matches!(segment, "" | ".");
    if !key.strip_suffix('/').unwrap_or(key).split('/').any(meaningless) {
        return Cow::Borrowed(key);
    }
    let kept: Vec<&str> = key.split('/').filter(|segment| !meaningless(segment)).collect();
    let slash = if key.ends_with('/') && !kept.is_empty() {
        "/"
    } else {
        ""
    };
    Cow::Owned(kept.join("/") + slash)
}

/// A path of this machine, made absolute, without segments that mean nothing.
fn local(path: &str) -> Result<Location> {
    if let Some(key) = path.strip_prefix('/') {
        return Location::new("file", "", &tidy(key));
    }
    let relative_needs = |why: String| {
        Error::new(ErrorKind::InvalidPath, format!("the current directory {why}"))
            .with_path(path)
            .with_remedy("write an absolute path")
    };
    let dir = std::env::current_dir().map_err(|error| relative_needs(format!("cannot be read: {error}")))?;
    let dir = dir
        .to_str()
        .ok_or_else(|| relative_needs(format!("{} is not UTF-8", dir.display())))?;
    let dir = Location::new("file", "", dir.trim_start_matches('/'))?;
    let location = dir.join(path);
    Ok(location.with_key(&tidy(location.key())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(path: &str) -> Result<Location> {
        resolve(path, None, &|scheme| scheme == "s3")
    }

    fn cwd_key() -> String {
        let dir = std::env::current_dir().unwrap();
        dir.to_str().unwrap().trim_start_matches('/').to_owned()
    }

    #[test]
    fn every_form_of_a_local_file_is_the_same_file() {
        for path in ["/x/y", "file:/x/y", "file:///x/y", "FILE:///x/y", "File:/x/y"] {
            assert_eq!(plain(path).unwrap().as_str(), "file:///x/y", "{path}");
        }
        for path in ["x/y", "file:x/y"] {
            assert_eq!(plain(path).unwrap().key(), format!("{}/x/y", cwd_key()), "{path}");
        }
        assert_eq!(plain("/").unwrap().as_str(), "file:///");
    }

    #[test]
    fn segments_that_mean_nothing_on_a_disk_are_dropped() {
        for (key, tidied) in [
            ("", ""),
            ("a/b", "a/b"),
            ("a/b/", "a/b/"),
            ("a//b", "a/b"),
            ("/a/./b//", "a/b/"),
            ("a/./b//c/.", "a/b/c"),
            ("a/../b/", "a/../b/"),
            (".", ""),
            ("./.", ""),
            ("a/..", "a/.."),
            ("/", ""),
        ] {
            assert_eq!(tidy(key), tidied, "{key:?}");
        }
        assert_eq!(plain("./x//y").unwrap().key(), format!("{}/x/y", cwd_key()));
        assert_eq!(plain("s3://b//x/./y").unwrap().key(), "/x/./y");
    }

    #[test]
    fn a_local_file_on_a_host_is_refused_with_what_was_meant() {
        for (path, meant) in [
            ("file://host/x", "file:///host/x"),
            ("file://tmp", "file:///tmp"),
            ("file://localhost/x", "file:///x"),
            ("FILE://host/x/", "file:///host/x/"),
        ] {
            let error = plain(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidPath);
            assert_eq!(error.remedy(), format!("write {meant}"));
            assert!(error.to_string().contains(path), "{error}");
        }
    }

    #[test]
    fn malformed_paths_are_refused_and_say_how_to_write_them() {
        for path in ["", "file:", "1s3://b/k", "://b/k", "s3:/bucket/key"] {
            let error = plain(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidPath, "{path}");
            assert!(!error.remedy().is_empty());
        }
        assert!(plain("S3:/b/k").unwrap_err().remedy().contains("S3://b/k"));
    }

    #[test]
    fn colons_that_make_no_uri_are_part_of_local_names() {
        for path in ["/a:/b", "a:b", "dir/s3:/b", "C:/x", "a b:/c"] {
            let location = plain(path).unwrap();
            assert_eq!(location.scheme(), "file", "{path}");
            assert!(
                location.key().ends_with(path.trim_start_matches('/')),
                "{location}"
            );
        }
        // As on the disk, where the second slash means nothing.
        assert_eq!(plain("/a://b").unwrap().key(), "a:/b");
    }

    #[test]
    fn the_default_scheme_is_a_root_or_an_error_that_says_so() {
        for text in ["file:///", "file:/", "file:", "FILE://"] {
            assert_eq!(default_root(text).unwrap(), None, "{text}");
        }
        for text in ["S3://bucket", "s3://bucket/"] {
            assert_eq!(default_root(text).unwrap().unwrap().as_str(), "s3://bucket/");
        }
        for text in [
            "s3",
            "bucket/",
            "s3:/b",
            "1s3://b/",
            "s3://b/dir",
            "file:///tmp",
            "file://host/",
        ] {
            let error = default_root(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.to_string().contains(text) && error.to_string().contains(DEFAULT_SCHEME.key));
        }
    }

    proptest! {
        #[test]
        fn keys_survive_byte_for_byte(key in "\\PC{0,40}") {
            let uri = format!("s3://bucket/{key}");
            let location = plain(&uri).unwrap();
            prop_assert_eq!(location.as_str(), &uri);
            // Local paths lose what means nothing on a disk, and nothing else.
            for path in [format!("file:///{key}"), format!("/{key}")] {
                let location = plain(&path).unwrap();
                prop_assert_eq!(location.key(), tidy(&key));
            }
        }

        #[test]
        fn with_a_default_root_plain_paths_are_keys_below_it(key in "[^:]{1,40}") {
            let root = Location::parse("mem://store/").unwrap();
            let at = |path: &str| resolve(path, Some(&root), &|_| false).unwrap();
            let absolute = at(&format!("/{key}"));
            prop_assert_eq!(absolute.key(), &key);
            prop_assert_eq!(absolute.authority(), "store");
            let relative = at(&key);
            prop_assert_eq!(relative.key(), key.strip_prefix('/').unwrap_or(&key));
            // What names its scheme is not moved there.
            let local = at("file:/x");
            prop_assert_eq!(local.as_str(), "file:///x");
        }

        #[test]
        fn what_was_resolved_resolves_to_itself(path in "\\PC{1,40}") {
            if let Ok(location) = plain(&path) {
                prop_assert_eq!(plain(location.as_str()).unwrap(), location);
            }
        }
    }
}
