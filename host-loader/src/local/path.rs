//! From locations to paths of the operating system and back.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use plugin_api::{Error, ErrorKind, Location};

/// The scheme of local files.
pub(super) const SCHEME: &str = "file";

/// The path of a location: `/` and the key, byte for byte.
///
/// An empty segment or a `.` is refused: to the operating system `a//b`, `a/./b` and `a/b` are one
/// file, and to a caller they are the names of three. `..` has the meaning that it has on every disk.
pub(super) fn path_of(operation: &'static str, location: &Location) -> Result<PathBuf, Error> {
    refuse_authority(location).map_err(|error| error.with_operation(operation))?;
    let key = location.key();
    if key.contains('\0') {
        return Err(
            Error::new(ErrorKind::InvalidPath, "a local path cannot hold a NUL character")
                .with_operation(operation)
                .with_path(location)
                .with_remedy("choose a name without it"),
        );
    }
    let segments = key.strip_suffix('/').unwrap_or(key);
    if !key.is_empty() && segments.split('/').any(|segment| matches!(segment, "" | ".")) {
        let kept: Vec<&str> = segments
            .split('/')
            .filter(|segment| !matches!(*segment, "" | "."))
            .collect();
        return Err(Error::new(
            ErrorKind::InvalidPath,
            "a name on a disk can neither be empty nor '.'",
        )
        .with_operation(operation)
        .with_path(location)
        .with_remedy(format!("write {SCHEME}:///{}", kept.join("/"))));
    }
    let mut path = String::with_capacity(key.len() + 1);
    path.push('/');
    path.push_str(key);
    Ok(path.into())
}

/// The path of a file that is to be written: never the root, never with a slash at its end.
pub(super) fn file_path_of(operation: &'static str, location: &Location) -> Result<PathBuf, Error> {
    let path = path_of(operation, location)?;
    let last = location.key().rsplit('/').next().unwrap_or_default();
    if matches!(last, "" | "." | "..") {
        return Err(Error::new(
            ErrorKind::InvalidPath,
            "a file needs a name behind the last slash",
        )
        .with_operation(operation)
        .with_path(location)
        .with_remedy("name a file, for example file:///tmp/data.txt"));
    }
    Ok(path)
}

/// Local files have neither another scheme nor a host.
pub(super) fn refuse_authority(location: &Location) -> Result<(), Error> {
    let (authority, key) = (location.authority(), location.key());
    if location.scheme() != SCHEME {
        return Err(
            Error::new(ErrorKind::InvalidPath, "this is not the path of a local file")
                .with_path(location)
                .with_remedy("write it as file:///dir/file"),
        );
    }
    if !authority.is_empty() {
        let separator = if key.is_empty() { "" } else { "/" };
        let meant = match authority {
            "localhost" => format!("{SCHEME}:///{key}"),
            _ => format!("{SCHEME}:///{authority}{separator}{key}"),
        };
        return Err(Error::new(
            ErrorKind::InvalidPath,
            format!("'{authority}' is read as a host, and local files have none"),
        )
        .with_path(location)
        .with_remedy(format!("write three slashes: {meant}")));
    }
    Ok(())
}

/// The location of an absolute path, or an error that shows as much of the name as is text.
pub(super) fn child_location(parent: &Location, name: &OsStr) -> Result<Location, Error> {
    match name.to_str() {
        Some(name) => Ok(parent.join(name)),
        None => Err(Error::new(
            ErrorKind::InvalidPath,
            format!(
                "the name '{}' is not UTF-8 and has no location",
                name.to_string_lossy()
            ),
        )
        .with_operation("list")
        .with_path(parent)
        .with_remedy("rename the file, or list another directory")),
    }
}

/// The path without slashes at its end, so that a symbolic link is named and not followed.
pub(super) fn without_trailing_slash(path: &Path) -> PathBuf {
    // Components are the path's own text apart from repeated and trailing slashes and single dots,
    // none of which change what a path names.
    path.components().collect()
}

/// Whether the path names the root directory, whatever its spelling.
pub(super) fn is_root_directory(metadata: &fs::Metadata) -> io::Result<bool> {
    let root = fs::metadata("/")?;
    Ok(root.dev() == metadata.dev() && root.ino() == metadata.ino())
}

/// The directory of a path that has a name.
pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// Whether two paths name the same directory entry, however each is spelled.
pub(super) fn same_entry(one: &Path, other: &Path) -> io::Result<bool> {
    Ok(one.file_name() == other.file_name()
        && fs::canonicalize(directory_of(one))? == fs::canonicalize(directory_of(other))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_paths_byte_for_byte() {
        for key in [
            "",
            "tmp/a",
            "tmp/a b#?%2F",
            "tmp/",
            "tmp/../x",
            "tmp/.x/...",
            "tmp/é",
        ] {
            let location = Location::new(SCHEME, "", key).unwrap();
            assert_eq!(path_of("open", &location).unwrap(), Path::new(&format!("/{key}")));
        }
    }

    #[test]
    fn segments_that_a_disk_would_drop_are_refused_with_what_is_left() {
        for (key, left) in [
            ("tmp//x", "tmp/x"),
            ("tmp/./x", "tmp/x"),
            ("/tmp/x/", "tmp/x"),
            ("./x", "x"),
            ("x//", "x"),
            ("x/.", "x"),
            ("/", ""),
            (".", ""),
        ] {
            let location = Location::new(SCHEME, "", key).unwrap();
            let error = path_of("open", &location).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidPath, "{key:?}");
            assert_eq!(error.remedy(), format!("write file:///{left}"));
        }
    }

    #[test]
    fn a_host_is_refused_with_the_spelling_that_was_meant() {
        for (text, meant) in [
            ("file://tmp/x", "file:///tmp/x"),
            ("file://tmp", "file:///tmp"),
            ("file://localhost/tmp/x", "file:///tmp/x"),
        ] {
            let error = path_of("open", &text.parse().unwrap()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidPath);
            assert!(error.to_string().ends_with(&format!(": {meant}")), "{error}");
        }
    }

    #[test]
    fn a_file_to_be_written_needs_a_name() {
        for key in ["", "tmp/", "tmp/.", "tmp/..", "a\0b"] {
            let location = Location::new(SCHEME, "", key).unwrap();
            let error = file_path_of("create", &location).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidPath, "{key:?}");
        }
    }
}
