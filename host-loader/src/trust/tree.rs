//! [`Tree`]: the plugin directory that files are in.

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};

use plugin_api::Error;

use super::PluginLock;
use super::permissions::open_trusted;
use super::sealed_image::open_regular;

/// Opens a file of a plugin, which is what will be read of it.
pub(crate) type Opener<'a> = &'a dyn Fn(&Path) -> Result<(File, Metadata), Error>;

/// A plugin directory: whose lock counts for the files in it, and how far up it matters who may change them.
///
/// Only who finds a plugin knows it: from the path of a file nobody can tell.
#[derive(Clone)]
pub(crate) struct Tree {
    directory: PathBuf,
    /// Whether the user named a file in it, so that links lead anywhere.
    is_named: bool,
    /// Whether it matters who may change the files.
    check_permissions: bool,
}

impl Tree {
    /// A plugin directory that was searched.
    pub(crate) fn searched(directory: &Path, check_permissions: bool) -> Self {
        Self {
            directory: directory.to_owned(),
            is_named: false,
            check_permissions,
        }
    }

    /// That of a file that the user named: two above it, as if it had been found.
    pub(crate) fn of_named(file: &Path, check_permissions: bool) -> Self {
        let beside = file.parent().unwrap_or(file);
        Self {
            directory: beside.parent().unwrap_or(beside).to_owned(),
            is_named: true,
            check_permissions,
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether the user named the file itself.
    pub(crate) fn is_named(&self) -> bool {
        self.is_named
    }

    /// Opens a file of a plugin in this directory.
    ///
    /// # Errors
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) if it cannot be opened, is no regular file, or might be changed
    /// by others.
    pub(crate) fn open(&self, file: &Path) -> Result<(File, Metadata), Error> {
        if self.check_permissions {
            open_trusted(file, (!self.is_named).then_some(&self.directory))
        } else {
            open_regular(file)
        }
    }

    /// The lock that counts, as it is now.
    pub(super) fn lock(&self) -> Result<Option<PluginLock>, Error> {
        PluginLock::read_from(&self.directory, self.check_permissions)
    }
}
