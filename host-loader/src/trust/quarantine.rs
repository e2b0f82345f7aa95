//! [`Quarantine`]: contents that ended the process that tried them, remembered from one start to the next.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use plugin_api::{Error, Result};
use serde::{Deserialize, Serialize};

use super::SealedImage;
use crate::elf_image::refuse;

/// What is known of one content.
#[derive(Serialize, Deserialize)]
struct Record {
    /// The file that it was tried from.
    file: String,
    /// What happened.
    reason: String,
    /// When, in seconds since 1970.
    tried_at: u64,
}

/// A directory with a record for each content, named by its SHA-256; none where there is no place for one.
pub(super) struct Quarantine {
    directory: Option<PathBuf>,
    /// Whether `fsplug` looks there too.
    is_usual: bool,
}

impl Quarantine {
    /// In this directory.
    pub(super) fn at(directory: PathBuf) -> Self {
        Self {
            directory: Some(directory),
            is_usual: false,
        }
    }

    /// In the user's own directory for what programs remember.
    pub(super) fn of_user(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let absolute = |name| {
            variable(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
        Self {
            directory: state.map(|state| state.join("fsplug/quarantine")),
            is_usual: true,
        }
    }

    /// Whether this content is not in quarantine. Its hash is only asked for if anything is.
    ///
    /// # Errors
    /// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad) with what it did, and how to have it tried again.
    pub(super) fn check(&self, file: &Path, image: &SealedImage) -> Result<()> {
        // What cannot be read forbids nothing: this is a memory, and no lock.
        let is_empty = |dir: &PathBuf| fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
        if self.directory.as_ref().is_none_or(is_empty) {
            return Ok(());
        }
        let Some(path) = self.record_of(image)? else {
            return Ok(());
        };
        let Ok(text) = fs::read(&path) else {
            return Ok(());
        };
        let reason = serde_json::from_slice(&text).map_or_else(
            |_| "no longer known for what".to_owned(),
            |record: Record| record.reason,
        );
        let again = if self.is_usual {
            format!("fsplug plugins release {}", file.display())
        } else {
            format!("rm {}", path.display())
        };
        Err(refuse(
            format!("it is in quarantine: {reason}"),
            format!("use another build of the plugin; to have this one tried again: {again}"),
        ))
    }

    /// Remembers what this content did. Where nothing can be written it is forgotten.
    pub(super) fn add(&self, file: &Path, image: &SealedImage, reason: &str) {
        let record = Record {
            file: file.display().to_string(),
            reason: reason.to_owned(),
            tried_at: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |time| time.as_secs()),
        };
        if let Err(error) = self.write(image, &record) {
            tracing::warn!(plugin = %file.display(), "it will be tried again at the next start: {error}");
        }
    }

    /// Forgets what this content did; returns whether anything was known of it.
    pub(super) fn release(&self, image: &SealedImage) -> Result<bool> {
        let Some(path) = self.record_of(image)? else {
            return Ok(false);
        };
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::from(error)
                .with_operation("remove")
                .with_path(path.display())),
        }
    }

    fn write(&self, image: &SealedImage, record: &Record) -> Result<()> {
        let (Some(directory), Some(path)) = (&self.directory, self.record_of(image)?) else {
            return Err(refuse(
                "there is no directory to remember it in",
                "set XDG_STATE_HOME or HOME",
            ));
        };
        let write = || -> io::Result<()> {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            let mut file = tempfile::NamedTempFile::new_in(directory)?;
            file.write_all(&serde_json::to_vec(record)?)?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|error| Error::from(error).with_path(path.display()))
    }

    fn record_of(&self, image: &SealedImage) -> Result<Option<PathBuf>> {
        let Some(directory) = &self.directory else {
            return Ok(None);
        };
        let hash = hex::encode(image.sha256()?);
        Ok(Some(directory.join(format!("{hash}.json"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    fn image(content: &str) -> SealedImage {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        SealedImage::read(file.path()).unwrap()
    }

    #[test]
    fn what_is_remembered_is_the_content_until_it_is_released() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("a/b");
        let (file, bad, good) = (Path::new("/p/x.so"), image("bad"), image("good"));
        let quarantine = Quarantine::at(place.clone());
        assert!(quarantine.check(file, &bad).is_ok());
        assert!(!quarantine.release(&bad).unwrap());
        quarantine.add(file, &bad, "it crashed");
        let quarantine = Quarantine::at(place.clone());
        let text = quarantine
            .check(Path::new("/q/y.so"), &bad)
            .unwrap_err()
            .to_string();
        assert!(text.contains("it is in quarantine: it crashed"), "{text}");
        assert!(text.contains(&format!("rm {}", place.display())), "{text}");
        assert!(quarantine.check(file, &good).is_ok());
        assert!(quarantine.release(&bad).unwrap());
        assert!(quarantine.check(file, &bad).is_ok());
    }

    #[test]
    fn a_damaged_record_still_counts() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::at(dir.path().to_owned());
        let bad = image("bad");
        quarantine.add(Path::new("x"), &bad, "it crashed");
        fs::write(quarantine.record_of(&bad).unwrap().unwrap(), "").unwrap();
        assert!(quarantine.check(Path::new("x"), &bad).is_err());
    }

    #[test]
    fn where_nothing_can_be_written_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        // A file, since root may write into any directory.
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o500)).unwrap();
        let bad = image("bad");
        for quarantine in [
            Quarantine::at(file.join("below")),
            Quarantine::at(file.clone()),
            Quarantine::of_user(&|_| None),
        ] {
            quarantine.add(Path::new("x"), &bad, "it crashed");
            assert!(quarantine.check(Path::new("x"), &bad).is_ok());
            assert!(!quarantine.release(&bad).unwrap_or_default());
        }
    }

    #[test]
    fn the_users_directory_is_where_the_environment_says() {
        let of = |state: &str, home: &str| {
            let variable = |name: &str| match name {
                "XDG_STATE_HOME" => Some(state.into()),
                "HOME" => Some(home.into()),
                _ => None,
            };
            Quarantine::of_user(&variable).directory
        };
        let expected = |text: &str| Some(PathBuf::from(text));
        assert_eq!(of("/state", "/user"), expected("/state/fsplug/quarantine"));
        assert_eq!(of("", "/user"), expected("/user/.local/state/fsplug/quarantine"));
        assert_eq!(of("relative", "also"), None);
    }
}
