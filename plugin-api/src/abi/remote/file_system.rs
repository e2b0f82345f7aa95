//! A plugin's [`FileSystem`] and its listings.

use std::sync::Arc;
use std::time::Duration;

use abi_stable::std_types::RBox;
use async_trait::async_trait;

use super::bulk_copy::RemoteBulkCopy;
use super::factory::deadline_ms;
use super::recoverable::RemoteWriter;
use super::stream::{RemoteInput, RemoteOutput};
use crate::abi::error::from_wire;
use crate::abi::interface::{FileSystemAbi_TO, ListerAbi_TO};
use crate::abi::wire::{Create, List, Open, Status, extensions_to_wire};
use crate::{
    BulkCopy, Capabilities, CreateOptions, FileStatus, FileSystem, InputStream, ListOptions, Lister,
    Location, OpenOptions, OutputStream, RecoverableWriter, Result,
};

pub(super) struct RemoteFileSystem(FileSystemAbi_TO<RBox<()>>);

impl RemoteFileSystem {
    pub(super) fn new(object: FileSystemAbi_TO<RBox<()>>) -> Self {
        Self(object)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl FileSystem for RemoteFileSystem {
    fn capabilities(&self) -> Capabilities {
        Capabilities::from_bits_retain(self.0.capabilities())
    }

    async fn status(&self, path: &Location) -> Result<FileStatus> {
        from_wire(self.0.status(path.into()).await)?.into_status()
    }

    async fn list(&self, path: &Location, options: &ListOptions) -> Result<Box<dyn Lister>> {
        let extensions = extensions_to_wire(&options.extensions);
        let lister = from_wire(self.0.list(path.into(), List::new(options, &extensions)).await)?;
        Ok(Box::new(RemoteLister(lister)))
    }

    async fn open(&self, path: &Location, options: &OpenOptions) -> Result<Box<dyn InputStream>> {
        let extensions = extensions_to_wire(&options.extensions);
        let stream = from_wire(self.0.open(path.into(), Open::new(options, &extensions)).await)?;
        Ok(Box::new(RemoteInput(stream)))
    }

    async fn create(&self, path: &Location, options: &CreateOptions) -> Result<Box<dyn OutputStream>> {
        let extensions = extensions_to_wire(&options.extensions);
        let stream = from_wire(
            self.0
                .create(path.into(), Create::new(options, &extensions))
                .await,
        )?;
        Ok(Box::new(RemoteOutput::new(stream, path.clone())))
    }

    async fn delete(&self, path: &Location, recursive: bool) -> Result<bool> {
        from_wire(self.0.delete(path.into(), recursive).await)
    }

    async fn rename(&self, from: &Location, to: &Location) -> Result<()> {
        from_wire(self.0.rename(from.into(), to.into()).await)
    }

    async fn mkdirs(&self, path: &Location) -> Result<()> {
        from_wire(self.0.mkdirs(path.into()).await)
    }

    fn recoverable_writer(&self) -> Result<Arc<dyn RecoverableWriter>> {
        Ok(Arc::new(RemoteWriter(from_wire(self.0.recoverable_writer())?)))
    }

    fn bulk_copy(&self) -> Result<Arc<dyn BulkCopy>> {
        Ok(Arc::new(RemoteBulkCopy(from_wire(self.0.bulk_copy())?)))
    }

    fn entropy_key(&self) -> Option<String> {
        self.0.entropy_key().into_option().map(Into::into)
    }

    async fn close(&self, deadline: Duration) -> Result<()> {
        from_wire(self.0.close(deadline_ms(deadline)).await)
    }
}

struct RemoteLister(ListerAbi_TO<RBox<()>>);

#[async_trait]
impl Lister for RemoteLister {
    async fn next_page(&mut self) -> Result<Option<Vec<FileStatus>>> {
        let page = from_wire(self.0.next_page().await)?;
        page.into_option()
            .map(|page| page.into_iter().map(Status::into_status).collect())
            .transpose()
    }
}
