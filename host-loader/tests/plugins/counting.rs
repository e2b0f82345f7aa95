//! A plugin for the tests of the registry: the length of each of its files is the number of
//! factories that this library has made, and it logs what it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use plugin_api::{
    Capabilities, Config, CreateOptions, Error, FileStatus, FileSystem, FileSystemFactory, HostRef,
    InputStream, ListOptions, Lister, Location, OpenOptions, OutputStream, Result, async_trait,
};

static FACTORIES: AtomicU64 = AtomicU64::new(0);

struct CountingFactory;

impl CountingFactory {
    fn new() -> Self {
        let made = FACTORIES.fetch_add(1, Ordering::SeqCst) + 1;
        tracing::info!(made, "factory made");
        Self
    }
}

#[async_trait]
impl FileSystemFactory for CountingFactory {
    async fn create(&self, root: &Location, _: &Config) -> Result<Arc<dyn FileSystem>> {
        tracing::info!(%root, "file system made");
        Ok(Arc::new(CountingFileSystem))
    }
}

struct CountingFileSystem;

fn unsupported<T>(what: &str) -> Result<T> {
    Err(Error::unsupported("the counting plugin", what))
}

#[async_trait]
impl FileSystem for CountingFileSystem {
    fn capabilities(&self) -> Capabilities {
        Capabilities::empty()
    }

    async fn status(&self, path: &Location) -> Result<FileStatus> {
        Ok(FileStatus::file(path.clone(), FACTORIES.load(Ordering::SeqCst)))
    }

    async fn list(&self, _: &Location, _: &ListOptions) -> Result<Box<dyn Lister>> {
        unsupported("listing")
    }

    async fn open(&self, _: &Location, _: &OpenOptions) -> Result<Box<dyn InputStream>> {
        unsupported("reading")
    }

    async fn create(&self, _: &Location, _: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        unsupported("writing")
    }

    async fn delete(&self, _: &Location, _: bool) -> Result<bool> {
        unsupported("deleting")
    }

    async fn rename(&self, _: &Location, _: &Location) -> Result<()> {
        unsupported("renaming")
    }

    async fn mkdirs(&self, _: &Location) -> Result<()> {
        unsupported("directories")
    }
}

plugin_api::export_plugin! {
    name: "counting",
    schemes: ["counting"],
    options: &[],
    factory: |_: HostRef| Ok::<_, Error>(CountingFactory::new()),
}
