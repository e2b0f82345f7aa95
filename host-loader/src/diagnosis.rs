//! What can be found out about any file system: it is used as everybody uses it.

use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use plugin_api::{
    Capabilities, Committer, CreateOptions, DiagnosisOptions, Error, ErrorKind, FileSystem,
    FileSystemExt as _, ListOptions, Location, OpenOptions, Outcome, Probe, Result,
};

const CONTENT: &[u8] = b"The quick brown fox jumps over the lazy dog.";

/// What a stage found.
enum Finding {
    Good(&'static str),
    /// With what to do about it.
    Flawed(&'static str, &'static str),
    /// Why there was nothing to look at.
    Nothing(&'static str),
}

/// The stages so far.
struct Stages(Vec<Probe>);

impl Stages {
    /// Runs a stage if all that it needs have passed.
    async fn run(
        &mut self,
        stage: &'static str,
        needs: &[&'static str],
        work: impl Future<Output = Result<Finding>>,
    ) {
        if let Some(missing) = needs.iter().find(|needed| !self.passed(needed)) {
            self.0.push(Probe::skipped(stage, format!("needs {missing}")));
            return;
        }
        let start = Instant::now();
        let probe = match work.await {
            Ok(Finding::Good(found)) => Probe::passed(stage, found),
            Ok(Finding::Flawed(found, remedy)) => Probe::warning(stage, found, remedy),
            Ok(Finding::Nothing(why)) => Probe::skipped(stage, why),
            Err(error) => Probe::failed(stage, error),
        };
        self.0.push(probe.took(start.elapsed()));
    }

    fn passed(&self, stage: &str) -> bool {
        let is_usable = |probe: &Probe| matches!(probe.outcome, Outcome::Passed | Outcome::Warning);
        self.0
            .iter()
            .any(|probe| probe.stage == stage && is_usable(probe))
    }
}

/// Goes through all stages in a new directory below `path`, which is gone at the end. Cancelled, it leaves the
/// directory behind.
pub(crate) async fn diagnose(
    file_system: &Arc<dyn FileSystem>,
    path: &Location,
    options: &DiagnosisOptions,
) -> Vec<Probe> {
    let number = RandomState::new().build_hasher().finish();
    let directory = path.join(&format!(".fsplug-doctor-{number:016x}"));
    let trial = Trial {
        fs: file_system.as_ref(),
        path,
        file: directory.join("file"),
        renamed: directory.join("renamed"),
        recoverable: directory.join("recoverable"),
        directory,
    };
    let mut stages = Stages(Vec::new());
    stages.run("status", &[], trial.status()).await;
    stages.run("list", &["status"], trial.list()).await;
    if options.read_only {
        for stage in [
            "create",
            "read",
            "read-range",
            "no-overwrite",
            "rename",
            "recoverable",
            "clean-up",
        ] {
            stages
                .0
                .push(Probe::skipped(stage, "it writes, and only reads were asked for"));
        }
        return stages.0;
    }
    stages.run("create", &["status"], trial.create()).await;
    stages.run("read", &["create"], trial.read()).await;
    stages.run("read-range", &["create"], trial.read_range()).await;
    stages
        .run("no-overwrite", &["create"], trial.no_overwrite())
        .await;
    stages.run("rename", &["read"], trial.rename()).await;
    stages.run("recoverable", &["read"], trial.recoverable()).await;
    stages.run("clean-up", &["status"], trial.clean_up()).await;
    stages.0
}

/// A file system and the names of the trial.
struct Trial<'a> {
    fs: &'a dyn FileSystem,
    path: &'a Location,
    directory: Location,
    file: Location,
    renamed: Location,
    recoverable: Location,
}

impl Trial<'_> {
    async fn status(&self) -> Result<Finding> {
        match self.fs.status(self.path).await {
            Ok(status) if status.is_directory() => Ok(Finding::Good("the directory is there")),
            Ok(_) => Err(Error::new(ErrorKind::NotADirectory, "it is a file")
                .with_remedy("name the directory to try it in")),
            // It exists as soon as something is in it.
            Err(error)
                if error.kind() == ErrorKind::NotFound
                    && error.service_code().is_empty()
                    && !self.has(Capabilities::REAL_DIRECTORIES) =>
            {
                Ok(Finding::Good("nothing is there yet"))
            }
            Err(error) => Err(error),
        }
    }

    async fn list(&self) -> Result<Finding> {
        let listed = async {
            let mut lister = self.fs.list(self.path, &ListOptions::default()).await?;
            lister.next_page().await
        };
        match listed.await {
            Ok(_) => Ok(Finding::Good("the directory can be listed")),
            Err(error)
                if error.kind() == ErrorKind::NotFound && !self.has(Capabilities::REAL_DIRECTORIES) =>
            {
                Ok(Finding::Good("nothing is there yet"))
            }
            Err(error) => Err(error),
        }
    }

    async fn create(&self) -> Result<Finding> {
        self.fs.mkdirs(&self.directory).await?;
        self.write(CONTENT).await?;
        Ok(Finding::Good("a small file in a new directory"))
    }

    /// Writes the file, unless it is there.
    async fn write(&self, content: &'static [u8]) -> Result<()> {
        let content = Bytes::from_static(content);
        let options = CreateOptions::default();
        self.fs.write_all(&self.file, content, &options).await.map(drop)
    }

    async fn read(&self) -> Result<Finding> {
        same(&self.file, &self.fs.read_all(&self.file).await?, CONTENT)?;
        Ok(Finding::Good("the file has the content that was written"))
    }

    async fn read_range(&self) -> Result<Finding> {
        let mut stream = self.fs.open(&self.file, &OpenOptions::default()).await?;
        stream.seek(4)?;
        let mut part = [0; 5];
        let mut filled = 0;
        while filled < part.len() {
            match stream.read_into(&mut part[filled..]).await? {
                0 => break,
                more => filled += more,
            }
        }
        stream.close().await?;
        same(&self.file, &part[..filled], &CONTENT[4..9])?;
        Ok(Finding::Good("a part of the file, after a seek"))
    }

    async fn no_overwrite(&self) -> Result<Finding> {
        match self.write(CONTENT).await {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Ok(Finding::Good("a file that exists is not replaced"))
            }
            Err(error) => Err(error),
            Ok(()) => Ok(Finding::Flawed(
                "a file that exists is replaced although that was forbidden: the last writer of a path wins",
                "give each writer paths of its own",
            )),
        }
    }

    async fn rename(&self) -> Result<Finding> {
        self.fs.rename(&self.file, &self.renamed).await?;
        same(&self.renamed, &self.fs.read_all(&self.renamed).await?, CONTENT)?;
        if self.fs.exists(&self.file).await? {
            return Err(
                Error::new(ErrorKind::Conflict, "the source is still there after a rename")
                    .with_path(&self.file)
                    .with_remedy("do not rename files on this store"),
            );
        }
        Ok(Finding::Good("a file has a new name and its content"))
    }

    async fn recoverable(&self) -> Result<Finding> {
        if !self.has(Capabilities::RECOVERABLE_WRITER) {
            return Ok(Finding::Nothing("the file system has no exactly-once output"));
        }
        let writer = self.fs.recoverable_writer()?;
        let mut stream = writer.open(&self.recoverable, &CreateOptions::default()).await?;
        stream.write(&CONTENT[..20]).await?;
        let state = stream.persist().await?;
        stream.write(b"lost").await?;
        stream.close().await?;
        let finished = async {
            let committer: Arc<dyn Committer> = if self.has(Capabilities::RECOVERABLE_RESUME) {
                let mut resumed = writer.recover(&state).await?;
                resumed.write(&CONTENT[20..]).await?;
                resumed.close_for_commit().await?
            } else {
                writer.recover_for_commit(&state).await?
            };
            committer.commit().await?;
            self.fs.read_all(&self.recoverable).await
        };
        let content = match finished.await {
            Ok(content) => content,
            Err(error) => {
                // The failure itself is what counts; what cannot be given up either shows below the path.
                let _ = writer.abort(&state).await;
                return Err(error);
            }
        };
        let expected = if self.has(Capabilities::RECOVERABLE_RESUME) {
            CONTENT
        } else {
            &CONTENT[..20]
        };
        same(&self.recoverable, &content, expected)?;
        Ok(Finding::Good("a file is persisted, recovered and committed"))
    }

    /// Says what is left, if something is.
    async fn clean_up(&self) -> Result<Finding> {
        self.fs.delete(&self.directory, true).await.map_err(|error| {
            let remedy = format!("delete {} by hand", self.directory);
            error.with_remedy(remedy)
        })?;
        if self.fs.exists(&self.directory).await? {
            return Err(Error::new(
                ErrorKind::DirectoryNotEmpty,
                "something is left in a directory that was deleted",
            )
            .with_remedy(format!("delete {} by hand", self.directory)));
        }
        Ok(Finding::Good("nothing is left behind"))
    }

    fn has(&self, capability: Capabilities) -> bool {
        self.fs.capabilities().contains(capability)
    }
}

fn same(path: &Location, content: &[u8], expected: &[u8]) -> Result<()> {
    if content == expected {
        return Ok(());
    }
    let message = format!(
        "{} bytes were written, and {} others are read",
        expected.len(),
        content.len()
    );
    Err(Error::new(ErrorKind::Corrupt, message)
        .with_path(path)
        .with_remedy("do not use this store before that is cured"))
}
