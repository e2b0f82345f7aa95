//! A server, the loaded S3 plugin, and what can be open when the end comes.

use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{
    Committer, Config, CreateOptions, ErrorKind, FileSystem, FileSystemExt as _, InputStream, ListOptions,
    Lister, Location, OpenOptions, OutputStream, RecoverableStream, RecoverableWriter, Result,
};
use tempfile::TempDir;
use testkit::Server;

use crate::artefacts;

static PLUGINS: LazyLock<TempDir> = LazyLock::new(|| artefacts::plugin_directory(&artefacts::plugin()));

/// The smallest part of S3.
pub(crate) const PART: usize = 5 << 20;

pub(crate) type Call<'a, T = ()> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

pub(crate) fn server() -> Server {
    Server::builder().bucket("bucket").start_blocking().unwrap()
}

/// The file systems of a process that uses this server.
pub(crate) fn file_systems(server: &Server, more: &[(&str, &str)]) -> FileSystems {
    let mut config = Config::from_pairs(server.config("s3."));
    for (key, value) in more {
        config.set(*key, *value);
    }
    FileSystems::builder()
        .search_environment(false)
        .plugin_dir(PLUGINS.path())
        .config(config)
        .build()
        .unwrap()
}

pub(crate) fn s3(key: &str) -> Location {
    Location::new("s3", "bucket", key).unwrap()
}

/// Everything that a file system can give out, open, and not yet at its end.
pub(crate) struct Opened {
    pub(crate) fs: Arc<dyn FileSystem>,
    root: Location,
    lister: Box<dyn Lister>,
    input: Box<dyn InputStream>,
    output: Box<dyn OutputStream>,
    writer: Arc<dyn RecoverableWriter>,
    stream: Box<dyn RecoverableStream>,
    committer: Arc<dyn Committer>,
}

impl Opened {
    /// All of it, below this directory.
    pub(crate) async fn below(file_systems: &FileSystems, root: &Location) -> Result<Self> {
        let at = |name: &str| root.with_key(&format!("{}/{name}", root.key()));
        let fs = file_systems.get(root).await?;
        fs.write_all(&at("file"), "content".into(), &CreateOptions::overwrite())
            .await?;
        let writer = fs.recoverable_writer()?;
        let mut finished = writer.open(&at("finished"), &CreateOptions::overwrite()).await?;
        finished.write(b"finished").await?;
        Ok(Self {
            lister: fs.list(root, &ListOptions::default()).await?,
            input: fs.open(&at("file"), &OpenOptions::default()).await?,
            output: fs.create(&at("output"), &CreateOptions::overwrite()).await?,
            stream: writer.open(&at("stream"), &CreateOptions::overwrite()).await?,
            committer: finished.close_for_commit().await?,
            writer,
            fs,
            root: root.clone(),
        })
    }

    /// What each call on each of them comes to.
    pub(crate) async fn use_all(&mut self) -> Vec<(&'static str, Result<()>)> {
        let file = self.root.with_key(&format!("{}/file", self.root.key()));
        let elsewhere = self.root.with_key(&format!("{}/elsewhere", self.root.key()));
        let options = CreateOptions::overwrite();
        vec![
            ("status", self.fs.status(&file).await.map(drop)),
            (
                "list",
                self.fs.list(&self.root, &ListOptions::default()).await.map(drop),
            ),
            (
                "open",
                self.fs.open(&file, &OpenOptions::default()).await.map(drop),
            ),
            ("create", self.fs.create(&file, &options).await.map(drop)),
            ("delete", self.fs.delete(&file, false).await.map(drop)),
            ("rename", self.fs.rename(&file, &elsewhere).await),
            ("mkdirs", self.fs.mkdirs(&self.root).await),
            ("recoverable_writer", self.fs.recoverable_writer().map(drop)),
            ("bulk_copy", self.fs.bulk_copy().map(drop)),
            ("next_page", self.lister.next_page().await.map(drop)),
            ("read", self.input.read(1).await.map(drop)),
            ("read_into", self.input.read_into(&mut [0; 4]).await.map(drop)),
            (
                "read_ranges",
                self.input.read_ranges(&[0..1, 2..3]).await.map(drop),
            ),
            ("write", self.output.write(b"x").await),
            ("flush", self.output.flush().await),
            ("sync", self.output.sync().await),
            ("close", self.output.close().await.map(drop)),
            (
                "open recoverable",
                self.writer.open(&file, &options).await.map(drop),
            ),
            ("persist", self.stream.persist().await.map(drop)),
            ("write recoverable", self.stream.write_bytes("x".into()).await),
            ("close_for_commit", self.stream.close_for_commit().await.map(drop)),
            ("commit", self.committer.commit().await),
        ]
    }

    /// Asserts that each call is [`ErrorKind::Closed`], and that all can be given up quietly.
    pub(crate) async fn expect_closed(mut self, text: &str) {
        for (call, result) in self.use_all().await {
            let error = result.expect_err(call);
            assert_eq!(error.kind(), ErrorKind::Closed, "{call}: {error}");
            assert!(error.to_string().contains(text), "{call}: {error}");
            assert!(
                !error.operation().is_empty() && !error.remedy().is_empty(),
                "{call}: {error:?}"
            );
        }
        self.input.close().await.unwrap();
    }
}

impl Opened {
    /// Asserts that each call fails in the child of a fork, and drops everything there.
    pub(crate) async fn expect_refused_after_fork(mut self) {
        for (call, result) in self.use_all().await {
            let error = result.expect_err(call);
            assert_eq!(error.kind(), ErrorKind::Closed, "{call}: {error}");
            assert!(error.to_string().contains("used after fork"), "{call}: {error}");
        }
        let closed = self.input.close().await.unwrap_err();
        assert_eq!(closed.kind(), ErrorKind::Closed, "{closed}");
    }
}

/// A directory for each kind of file system: of a plugin, of the host, and of a linked factory.
pub(crate) fn roots(local: &TempDir) -> [Location; 2] {
    [
        s3("dir"),
        Location::parse(&format!("file://{}", local.path().display())).unwrap(),
    ]
}

/// Everything of every kind.
pub(crate) fn open_everywhere(file_systems: &FileSystems, local: &TempDir) -> Vec<Opened> {
    let open = |root: &Location| block_on(Opened::below(file_systems, root)).unwrap();
    roots(local).iter().map(open).collect()
}
