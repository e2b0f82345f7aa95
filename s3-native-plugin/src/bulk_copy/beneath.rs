//! [`Tree`]: where local targets may lie, and how their directories are reached.
//!
//! A key is a text that somebody else chose. Comparing texts cannot tell where it leads to, since the
//! directories may hold links and may change at any time. So the root is opened once, and every
//! directory below it is opened relative to that handle, by the kernel's own rule that the way neither
//! leaves it nor follows a link. What is then made is made relative to the handle of that directory.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use plugin_api::{Error, ErrorKind, ExtensionOption, Location, OptionValue, Result};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::OPERATION;
use crate::options::COPY_ROOT;

/// What a new directory may be used for, less the process's mask.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

/// A handle that names a directory and needs no right to list it.
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// How often a directory that vanishes again is made.
const TRIES: usize = 16;

/// Where local targets may lie.
#[derive(Debug)]
pub(super) enum Tree {
    /// Beneath this directory, whatever happens to it meanwhile.
    Rooted(Root),
    /// Wherever the caller says.
    Anywhere,
}

#[derive(Debug)]
pub(super) struct Root {
    location: Location,
    path: PathBuf,
    /// Opened when it is first needed, so that a copy without files makes no directory.
    handle: Mutex<Option<Arc<OwnedFd>>>,
}

/// A local target: relative to the root of its tree, or else of the machine. None of its segments is
/// empty, `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocalTarget {
    /// May be empty.
    directory: String,
    pub(super) name: String,
}

impl Tree {
    /// As the option [`COPY_ROOT`] has it.
    pub(super) fn new(root: Option<&ExtensionOption>) -> Result<Self> {
        let Some(root) = root else {
            return Ok(Self::Anywhere);
        };
        let invalid = || {
            Error::new(
                ErrorKind::InvalidInput,
                format!("the option '{COPY_ROOT}' is not the location of a local directory"),
            )
            .with_remedy("set it to a location such as file:///data/restore")
        };
        let OptionValue::Text(text) = &root.value else {
            return Err(invalid());
        };
        let location = Location::parse(text).map_err(|_| invalid())?;
        if location.scheme() != "file" || !location.authority().is_empty() || location.key().contains('\0') {
            return Err(invalid());
        }
        Ok(Self::Rooted(Root {
            path: Path::new("/").join(location.key()),
            location,
            handle: Mutex::new(None),
        }))
    }

    /// The place of a target, if it is one.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPath`] for a target that is not below the root, and for one that a file
    /// system would understand in another way than it is written.
    pub(super) fn place(&self, target: &Location) -> Result<LocalTarget> {
        let relative = match self {
            Self::Anywhere => target.key(),
            Self::Rooted(root) => {
                let below = match root.location.key().trim_end_matches('/') {
                    "" => Some(target.key()),
                    directory => target
                        .key()
                        .strip_prefix(directory)
                        .and_then(|rest| rest.strip_prefix('/')),
                };
                below.ok_or_else(|| {
                    let why = format!("the target is not below '{}'", root.location);
                    invalid_path(target, &why)
                })?
            }
        };
        let segments = check_segments(target, relative)?;
        let (directory, name) = segments.rsplit_once('/').unwrap_or(("", segments));
        Ok(LocalTarget {
            directory: directory.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Opens the directory of a target, and makes what is missing of it; blocks.
    pub(super) fn directory(&self, target: &LocalTarget) -> io::Result<OwnedFd> {
        match self {
            Self::Rooted(root) => {
                let handle = root.open()?;
                Ok(directory_beneath(&handle, &target.directory)?)
            }
            Self::Anywhere => {
                let path = Path::new("/").join(&target.directory);
                fs::create_dir_all(&path)?;
                let flags = DIRECTORY.union(OFlags::NOFOLLOW);
                Ok(rustix::fs::open(&path, flags, Mode::empty())?)
            }
        }
    }
}

impl Root {
    /// The root itself is the caller's word: links on the way to it are followed.
    fn open(&self) -> io::Result<Arc<OwnedFd>> {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*handle {
            return Ok(Arc::clone(handle));
        }
        fs::create_dir_all(&self.path)?;
        let opened = Arc::new(rustix::fs::open(&self.path, DIRECTORY, Mode::empty())?);
        *handle = Some(Arc::clone(&opened));
        Ok(opened)
    }
}

/// The path of a local file without the slash in front, for reading.
pub(super) fn local_path(location: &Location) -> Result<&str> {
    let path = location.key();
    if path.contains('\0') {
        return Err(invalid_path(location, "it holds a NUL character"));
    }
    Ok(path)
}

fn check_segments<'a>(target: &Location, relative: &'a str) -> Result<&'a str> {
    if relative.contains('\0') {
        return Err(invalid_path(target, "it holds a NUL character"));
    }
    for segment in relative.split('/') {
        match segment {
            "" => return Err(invalid_path(target, "it has an empty segment")),
            "." => return Err(invalid_path(target, "it has a '.' segment")),
            ".." => return Err(invalid_path(target, "it has a '..' segment")),
            _ => {}
        }
    }
    Ok(relative)
}

fn invalid_path(target: &Location, why: &str) -> Error {
    Error::new(ErrorKind::InvalidPath, format!("not a local file: {why}"))
        .with_operation(OPERATION)
        .with_path(target)
        .with_remedy("copy this one on its own to a name of your choice, and the others without it")
}

/// Opens a directory below `root`, and makes what is missing of it.
fn directory_beneath(root: &OwnedFd, relative: &str) -> rustix::io::Result<OwnedFd> {
    if relative.is_empty() {
        return rustix::fs::openat(root, ".", DIRECTORY, Mode::empty());
    }
    match open_beneath(root, relative) {
        Err(Errno::NOENT) => {}
        opened => return opened,
    }
    let mut segments = relative.split('/');
    let first = segments.next().unwrap_or(relative);
    let mut directory = make_beneath(root, first)?;
    for segment in segments {
        directory = make_beneath(&directory, segment)?;
    }
    Ok(directory)
}

/// Opens a directory of `parent`, and makes it if it is missing.
fn make_beneath(parent: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    for _ in 0..TRIES {
        match open_beneath(parent, name) {
            Err(Errno::NOENT) => {}
            opened => return opened,
        }
        match rustix::fs::mkdirat(parent, name, DIRECTORY_MODE) {
            // Somebody else was faster; what it is, opening it will tell.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::NOENT)
}

/// Opens a directory without ever leaving `root` or following a link.
fn open_beneath(root: &OwnedFd, relative: &str) -> rustix::io::Result<OwnedFd> {
    let rule = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..TRIES {
        match rustix::fs::openat2(root, relative, DIRECTORY, Mode::empty(), rule) {
            // The kernel could not make sure while something was being moved.
            Err(Errno::AGAIN | Errno::INTR) => {}
            // A kernel before 5.6, or a sandbox that does not know the call.
            Err(Errno::NOSYS | Errno::PERM) => return open_step_by_step(root, relative),
            opened => return opened,
        }
    }
    Err(Errno::AGAIN)
}

/// The same with one call for each segment: none of them is `..`, and no link is followed.
fn open_step_by_step(root: &OwnedFd, relative: &str) -> rustix::io::Result<OwnedFd> {
    let flags = DIRECTORY.union(OFlags::NOFOLLOW);
    let mut segments = relative.split('/');
    let first = segments.next().unwrap_or(relative);
    let mut directory = rustix::fs::openat(root, first, flags, Mode::empty())?;
    for segment in segments {
        directory = rustix::fs::openat(&directory, segment, flags, Mode::empty())?;
    }
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rooted(location: &str) -> Tree {
        let mut options = plugin_api::Extensions::default();
        options.set(COPY_ROOT, location, true);
        Tree::new(options.get(COPY_ROOT)).unwrap()
    }

    #[test]
    fn targets_that_lead_elsewhere_are_refused_by_name() {
        let tree = rooted("file:///base/root/");
        for target in [
            "file:///base/root/../x",
            "file:///base/root/a/../../x",
            "file:///base/root//etc/passwd",
            "file:///base/root/./a",
            "file:///base/root/a/",
            "file:///base/root/",
            "file:///base/root",
            "file:///base/rootless/a",
            "file:///etc/passwd",
            "file:///base/root/a\0b",
        ] {
            let target = Location::parse(target).unwrap();
            let error = tree.place(&target).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidPath, "{target}");
            assert!(error.to_string().contains(target.as_str()), "{error}");
        }
        let place = tree.place(&Location::parse("file:///base/root/a/..b/ c").unwrap());
        assert_eq!(
            place.unwrap(),
            LocalTarget {
                directory: "a/..b".to_owned(),
                name: " c".to_owned()
            }
        );
    }

    #[test]
    fn a_root_that_is_no_local_directory_is_refused() {
        for root in ["s3://bucket/x", "/data", "file://host/x", ""] {
            let mut options = plugin_api::Extensions::default();
            options.set(COPY_ROOT, root, true);
            let error = Tree::new(options.get(COPY_ROOT)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{root}");
        }
    }

    #[test]
    fn both_ways_to_open_make_directories_and_refuse_links() {
        let outer = tempfile::tempdir().unwrap();
        fs::create_dir(outer.path().join("outside")).unwrap();
        let root = outer.path().join("root");
        fs::create_dir(&root).unwrap();
        std::os::unix::fs::symlink("../outside", root.join("link")).unwrap();
        let handle = rustix::fs::open(&root, DIRECTORY, Mode::empty()).unwrap();
        directory_beneath(&handle, "a/b/c").unwrap();
        assert!(root.join("a/b/c").is_dir());
        for open in [open_step_by_step, open_beneath] {
            open(&handle, "a/b").unwrap();
            assert!(matches!(open(&handle, "a/x"), Err(Errno::NOENT)));
            for linked in ["link", "link/sub"] {
                assert!(matches!(open(&handle, linked), Err(Errno::LOOP | Errno::NOTDIR)));
            }
        }
        assert!(directory_beneath(&handle, "link/sub").is_err());
        assert_eq!(fs::read_dir(outer.path().join("outside")).unwrap().count(), 0);
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_one_plain_name_for_each_segment(key in "[a./\u{0}é]{0,12}") {
            let target = Location::new("file", "", &format!("base/{key}")).unwrap();
            let names: Option<Vec<String>> = Path::new(&key)
                .components()
                .map(|component| match component {
                    std::path::Component::Normal(name) => name.to_str().map(str::to_owned),
                    _ => None,
                })
                .collect();
            let plain = !key.contains('\0') && names.is_some_and(|names| names.join("/") == key && !key.is_empty());
            prop_assert_eq!(rooted("file:///base").place(&target).is_ok(), plain);
        }
    }
}
