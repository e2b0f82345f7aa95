//! [`Rules`]: where file systems may differ by the contract, and which way one of them goes.

use plugin_api::{Capabilities, CreateOptions, ErrorKind, FileSystem, FileSystemExt as _, Location, Result};

/// How directories come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directories {
    /// One exists as long as something is below it.
    ByContent,
    /// One exists from when it is made, or something in it, until it is deleted.
    Real,
    /// Real ones that objects mark: made by `mkdirs`, and by the plugin when something leaves a
    /// directory that has no mark (S-40). What another client deletes takes unmarked ones along.
    Marked,
}

/// Where file systems may differ by the contract, and which way one of them goes.
#[allow(clippy::struct_excessive_bools, reason = "independent answers")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) directories: Directories,
    /// Whether a directory can be renamed.
    pub(crate) renames_directories: bool,
    /// Whether names that a disk would drop, such as the one between two slashes, are refused.
    pub(crate) refuses_empty_names: bool,
    /// Whether the directories above a new file are made when it is opened, not when it is published.
    pub(crate) makes_parents_at_open: bool,
    /// Whether unfinished files are kept under hidden names beside their target, where they keep the
    /// directory from being empty and go with it when it is renamed or deleted.
    pub(crate) keeps_unfinished_beside: bool,
    /// Whether files can be written that are published exactly once, and continued.
    pub(crate) resumes: bool,
    /// Whether a stream with `Overwrite`, which went on after an older state of its file was committed,
    /// replaces that by its own commit. Only a request before each commit could tell; S3 saves it.
    pub(crate) replaces_older_commits: bool,
}

impl Rules {
    /// Finds out by the capabilities, and by trying in a directory that nobody else uses.
    pub(crate) async fn of(fs: &dyn FileSystem, directory: &Location, marked: bool) -> Result<Self> {
        let has = |capability| fs.capabilities().contains(capability);
        let directories = match (has(Capabilities::REAL_DIRECTORIES), marked) {
            (false, _) => Directories::ByContent,
            (true, false) => Directories::Real,
            (true, true) => Directories::Marked,
        };
        let odd = fs
            .status(&directory.with_key(&format!("{}//x", directory.key())))
            .await;
        let mut stream = fs
            .create(&directory.join("d").join("file"), &CreateOptions::default())
            .await?;
        let makes_parents_at_open = fs.exists(&directory.join("d")).await?;
        stream.abort().await?;
        let resumes = has(Capabilities::RECOVERABLE_WRITER | Capabilities::RECOVERABLE_RESUME);
        let replaces_older_commits = resumes && replaces_older_commits(fs, &directory.join("file")).await?;
        fs.delete(directory, true).await?;
        Ok(Self {
            directories,
            renames_directories: has(Capabilities::RENAME_DIRECTORY),
            refuses_empty_names: odd.is_err_and(|error| error.kind() == ErrorKind::InvalidPath),
            makes_parents_at_open,
            keeps_unfinished_beside: !has(Capabilities::ATOMIC_PUBLISH),
            resumes,
            replaces_older_commits,
        })
    }

    /// Whether directories exist by themselves, so that names of files and directories do not meet.
    pub(crate) fn has_real_directories(self) -> bool {
        self.directories != Directories::ByContent
    }
}

async fn replaces_older_commits(fs: &dyn FileSystem, path: &Location) -> Result<bool> {
    let writer = fs.recoverable_writer()?;
    let mut stream = writer.open(path, &CreateOptions::overwrite()).await?;
    let older = stream.persist().await?;
    stream.write(b"newer").await?;
    writer.recover_for_commit(&older).await?.commit().await?;
    let newer = match stream.close_for_commit().await {
        Ok(committer) => committer.commit().await,
        Err(error) => Err(error),
    };
    Ok(newer.is_ok())
}
