//! A plugin that serves nothing but its capabilities.

use std::sync::Arc;

use plugin_api::{
    Capabilities, Config, CreateOptions, Error, FileStatus, FileSystem, FileSystemFactory, HostRef, InputStream,
    ListOptions, Lister, Location, OpenOptions, OutputStream, Result,
};

struct Factory;

#[plugin_api::async_trait]
impl FileSystemFactory for Factory {
    async fn create(&self, _: &Location, _: &Config) -> Result<Arc<dyn FileSystem>> {
        Ok(Arc::new(Nothing))
    }
}

struct Nothing;

#[plugin_api::async_trait]
impl FileSystem for Nothing {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ATOMIC_RENAME
    }
    async fn status(&self, path: &Location) -> Result<FileStatus> {
        Ok(FileStatus::file(path.clone(), 42))
    }
    async fn list(&self, _: &Location, _: &ListOptions) -> Result<Box<dyn Lister>> {
        Err(Error::unsupported("this plugin", "lists"))
    }
    async fn open(&self, _: &Location, _: &OpenOptions) -> Result<Box<dyn InputStream>> {
        Err(Error::unsupported("this plugin", "reads"))
    }
    async fn create(&self, _: &Location, _: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        Err(Error::unsupported("this plugin", "writes"))
    }
    async fn delete(&self, _: &Location, _: bool) -> Result<bool> {
        Ok(false)
    }
    async fn rename(&self, _: &Location, _: &Location) -> Result<()> {
        Ok(())
    }
    async fn mkdirs(&self, _: &Location) -> Result<()> {
        Ok(())
    }
}

plugin_api::export_plugin! {
    name: "versioned",
    schemes: ["versioned"],
    options: &[],
    factory: |_: HostRef| Ok::<_, Error>(Factory),
}
