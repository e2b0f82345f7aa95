//! Who may change a plugin's file, and the directories on the way to it.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use plugin_api::Error;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::sealed_image::{irregular, unreadable};
use crate::elf_image::refuse;
use crate::loader;

/// Write permission of the group and of everybody.
const OTHERS_WRITE: u32 = 0o022;

/// In such a directory everybody may make files, but only their owner may replace them.
const STICKY: u32 = 0o1000;

/// Opens a file of a plugin, without ever waiting for it, after checking that nobody but root and the user of this
/// process may change it, its directory or any other up to the plugin directory. Links are followed within the
/// plugin directory.
///
/// Each step is opened from the directory that was checked before it, so that nothing can be put in between.
/// Directories above the plugin directory are not looked at. Of a file that the user named (`tree` is `None`), only
/// its own directory is.
///
/// # Errors
/// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) with the path that is wrong and how to set it right.
pub(super) fn open_trusted(file: &Path, tree: Option<&Path>) -> Result<(File, Metadata), Error> {
    let real = fs::canonicalize(file).map_err(|error| unreadable(&error))?;
    let top = match tree {
        Some(tree) => fs::canonicalize(tree).map_err(|error| unreadable(&error))?,
        None => real.parent().map(PathBuf::from).ok_or_else(irregular)?,
    };
    let Ok(below) = real.strip_prefix(&top) else {
        return Err(refuse(
            format!(
                "it is a link to {}, which is outside of the plugin directory",
                real.display()
            ),
            "put the file itself into the plugin directory",
        ));
    };
    let mut names: Vec<_> = below.components().collect();
    let Some(Component::Normal(last)) = names.pop() else {
        return Err(irregular());
    };
    let to_directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = |directory: rustix::io::Result<OwnedFd>| {
        directory
            .map(File::from)
            .map_err(|error| unreadable(&error.into()))
    };
    let mut at = top;
    let mut directory = opened(rustix::fs::open(&at, to_directory, Mode::empty()))?;
    check(&metadata(&directory)?, &at, tree.is_none())?;
    for name in names {
        at.push(name);
        directory = opened(rustix::fs::openat(
            &directory,
            name.as_os_str(),
            to_directory,
            Mode::empty(),
        ))?;
        check(&metadata(&directory)?, &at, false)?;
    }
    // Opening a device may have effects, hence asked before; and again afterwards, of what was opened.
    let before = rustix::fs::statat(&directory, last, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| unreadable(&error.into()))?;
    if FileType::from_raw_mode(before.st_mode) != FileType::RegularFile {
        return Err(irregular());
    }
    let to_file = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = opened(rustix::fs::openat(&directory, last, to_file, Mode::empty()))?;
    let metadata = metadata(&file)?;
    if !metadata.is_file() {
        return Err(irregular());
    }
    check(&metadata, &real, false)?;
    Ok((file, metadata))
}

fn metadata(file: &File) -> Result<Metadata, Error> {
    file.metadata().map_err(|error| unreadable(&error))
}

/// Whether only root and the user of this process may change this.
fn check(metadata: &Metadata, path: &Path, sticky_will_do: bool) -> Result<(), Error> {
    judge(
        (metadata.uid(), metadata.mode()),
        loader::trusted_user(),
        path,
        sticky_will_do,
    )
}

/// `user` may own it besides root.
fn judge(
    (owner, mode): (u32, u32),
    user: Option<u32>,
    path: &Path,
    sticky_will_do: bool,
) -> Result<(), Error> {
    let path = path.display();
    if owner != 0 && user != Some(owner) {
        let (others, owner_to_be) = match user {
            Some(user) => (
                format!("neither root nor the user of this process ({user})"),
                user,
            ),
            None => (
                "not root, as this process with elevated rights needs it".to_owned(),
                0,
            ),
        };
        return Err(refuse(
            format!("{path} belongs to user {owner}, who is {others}"),
            format!(
                "chown {owner_to_be} {path}, if its content is yours, or copy the plugin to a directory of your own"
            ),
        ));
    }
    if mode & OTHERS_WRITE != 0 && !(sticky_will_do && mode & STICKY != 0) {
        return Err(refuse(
            format!("others may write to {path} (mode {:04o})", mode & 0o7777),
            format!("chmod go-w {path}"),
        ));
    }
    Ok(())
}

/// Whether there is anything of this name, even a link to nowhere.
pub(super) fn is_there(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unreadable(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
    use tempfile::TempDir;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A plugin directory whose modes do not depend on the umask, and the file in it.
    fn plugin() -> (TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("name/file.so");
        fs::create_dir(dir.path().join("name")).unwrap();
        fs::write(&file, b"content").unwrap();
        set_mode(&dir.path().join("name"), 0o755);
        set_mode(&file, 0o644);
        (dir, file)
    }

    fn refusal(file: &Path, tree: Option<&Path>) -> String {
        open_trusted(file, tree)
            .map(drop)
            .expect_err("must be refused")
            .to_string()
    }

    #[test]
    fn whatever_on_the_way_others_may_write_to_is_named_with_its_remedy() {
        let (dir, file) = plugin();
        assert!(open_trusted(&file, Some(dir.path())).is_ok());
        for path in [dir.path().to_owned(), dir.path().join("name"), file.clone()] {
            let before = fs::metadata(&path).unwrap().mode() & 0o7777;
            for added in [0o020, 0o002, 0o022] {
                set_mode(&path, before | added);
                let text = refusal(&file, Some(dir.path()));
                let path = fs::canonicalize(&path).unwrap();
                assert!(
                    text.ends_with(&format!("chmod go-w {}", path.display())),
                    "{text}"
                );
            }
            set_mode(&path, before);
        }
        assert!(open_trusted(&file, Some(dir.path())).is_ok());
    }

    #[test]
    fn a_file_that_was_named_may_lie_in_a_sticky_directory() {
        let (dir, file) = plugin();
        set_mode(&dir.path().join("name"), 0o1777);
        assert!(open_trusted(&file, None).is_ok());
        assert!(refusal(&file, Some(dir.path())).contains("mode 1777"));
        set_mode(&dir.path().join("name"), 0o777);
        assert!(refusal(&file, None).contains("mode 0777"));
    }

    #[test]
    fn links_stay_within_the_plugin_directory() {
        let (dir, file) = plugin();
        let (_other, outside) = plugin();
        let inside = dir.path().join("name/link.so");
        symlink("file.so", &inside).unwrap();
        symlink(dir.path().join("name"), dir.path().join("alias")).unwrap();
        for link in [
            inside,
            dir.path().join("alias/file.so"),
            dir.path().join("alias/link.so"),
        ] {
            let (_, metadata) = open_trusted(&link, Some(dir.path())).unwrap();
            assert_eq!(metadata.ino(), fs::metadata(&file).unwrap().ino());
        }
        let leaving = dir.path().join("name/outside.so");
        symlink(&outside, &leaving).unwrap();
        let text = refusal(&leaving, Some(dir.path()));
        let target = fs::canonicalize(&outside).unwrap();
        assert!(text.contains(&format!("link to {}", target.display())), "{text}");
        // Whoever names a link means what it points to.
        assert!(open_trusted(&leaving, None).is_ok());
        // A link to the plugin directory itself is a name for it.
        let above = tempfile::tempdir().unwrap();
        let tree = above.path().join("plugins");
        symlink(dir.path(), &tree).unwrap();
        assert!(open_trusted(&tree.join("name/file.so"), Some(&tree)).is_ok());
    }

    #[test]
    fn what_is_no_regular_file_is_refused_and_not_waited_for() {
        let (dir, file) = plugin();
        fs::remove_file(&file).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&file).unwrap();
        assert!(fs::metadata(&file).unwrap().file_type().is_socket());
        assert!(refusal(&file, Some(dir.path())).contains("not a regular file"));
        assert!(refusal(dir.path(), Some(dir.path())).contains("not a regular file"));
    }

    proptest! {
        #[test]
        fn only_root_and_the_user_may_own_and_only_the_owner_may_write(
            owner in 0_u32..4, user in proptest::option::of(0_u32..4), mode in 0_u32..0o10000, sticky_will_do: bool,
        ) {
            let accepted = judge((owner, mode), user, Path::new("/p"), sticky_will_do).is_ok();
            let is_owned = owner == 0 || Some(owner) == user;
            let is_sticky = sticky_will_do && mode & 0o1000 != 0;
            prop_assert_eq!(accepted, is_owned && (is_sticky || (mode & 0o020 == 0 && mode & 0o002 == 0)));
        }
    }
}
