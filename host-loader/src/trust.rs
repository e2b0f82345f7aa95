//! Whether a plugin's file may be loaded: what was checked is what is loaded.

mod builder;
mod lock_file;
mod options;
mod permissions;
mod quarantine;
mod sealed_image;
mod signature;
#[cfg(test)]
#[path = "../tests/support/minisign.rs"]
mod signer;
#[cfg(test)]
mod swapping;
mod tree;
mod trial;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use plugin_api::Error;

use crate::audit::BundledLibrary;
use crate::discovery::{PLUGIN_TOML, PluginToml};
use crate::elf_image::refuse;
use options::Demands;
use permissions::is_there;
use quarantine::Quarantine;
use signature::TrustedKeys;
use trial::{Failed, Trial};

pub use lock_file::{LockChange, PluginLock};
pub(crate) use options::TrustOptions;
pub(crate) use sealed_image::{SealedImage, check_size, open_regular, unreadable};
pub(crate) use tree::{Opener, Tree};
pub use trial::try_load_plugin;

/// What has to be true of every plugin's file.
pub(crate) struct Trust {
    demands: Demands,
    keys: TrustedKeys,
    trial: Trial,
    quarantine: Quarantine,
}

impl Trust {
    /// Forgets what the content of this file did when it was tried; returns whether anything was known of it.
    pub(crate) fn release(&self, file: &Path) -> Result<bool, Error> {
        let (opened, metadata) = open_regular(file)?;
        self.quarantine
            .release(&SealedImage::copy_of(&opened, &metadata, file)?)
    }
}

/// One plugin's file, and what has to be true of it.
pub(crate) struct Admission {
    trust: Arc<Trust>,
    file: PathBuf,
    tree: Tree,
    /// The `plugin.toml` beside it, and the SHA-256 of what was read from there.
    toml: Option<(PathBuf, [u8; 32])>,
    /// Whether there was a lock when the plugin was found. It is not to disappear.
    was_locked: bool,
}

impl Admission {
    /// Looks at what is said about a file that was found or named. Its content is not read.
    ///
    /// # Errors
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) if that is enough to refuse it.
    pub(crate) fn examine(
        trust: &Arc<Trust>,
        file: &Path,
        tree: Tree,
        toml: Option<&PluginToml>,
    ) -> Result<Self, Error> {
        let mut admission = Self {
            trust: Arc::clone(trust),
            file: file.to_owned(),
            tree,
            toml: toml.map(|toml| (toml.path.clone(), toml.text_sha256)),
            was_locked: false,
        };
        if let Some(lock) = admission.lock()? {
            admission.was_locked = true;
            lock.expected(&admission.file, admission.tree.directory())?;
            admission.check_toml(&lock)?;
        }
        admission.signature(file)?;
        Ok(admission)
    }

    /// Reads the file. All that is said of it from here on is about the copy.
    ///
    /// Blocks for as long as reading takes, and hashing where that is called for.
    ///
    /// # Errors
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) if it may not be loaded.
    pub(crate) fn image(&self) -> Result<SealedImage, Error> {
        let (file, metadata) = self.tree.open(&self.file)?;
        let image = SealedImage::copy_of(&file, &metadata, &self.file)?;
        self.verify(&self.file, &image)?;
        Ok(image)
    }

    /// Whether what was read from the plugin's file, or from a library that it brings along, may be loaded.
    ///
    /// # Errors
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) if the lock, a signature or the quarantine is against it.
    pub(crate) fn verify(&self, file: &Path, image: &SealedImage) -> Result<(), Error> {
        if let Some(lock) = self.lock()? {
            self.check_toml(&lock)?;
            lock.check(file, self.tree.directory(), &image.sha256()?)?;
        }
        if let Some(signature) = self.signature(file)? {
            self.trust.keys.check(&signature, image)?;
        }
        self.trust.quarantine.check(file, image)
    }

    /// Whether what was read from `plugin.toml`, which decides how the plugin is used, is what was locked.
    fn check_toml(&self, lock: &PluginLock) -> Result<(), Error> {
        let Some((file, sha256)) = &self.toml else {
            return Ok(());
        };
        lock.check(file, self.tree.directory(), sha256).map_err(|error| {
            let message = format!("its {PLUGIN_TOML} is refused: {}", error.message());
            refuse(message, error.remedy())
        })
    }

    /// Loads the image and what it brings along in another process, if that is asked for here or for all plugins. Blocks
    /// until that process has ended, for some seconds at most.
    ///
    /// # Errors
    /// What the plugin says to that, or [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) if it does not survive it, which
    /// is remembered.
    pub(crate) fn try_load(
        &self,
        image: &SealedImage,
        bundle: &[BundledLibrary],
        is_asked_for: bool,
    ) -> Result<(), Error> {
        if !is_asked_for && !self.trust.demands.trial {
            return Ok(());
        }
        match self.trust.trial.run(&self.file, image, bundle) {
            Ok(()) => Ok(()),
            Err(Failed::Orderly(error)) => Err(error),
            Err(Failed::Fatal(reason)) => {
                self.trust.quarantine.add(&self.file, image, &reason);
                Err(refuse(
                    format!("{reason}; it is in quarantine from now on"),
                    "report this to the author of the plugin, and use another build",
                ))
            }
        }
    }

    /// Where the signature is that counts for a file in the plugin's directory.
    fn signature(&self, file: &Path) -> Result<Option<PathBuf>, Error> {
        let path = signature::path_of(file);
        if self.trust.keys.is_empty() {
            if self.trust.demands.signature {
                return Err(refuse(
                    "only signed plugins are loaded, and no key is trusted",
                    format!("write the author's public key into {}", options::SYSTEM_KEYS),
                ));
            }
            return Ok(None);
        }
        if is_there(&path)? {
            return Ok(Some(path));
        }
        if self.trust.demands.signature {
            return Err(refuse(
                format!(
                    "it has no signature, and only signed plugins are loaded: {} is missing",
                    path.display()
                ),
                "install the plugin with its signature, or sign it with 'minisign -Sm'",
            ));
        }
        Ok(None)
    }

    /// The lock that counts, as it is now.
    fn lock(&self) -> Result<Option<PluginLock>, Error> {
        let lock = self.tree.lock()?;
        let directory = self.tree.directory();
        if lock.is_none() && (self.trust.demands.lock || self.was_locked) {
            return Err(refuse(
                format!(
                    "there is no {}, without which nothing is loaded from there",
                    PluginLock::path(directory).display()
                ),
                format!(
                    "if the plugins are as you want them: fsplug plugins lock --dir {}",
                    directory.display()
                ),
            ));
        }
        Ok(lock)
    }
}
