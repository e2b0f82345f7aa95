//! Whether a source and its target are the same, or one lies inside the other.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use host_loader::plugin_api::Location;

/// Whether two locations of one store are the same file.
pub(super) fn is_same_file(source: &Location, target: &Location) -> bool {
    if source.scheme() == "file" {
        return real_path(source) == real_path(target);
    }
    source.key() == target.key()
}

/// Whether `target` is, or lies below, the directory `source` of the same store. Copying there would
/// never end: the copies would be listed as further sources.
pub(super) fn is_inside(source: &Location, target: &Location) -> bool {
    if source.scheme() == "file" {
        return real_path(target).starts_with(real_path(source));
    }
    target.directory_prefix().starts_with(&source.directory_prefix())
}

/// The path without links and dots, as far as it exists.
fn real_path(location: &Location) -> PathBuf {
    let path = Path::new("/").join(location.key());
    let mut missing: Vec<OsString> = Vec::new();
    let mut existing = path.as_path();
    loop {
        if let Ok(mut real) = fs::canonicalize(existing) {
            real.extend(missing.iter().rev());
            return real;
        }
        match (existing.parent(), existing.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name.to_owned());
                existing = parent;
            }
            _ => return path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_store_are_compared_byte_for_byte() {
        let at = |text: &str| Location::parse(text).unwrap();
        assert!(is_inside(&at("s3://b/a"), &at("s3://b/a/b")));
        assert!(is_inside(&at("s3://b"), &at("s3://b/x")));
        assert!(is_inside(&at("s3://b/a/"), &at("s3://b/a")));
        assert!(!is_inside(&at("s3://b/a"), &at("s3://b/ab")));
        assert!(!is_inside(&at("s3://b/a"), &at("s3://b/x/../a")));
        assert!(!is_same_file(&at("s3://b/a"), &at("s3://b/a/")));
    }

    #[test]
    fn local_files_are_compared_behind_links_and_dots() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().to_str().unwrap().trim_start_matches('/');
        let at = |name: &str| Location::new("file", "", &format!("{base}/{name}")).unwrap();
        fs::create_dir(dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
        assert!(is_inside(&at("real"), &at("link/new/deeper")));
        assert!(is_inside(&at("link"), &at("link/../real/new")));
        assert!(is_same_file(&at("real/f"), &at("link/f")));
        assert!(!is_inside(&at("real"), &at("real2")));
    }
}
