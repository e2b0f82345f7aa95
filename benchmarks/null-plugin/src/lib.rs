//! A plugin that does nothing: one file of zeros, whatever the path, and nothing of what is written.
//!
//! The benchmark calls it twice, linked and loaded, so that the difference is the boundary.

use std::sync::Arc;

use plugin_api::{
    Bytes, Capabilities, Config, CreateOptions, Error, FileStatus, FileSystem, FileSystemFactory, HostRef,
    InputStream, ListOptions, Lister, Location, OpenOptions, OutputStream, Result,
};

/// Length of the file: one read of the benchmark.
pub const LEN: usize = 8 << 20;

/// Makes [`NullFileSystem`]s.
pub struct NullFactory;

#[plugin_api::async_trait]
impl FileSystemFactory for NullFactory {
    async fn create(&self, _root: &Location, _config: &Config) -> Result<Arc<dyn FileSystem>> {
        Ok(Arc::new(NullFileSystem {
            content: vec![0; LEN].into(),
        }))
    }
}

/// One file of zeros.
pub struct NullFileSystem {
    content: Bytes,
}

#[plugin_api::async_trait]
impl FileSystem for NullFileSystem {
    fn capabilities(&self) -> Capabilities {
        Capabilities::PINNED_READS
    }

    async fn status(&self, path: &Location) -> Result<FileStatus> {
        Ok(FileStatus::file(path.clone(), LEN as u64))
    }

    async fn list(&self, _path: &Location, _options: &ListOptions) -> Result<Box<dyn Lister>> {
        Err(Error::unsupported("the null plugin", "lists"))
    }

    async fn open(&self, _path: &Location, _options: &OpenOptions) -> Result<Box<dyn InputStream>> {
        Ok(Box::new(NullInput {
            content: self.content.clone(),
            position: 0,
        }))
    }

    async fn create(&self, path: &Location, _options: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        Ok(Box::new(NullOutput {
            location: path.clone(),
            position: 0,
        }))
    }

    async fn delete(&self, _path: &Location, recursive: bool) -> Result<bool> {
        Ok(recursive)
    }

    async fn rename(&self, _from: &Location, _to: &Location) -> Result<()> {
        Ok(())
    }

    async fn mkdirs(&self, _path: &Location) -> Result<()> {
        Ok(())
    }
}

/// Reads zeros for ever: the position goes back to the start at the end.
struct NullInput {
    content: Bytes,
    position: usize,
}

#[plugin_api::async_trait]
impl InputStream for NullInput {
    async fn read(&mut self, max: usize) -> Result<Bytes> {
        if self.position + max > LEN {
            self.position = 0;
        }
        let chunk = self.content.slice(self.position..LEN.min(self.position + max));
        self.position += chunk.len();
        Ok(chunk)
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.position = position as usize;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position as u64
    }

    fn len(&self) -> u64 {
        LEN as u64
    }

    async fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Looks at nothing that is written.
struct NullOutput {
    location: Location,
    position: u64,
}

#[plugin_api::async_trait]
impl OutputStream for NullOutput {
    async fn write(&mut self, data: &[u8]) -> Result<()> {
        self.position += data.len() as u64;
        Ok(())
    }

    async fn write_bytes(&mut self, data: Bytes) -> Result<()> {
        self.position += data.len() as u64;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn location(&self) -> Location {
        self.location.clone()
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    async fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    async fn close(&mut self) -> Result<FileStatus> {
        Ok(FileStatus::file(self.location.clone(), self.position))
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }
}

plugin_api::export_plugin! {
    name: "null",
    schemes: ["null"],
    options: &[],
    factory: |_host: HostRef| Ok::<_, Error>(NullFactory),
}
